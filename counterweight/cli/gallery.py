"""Every generator on one dataset, side by side: pictures, training time, and whether it shows the class asked for."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.groups import choose_together, join_numbers
from counterweight.core.images import ImageSet, choose_stratified
from counterweight.core.near_duplicates import sketch
from counterweight.core.outputs import atomic_output, make_room
from counterweight.core.pictures import number_pictures
from counterweight.core.registry import require_one_of
from counterweight.core.schema import parse_settings
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_labelled
from counterweight.core.twins import digest_pixels
from counterweight.data.decode.pool import Workers
from counterweight.data.sources.base.group_names import find_groups
from counterweight.data.split.parts import Splitting, split_parts
from counterweight.data.split.reading import read_into_memory
from counterweight.evaluation.prechecks import precheck_generator
from counterweight.evaluation.retraining.methods import PLAIN
from counterweight.generators.base.generator import Generator, LearnedGenerator, NotApplicable, find_generator
from counterweight.generators.base.saved import build_generator, find_generator_block
from counterweight.plots.grid import save_grid
from counterweight.recipes.base.classifier_network import build_classifier
from counterweight.recipes.base.recipe import find_recipe
from counterweight.reporting.markdown import Grid, format_percent, render_table
from counterweight.settings.datasets import parse_dataset_settings, plan_dataset
from counterweight.settings.params import Params, load_params
from counterweight.settings.presets import suggest_block
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import fit

ASKED = (
    "Asked class: fraction of images that a classifier, trained on real images alone, takes for the class that was"
    " asked for; of real test images it recognises {}. Each row of a picture is a class, but for unconditional"
    " generators, whose images are of any."
)
Json = dict[str, Any]
Judge = Callable[[torch.Tensor], torch.Tensor]

COLUMNS = 10  # samples of a class in a picture
ROWS = 4  # of them, where there is one class
WIDTH = 3  # pictures beside each other on the page


def gallery(
    params_path: Path, dataset: str, names: Sequence[str], per_class: int, out: Path, as_json: bool = False
) -> str:
    """Train generators on the whole training part of a dataset, write what each makes, and return the table or JSON.

    For each generator `out`/`dataset` gets NAME.png (a row of samples per class) and NAME.json: its settings, training
    time, and the fraction of its images that a classifier trained on real images alone takes for the class asked for.
    There is none such of a dataset of one class, nor of unconditional generators, whose samples are of any class.
    README.md beside them shows all that are there. A generator is written as soon as it is done.

    Args:
        names: generators; none: all that have a block for the dataset.
        per_class: images of each class that are judged.

    Raises:
        UserError: a name or a setting is not known, or a training fails.
    """
    params = load_params(params_path)
    chosen = choose_generators(params, params_path, dataset, names)
    device = choose_device(params.device)
    train, test = read_parts(params, dataset)
    for name in names:  # what is not named may turn out not to be applicable
        precheck_generator(params, name, dataset, train.class_names)
    folder = out / dataset
    make_room(folder / "README.md")
    judge = train_judge(params, dataset, train, device) if len(train.class_names) > 1 else None
    known = measure_accuracy(judge, test.images, test.labels) if judge else None
    facts = {"dataset": dataset, "judge_on_real_images": known}
    for name in chosen:
        row = {"generator": name, **facts, **make_row(params, name, dataset, train, per_class, judge, folder)}
        with atomic_output(folder / f"{name}.json") as partial:
            partial.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        with atomic_output(folder / "README.md") as partial:  # After each one: a gallery cut short is a page, too.
            partial.write_text(render_page(dataset, read_rows(folder)), encoding="utf-8")
    rows = [row for row in read_rows(folder) if row["generator"] in chosen]
    return json.dumps({"folder": str(folder), "generators": rows}, indent=1) if as_json else render_rows(rows)


def choose_generators(params: Params, path: Path, dataset: str, names: Sequence[str]) -> list[str]:
    """Return the generators that are meant, none naming all, once every setting of theirs is valid."""
    if dataset not in params.datasets:
        way_out = suggest_block(path, "datasets", dataset, params.datasets)
        raise UserError(f"{path}: datasets: there is no '{dataset}'{way_out}")
    known = [name for name, blocks in params.generators.items() if dataset in blocks]
    chosen = [require_one_of(name, known, f"{path}: generators with a block for {dataset}") for name in names] or known
    plan = plan_dataset(params.datasets, dataset)
    if dataset not in params.classifiers and len(plan.source.precheck(plan.settings, dataset)) > 1:
        raise UserError(f"{path}: classifiers.{dataset}: missing; it says how the judge is trained")
    for name in chosen:
        parse_settings(
            find_generator(name).settings, params.generators[name][dataset], f"{path}: generators.{name}.{dataset}"
        )
    return chosen


def read_parts(params: Params, dataset: str) -> tuple[ImageSet, ImageSet]:
    """Return the training and the test part, as the ingest stage makes them."""
    plan = plan_dataset(params.datasets, dataset)
    where = f"params.yaml: datasets.{dataset}"
    found = find_groups(plan.source.find(plan.settings, dataset), plan.common.grouping, where)
    rng = np.random.default_rng(derive_seed(params.seed, dataset, "split"))
    with Workers() as workers, TemporaryDirectory() as folder:
        common, near = plan.common, plan.common.finds_near_duplicates
        how = Splitting(common.keep_split, common.test_fraction, near, where, Path(folder))
        train, test = split_parts(found, how, rng, workers)
        return read_into_memory(train, where, "train", workers), read_into_memory(test, where, "test", workers)


def train_judge(params: Params, dataset: str, train: ImageSet, device: torch.device) -> Judge:
    """Train the dataset's classifier on real images and return what turns images (N, C, H, W) into labels (N,)."""
    settings, seed = params.classifiers[dataset], derive_seed(params.seed, dataset, "judge")
    print(f"{dataset}: training the judge ({settings.network}, {settings.epochs} epochs)", file=sys.stderr)
    where = f"params.yaml: classifiers.{dataset}"
    network = build_classifier(settings, train.shape, len(train.class_names), seed, where).to(device)
    rng = np.random.default_rng(seed)
    near = parse_dataset_settings(params.datasets, dataset).finds_near_duplicates
    twins = number_pictures(digest_pixels(train.images), sketch(train.images) if near else None).near
    if train.groups is None:
        aside = choose_stratified(train.labels, params.table.validation_fraction, rng, twins)
    else:
        numbers = join_numbers(train.groups, twins)
        aside = choose_together(train.labels, params.table.validation_fraction, rng, numbers)
    fitted, validation = (to_labelled(train.images[part], train.labels[part]).to(device) for part in (~aside, aside))
    entry = find_recipe(PLAIN)
    counts = torch.bincount(fitted.labels, minlength=len(train.class_names)).float()
    judge = entry.recipe(entry.settings(), counts).fit(fitted, validation, network, settings, seed)
    return lambda images: judge(images.to(device)).argmax(dim=1).cpu()


def measure_accuracy(judge: Judge, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the fraction of images that the judge takes for what they are."""
    return float((judge(torch.from_numpy(images.copy())).numpy() == labels).mean())


def make_row(
    params: Params, name: str, dataset: str, train: ImageSet, per_class: int, judge: Judge | None, folder: Path
) -> Json:
    """Train one generator, draw its picture and return its row."""
    where, seed = f"params.yaml: generators.{name}.{dataset}", derive_seed(params.seed, dataset, name, "gallery")
    generator = build_generator(name, find_generator_block(params.generators, name, dataset), train, seed, where)
    print(f"{dataset}: {name}", file=sys.stderr)
    row: Json = {"settings": generator.settings.model_dump(), "seed": seed, "training": None, "not_applicable": None}
    if isinstance(generator, LearnedGenerator):
        row["training"] = train_generator(generator.to(choose_device(params.device)), train, seed, params.train, where)
    real = to_labelled(train.images, train.labels)
    labels = torch.arange(len(train.class_names)).repeat_interleave(per_class)
    try:
        images = generator.sample(labels, real, torch.Generator().manual_seed(seed))
    except NotApplicable as error:
        return row | {"not_applicable": str(error)}
    shown = torch.arange(len(labels)) % per_class < COLUMNS * (1 if len(train.class_names) > 1 else ROWS)
    with atomic_output(folder / f"{name}.png") as partial:
        save_grid(images[shown].numpy(), COLUMNS, partial)
    if judge is None or is_unconditional(generator):
        return row | {"images": len(labels), "asked_class": None, "asked_class_by_class": {}}
    # (K * n,) -> (K, n) -> (K,)
    right = (judge(images) == labels).float().reshape(len(train.class_names), -1).mean(dim=1)
    by_class = dict(zip(train.class_names, (round(value, 4) for value in right.tolist()), strict=True))
    return row | {"images": len(labels), "asked_class": float(right.mean()), "asked_class_by_class": by_class}


def is_unconditional(generator: Generator) -> bool:
    """Say whether samples of a generator are of any class."""
    return isinstance(generator, LearnedGenerator) and generator.is_unconditional(generator.settings)


def train_generator(
    generator: LearnedGenerator, train: ImageSet, seed: int, settings: TrainingConfig, where: str
) -> Json:
    """Train a generator and return how long that took, and where."""
    real = to_labelled(train.images, train.labels)
    # Nothing but the training is to be timed: no previews, no checkpoints.
    config = settings.model_copy(update={"previews": 0, "checkpoint_seconds": None})
    started = time.perf_counter()  # Monotonic: a clock that is set meanwhile changes nothing.
    with TemporaryDirectory() as unfinished:
        try:
            fit(generator, real, seed, config, Path(unfinished))
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
    seconds = time.perf_counter() - started
    sizes = train.counts().tolist()
    seen = sum(  # A phase of one class sees its images alone.
        phase.epochs * (len(train) if phase.label is None else sizes[phase.label]) for phase in generator.phases()
    )
    return {
        "seconds": round(seconds, 1),
        "images_per_second": round(seen / seconds, 1),
        "device": name_hardware(generator.device),
        "torch": torch.__version__,
    }


def name_hardware(device: torch.device) -> str:
    """Name a device."""
    threads = torch.get_num_threads()
    return (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {threads} thread{'s' * (threads > 1)}"
    )


def read_rows(folder: Path) -> list[Json]:
    """Return what was written of each generator, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def render_page(dataset: str, found: Sequence[Json]) -> str:
    """Return the Markdown page of a gallery: a sentence, a table, and the pictures."""
    judge = ", ".join(sorted({format_percent(row["judge_on_real_images"]) for row in found}))
    judged = any(row["judge_on_real_images"] is not None for row in found)
    pictures = [
        f"**{row['generator']}**<br>![{row['generator']}]({row['generator']}.png)" for row in found if has_images(row)
    ]
    lines = [f"| {' | '.join(pictures[start : start + WIDTH])} |" for start in range(0, len(pictures), WIDTH)]
    return "\n\n".join(
        [
            f"# {dataset}: what each generator makes",
            *([ASKED.format(judge)] if judged else []),
            render_rows(found),
            "\n".join([f"|{' |' * WIDTH}", f"|{' - |' * WIDTH}", *lines]) + "\n",
        ]
    )


def render_rows(found: Sequence[Json]) -> str:
    """Return a line for each generator."""
    header = ["generator", "asked class", "worst class", "training", "images / s", "on"]
    return render_table(Grid(header, [render_cells(row) for row in found]))


def render_cells(row: Json) -> list[str]:
    """Return a generator's line of the table."""
    training = row["training"]
    if not has_images(row):
        return [row["generator"], f"not applicable: {row['not_applicable']}", "", "", "", ""]
    seen = [format_percent(row["asked_class"]), "-"]
    if by_class := row["asked_class_by_class"]:
        worst = min(by_class.items(), key=lambda item: item[1])
        seen[1] = f"{format_percent(worst[1])} ({worst[0]})"
    if training is None:
        return [row["generator"], *seen, "", "", ""]
    speed = f"{training['images_per_second']:,.0f}"
    return [row["generator"], *seen, f"{training['seconds']:,.0f} s", speed, training["device"]]


def has_images(row: Json) -> bool:
    """Say whether a generator could make images at all."""
    return row["not_applicable"] is None
