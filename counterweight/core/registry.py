"""Which files a folder of this package holds: a new row is a new file, found by its name."""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

from counterweight.core.errors import UserError
from counterweight.core.schema import suggest_name

PACKAGE = Path(__file__).parents[1]


def names_in(folder: str) -> list[str]:
    """Return the names of the modules of a folder of this package, as in `data/sources`, without importing them.

    Those that begin with `base` are what the others build upon.
    """
    # A folder's own order differs from disk to disk.
    return sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if not path.stem.startswith(("__", "base")))


def load_module(folder: str, name: str) -> ModuleType:
    """Import the module `name` of a folder of this package."""
    return importlib.import_module(f"{PACKAGE.name}.{folder.replace('/', '.')}.{name}")


def require_one_of(name: str, allowed: Iterable[str], where: str) -> str:
    """Return `name`, or raise a UserError that offers the nearest allowed one."""
    if name not in allowed:
        raise UserError(f"{where}: there is no '{name}'{suggest_name(name, allowed)}")
    return name


def make_name_validator(folder: str) -> Callable[[str], str]:
    """Return a validator for pydantic that lets pass the name of a module of a folder."""

    def check(name: str) -> str:
        names = names_in(folder)
        if name not in names:
            raise ValueError(f"there is none of that name{suggest_name(name, names)}")
        return name

    return check
