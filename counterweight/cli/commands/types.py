"""What options and arguments of several commands are."""

from pathlib import Path

import click

LARGEST = 2048  # pixels, as in sources of images
PATH = click.Path(path_type=Path)
FORMATS = ("imagefolder", "parquet", "webdataset")  # as the files of export/formats are called


class Shape(click.ParamType[tuple[int, int, int]]):
    """Channels, height and width, as in 3,64,64."""

    name = "C,H,W"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Return channels, 1 or 3, height and width."""
        parts = str(value).split(",")
        if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) for part in parts):
            self.fail(f"'{value}': three positive numbers wanted, as in 3,64,64", param, ctx)
        channels, height, width = (int(part) for part in parts)
        if channels not in (1, 3) or max(height, width) > LARGEST:
            self.fail(f"'{value}': 1 or 3 channels wanted, and sides of at most {LARGEST}", param, ctx)
        return channels, height, width
