"""The symbolic link by which images/ leads to a folder elsewhere."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from counterweight.core.errors import UserError

Links = Mapping[Path, Path]


def plan_link(link: Path, path: Path) -> Links:
    """Return the link that is to be made, if any, and where it leads to.

    Raises:
        UserError: there is something else, or the images lie around the project.
    """
    goal = Path(os.path.abspath(path))
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if Path(os.path.realpath(link.parent)).is_relative_to(os.path.realpath(path)):
        raise UserError(f"{path}: holds this project itself; give the folder of the images alone")
    if link.exists() and os.path.samefile(link, path):
        return {}
    if link.exists() or link.is_symlink():
        raise UserError(f"{link}: is there already and is not {path}; take another name, or remove it first")
    return {link: goal}


@contextmanager
def create_links(links: Links) -> Iterator[None]:
    """Make symbolic links, and remove them if what follows fails."""
    made: list[Path] = []
    folders = [link.parent for link in links if not link.parent.exists()]
    try:
        for link, goal in links.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(goal)
            made.append(link)
        yield
    except BaseException:  # Ctrl-C, too.
        for link in made:
            link.unlink()
        for folder in {*folders}:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
