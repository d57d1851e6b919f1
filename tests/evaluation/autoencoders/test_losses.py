"""Losses of autoencoders in their units, and what is said of two on the same images."""

import math

import numpy as np
import pytest
import torch

from counterweight.core.errors import UserError
from counterweight.core.identities import LEARNED, WATCHED
from counterweight.core.images import ImageSet
from counterweight.data.identities import draw_parts
from counterweight.evaluation.autoencoders.losses import (
    check_counts,
    choose_examples,
    compare_runs,
    describe_history,
    describe_losses,
    measure_losses,
    pair_runs,
)
from counterweight.generators.vanilla_vae import Settings, VanillaVAE
from counterweight.results.vae_experiment import RunDraw, RunResult
from counterweight.settings.identities import Identities
from counterweight.settings.vae_experiment import AutoencoderRun

IMAGES = ImageSet(
    np.random.default_rng(0).integers(0, 256, (300, 1, 16, 16), dtype=np.uint8),
    np.arange(300),
    tuple(map(str, range(300))),
    np.array([str(place) for place in range(300)]),
    {},
)


def test_nats_are_those_of_a_gaussian_decoder() -> None:
    """With the thesis's weight of 1/32 the variance is 1/64; the density is checked against torch's."""
    values, weight, kl = 12, 1 / 32, 3.0
    image, decoded = torch.rand((2, values), generator=torch.Generator().manual_seed(0))
    error = float((image - decoded).square().sum())
    density = torch.distributions.Normal(decoded, math.sqrt(weight / 2)).log_prob(image).sum()
    found = describe_losses(error, kl, weight, values)
    assert found.nats == pytest.approx(float(-density) + kl, rel=1e-5)
    assert found.batch_reconstruction == pytest.approx(32 * error)
    assert found.batch_elbo == pytest.approx(32 * error + kl)  # which at that weight is nats but for a constant
    assert describe_losses(error, kl, 0.0, values).nats is None


def test_the_thesis_s_losses_are_28_decibels() -> None:
    """9,372.83 per batch of 32 images of 3 x 256 x 256 (table 6.10)."""
    mean = 9372.83 / 32 / (3 * 256 * 256)
    assert 10 * math.log10(1 / mean) == pytest.approx(28, abs=0.5)


def test_losses_of_chunks_are_those_of_the_whole_set() -> None:
    torch.manual_seed(0)
    model = VanillaVAE((1, 16, 16), ["all"], Settings(latent_dim=4, filters=2)).eval()
    images = torch.from_numpy(IMAGES.images.copy())
    found = measure_losses(model, images, 1)
    assert found == measure_losses(model, images, 1)
    parts = [measure_losses(model, part, 1) for part in (images[:256], images[256:])]
    kl = (256 * parts[0].kl + 44 * parts[1].kl) / 300
    assert found.kl == pytest.approx(kl, rel=1e-5)  # it needs no random number


def test_runs_share_images_and_the_larger_has_those_of_the_smaller() -> None:
    parts = draw_parts(IMAGES.labels, Identities(real_triplets=40), True, "d", 5, [1, 2])
    small, large = (choose_examples(IMAGES, parts, 0, count, 3) for count in (50, 200))
    assert (len(small.training), len(small.validation)) == (40, 5)
    assert {*small.training.origins} < {*large.training.origins}
    assert {*small.validation.origins} < {*large.validation.origins}
    assert {*large.training.origins} <= {*IMAGES.origins[parts.find(0, LEARNED)]}
    whole = choose_examples(IMAGES, parts, 0, None, 3)
    assert {*whole.validation.origins} == {*IMAGES.origins[parts.find(0, WATCHED)]}
    assert whole.training.class_names == ("all",)
    with pytest.raises(UserError, match="1000 is not allowed: beside the real triplets there are some 260 images"):
        choose_examples(IMAGES, parts, 0, 1000, 3)


def test_too_many_images_are_refused_before_the_first_run() -> None:
    parts = draw_parts(IMAGES.labels, Identities(real_triplets=40), True, "d", 5, [1, 2])
    runs = {
        "one": AutoencoderRun(autoencoder="vanilla_vae", images=100),
        "two": AutoencoderRun(autoencoder="vanilla_vae", images=1000),
    }
    check_counts({"one": runs["one"]}, parts)
    with pytest.raises(UserError, match=r"recognition.d.vae_experiment.runs.two.images: 1000 is not allowed"):
        check_counts(runs, parts)


def test_too_few_images_to_watch_are_told_too() -> None:
    """An identity of 20 images is learned from in one draw and watched in none."""
    labels = np.concatenate([np.zeros(20, dtype=np.int64), np.arange(1, 60)])
    parts = draw_parts(labels, Identities(real_triplets=14), True, "d", 5, [1])
    watched = len(parts.find(0, WATCHED))
    run = AutoencoderRun(autoencoder="vanilla_vae", images=10 * watched + 10)
    with pytest.raises(UserError, match=f"beside the real triplets there are some {10 * watched}"):
        check_counts({"one": run}, parts)


def test_the_history_has_both_units() -> None:
    rows = [
        {"epoch": 1, "update": "autoencoder", "loss": 9.0, "reconstruction": 8.0, "kl": 4.0},
        {"epoch": 1, "update": "validation", "loss": 9.5, "reconstruction": 8.5, "kl": 4.0},
    ]
    training, validation = describe_history(rows, 0.25, 16)
    assert (training["update"], validation["update"]) == ("training", "validation")
    assert (training["batch_reconstruction"], training["batch_elbo"]) == (256, 260)
    constant = 8 * np.log(np.pi / 4)
    assert training["nats"] == pytest.approx(8 / 0.25 + 4 + constant)
    assert training["nats_reconstruction"] == pytest.approx(32 + constant)
    (without,) = describe_history(rows[:1], 0.0, 16)
    assert "nats" not in without


def test_runs_that_differ_in_the_autoencoder_alone_are_compared() -> None:
    runs = {
        "one": AutoencoderRun(autoencoder="vanilla_vae", images=100, settings={"epochs": 2}),
        "two": AutoencoderRun(autoencoder="variant_vae", images=100, settings={"epochs": 2}),
        "three": AutoencoderRun(autoencoder="variant_vae", images=200, settings={"epochs": 2}),
    }
    assert pair_runs(runs) == [("one", "two")]


def run_of(errors: list[float]) -> RunResult:
    found = [describe_losses(own, 5.0, 1.0, 4) for own in errors]
    draws = [RunDraw(training=own, validation=own) for own in found]
    return RunResult(autoencoder="x", settings={}, parameters=1, training_images=1, validation_images=1, draws=draws)


def test_differences_have_student_s_interval() -> None:
    """Changes of 1, 2 and 3 times 32: mean 64, error 32 / sqrt(3), t of two degrees 4.3027."""
    found = compare_runs({"a": run_of([1, 1, 1]), "b": run_of([2, 3, 4])}, [("a", "b")])
    training = found[0]
    half = 4.302653 * 32 / 3**0.5
    assert (training.part, training.loss, training.mean) == ("training", "reconstruction", 64)
    assert training.interval == pytest.approx([64 - half, 64 + half], rel=1e-5)
    assert training.answer == "undecided"
    assert compare_runs({"a": run_of([1, 1.1, 1]), "b": run_of([3, 3, 3.1])}, [("a", "b")])[0].answer == "higher"
    assert compare_runs({"a": run_of([3, 3.1, 3]), "b": run_of([1, 1, 1.1])}, [("a", "b")])[0].answer == "lower"
    assert compare_runs({"a": run_of([1]), "b": run_of([2])}, [("a", "b")])[0].interval is None
