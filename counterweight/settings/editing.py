"""Blocks put into params.yaml as lines of text: every comment, blank line and anchor that is there stays."""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from counterweight.core.errors import UserError

STEP = 2
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


class Addition(NamedTuple):
    """A block to add: the keys above it, its name and values, and a comment on it."""

    above: tuple[str, ...]
    name: str
    values: Mapping[str, Any]
    comment: str = ""


class Body(NamedTuple):
    """The lines below a key: the first one's number, the number after the last, and how far its keys are indented."""

    start: int
    end: int
    indent: int


def with_additions(text: str, additions: Sequence[Addition], where: str) -> str:
    """Return the text of a settings file with blocks added, each at the end of its section.

    Args:
        where: name of the file, to begin an error's message with.

    Raises:
        UserError: a section is written in one line, as `datasets: {...}`, so that no line can be added to it.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    for addition in additions:
        lines = with_addition(lines, addition, where)
    added = newline.join([*lines, ""])
    expected = copy.deepcopy(loaded(text)) or {}
    for above, name, values, _ in additions:
        section = expected
        for key in above:
            section[key] = section.get(key) or {}
            section = section[key]
        section[name] = dict(values)
    if loaded(added) != expected:
        raise UserError(f"{where}: laid out in a way to which blocks cannot be added; add them by hand")
    return added


def loaded(text: str) -> Any:  # noqa: ANN401
    """Return what a text in YAML says; None if it is none."""
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return None


def with_addition(lines: list[str], addition: Addition, where: str) -> list[str]:
    """Return lines with one block more; sections that are not there are made."""
    body, missing = Body(0, len(lines), 0), list(addition.above)
    while missing and (heading := find_key(lines, body, missing[0])) is not None:
        key = missing.pop(0)
        known = addition.above[: len(addition.above) - len(missing)]
        lines = [*lines[:heading], opened(lines[heading], key, f"{where}: {'.'.join(known)}"), *lines[heading + 1 :]]
        body = body_of(lines, heading, body)
    place, indent = last_line(lines, body), body.indent
    block = [""] if missing and indent == 0 and place else []  # a new section, apart from the others
    for key in missing:
        block.append(f"{' ' * indent}{key}:")
        indent += STEP
    return [*lines[:place], *block, *rendered(addition, indent), *lines[place:]]


def find_key(lines: list[str], body: Body, key: str) -> int | None:
    """Return the number of the line that has a key."""
    found = re.compile(rf"{' ' * body.indent}([\"']?){re.escape(key)}\1\s*:(\s|$)")
    return next((number for number in range(body.start, body.end) if found.match(lines[number])), None)


def opened(line: str, key: str, where: str) -> str:
    """Return the line of a key below which blocks can be written."""
    rest = line.partition(":")[2]
    value = re.sub(r"&\S+|(^|\s)#.*", "", rest).strip()
    if value not in ("", "{}"):
        raise UserError(f"{where}: written in one line; write it as a block, a line for each key")
    return line.replace(": {}", ":", 1) if value else line


def body_of(lines: list[str], heading: int, outer: Body) -> Body:
    """Return the lines below a key."""
    numbers = range(heading + 1, outer.end)
    content = [number for number in numbers if (text := lines[number].strip()) and not text.startswith("#")]
    end = next((number for number in content if indentation(lines[number]) <= outer.indent), outer.end)
    inside = [indentation(lines[number]) for number in content if number < end]
    return Body(heading + 1, end, inside[0] if inside else outer.indent + STEP)


def last_line(lines: list[str], body: Body) -> int:
    """Return the number after the last line that belongs to a body; what follows introduces the next section."""
    numbers = range(body.start, body.end)
    own = [number for number in numbers if lines[number].strip() and indentation(lines[number]) >= body.indent]
    return own[-1] + 1 if own else body.start


def indentation(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def rendered(addition: Addition, indent: int) -> list[str]:
    """Return the lines of a block."""
    comment = f"  # {addition.comment}" if addition.comment else ""
    head, *others = lines_of(addition.name, addition.values, indent)
    return [head + comment, *others]


def lines_of(key: str, value: object, indent: int) -> list[str]:
    """Return a key and its value as block style YAML, laid out as DVC does when it changes a value."""
    head = f"{' ' * indent}{key}:"
    if isinstance(value, Mapping) and value:
        return [head, *(line for item in value.items() for line in lines_of(*item, indent + STEP))]
    if isinstance(value, list) and value:
        return [head, *(f"{' ' * indent}- {scalar(item)}" for item in value)]
    return [head if value is None else f"{head} {scalar(value)}"]


def scalar(value: object) -> str:
    """Return a value that stands in one line; texts that YAML could take for something else are quoted."""
    if not isinstance(value, str):
        return json.dumps(value)
    if PLAIN.fullmatch(value) and value.lower() not in WORDS_OF_YAML:
        return value
    return json.dumps(value, ensure_ascii=False) if not value.isprintable() else "'" + value.replace("'", "''") + "'"
