"""What an audit finds of the files of two sets: what they differ in besides pictures."""

from counterweight.core.schema import Result


class SideFiles(Result):
    """The files of one side: how many there are of each format, and medians of what they are like."""

    formats: dict[str, int]
    """By Pillow's name of the format."""
    quality: int | None
    """Of the JPEGs, 1 to 100; None without any."""
    width: int
    """In pixels, as all that follow."""
    height: int


class FileFacts(Result):
    """The files of both sides, and what they differ in, a few words for each; none where they are alike."""

    real: SideFiles
    synthetic: SideFiles
    differences: list[str]
