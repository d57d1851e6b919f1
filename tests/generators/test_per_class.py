"""Generators that know no labels, trained once for each class that needs images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_bytes, to_labelled
from counterweight.generators.base.generator import LearnedGenerator, NotApplicable
from counterweight.generators.base.per_class import PerClass
from counterweight.generators.base.saved import build_generator, load_generator, save_generator
from counterweight.generators.vae import VAE
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import fit

SETTINGS = {"latent_dim": 2, "filters": 8, "hidden": 16, "batch_size": 8, "sampling": "prior", "kl_weight": 0.1}
NAMES = ("a: b", "b", "c")


def images(wanted: list[int] | None = None) -> ImageSet:
    """Ten images of each of three classes: dark, grey, bright."""
    labels = np.arange(30) % 3
    pixels = (50 + 78 * labels[:, None, None, None] + np.zeros((30, 1, 12, 10))).astype(np.uint8)
    provenance = {} if wanted is None else {"wanted": wanted}
    return ImageSet(pixels, labels, NAMES, np.array([""] * 30), provenance)


def model(wanted: list[int] | None = None, epochs: int = 1) -> PerClass:
    built = build_generator("vae", {**SETTINGS, "epochs": epochs, "learning_rate": 0.01}, images(wanted), 0, "vae")
    assert isinstance(built, PerClass)
    return built


def test_only_classes_that_need_images_get_a_model() -> None:
    assert model().trained_labels == (0, 1, 2)
    assert model([0, 5, 0]).trained_labels == (1,)
    assert [phase.label for phase in model([3, 0, 1]).phases()] == [0, 2]


def test_names_of_acts_and_phases_tell_the_class() -> None:
    assert [phase.name for phase in model([1, 0, 1]).phases()] == ["a: b: autoencoder", "c: autoencoder"]
    assert [update.name for phase in model([1, 0, 1]).phases() for update in phase.updates] == [
        "a: b: autoencoder",
        "c: autoencoder",
    ]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("vae", SETTINGS),
        *((name, {"latent_dim": 2, "width": 4, "batch_size": 8}) for name in ("gan", "wgan", "wgan_gp")),
    ],
)
def test_an_unconditional_one_is_a_single_model_of_all_classes(
    name: str, settings: dict[str, object], tmp_path: Path
) -> None:
    built = build_generator(name, {**settings, "unconditional": True, "epochs": 1}, images(), 0, name)
    assert isinstance(built, LearnedGenerator)
    assert not isinstance(built, PerClass)
    assert [phase.label for phase in built.phases()] == [None]
    real = to_labelled(images().images, images().labels)
    assert fit(built, real, 0, TrainingConfig(previews=0), tmp_path / "unfinished")
    first, other = (built.sample(torch.full((4,), label), real, torch.Generator().manual_seed(0)) for label in (0, 2))
    assert torch.equal(first, other)  # whatever class is asked for
    save_generator(name, built, tmp_path / "saved")
    read = load_generator(tmp_path / "saved")
    assert torch.equal(read.sample(torch.zeros(4, dtype=torch.int64), real, torch.Generator().manual_seed(0)), first)


def test_an_unconditional_vae_is_sampled_from_its_prior_whatever_sampling_says() -> None:
    settings = {**SETTINGS, "sampling": "class_gaussian", "unconditional": True}
    built = build_generator("vae", settings, images(), 0, "vae")
    assert isinstance(built, VAE)
    nothing = to_labelled(images().images[:0], images().labels[:0])  # no image to draw latents near of
    made = built.sample(torch.tensor([1, 2]), nothing, torch.Generator().manual_seed(0))
    prior = torch.randn((2, 2), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(made, to_bytes(built.eval().decode(prior, torch.zeros(2))))


def test_a_class_without_a_model_is_refused_by_name() -> None:
    real = to_labelled(images().images, images().labels)
    with pytest.raises(NotApplicable, match="no model was trained for class 'a: b'"):
        model([0, 1, 0]).sample(torch.tensor([1, 0]), real, torch.Generator())


def test_every_model_learns_its_own_class(tmp_path: Path) -> None:
    real = to_labelled(images().images, images().labels)
    built = model([7, 0, 7], epochs=60)
    history = fit(built, real, 0, TrainingConfig(previews=1, preview_columns=2), tmp_path)
    assert {row["update"] for row in history} == {"a: b: autoencoder", "c: autoencoder"}
    assert [row["epoch"] for row in history] == list(range(1, 121))
    labels = torch.tensor([2, 0, 0, 2, 2])
    made = built.sample(labels, real, torch.Generator().manual_seed(0)).float().mean(dim=(1, 2, 3))
    assert ((made > 128).long() * 2).tolist() == labels.tolist()


def test_models_are_read_back_for_the_same_classes(tmp_path: Path) -> None:
    built = model([7, 0, 7])
    save_generator("vae", built, tmp_path / "saved")
    read = load_generator(tmp_path / "saved")
    assert isinstance(read, PerClass)
    assert read.trained_labels == (0, 2)
    real, labels = to_labelled(images().images, images().labels), torch.tensor([0, 2])
    made = [one.sample(labels, real, torch.Generator().manual_seed(0)) for one in (built, read)]
    assert torch.equal(*made)


def test_an_act_sees_the_images_of_its_label_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built, seen = model(), []

    def losses(self: LearnedGenerator, update: str, batch: torch.Tensor, *_: object) -> dict[str, torch.Tensor]:
        seen.append((update, batch.unique().tolist()))
        return {"loss": sum((parameter.sum() * 0 for parameter in self.parameters()), torch.zeros(()))}

    monkeypatch.setattr(type(built.model_of(0)), "losses", losses)
    fit(built, to_labelled(images().images, images().labels), 0, TrainingConfig(previews=0), tmp_path)
    assert len(seen) == 3
    assert [value for _, values in seen for value in values] == pytest.approx(
        [50 / 127.5 - 1, 128 / 127.5 - 1, 206 / 127.5 - 1], abs=1e-6
    )


def test_acts_can_be_shortened_without_losing_their_label() -> None:
    assert replace(model().phases()[1], epochs=3).label == 1
