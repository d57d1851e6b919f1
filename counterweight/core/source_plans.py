"""What a block of params.yaml says of a dataset or pair: what all have, and what its kind of source adds."""

from types import ModuleType
from typing import Any, Generic, NamedTuple, TypeVar

from counterweight.core.errors import UserError
from counterweight.core.registry import load_module, names_in, require_one_of
from counterweight.core.schema import Settings, parse_settings, suggest_name

CommonType = TypeVar("CommonType", bound=Settings)


class SourcePlan(NamedTuple, Generic[CommonType]):
    """The common settings in a block, the module of its source, and the settings of that source."""

    common: CommonType
    source: ModuleType
    settings: Settings


def plan_source(block: dict[str, Any], model: type[CommonType], folder: str, where: str) -> SourcePlan[CommonType]:
    """Return everything that is said in a block, validated.

    Args:
        model: of the common settings.
        folder: of the sources, as in `data/sources`.
        where: file and key of the block; begins an error's message.

    Raises:
        UserError: there is no such source, or a setting is not allowed.
    """
    if "source" not in block:
        raise UserError(f"{where}.source: missing; allowed: {', '.join(names_in(folder))}")
    source = load_module(folder, require_one_of(str(block["source"]), names_in(folder), f"{where}.source"))
    own = source.Settings.model_fields
    for key in block:
        if key not in model.model_fields and key not in own:
            raise UserError(f"{where}.{key}: unknown key{suggest_name(key, {*model.model_fields, *own})}")
    # Parted between two models, of which each forbids keys that it does not know.
    common = parse_settings(model, {key: block[key] for key in block if key in model.model_fields}, where)
    settings = parse_settings(source.Settings, {key: block[key] for key in block if key in own}, where)
    return SourcePlan(common, source, settings)
