"""Names of files and folders as settings take them, for messages that say what is to be set."""

import glob
import json
import re
from collections.abc import Iterable

PLAIN = re.compile(r"0|[1-9]\d*|(?!(?:true|false|yes|no|y|n|on|off|null)$)[^\W\d][\w ./-]*", re.IGNORECASE)


def write_names(names: Iterable[str]) -> str:
    """Return names as a list in YAML: in quotes where it would read something else, as in `2024-05` and `007`."""
    return f"[{', '.join(map(write_name, names))}]"


def write_patterns(names: Iterable[str]) -> str:
    """Return names as a list of patterns that nothing but these fits, as `leave_out` takes them."""
    return write_names(map(glob.escape, names))


def write_folder(path: str) -> str:
    """Return a path as YAML takes it, in quotes if there are blanks in it, too."""
    return json.dumps(path, ensure_ascii=False) if " " in path else write_name(path)


def write_name(name: str) -> str:
    """Return a name as YAML takes it."""
    return name if PLAIN.fullmatch(name) and name == name.strip() else json.dumps(name, ensure_ascii=False)
