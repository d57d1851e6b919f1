"""A trained model read from its folder, with a clear word where it is none."""

from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Le, MinLen

from counterweight.core.errors import UserError
from counterweight.core.registry import names_in, require_one_of
from counterweight.core.results import parse_result, read_json
from counterweight.core.schema import Result
from counterweight.explorer.folders import FACTS
from counterweight.generators.base.generator import Generator, LearnedGenerator
from counterweight.generators.base.saved import load_generator

LARGEST = 2048  # pixels, as in sources of images


class GeneratorFacts(Result):
    """What `generator.json` says, looked at before anything is built of it."""

    generator: str
    settings: dict[str, Any]
    shape: Annotated[list[Annotated[int, Ge(1), Le(LARGEST)]], MinLen(3)]
    class_names: Annotated[list[str], MinLen(1)]
    labels: list[Annotated[int, Ge(0)]] | None


def read_model(folder: Path) -> Generator:
    """Read a generator, networks ready to make images.

    Raises:
        UserError: the folder holds none, or one of another make.
    """
    path = folder / FACTS
    facts = parse_result(read_json(path), GeneratorFacts, path)
    require_one_of(facts.generator, names_in("generators"), f"{path}: generator")
    check_facts(facts, path)
    generator = load_generator(folder)
    if isinstance(generator, LearnedGenerator):
        generator.eval().requires_grad_(False)
    return generator


def check_facts(facts: GeneratorFacts, path: Path) -> None:
    """Refuse shapes and labels that no generator has."""
    if len(facts.shape) != 3 or facts.shape[0] not in (1, 3):
        raise UserError(f"{path}: shape: {facts.shape} is not allowed: 1 or 3 channels, height and width are needed")
    if bad := [label for label in facts.labels or () if label >= len(facts.class_names)]:
        raise UserError(f"{path}: labels: {bad[0]} is not allowed: there are {len(facts.class_names)} class names")
