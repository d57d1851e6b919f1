"""What reading a dataset writes: an account of what lay there that adds up."""

from typing import Self

from pydantic import Field, model_validator

from counterweight.core.schema import Result


class FileGroup(Result):
    """So many files that share why they are no images of the dataset, the ending of their names and their place."""

    reason: str
    ending: str
    place: str
    """The folder of the class or part that they lie in, or the class that a file that cannot be read was of."""
    files: int = Field(ge=1)
    advice: str | None = None
    """How they come to be read."""


class Account(Result):
    """What a source holds: `found` are the images of each part and class, those not wanted, broken ones, and others."""

    found: int
    """Files; rows, where a table or an archive has the images; of a known dataset its images."""
    images: dict[str, dict[str, int]]
    """Of each part and class, by their names: those that were read."""
    not_drawn: int = 0
    """Of a pair, images of the side beyond as many as were asked for."""
    broken: list[FileGroup]
    """Images that cannot be read and were skipped."""
    left_out: list[FileGroup] | None
    """All else; None where the source is a known dataset, whose other files are not looked at."""
    notes: list[str]
    """What else was said of the images while they were read."""

    @property
    def parts(self) -> dict[str, int]:
        """The images of each part that were read."""
        return {part: sum(counts.values()) for part, counts in self.images.items()}

    @model_validator(mode="after")
    def add_up(self) -> Self:
        """Refuse an account that does not add up.

        Raises:
            ValueError: something was counted twice, or not at all.
        """
        groups = sum(group.files for group in [*self.broken, *(self.left_out or [])])
        if (total := sum(self.parts.values()) + self.not_drawn + groups) != self.found:
            raise ValueError(f"{self.found} found, but {total} accounted for")
        return self
