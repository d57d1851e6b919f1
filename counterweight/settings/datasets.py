"""params.yaml, datasets: what every dataset has, whatever its source."""

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from counterweight.core.params_file import Blocks
from counterweight.core.registry import require_one_of
from counterweight.core.schema import Fraction, Settings, parse_settings, refuse_repetition
from counterweight.core.source_plans import SourcePlan, plan_source


def check_pattern(value: object) -> object:
    """Let pass a regular expression, and what is none to be refused as such.

    Raises:
        ValueError: it is one of which Python's compiler raises what is told of no settings: a number of repetitions
            too large, or parentheses in parentheses too deep.
    """
    try:
        if isinstance(value, str):
            re.compile(value)
    except (OverflowError, RecursionError) as error:
        raise ValueError(f"Input should be a valid regular expression: {error}") from error
    except re.error:
        pass  # which pydantic tells of
    return value


Pattern = Annotated[re.Pattern[str], BeforeValidator(check_pattern)]
MissingGroup = Literal["refuse", "alone"]
"""Images without a group are refused, or each stands alone."""


class Grouping(NamedTuple):
    """A pattern that names groups, if one does, and what becomes of images that have none."""

    pattern: re.Pattern[str] | None
    missing: MissingGroup


class Dataset(Settings):
    """What every dataset has, whatever its source; the source's own settings stand beside these."""

    source: str
    minority: Annotated[list[str], AfterValidator(refuse_repetition)] = Field(default_factory=list)
    """Classes that a `drop` scenario thins out and whose precision, recall and F1 are the headline; empty: the
    smallest (longtail), or all below the average size that get images (natural)."""
    keep_split: bool = True
    """Keep the train/test split the source brings; a source without one is always split here."""
    test_fraction: Fraction = 0.3
    """Fraction of the images that become the test part where a split is made (balancing thesis, 5.2)."""
    near_duplicates: Literal["together", "ignore"] = "together"
    """Whether near duplicates, as the same picture saved at another size or quality, are looked for and kept on one
    side of every split made here, as identical images always are."""
    group_pattern: Pattern | None = None
    """Regular expression that is looked for in each image's path below the dataset's folder: its first group in
    parentheses, or all of it without one, names the patient, video or camera, whose images no split parts."""
    missing_group: MissingGroup = "refuse"
    """What becomes of images that `group_pattern` or `group_column` names no group for: `refuse` them, or let each
    stand `alone`, as a group of its own."""

    @property
    def grouping(self) -> Grouping:
        """The pattern that names groups, and what becomes of images without one."""
        return Grouping(self.group_pattern, self.missing_group)

    @property
    def finds_near_duplicates(self) -> bool:
        """Say whether near duplicates are looked for."""
        return self.near_duplicates == "together"

    @field_validator("minority", mode="before")
    @classmethod
    def class_names_as_text(cls, value: object) -> object:
        """Take `- 4` for `- "4"`: YAML reads an unquoted digit as a number."""
        numbers = isinstance(value, list) and all(isinstance(name, str | int) for name in value)
        return [str(name) for name in value] if numbers and isinstance(value, list) else value


def plan_dataset(datasets: Blocks, name: str) -> SourcePlan[Dataset]:
    """Return everything that is said about a dataset, validated, given all blocks of that section."""
    block = datasets[require_one_of(name, datasets, "--dataset")]
    return plan_source(block, Dataset, "data/sources", f"params.yaml: datasets.{name}")


def parse_dataset_settings(datasets: Blocks, name: str) -> Dataset:
    """Return what is said about a dataset beside the settings of its source, given all blocks of that section."""
    block = datasets[require_one_of(name, datasets, "--dataset")]
    own = {key: value for key, value in block.items() if key in Dataset.model_fields}
    return parse_settings(Dataset, own, f"params.yaml: datasets.{name}")
