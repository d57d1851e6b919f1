"""params.yaml, scenarios: how a training part is made imbalanced."""

from typing import Annotated, Literal

from annotated_types import Gt

from counterweight.core.errors import UserError
from counterweight.core.params_file import Blocks
from counterweight.core.registry import require_one_of
from counterweight.core.schema import Fraction, Positive, Settings, parse_settings


class Drop(Settings):
    """Drop a fraction of every minority class from the training part (balancing thesis, 5.2)."""

    kind: Literal["drop"]
    fraction: Fraction


class Longtail(Settings):
    """Let the class sizes fall geometrically until the largest is `ratio` times the smallest."""

    kind: Literal["longtail"]
    ratio: Annotated[float, Gt(1)]


class Natural(Settings):
    """Leave the training part as it is, and fill small classes up."""

    kind: Literal["natural"]
    cap: Positive | None = None
    """Fill every class up to this many images at most; larger ones keep theirs and get none. null: to the largest."""


SCENARIOS: dict[str, type[Drop] | type[Longtail] | type[Natural]] = {
    "drop": Drop,
    "longtail": Longtail,
    "natural": Natural,
}


Scenario = Drop | Longtail | Natural


def parse_scenario(scenarios: Blocks, name: str) -> Scenario:
    """Return the settings of a scenario, given all blocks of that section."""
    where = f"params.yaml: scenarios.{name}"
    block = scenarios[require_one_of(name, scenarios, "--scenario")]
    if "kind" not in block:
        raise UserError(f"{where}.kind: missing; allowed: {', '.join(SCENARIOS)}")
    return parse_settings(SCENARIOS[require_one_of(str(block["kind"]), SCENARIOS, f"{where}.kind")], block, where)
