"""What DVC noted when it made the images, in dvc.lock: whether the settings and files that are there now are those."""

from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml.error import YAMLError

from counterweight.core.errors import UserError
from counterweight.core.params_file import ParamsFile
from counterweight.core.yaml_texts import load_yaml

LOCK, PARAMS = "dvc.lock", "params.yaml"
ANYWHERE = {"device"}
"""Where images were made changes nothing of what a card says of them."""


def check_record(file: ParamsFile, stages: Sequence[str]) -> bool:
    """Compare what stages were run with to the settings and files beside it; say whether there is a record of all.

    Args:
        stages: with their rows, as in `imbalance@digits-drop75`; the last one stands on all others.

    Raises:
        UserError: a setting or the size of a file is another one.
    """
    path = file.path.parent / LOCK
    if not path.is_file() or file.path.name != PARAMS:
        return False
    text = path.read_text(encoding="utf-8")
    found = {stage: cut_stage(text, stage) for stage in stages}
    for block in found.values():
        if block is not None:
            check_settings(file, block, stages[-1])
            check_sizes(file, block, stages[-1])
    return None not in found.values()


def cut_stage(text: str, stage: str) -> Mapping[str, Any] | None:
    """Return a stage's block of a dvc.lock, None where it has none.

    Raises:
        UserError: what stands there is no block.
    """
    # Cut out before it is read: of thousands of stages YAML takes minutes.
    lines = text.splitlines()
    if f"  {stage}:" not in lines:
        return None
    first = lines.index(f"  {stage}:")
    after = (at for at in range(first + 1, len(lines)) if lines[at].strip() and not lines[at].startswith("   "))
    try:
        block = load_yaml("\n".join(lines[first : next(after, len(lines))]))[stage]
    except YAMLError as error:
        raise UserError(f"{LOCK}: {stage}: not valid YAML; `git checkout {LOCK}` mends it") from error
    if not isinstance(block, dict):
        raise UserError(f"{LOCK}: {stage}: {block!r} is not what DVC writes; `git checkout {LOCK}` mends it")
    return block


def check_settings(file: ParamsFile, block: Mapping[str, Any], last: str) -> None:
    """Refuse settings that a stage was not run with."""
    for key, value in block.get("params", {}).get(PARAMS, {}).items():
        if key not in ANYWHERE and look_up(file.values, key) != value:
            why = "is not what the images were made with"
            raise UserError(f"{file.path}: {key}: {why}; `dvc repro {last}` makes them anew, or put it back")


def look_up(values: object, key: str) -> object:
    """Return what stands under a key with points, None where nothing does."""
    for part in key.split("."):
        if not isinstance(values, Mapping) or part not in values:
            return None
        values = values[part]
    return values


def check_sizes(file: ParamsFile, block: Mapping[str, Any], last: str) -> None:
    """Refuse files of another size than those that a stage wrote."""
    for out in block.get("outs", []):
        path = file.path.parent / out["path"]
        if path.suffix == ".parquet" and path.is_file() and path.stat().st_size != out["size"]:
            raise UserError(f"{path}: not the file that {LOCK} tells of; `dvc repro {last}` makes that")
