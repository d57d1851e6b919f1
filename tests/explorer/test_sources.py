"""What images were made of that have no latents."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from counterweight.explorer.exploration import Exploration, open_exploration
from counterweight.explorer.folders import find_models
from counterweight.explorer.sources import denoise_stepwise, find_parents, make_image, start_rng
from counterweight.generators.base.saved import save_generator
from tests.explorer.made import FEW, MINORITY, TRAIN, lay_out

DDPM: dict[str, object] = {
    **{"width": 4, "multipliers": [1, 2], "blocks": 1, "timesteps": 20, "sampling_steps": 5},
    **{"epochs": 1, "batch_size": 64},
}
EXACTLY: dict[str, dict[str, object]] = {
    "oversample": {},
    "geometric": {
        **{"rotation": 0.0, "shift": 0.0, "crop": 1.0, "colour": 0.0, "noise": 0.0},
        **{"horizontal_flip": False},
    },
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    made = {"smote": {}, "adasyn": {}, "cutpaste": {}, "ddpm": DDPM, **EXACTLY}
    return lay_out(tmp_path_factory.mktemp("sources"), made)


def open_row(root: Path, name: str) -> Exploration:
    return open_exploration(find_models(root, root / f"models/digits/drop/{name}/0")[0])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["smote", "adasyn"])
def test_interpolated_images_have_two_parents(root: Path, name: str, seed: int) -> None:
    model = open_row(root, name)
    made = make_image(model, MINORITY, seed)
    assert made.image is not None
    first, second = (parent.image.astype(float) for parent in made.parents)
    assert all(parent.caption.startswith("4: digits/") for parent in made.parents)
    percent = float(made.how.split(", ")[1].split("%")[0]) / 100
    # Half a percent of rounding in the words, half a level of rounding in the image.
    assert np.abs(first + percent * (second - first) - made.image).max() <= 0.005 * 255 + 1.5


def test_parents_are_found_among_all_pairs() -> None:
    images = TRAIN.images[:40]
    for first, second, fraction in ((3, 17, 0.3), (30, 2, 0.5), (5, 6, 0.9)):
        between = images[first] + fraction * (images[second] - images[first].astype(float))
        found = find_parents(between.round().astype(np.uint8), images)
        assert found is not None
        if found.first != first:
            found = found._replace(first=found.second, second=found.first, fraction=1 - found.fraction)
        assert found[:2] == (first, second)
        assert found.fraction == pytest.approx(fraction, abs=0.01)


def test_an_image_between_no_two_has_no_parents() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 8, 8), dtype=np.uint8)
    assert find_parents(noise, TRAIN.images[:40]) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", [*EXACTLY])
def test_copies_show_their_original(root: Path, name: str, seed: int) -> None:
    made = make_image(open_row(root, name), MINORITY, seed)
    (parent,) = made.parents
    assert made.image is not None
    assert (parent.image == made.image).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_pasted_image_shows_both(root: Path, seed: int) -> None:
    model = open_row(root, "cutpaste")
    made = make_image(model, MINORITY, seed)
    front, _ = made.parents
    assert front.caption.startswith("4: ")
    assert made.image is not None
    # The same generator on these two images alone makes the same image, but for the choice of both.
    assert model.real is not None
    labels = torch.tensor([MINORITY])
    rng = start_rng(model, MINORITY, seed)
    assert (model.generator.sample(labels, model.real.labelled, rng)[0].numpy() == made.image).all()


def test_a_class_without_images_is_said(root: Path) -> None:
    model = open_row(root, "smote")
    assert model.real is not None
    assert len(model.real.train.images) > FEW
    others = np.flatnonzero(model.real.train.images.labels != MINORITY)
    fewer = model.real.train._replace(images=model.real.train.images.take(others))
    without = replace(model, real=replace(model.real, train=fewer))
    made = make_image(without, MINORITY, 0)
    assert made.image is None
    assert "SMOTE needs two images of class '4', there are 0" in made.how


def test_unknown_images_are_said(root: Path, tmp_path: Path) -> None:
    save_generator("smote", open_row(root, "smote").generator, tmp_path / "alone")
    made = make_image(open_exploration(find_models(tmp_path, tmp_path / "alone")[0]), MINORITY, 0)
    assert made.image is None
    assert "works on the training images, which are not known here" in made.how


def test_a_diffusion_shows_its_steps(root: Path) -> None:
    model = open_row(root, "ddpm")
    found = denoise_stepwise(model, MINORITY, 3, 5)
    assert found.times == [20, 16, 12, 8, 4, 0]
    assert found.noisy.shape == found.predicted.shape == (6, 1, 8, 8)
    with torch.no_grad():
        wanted = model.generator.sample(
            torch.tensor([MINORITY]), model.real.labelled if model.real else None, start_rng(model, MINORITY, 3)
        )
    assert (found.noisy[-1] == wanted[0].numpy()).all()
