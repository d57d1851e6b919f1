"""The name of a training changes with all that decides what is learned, so that no old checkpoint goes on under it."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator
from counterweight.settings.train import TrainingConfig
from counterweight.training.fingerprint import fingerprint_training
from counterweight.training.loop import fit

CPU = torch.device("cpu")
CONFIG = TrainingConfig(previews=0, checkpoint_seconds=0)
GAN = {"latent_dim": 2, "width": 4, "epochs": 2, "batch_size": 4}


def images(wanted: list[int], class_names: tuple[str, ...] = ("a", "b", "c")) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    labels = np.arange(12) % 3
    return ImageSet(pixels, labels, class_names, np.full(12, ""), {"item": "d/natural", "wanted": wanted})


def built(given: ImageSet, changes: dict[str, object] | None = None) -> LearnedGenerator:
    model = build_generator("gan", GAN | (changes or {}), given, 0, "here")
    assert isinstance(model, LearnedGenerator)
    return model


def name(given: ImageSet, changes: dict[str, object] | None = None, config: TrainingConfig = CONFIG) -> str:
    return fingerprint_training(built(given, changes), given, 0, config, CPU)


def test_it_is_the_same_for_the_same_training() -> None:
    assert name(images([0, 3, 0])) == name(images([0, 3, 0]))


def test_it_changes_with_classes_settings_data_and_what_the_loop_does() -> None:
    given = images([0, 3, 0])
    other = replace(given, images=255 - given.images)
    names = [
        name(given),
        name(images([3, 3, 0])),  # a model for each class that needs images
        name(images([0, 0, 3])),
        name(images([0, 3, 0], ("a", "b", "d"))),
        name(given, {"epochs": 3}),
        name(other),
        name(given, config=TrainingConfig(previews=0, checkpoint_seconds=0, augment=["colour"])),
        fingerprint_training(built(given), given, 1, CONFIG, CPU),
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "module", ["generators.gan", "generators.base.gan", "generators.base.generator", "networks.generative.dcgan"]
)
def test_it_changes_with_the_code_of_generator_bases_and_networks(
    module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = name(images([0, 3, 0]))
    full = f"counterweight.{module}"
    edited = tmp_path / "edited.py"
    edited.write_bytes(Path(str(sys.modules[full].__file__)).read_bytes() + b"\n# Edited.\n")
    stand_in = ModuleType(full)
    stand_in.__file__ = str(edited)
    given = images([0, 3, 0])
    model = built(given)
    monkeypatch.setitem(sys.modules, full, stand_in)
    assert fingerprint_training(model, given, 0, CONFIG, CPU) != before


def test_a_killed_training_of_other_classes_is_not_gone_on_with(tmp_path: Path) -> None:
    """A per-class training under `natural` is killed, and `cap` changed so that other classes need images."""
    first = images([0, 3, 0])
    left = tmp_path / fingerprint_training(built(first), first, 0, CONFIG, CPU)
    fit(built(first), to_labelled(first.images, first.labels), 0, CONFIG, left)
    assert any(left.iterdir()), "it leaves a checkpoint"
    second = images([3, 3, 0])
    folder = tmp_path / fingerprint_training(built(second), second, 0, CONFIG, CPU)
    history = fit(built(second), to_labelled(second.images, second.labels), 0, CONFIG, folder)
    assert {str(row["update"]).split(":")[0] for row in history} == {"a", "b"}
