"""Results on disk: JSON that is a model's when it is written and when it is read."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from counterweight.core.errors import UserError
from counterweight.core.schema import Result


class NotApplicable(Result):
    """In place of a result: why a generator could make no images."""

    not_applicable: str


class Spread(Result):
    """Mean and standard deviation of one number over repeated draws, in the number's own unit."""

    mean: float
    std: float


class SetSizes(Result):
    """Images of both sets."""

    real: int
    synthetic: int


ResultType = TypeVar("ResultType", bound=BaseModel)


def write_result(result: BaseModel, path: Path) -> None:
    """Write a result as JSON."""
    plain = result.model_dump(mode="json", by_alias=True)
    # NaN is no JSON: better an error here.
    path.write_text(json.dumps(plain, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_result(path: Path, model: type[ResultType]) -> ResultType | NotApplicable:
    """Read a result, or why there is none.

    Raises:
        UserError: the file is not there, is not JSON, or is not this stage's.
    """
    values = read_json(path)
    if set(values) == {"not_applicable"}:
        return NotApplicable.model_validate(values)
    return parse_result(values, model, path)


def read_required(path: Path, model: type[ResultType]) -> ResultType:
    """Read a result that every item has; errors as of `read_result`."""
    return parse_result(read_json(path), model, path)


def read_json(path: Path) -> dict[str, Any]:
    """Return what stands in a JSON file; errors as of `read_result`."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; `dvc repro` makes it") from error
    except ValueError as error:
        raise UserError(f"{path}: not a result of an earlier stage: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: not a result of an earlier stage: no object")
    return values


def parse_result(values: dict[str, Any], model: type[ResultType], path: Path) -> ResultType:
    """Return values of a file as a model."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: not a result of this version: {where}: {first['msg']}; run `dvc repro`") from None
