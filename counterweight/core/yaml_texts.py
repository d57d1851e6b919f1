"""Texts in YAML, as people and programs write them: read as plain values, and refused where they nest too deeply."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import Node
from ruamel.yaml.parser import Parser, ParserError

DEEPEST = 400
"""Lists and blocks in each other. The library calls itself twice for each, of which Python allows a thousand calls."""
LARGEST = 1024
"""Bits of a whole number; one with thousands of digits cannot be written again."""
LONGEST = 40  # characters of a value that a message repeats
TOO_DEEP = f"nested more deeply than {DEEPEST} levels"


class ShallowParser(Parser):
    """The library's parser, which stops where a text nests more deeply than can be followed."""

    level = 0

    def get_event(self) -> Any:  # noqa: ANN401
        """Return the next event; errors as of the library."""
        event = super().get_event()
        self.level += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if self.level > DEEPEST:
            raise ParserError(None, None, TOO_DEEP, event.start_mark)
        return event


class PlainConstructor(SafeConstructor):
    """The library's maker of plain values, which names the line of what looks like one and is none, as a 13th month."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:  # noqa: ANN401
        """Return the value of a node.

        Raises:
            ConstructorError: it is no value of the kind that it looks like, or a number of too many digits.
        """
        try:
            value = super().construct_object(node, deep)
        except (ValueError, LookupError, ArithmeticError, AttributeError) as error:
            said = f"{str(node.value)[:LONGEST]!r} is no {str(node.tag).rpartition(':')[2]}"
            raise ConstructorError(None, None, said, node.start_mark) from error
        if type(value) is int and value.bit_length() > LARGEST:
            raise ConstructorError(None, None, "a number of too many digits", node.start_mark)
        return value


def new_reader() -> YAML:
    """Return a reader of YAML that makes plain values."""
    reader = YAML(typ="safe", pure=True)
    reader.Parser, reader.Constructor = ShallowParser, PlainConstructor
    return reader


def load_yaml(text: str) -> Any:  # noqa: ANN401
    """Return what a text says.

    Raises:
        YAMLError: it is not valid YAML, or nests too deeply.
    """
    try:
        return new_reader().load(text)
    except RecursionError as error:  # Lists and blocks in a key take more calls.
        raise YAMLError("a key is nested too deeply") from error
    except (ValueError, OverflowError) as error:  # of the scanner, which names no line
        raise YAMLError(f"a character is out of range: {error}") from error
    except TypeError as error:
        raise YAMLError("a key is a list of lists") from error
