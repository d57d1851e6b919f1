"""A small dataset in a folder, as the stages before left it, and settings that train in moments."""

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from ruamel.yaml import YAML

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION, Draws, write_draws
from counterweight.core.images import ImageSet, write_images

PARAMS = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("dark", "grey", "bright")
SIZE = 30
"""Training images of each class."""
WANTED = [0, 5, 7]
BLOCKS: dict[str, dict[str, object]] = {
    "oversample": {},
    "smote": {},
    "adasyn": {},
    "geometric": {},
    "cvae": {"latent_dim": 2, "filters": 4, "hidden": 8, "epochs": 3, "batch_size": 8},
    "gan": {"latent_dim": 2, "width": 2, "epochs": 2, "batch_size": 4},
    "bagan": {"latent_dim": 2, "autoencoder_epochs": 2, "epochs": 2, "batch_size": 8},
}
"""Without labels are `gan`'s: a model is trained for each class that needs images."""


def small_set(name: str, size: int) -> ImageSet:
    """Noise of three shades in mixed order, 8 x 8, so many images of each class."""
    rng = np.random.default_rng(len(name))
    labels = rng.permutation(np.repeat(np.arange(3), size))
    pixels = rng.integers(0, 60, (len(labels), 1, 8, 8)) + 60 * labels[:, None, None, None]
    origins = np.array([f"{name}/{number}" for number in range(len(labels))])
    return ImageSet(pixels.astype(np.uint8), labels, CLASSES, origins, {"source": "noise"})


TRAIN, TEST = small_set("train", SIZE), small_set("test", 6)


def small_draws(draws: int, fitted: tuple[int, int, int] = (20, 15, 13)) -> Draws:
    """Draws in which so many images of each class are fitted, five set aside, and the others dropped."""

    def draw(seed: int) -> npt.NDArray[np.uint8]:
        rng, roles = np.random.default_rng(seed), np.full(len(TRAIN), REFERENCE, dtype=np.uint8)
        for label, count in enumerate(fitted):
            order = rng.permutation(np.flatnonzero(TRAIN.labels == label))
            roles[order[:count]], roles[order[count : count + 5]] = FITTED, VALIDATION
        return roles

    return Draws(np.stack([draw(seed) for seed in range(draws)]), "noise/drop", WANTED, [1, 2])


def lay_out(folder: Path, draws: int, **changes: object) -> Path:
    """Write images, draws and settings; return the folder.

    Args:
        changes: sections of the settings that are other than the project's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_images(TRAIN, folder / "train.parquet")
    write_images(TEST, folder / "test.parquet")
    write_draws(small_draws(draws), folder / "draws.parquet")
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["device"] = "cpu"
    params["generators"] = {name: {"noise": block} for name, block in BLOCKS.items()}
    params["classifiers"] = {"noise": {"network": "mnist_cnn", "epochs": 2, "batch_size": 8}}
    params["train"] |= {"previews": 2, "preview_columns": 2, "checkpoint_seconds": 0.0}
    for name, values in changes.items():
        params[name] |= values
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    return folder


def words(folder: Path, *options: str) -> list[str]:
    """Return the options of a command line: `--params`, and `--NAME=PATH` for each given as `NAME=PATH`."""
    return ["--params", str(folder / "params.yaml"), *(f"--{option}" for option in options)]


def digests(folder: Path) -> dict[str, str]:
    """Return the MD5 of every file in a folder by its name, those that begin with a dot apart."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in files}
