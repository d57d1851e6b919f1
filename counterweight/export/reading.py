"""The images of one draw, read from where the pipeline keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from counterweight.core.draws import FITTED, VALIDATION, Draws, read_draws
from counterweight.core.errors import UserError
from counterweight.core.groups import Indices
from counterweight.core.images import ImageSet, read_images, read_table
from counterweight.core.params_file import ParamsFile, read_params_file
from counterweight.core.registry import names_in, require_one_of
from counterweight.core.results import read_json
from counterweight.export.contents import BALANCED, IMBALANCED, REAL, Contents, Item, Part, Split
from counterweight.export.recorded import check_record


def read_contents(params: Path, item: Item) -> Contents:
    """Read what is exported of a draw.

    Args:
        params: settings file; `data/` and `models/` lie beside it.

    Raises:
        UserError: a name is not known, something is not made yet or not as the settings say, the generator could make
            no images, or there is no such draw.
    """
    file = read_params_file(params)
    check_names(file, item)
    maker = Maker(file, item)
    of_train, of_test = (f"data/{item.dataset}/{name}.parquet" for name in ("train", "test"))
    train, test = (read_images(maker.require(path)) for path in (of_train, of_test))
    draws = read_draws(maker.require(f"data/{item.dataset}/{item.scenario}/draws.parquet"), train)
    if item.draw >= len(draws):
        raise UserError(f"--draw: {item.draw + 1} is not allowed: there are {len(draws)} draws, from 1")
    fitted, aside = (np.flatnonzero(draws.roles[item.draw] == role) for role in (FITTED, VALIDATION))
    added = read_added(maker, item, train, draws, of_train)
    recorded = check_record(file, maker.stages)
    splits = (
        Split("train", (Part(train, fitted, REAL, of_train), *added)),
        Split("validation", (Part(train, aside, REAL, of_train),)),
        Split("test", (Part(test, np.arange(len(test)), REAL, of_test),)),
    )
    return Contents(
        item=item,
        # Of classes of a single image none is set aside.
        splits=tuple(split for split in splits if len(split)),
        class_names=train.class_names,
        shape=train.shape,
        draws=len(draws),
        seed=file.run.seed,
        settings={
            f"datasets.{item.dataset}": file.blocks("datasets")[item.dataset],
            f"scenarios.{item.scenario}": file.blocks("scenarios")[item.scenario],
        },
        generator=read_generator(file.path.parent, item) if item.has_generator else None,
        recorded=recorded,
    )


def check_names(file: ParamsFile, item: Item) -> None:
    """Refuse names that no block of the settings file has, and recipes, which add no images."""
    require_one_of(item.dataset, file.blocks("datasets"), f"{file.path}: datasets")
    require_one_of(item.scenario, file.blocks("scenarios"), f"{file.path}: scenarios")
    if item.method.partition("+")[2]:
        raise UserError(f"{item.method}: a generator with a recipe; `{item.method.partition('+')[0]}` has its images")
    if item.method in names_in("recipes"):
        raise UserError(f"{item.method}: a recipe, which adds no images; `{IMBALANCED}` has those it was fitted to")
    known = [name for name, blocks in file.blocks("generators").items() if item.dataset in blocks]
    where = f"{file.path}: generators with a block for {item.dataset}"
    require_one_of(item.method, [IMBALANCED, BALANCED, *known], where)


class Maker:
    """Which stages make the files of an item, and what has to be said where one is not there."""

    def __init__(self, file: ParamsFile, item: Item) -> None:
        self.file = file
        axes = {"datasets": item.dataset, "scenarios": item.scenario, "generators": item.method}
        self.axes = dict([*axes.items()][: 3 if item.has_generator else 2])
        row = "-".join(self.axes.values())
        made = [f"{stage}@{row}" for stage in ("train", "synthesize") if item.has_generator]
        self.stages = [f"ingest@{item.dataset}", f"imbalance@{item.dataset}-{item.scenario}", *made]
        self.command = f"`dvc repro {self.stages[-1]}`"  # which makes what that stands on, too

    def require(self, path: str) -> Path:
        """Return where a file lies that a stage writes.

        Raises:
            UserError: it is not there.
        """
        found = self.file.path.parent / path
        if not found.is_file():
            raise UserError(f"{found}: not made yet; {self.explain()}")
        return found

    def explain(self) -> str:
        """Say which command makes the files, and what has to stand in the table before."""
        listed = {key: self.file.read_names("table", key) for key in self.axes}
        missing = [f"{name} to table.{key}" for key, name in self.axes.items() if name not in listed[key]]
        first = f"add {' and '.join(missing)} in {self.file.path}, then " if missing else ""
        return f"{first}{self.command} makes it"


def read_added(maker: Maker, item: Item, train: ImageSet, draws: Draws, of_train: str) -> list[Part]:
    """Return what a method adds to the images that are fitted: synthetic ones, dropped ones, or nothing."""
    if item.method == IMBALANCED:
        return []
    if item.method == BALANCED:
        return [Part(train, find_restored(maker.file, item, train, draws), REAL, of_train)]
    source = f"data/{item.dataset}/{item.scenario}/{item.method}/synthetic.parquet"
    path = maker.require(source)
    synthetic, draw = read_table(path)
    anew = f"{maker.command} makes it anew"
    if synthetic.not_applicable is not None:
        why = f"{item.method} is not applicable: {synthetic.not_applicable}"
        raise UserError(f"{path}: {why}; nothing to export; once that is mended, {anew}")
    if (synthetic.shape, synthetic.class_names) != (train.shape, train.class_names):
        raise UserError(f"{path}: of other classes or another shape than the training part; {anew}")
    if (found := int(draw.max(initial=-1)) + 1) != len(draws):
        raise UserError(f"{path}: images of {found} draws, but there are {len(draws)}; {anew}")
    return [Part(synthetic, np.flatnonzero(draw == item.draw), item.method, source)]


def find_restored(file: ParamsFile, item: Item, train: ImageSet, draws: Draws) -> Indices:
    """Return which of the dropped images `balanced` gets back, as the baselines stage draws them.

    Raises:
        UserError: none was dropped.
    """
    # Here, since it brings torch, which takes seconds.
    from counterweight.evaluation.retraining.methods import list_baselines

    # Places in place of origins, and images without pixels: which ones is all that is asked for.
    places = np.arange(len(train)).astype(np.str_)
    bare = replace(train, images=train.images[:, :, :0, :0], origins=places)
    method = list_baselines([], file.blocks("recipes"), bare, draws, file.run.seed).get(BALANCED)
    if method is None or method.added is None:
        why = "nothing is dropped there, so that there is no such row"
        raise UserError(f"{BALANCED}: scenario {item.scenario}: {why}; `{IMBALANCED}` has all real images")
    return method.added[item.draw].origins.astype(np.int64)


def read_generator(root: Path, item: Item) -> Mapping[str, Any] | None:
    """Return the settings that the draw's generator was built with, None where its file is not there."""
    path = root / f"models/{item.dataset}/{item.scenario}/{item.method}/{item.draw}/generator.json"
    if not path.is_file():
        return None
    settings: Sequence[Any] | Mapping[str, Any] | None = read_json(path).get("settings")
    if not isinstance(settings, Mapping):
        raise UserError(f"{path}: settings: missing; it is not what the train stage writes")
    return settings
