"""Blocks put into params.yaml: what is there stays byte for byte.

ruamel.yaml reads where every section begins and ends and writes the new blocks, which are put between the old lines.
Its round trip of the whole file is not used: it moves a new block behind the comment that introduces the next section,
indents by two throughout, and writes `~`, `null`, `True`, escapes, texts over several lines and spaces at the end of a
line anew. A file whose values would not be the old ones and the new ones afterwards is refused.
"""

import copy
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from counterweight.core import yaml_texts
from counterweight.core.errors import UserError

STEP = 2
NEVER_WRAPPED = 10**6  # columns
WORDS_OF_YAML = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}  # some only of its version 1.1

Tree = dict[str, "Tree | Addition"]


class Addition(NamedTuple):
    """A block to add: the keys above it, its name and values, and a comment on it."""

    above: tuple[str, ...]
    name: str
    values: Mapping[str, Any]
    comment: str = ""
    lines: tuple[str, ...] = ()
    """How the block is written, with its comments, from its name on; empty: as its values are."""

    @property
    def path(self) -> tuple[str, ...]:
        """All keys, from the top of the file to the block."""
        return (*self.above, self.name)


class Section(NamedTuple):
    """What stands below a key: the number of the line before which a block can be put, and how far its keys are in."""

    place: int
    indent: int
    keys: Mapping[str, tuple[Node, Node]]


def insert_additions(text: str, additions: Sequence[Addition], where: str) -> str:
    """Return the text of a settings file with blocks added, each at the end of its section.

    Args:
        where: name of the file, to begin an error's message with.

    Raises:
        UserError: a section is written in one line, as `datasets: {...}`, so that no line can be added to it.
    """
    refusal = UserError(f"{where}: laid out in a way to which blocks cannot be added; add them by hand")
    return_at_end = "\r" if "\r\n" in text else ""
    whole = text if text.endswith("\n") or not text else f"{text}{return_at_end}\n"
    try:
        edit = Edit(whole, where)
    except YAMLError as error:
        raise refusal from error
    edit.add(group_by_section(additions))
    added = edit.join(return_at_end)
    if load_yaml(added) != merge_values(load_yaml(text), additions):
        raise refusal
    return added


def load_yaml(text: str) -> Any:  # noqa: ANN401
    """Return what a text in YAML says; None if it is none."""
    try:
        return yaml_texts.load_yaml(text)
    except YAMLError:
        return None


def merge_values(values: object, additions: Sequence[Addition]) -> object:
    """Return what a settings file says once blocks are added."""
    expected: Any = copy.deepcopy(values) or {}
    for addition in additions:
        section = expected
        for key in addition.above:
            section[key] = section.get(key) or {}
            section = section[key]
        section[addition.name] = dict(addition.values)
    return expected


def group_by_section(additions: Sequence[Addition]) -> Tree:
    """Return blocks by their sections."""
    tree: Tree = {}
    for addition in additions:
        section: Any = tree
        for key in addition.above:
            section = section.setdefault(key, {})
        section[addition.name] = addition
    return tree


class Edit:
    """A settings file, and the lines that are to be put between its own."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.lines = text.split("\n")
        self.inserted: dict[int, list[str]] = {}
        root = yaml_texts.new_reader().compose(text)
        self.root = self.describe(root) if is_block(root) else Section(self.find_place(-1, 0), 0, {})

    def join(self, return_at_end: str) -> str:
        """Return the whole text."""
        lines: list[str] = []
        for number, line in enumerate(self.lines):
            lines += [own + return_at_end for own in self.inserted.get(number, [])]
            lines.append(line)
        return "\n".join(lines)

    def add(self, tree: Tree) -> None:
        """Add blocks to the sections of the file; those that are not there come last, apart from the others."""
        self.add_below(self.root, tree, ())

    def add_below(self, section: Section, tree: Tree, path: tuple[str, ...]) -> None:
        """Add blocks to a section, or to those in it."""
        inner = {key: below for key, below in tree.items() if not isinstance(below, Addition) and key in section.keys}
        for key, below in inner.items():  # first: the last of them ends where its section does
            self.add_below(self.open_section(*section.keys[key], (*path, key)), below, (*path, key))
        for key, new in tree.items():
            if key in inner:
                continue
            apart = [""] if not path and section.place else []
            self.inserted.setdefault(section.place, []).extend(apart + render(key, new, section.indent))

    def open_section(self, key: Node, value: Node, path: tuple[str, ...]) -> Section:
        """Return a section of which a line can be written."""
        if is_block(value) and not stands_elsewhere(key, value):
            return self.describe(value)
        line = key.start_mark.line
        if isinstance(value, MappingNode) and not value.value and not stands_elsewhere(key, value):
            self.lines[line] = self.lines[line].replace(": {}", ":", 1)
        elif isinstance(value, MappingNode | SequenceNode) or value.value:
            way_out = "write it as a block, a line for each key"
            raise UserError(f"{self.where}: {'.'.join(path)}: written in one line; {way_out}")
        return Section(line + 1, key.start_mark.column + STEP, {})

    def describe(self, node: MappingNode) -> Section:
        """Return what stands in a block; comments at its end belong to it if they are indented as it is."""
        keys = {key.value: (key, value) for key, value in node.value}
        indent = node.value[0][0].start_mark.column
        return Section(self.find_place(self.find_line(find_end(node)), indent), indent, keys)

    def find_line(self, index: int) -> int:
        """Return the number of the line on which the last character before an index stands."""
        return self.text[:index].rstrip().count("\n")

    def find_place(self, line: int, indent: int) -> int:
        """Return the number of the line after a line and the comments behind it that are indented so far."""
        place = line + 1
        for number in range(place, len(self.lines)):
            text = self.lines[number].strip()
            if text and not text.startswith("#"):
                break
            if text and indentation(self.lines[number]) >= indent:
                place = number + 1
        return place


def is_block(node: Node | None) -> TypeGuard[MappingNode]:
    """Say whether something is a mapping with a line for each key."""
    return isinstance(node, MappingNode) and bool(node.value) and not node.flow_style


def stands_elsewhere(key: Node, value: Node) -> bool:
    """Say whether a value stands elsewhere: an alias is read as what it names."""
    return bool(value.start_mark.index < key.end_mark.index)


def find_end(node: Node) -> int:
    """Return the index after the last character of something; ruamel's own mark of a block is behind comments."""
    if is_block(node):
        key, value = node.value[-1]
        return int(key.end_mark.index) if stands_elsewhere(key, value) else find_end(value)
    if isinstance(node, SequenceNode) and node.value and not node.flow_style:
        return find_end(node.value[-1])
    return int(node.end_mark.index)


def indentation(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def render(key: str, below: "Tree | Addition", indent: int) -> list[str]:
    """Return the lines of a block, or of a section with its blocks."""
    if isinstance(below, Addition):
        return [f"{' ' * indent}{line}".rstrip() for line in below.lines or format_values(below)]
    lines = [line for name, own in below.items() for line in render(name, own, indent + STEP)]
    return [f"{' ' * indent}{key}:", *lines]


def format_values(addition: Addition) -> list[str]:
    """Return the lines of a block as its values are."""
    yaml, stream = YAML(), io.StringIO()
    yaml.width = NEVER_WRAPPED
    yaml.dump({addition.name: quote_words(addition.values)}, stream)
    head, *others = stream.getvalue().splitlines()
    return [f"{head}  # {addition.comment}" if addition.comment else head, *others]


def quote_words(value: object) -> object:
    """Return values with quotes around the words that some readers of YAML take for something else."""
    if isinstance(value, Mapping):
        return {key: quote_words(own) for key, own in value.items()}
    if isinstance(value, list):
        return [quote_words(own) for own in value]
    return SingleQuotedScalarString(value) if isinstance(value, str) and value.lower() in WORDS_OF_YAML else value


def extract_block(text: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the lines of the block below some keys of a text, from its name on, its comments included."""
    node, key = yaml_texts.new_reader().compose(text), None
    for name in path:
        key, node = next((own, value) for own, value in node.value if own.value == name)
    assert key is not None, "a path has a key"
    last = text[: max(find_end(node), key.end_mark.index)].rstrip().count("\n")
    column = key.start_mark.column
    return tuple(re.sub(f"^ {{0,{column}}}", "", line) for line in text.split("\n")[key.start_mark.line : last + 1])
