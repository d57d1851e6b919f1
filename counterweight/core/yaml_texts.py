"""Texts in YAML, as people and programs write them: read as plain values, and refused where they nest too deeply."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.parser import Parser, ParserError

DEEPEST = 400
"""Lists and blocks in each other. The library calls itself twice for each, of which Python allows a thousand calls."""
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


def new_reader() -> YAML:
    """Return a reader of YAML that makes plain values."""
    reader = YAML(typ="safe", pure=True)
    reader.Parser = ShallowParser
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
    except TypeError as error:
        raise YAMLError("a key is a list of lists") from error
