"""Which files a folder of this package holds: a new row is a new file, found by its name."""

import ast
import importlib
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from counterweight.core.errors import UserError
from counterweight.core.schema import suggest_name

PACKAGE = Path(__file__).parents[1]
LIBRARY_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")
"""A module of a folder of this package, a network of torchvision, or one of timm, whose weights follow a point."""
FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def names_in(folder: str) -> list[str]:
    """Return the names of the modules of a folder of this package, as in `data/sources`, without importing them.

    Those that begin with `base` are what the others build upon.
    """
    # A folder's own order differs from disk to disk.
    return sorted(path.stem for path in (PACKAGE / folder).glob("*.py") if not path.stem.startswith(("__", "base")))


def load_module(folder: str, name: str) -> ModuleType:
    """Import the module `name` of a folder of this package."""
    return importlib.import_module(f"{PACKAGE.name}.{folder.replace('/', '.')}.{name}")


def read_documentation(folder: str, name: str) -> str:
    """Return what the module `name` of a folder of this package says of itself; it is not imported for that."""
    text = (PACKAGE / folder / f"{name}.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(text)) or ""


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


def make_network_validator(folder: str, functions: bool = False) -> Callable[[str], str]:
    """Return a validator for pydantic of how a network's name is written; which there are is known where torch is.

    Args:
        folder: where our own networks are.
        functions: whether `module:function` is a name, too.
    """

    def check(name: str) -> str:
        if LIBRARY_NAME.fullmatch(name) or (functions and FUNCTION_NAME.fullmatch(name)):
            return name
        small = name.lower()
        nearest = [small] if LIBRARY_NAME.fullmatch(small) else get_close_matches(small, names_in(folder), n=1)
        published = "a name of torchvision.models or timm in lower case"
        forms = f"{published}, or module:function" if functions else f"or {published}"
        hint = f"; did you mean '{nearest[0]}'?" if nearest else ""
        raise ValueError(f"a file of {folder}, {forms}, is needed{hint}")

    return check
