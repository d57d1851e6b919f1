"""Any two folders of images, at any depth: photographs and renderings, or what two programs made."""

from pathlib import Path
from typing import Annotated, Literal

from annotated_types import MinLen

from counterweight.data.pairs.base import ImagePair, list_side_files, make_side
from counterweight.data.sources.base.file_settings import RangeSettings


class Settings(RangeSettings):
    """Settings of two folders."""

    real: Annotated[str, MinLen(1)] | None = None
    """Folder of real images; null: `real` in `images/` and the pair's name, which is all that the graph can watch: make
    that a symbolic link to the folder."""
    synthetic: Annotated[str, MinLen(1)] | None = None
    """Folder of synthetic images; null: `synthetic` there."""
    links: Literal["refuse", "follow"] = "refuse"
    """What to do about symbolic links that lead out of a folder. Follow them only in folders that you trust."""


def precheck(settings: Settings, name: str) -> None:
    """Check that both folders are there and hold images.

    Raises:
        UserError: one does not.
    """
    find(settings, name)


def find(settings: Settings, name: str, progress: bool = True) -> ImagePair:
    """List the image files of both folders, in the order of their sorted paths.

    Raises:
        UserError: as in `precheck`.
    """
    parts = []
    for key, path in (("real", settings.real), ("synthetic", settings.synthetic)):
        folder = Path(path or f"images/{name}/{key}").expanduser()
        found = list_side_files(folder, f"params.yaml: pairs.{name}.{key}", settings.links == "follow")
        parts.append(make_side(found, folder, settings, "folders"))
    return ImagePair(*parts)
