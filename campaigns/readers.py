"""The project's readers of every kind of input: what is called with each mutated file."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from campaigns import samples
from campaigns.samples import Sample
from counterweight.cli.workspace import read_yaml
from counterweight.core.draws import read_draws as read_roles_of_draws
from counterweight.core.errors import UserError
from counterweight.core.features import FeatureFile
from counterweight.core.image_file import ImageFile
from counterweight.core.images import read_draws, read_images
from counterweight.core.results import read_result
from counterweight.core.schema import Result
from counterweight.core.weight_files import read_weights
from counterweight.data.decode.facts import inspect
from counterweight.data.decode.images import BadFile, Target, decode, describe_bad_files, try_image
from counterweight.data.decode.opening import Encoded
from counterweight.data.fetch.archives import extract_archive
from counterweight.data.sources import cifar10, folder, table
from counterweight.data.sources.base.idx import parse_idx
from counterweight.evaluation.prechecks import check_blocks
from counterweight.generators.base.saved import build_generator, load_generator, save_generator
from counterweight.settings.params import load_params
from counterweight.training.checkpoint import FILE, load_checkpoint, save_checkpoint

TARGET = Target((8, 8), 3, "stretch")
MOST_UNPACKED = 2**20
FACTS, WEIGHTS = "generator.json", "weights.safetensors"
GENERATOR = "vanilla_vae"


class Kind(NamedTuple):
    """A kind of input: the name its file has, valid ones, and what reads one."""

    file: str
    make: Callable[[], list[Sample]]
    read: Callable[[Path], object]
    prepare: Callable[[Path], None] = lambda folder: None
    """Writes what has to lie beside the file."""


class SomeResult(Result):
    """A result as stages write them."""

    classes: list[str]
    scores: list[float | None]
    draws: int
    nested: dict[str, dict[str, list[int]]]


def read_settings(path: Path) -> None:
    """Read a settings file and all blocks in it."""
    check_blocks(load_params(path))


def read_image(path: Path) -> None:
    """Look at an image and decode it; both have to agree on whether that can be done."""
    looked, decoded = (try_image(work, path) for work in (inspect, partial(decode, target=TARGET)))
    if isinstance(looked, BadFile) != isinstance(decoded, BadFile):
        raise AssertionError(f"looked at: {looked!r}; decoded: {decoded!r}")
    if isinstance(decoded, BadFile):
        raise UserError(describe_bad_files([decoded]))


def read_label_table(path: Path) -> None:
    """Read a table of labels, and decode the images that it holds."""
    for part in table.find(table.Settings(path=str(path), size=8), "things"):
        if part is not None and part.fetch is not None:
            for image in part.fetch(np.arange(len(part))):
                decode_if_held(image)


def read_named_table(path: Path) -> None:
    """Read a text as a table that is asked for, and with its columns named where it asks for these."""
    asked = {"path": str(path.parent), "size": 8, "tables": [path.name]}
    try:
        table.find(table.Settings.model_validate(asked), "things")
    except UserError as error:
        if ": COLUMN takes one of them" not in str(error):
            raise
        table.find(table.Settings.model_validate({**asked, "image": "f0", "label": "f1"}), "things")


def write_class_folders(root: Path) -> None:
    """Write four images of each of two classes."""
    for place in (root / name for name in ("cat", "dog")):
        place.mkdir(exist_ok=True)
        for number in range(4):
            Image.new("L", (8, 8), number).save(place / f"{number}.png")


def read_part_list(path: Path) -> None:
    """Read the parts of a folder of classes as a list in it says."""
    settings = folder.Settings(path=str(path.parent), size=8, test_lists=[path.name], missing_classes="leave_out")
    folder.find(settings, "things")


def read_tested_table(path: Path) -> None:
    """Read a folder of classes with a table in it of what is tested on."""
    settings = folder.Settings(path=str(path.parent), size=8, test_tables=[path.name], missing_classes="leave_out")
    folder.find(settings, "things")


def decode_if_held(image: Encoded) -> None:
    """Decode an image of a table, unless it is a path, at which nothing lies here."""
    if not isinstance(image, Path):
        try_image(partial(decode, target=TARGET), image)


def read_image_table(path: Path) -> None:
    """Read an image table at once, by draws, and as far as it is asked for."""
    whole = read_images(path)
    read_draws(path)
    file = ImageFile(path)
    taken = file.take(np.arange(len(file)))
    if taken.images.tobytes() != whole.images.tobytes():
        raise AssertionError("other images when they are read as far as they are asked for")
    _ = file.groups, whole.groups, file.item, file.not_applicable


def read_features(path: Path) -> None:
    """Read a feature table."""
    file = FeatureFile(path)
    file.take(np.arange(len(file)))


def read_tensors(path: Path) -> None:
    """Read a file of weights, and say what is wrong with it as those do that have networks for them."""
    try:
        read_weights(path)
    except ValueError as error:
        raise UserError(f"{path}: not weights: {error}") from error


def unpack(path: Path) -> None:
    """Unpack an archive."""
    extract_archive(path, path.parent / "unpacked", MOST_UNPACKED, progress=False)


def save_small_generator(folder: Path) -> None:
    """Write a generator's files into a folder."""
    settings: dict[str, object] = {"latent_dim": 2, "filters": 2, "epochs": 1}
    generator = build_generator(GENERATOR, settings, samples.make_image_set(), 0, "")
    save_generator(GENERATOR, generator, folder / "made")
    for name in (FACTS, WEIGHTS):
        (folder / "made" / name).replace(folder / name)
    (folder / "made").rmdir()


def make_generator(name: str) -> list[Sample]:
    """Return one of the files of a generator."""

    def write(path: Path) -> None:
        save_small_generator(path.parent)
        (path.parent / name).replace(path)

    return [Sample(samples.written(write))]


def make_checkpoints() -> list[Sample]:
    """Return a training's checkpoint."""
    network = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(network.parameters(), momentum=0.5)

    def write(path: Path) -> None:
        save_checkpoint(
            path.parent, network, {"a": optimizer}, {"torch": torch.zeros(8, dtype=torch.uint8)}, {"epoch": 1}
        )
        (path.parent / FILE).replace(path)

    return [Sample(samples.written(write))]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "settings": Kind("params.yaml", samples.make_settings, read_settings),
        "dvc.lock": Kind("dvc.lock", samples.make_records, read_yaml),
        "results": Kind("result.json", samples.make_results, partial(read_result, model=SomeResult)),
        **{
            word: Kind(f"image.{word}", partial(samples.make_format, (word,)), read_image)
            for word in ("png", "jpeg", "gif", "webp", "bmp", "tiff")
        },
        "other images": Kind("image", partial(samples.make_format, ("mpo", "ppm", "jpeg 2000", "avif")), read_image),
        "csv": Kind("labels.csv", partial(samples.make_texts, ","), read_label_table),
        "tsv": Kind("labels.tsv", partial(samples.make_texts, "\t"), read_label_table),
        "lists of parts": Kind("test.txt", samples.make_lists, read_part_list, write_class_folders),
        "tables of tests": Kind("Test.csv", samples.make_tested_tables, read_tested_table, write_class_folders),
        "texts of labels": Kind("labels.txt", samples.make_label_texts, read_named_table),
        "json of labels": Kind("labels.json", samples.make_label_json, read_named_table),
        "json lines": Kind("metadata.jsonl", samples.make_lines, read_label_table),
        "label arrow": Kind("data.arrow", samples.make_arrow, read_label_table),
        "label parquet": Kind("labels.parquet", samples.make_label_tables, read_label_table),
        "image table": Kind("images.parquet", samples.make_image_tables, read_image_table),
        "draws": Kind(
            "draws.parquet", samples.make_draws, partial(read_roles_of_draws, train=samples.make_image_set())
        ),
        "features": Kind("features.parquet", samples.make_features, read_features),
        "zip": Kind("archive.zip", samples.make_zips, unpack),
        "tar.gz": Kind("archive.tar.gz", samples.make_tars, unpack),
        "idx": Kind("images-idx3-ubyte", samples.make_idx, lambda path: parse_idx(path.read_bytes(), 3, str(path))),
        "cifar10": Kind(
            "data_batch_1.bin", samples.make_batches, lambda path: cifar10.read_batches([path], cifar10.Settings())
        ),
        "safetensors": Kind("weights.safetensors", samples.make_safetensors, read_tensors),
        "npz": Kind("weights.npz", samples.make_npz, read_tensors),
        "pth": Kind("weights.pth", samples.make_pth, read_tensors),
        "checkpoint": Kind(FILE, make_checkpoints, lambda path: load_checkpoint(path.parent)),
        "generator facts": Kind(
            FACTS, partial(make_generator, FACTS), lambda path: load_generator(path.parent), save_small_generator
        ),
        "generator weights": Kind(
            WEIGHTS, partial(make_generator, WEIGHTS), lambda path: load_generator(path.parent), save_small_generator
        ),
    }
)
