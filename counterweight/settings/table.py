"""params.yaml, table: which rows are made, and how often everything random is drawn again."""

from typing import Annotated

from annotated_types import Gt, Lt, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.params_file import Drawing
from counterweight.core.registry import make_name_validator
from counterweight.core.schema import refuse_repetition

RecipeName = Annotated[str, AfterValidator(make_name_validator("recipes"))]


def refuse_plain(names: list[str]) -> list[str]:
    """Let pass recipes that change something."""
    if "plain" in names:
        raise ValueError("'plain' always is a row, called 'imbalanced'")
    return names


class Table(Drawing):
    """Which rows are made: every generator on every dataset in every scenario; and which pairs are compared."""

    datasets: list[str]
    scenarios: Annotated[list[str], MinLen(1)]
    generators: Annotated[list[str], MinLen(1)]
    recipes: Annotated[list[RecipeName], AfterValidator(refuse_repetition), AfterValidator(refuse_plain)] = Field(
        default_factory=list
    )
    """Ways of training a classifier on the imbalanced images alone, a row each beside `imbalanced`, the plain one."""
    pairs: list[str]
    recognition: Annotated[list[str], AfterValidator(refuse_repetition)] = Field(default_factory=list)
    """Datasets on which autoencoders, triplets and recognition are tried (log-ends thesis, chapters 5 and 6)."""
    margin: Annotated[float, Gt(0), Lt(1)] = 0.01
    """A change of a score that is too small to matter: below it a verdict can be 'no difference'."""
