"""What the pipeline leaves of one small row of a table, as an export finds it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from counterweight.core import draws as roles
from counterweight.core.images import ImageSet, write_images
from tests.stages.made import CLASSES, TEST, TRAIN, WANTED, small_draws
from tests.tables import write_draws

DRAWS = 3


def make_synthetic(draw: int, class_names: tuple[str, ...] = CLASSES) -> ImageSet:
    """Noise of each class that wants images, another one in each draw."""
    labels = np.repeat(np.arange(3), WANTED)
    pixels = np.random.default_rng(100 + draw).integers(0, 256, (len(labels), 1, 8, 8), dtype=np.uint8)
    origins = np.array([f"noise/drop/smote/{draw}/{number}" for number in range(len(labels))])
    return ImageSet(pixels, labels, class_names, origins, {"item": "noise/drop/smote"})


def lay_out(folder: Path, class_names: tuple[str, ...] = CLASSES, channels: int = 1, **changes: object) -> Path:
    """Write images, draws and settings where the stages write them; return the settings file.

    Args:
        changes: sections of the settings that are other than these.
    """

    def like(images: ImageSet) -> ImageSet:
        return replace(images, images=images.images.repeat(channels, axis=1), class_names=class_names)

    row = folder / "data/noise/drop"
    (row / "smote").mkdir(parents=True)
    write_images(like(TRAIN), folder / "data/noise/train.parquet")
    write_images(like(TEST), folder / "data/noise/test.parquet")
    roles.write_draws(small_draws(DRAWS), row / "draws.parquet")
    write_draws([like(make_synthetic(draw, class_names)) for draw in range(DRAWS)], row / "smote/synthetic.parquet")
    for draw in range(DRAWS):
        model = folder / f"models/noise/drop/smote/{draw}"
        model.mkdir(parents=True)
        (model / "generator.json").write_text(json.dumps({"generator": "smote", "settings": {"k_neighbors": 3 + draw}}))
    params: dict[str, Any] = {
        "seed": 7,
        "device": "cpu",
        "table": {"draws": DRAWS, "datasets": ["noise"], "scenarios": ["drop"], "generators": ["smote"]},
        "datasets": {"noise": {"source": "folder", "size": 8, "mirror": "/home/someone/noise"}},
        "scenarios": {"drop": {"kind": "drop", "fraction": 0.3}, "natural": {"kind": "natural"}},
        "generators": {"smote": {"noise": {}}, "cvae": {"noise": {}}, "bagan": {}},
        "recipes": {},
    }
    (folder / "params.yaml").write_text(json.dumps(params | changes), encoding="utf-8")
    return folder / "params.yaml"
