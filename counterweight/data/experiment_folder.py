"""What the folder of an experiment lacks of the workspace that it was begun in: whatever git does not keep.

`dvc exp run --temp` and the workers of `dvc queue start` run the graph in a folder of its own, which git fills.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

INSIDE = f"{os.sep}.dvc{os.sep}tmp{os.sep}exps{os.sep}"
"""What lies in a path between a workspace and the folders of its experiments."""
LINKED, COPIED, DOWNLOADS = Path("images"), Path("collected"), Path("downloads")


def find_workspace(folder: Path) -> Path | None:
    """Return the workspace that the experiment in a folder was begun in; None if none runs there."""
    above, inside, _ = str(folder.resolve()).rpartition(INSIDE)
    return Path(above) if inside else None


def bring_images(workspace: Path, folder: Path) -> None:
    """Bring into an experiment's folder the images that are in the workspace alone, and its downloads.

    Datasets are linked. What other programs made is copied by hard links where the disk is the same: its stage refuses
    links to folders, behind which DVC does not look.
    """
    link_missing(workspace / LINKED, folder / LINKED)
    if (workspace / COPIED).is_dir():
        shutil.copytree(workspace / COPIED, folder / COPIED, copy_function=link_or_copy, dirs_exist_ok=True)
    (workspace / DOWNLOADS).mkdir(exist_ok=True)
    if not os.path.lexists(folder / DOWNLOADS):
        (folder / DOWNLOADS).symlink_to(workspace / DOWNLOADS)


def link_missing(source: Path, target: Path) -> None:
    """Link what a folder lacks of another; of a folder in both, what is in it."""
    for path in source.iterdir() if source.is_dir() else ():
        own = target / path.name
        if not os.path.lexists(own):
            own.parent.mkdir(parents=True, exist_ok=True)
            own.symlink_to(path)
        elif own.is_dir() and not own.is_symlink() and not path.is_symlink():
            link_missing(path, own)


def link_or_copy(source: str, target: str) -> None:
    """Give a file a second name where the disk allows it, else copy it; what is there already stays."""
    if os.path.lexists(target):
        return
    with suppress(OSError):
        os.link(source, target)
        return
    shutil.copy2(source, target)
