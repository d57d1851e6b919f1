"""Settings: strict pydantic models whose errors read as one line."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeGuard, TypeVar, get_args

from annotated_types import Ge, Gt, Lt
from pydantic import BaseModel, ConfigDict, ValidationError

from counterweight.core.errors import UserError

Fraction = Annotated[float, Gt(0), Lt(1)]
Positive = Annotated[int, Ge(1)]


class Settings(BaseModel):
    """A block of settings: unknown keys and values of another type are refused, nothing can be changed.

    The string below a field is its description.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


SettingsType = TypeVar("SettingsType", bound=BaseModel)


class Result(BaseModel):
    """A result: typed from the moment it is computed to the moment it is shown; NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def parse_settings(model: type[SettingsType], values: object, where: str) -> SettingsType:
    """Return `values` as a `model`.

    Args:
        where: file and key of the block, as in `params.yaml: train`; begins the error's message.

    Raises:
        UserError: a key is unknown or missing, or a value has a wrong type or lies outside its range.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first, *others = error.errors()
        more = f" (and {len(others)} more such errors)" if others else ""
        key = ".".join(str(part) for part in first["loc"])
        separator = "" if not key else "." if ": " in where else ": "
        raise UserError(f"{where}{separator}{key}: {explain_error(model, first)}{more}") from None


def explain_error(model: type[BaseModel], error: Mapping[str, Any]) -> str:
    """Say what is wrong with one value, and for an unknown key which name was probably meant."""
    if error["type"] == "extra_forbidden":
        return f"unknown key{suggest_name(str(error['loc'][-1]), list_keys_beside(model, error['loc']))}"
    if error["type"] == "missing":
        return "missing; it must be set"
    if error["type"] == "model_type":
        return f"{error['input']!r} is not allowed: a block of settings (key: value) is needed"
    message = error["msg"].removeprefix("Value error, ")
    return f"{error['input']!r} is not allowed: {message[0].lower()}{message[1:]}"


def suggest_name(name: str, allowed: Iterable[str]) -> str:
    """Return a clause that offers the allowed name nearest to `name`, or lists them all."""
    names = sorted(allowed)
    nearest = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean '{nearest[0]}'?" if nearest else f"; allowed: {', '.join(names) or 'none'}"


def list_keys_beside(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that `model` knows in the block that holds `location`."""
    kind: object = model
    for part in location[:-1]:
        # In a dictionary of blocks any name stands for the same block.
        kind = kind.model_fields[str(part)].annotation if is_block(kind) else get_args(kind)[-1]
    return list(kind.model_fields) if is_block(kind) else []


def is_block(kind: object) -> TypeGuard[type[BaseModel]]:
    """Say whether a type is a block of settings."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def refuse_repetition(names: list[str]) -> list[str]:
    """Let pass a list in which no name stands twice.

    Raises:
        ValueError: one does.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"'{twice[0]}' stands there twice")
    return names


Named = TypeVar("Named")


def check_folder_names(blocks: dict[str, Named]) -> dict[str, Named]:
    """Refuse names that are none of folders."""
    for name in blocks:
        if not re.fullmatch("[a-z0-9_]+", name):
            raise ValueError(f"names consist of a-z, 0-9 and _, and '{name}' does not")
    return blocks
