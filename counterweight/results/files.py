"""What is found of the files of two sets and of their classes: what they differ in besides pictures."""

from typing import Literal

from pydantic import Field

from counterweight.core.schema import Result
from counterweight.results.ingest import Account


def is_nothing(value: object) -> bool:
    """Say whether a list that few results have is not to be written down."""
    return value == []


def is_missing(value: object) -> bool:
    """Say whether nothing is to be written down."""
    return value is None


class SideFiles(Result):
    """The files of one side: how many there are of each format, and medians of what they are like.

    What is not said of all sets is there where both sides differ in it, and is not written down elsewhere.
    """

    formats: dict[str, int]
    """By Pillow's name of the format."""
    quality: int | None
    """Of the JPEGs, 1 to 100; None without any."""
    width: int
    """In pixels, as all that follow."""
    height: int
    subsampling: dict[str, int] | None = Field(default=None, exclude_if=is_missing)
    """Of the JPEGs in colour, how many have which."""
    modes: dict[str, int] | None = Field(default=None, exclude_if=is_missing)
    """By Pillow's name of the mode."""
    grey: int | None = Field(default=None, exclude_if=is_missing)
    """How many show nothing but greys, whatever their mode."""
    white: float | None = Field(default=None, exclude_if=is_missing)
    """Of greys of more than 8 bits the one that becomes white in all files, where there are such."""
    black: float | None = Field(default=None, exclude_if=is_missing)
    """The one that becomes black, where it is asked for; 0 otherwise."""


class FileFacts(Result):
    """The files of both sides, and what they differ in, a few words for each; none where they are alike."""

    real: SideFiles
    synthetic: SideFiles
    differences: list[str]


class ClassMix(Result):
    """How many images of each class both sides have, where that is no chance."""

    real: dict[str, int]
    synthetic: dict[str, int]
    difference: str
    """In a few words."""

    def list_only(self, side: Literal["real", "synthetic"]) -> dict[str, int]:
        """Return the classes, and their images, that a side has alone."""
        own, other = (self.real, self.synthetic) if side == "real" else (self.synthetic, self.real)
        return {name: count for name, count in own.items() if name not in other}


class Equalised(Result):
    """What was done to both sets so that they differ in nothing but pictures, a few words for each step."""

    steps: list[str]
    """None where nothing that the files differ in reaches the pixels."""
    images: dict[str, int] = Field(default_factory=dict)
    """Of each class, on either side; empty where classes are not looked at."""
    left_out: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Images of the classes that one side lacks, by side and class."""
    remaining: list[str] = Field(default_factory=list, exclude_if=is_nothing)
    """What both still differ in, since it is not known how to make it the same."""


class PairFiles(Result):
    """What both sides of a pair differ in besides pictures, and how they were made the same in it."""

    files: FileFacts | None
    """Of at most 1,000 files of either side, drawn at random; None where none of a side can be read."""
    mix: ClassMix | None
    """Where both have the same classes in another mix."""
    equalised: Equalised | None = None
    """Where they differ in anything, and `equalise` does not say otherwise."""
    accounts: dict[str, Account] = Field(default_factory=dict)
    """What each side holds, and what became of it."""

    @property
    def differences(self) -> list[str]:
        """What they differ in, a few words for each."""
        return [*(self.files.differences if self.files else []), *([self.mix.difference] if self.mix else [])]
