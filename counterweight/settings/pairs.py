"""params.yaml, pairs: what every pair has, whatever its source."""

from counterweight.core.params_file import Blocks
from counterweight.core.registry import require_one_of
from counterweight.core.schema import Positive, Settings
from counterweight.core.source_plans import SourcePlan, plan_source


class Pair(Settings):
    """What every pair has, whatever its source; the source's own settings stand beside these."""

    source: str
    images: Positive | None = None
    """At most this many images of either side, drawn at random; null: all."""
    equalise: bool = True
    """Whether sides that differ in more than pictures are compared once more, made the same in that. Of large images
    that takes several times as long to read as they are."""


def plan_pair(pairs: Blocks, name: str) -> SourcePlan[Pair]:
    """Return everything that is said about a pair, validated, given all blocks of that section."""
    block = pairs[require_one_of(name, pairs, "--pair")]
    return plan_source(block, Pair, "data/pairs", f"params.yaml: pairs.{name}")
