"""Autoencoders trained on the same images, and how their losses differ (log-ends thesis, 6.1)."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from counterweight.core.errors import UserError
from counterweight.core.identities import LEARNED, WATCHED, IdentityParts
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_network_input
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.layers import kl_to_standard_normal, reparametrize
from counterweight.results.vae_experiment import Difference, Losses, RunResult
from counterweight.settings.identities import OF_AUTOENCODERS
from counterweight.settings.vae_experiment import AutoencoderRun
from counterweight.statistics.verdict import student_interval
from counterweight.training.history import Row

BATCH = 32
"""Of the thesis, whose losses are sums over one."""
CHUNK = 256
CLAIMS = {
    ("training", "kl"): "lower with any number of images",
    ("validation", "kl"): "lower with any number of images",
    ("training", "reconstruction"): "lower with 1,000 and 20,000 images, higher with 100,000",
    ("validation", "reconstruction"): "higher with any number of images",
}


class Examples(NamedTuple):
    """Images that an autoencoder is fitted to, and those on which its losses are watched."""

    training: ImageSet
    validation: ImageSet


def choose_examples(images: ImageSet, parts: IdentityParts, draw: int, count: int | None, seed: int) -> Examples:
    """Choose a run's images in a draw: of two runs, the larger one's are the smaller one's and more.

    Args:
        count: images in all, those for triplets to start from included; None: as many as there are.
        seed: the same for all runs of a draw.

    Raises:
        UserError: there are not so many.
    """
    chosen = []
    for role, fraction in zip((LEARNED, WATCHED), OF_AUTOENCODERS, strict=False):
        own = parts.find(draw, role)
        wanted = len(own) if count is None else max(1, round(fraction * count))
        if wanted > len(own):
            most = count_most(len(parts.find(draw, LEARNED)), len(parts.find(draw, WATCHED)))
            raise UserError(f"{count} is not allowed: beside the real triplets there are some {most} images")
        order = np.random.default_rng([seed, role]).permutation(own)
        chosen.append(forget_identities(images.take(np.sort(order[:wanted]))))
    return Examples(*chosen)


def check_counts(runs: Mapping[str, AutoencoderRun], parts: IdentityParts) -> None:
    """Refuse runs of more images than there are, before the first one is trained."""
    learned, watched = (min(len(parts.find(draw, role)) for draw in range(len(parts))) for role in (LEARNED, WATCHED))
    for name, run in runs.items():
        wanted = [] if run.images is None else [round(fraction * run.images) for fraction in OF_AUTOENCODERS[:2]]
        if any(own > there for own, there in zip(wanted, (learned, watched), strict=False)):
            where = f"params.yaml: recognition.{parts.dataset}.vae_experiment.runs.{name}.images"
            total = count_most(learned, watched)
            raise UserError(f"{where}: {run.images} is not allowed: beside the real triplets there are some {total}")


def count_most(learned: int, watched: int) -> int:
    """Return how many images a run can have in all, of so many to learn from and to watch."""
    most = min(own / fraction for own, fraction in zip((learned, watched), OF_AUTOENCODERS, strict=False))
    return math.floor(most + 1e-9)  # 23 / 0.1 is below 230


def forget_identities(images: ImageSet) -> ImageSet:
    """Return images as ones of one class."""
    return replace(images, labels=np.zeros_like(images.labels), class_names=("all",))


@torch.no_grad()
def measure_losses(model: VariationalAutoencoder, images: Tensor, seed: int) -> Losses:
    """Return the mean losses of uint8 images (N, C, H, W), which may be elsewhere than the model.

    Latents are drawn from their posteriors, as in training.
    """
    rng = torch.Generator(model.device).manual_seed(seed)
    error = kl = 0.0
    for part in images.split(CHUNK):
        shown, labels = to_network_input(part.to(model.device)), torch.zeros(len(part), dtype=torch.int64)
        mean, log_variance = model.encode(shown, labels.to(model.device))
        latents = reparametrize(mean, log_variance, rng)
        error += len(part) * float(model.reconstruction(shown, latents, labels.to(model.device)))
        kl += len(part) * float(kl_to_standard_normal(mean, log_variance))
    return describe_losses(error / len(images), kl / len(images), model.settings.kl_weight, images[0].numel())


def describe_losses(error: float, kl: float, weight: float, values: int) -> Losses:
    """Return losses in all their units.

    The training minimises error + weight * kl, which is the bound for a Gaussian decoder of variance v = weight / 2,
    times the weight: error / (2 v) + kl + values / 2 log(2 pi v) nats.

    Args:
        values: numbers in an image, C * H * W.
    """
    nats = error / weight + kl + values / 2 * math.log(math.pi * weight) if weight else None
    return Losses(
        squared_error=error, kl=kl, batch_reconstruction=BATCH * error, batch_elbo=BATCH * error + kl, nats=nats
    )


def watch_losses(model: VariationalAutoencoder, images: Tensor, seed: int) -> dict[str, float]:
    """Return the losses of images that are not trained on, called as the training calls its own."""
    found = measure_losses(model, images, seed)
    loss = found.squared_error + model.settings.kl_weight * found.kl
    return {"loss": loss, "reconstruction": found.squared_error, "kl": found.kl}


def describe_history(history: Sequence[Row], weight: float, values: int) -> list[Row]:
    """Return a draw's history with its losses in all their units: sums over 32 images, and nats an image.

    Those of training images are means over an epoch, during which the autoencoder learns; those of validation images
    are taken at its end.

    Args:
        weight, values: as of `describe_losses`.
    """
    rows: list[Row] = []
    for row in history:
        found = describe_losses(float(row["reconstruction"]), float(row["kl"]), weight, values)
        units = found.model_dump(exclude={"squared_error"}, exclude_none=True)
        if found.nats is not None:
            units["nats_reconstruction"] = found.nats - found.kl
        part = "validation" if row["update"] == "validation" else "training"
        rows.append({"epoch": row["epoch"], "update": part, "loss": row["loss"], **units})
    return rows


def pair_runs(runs: Mapping[str, AutoencoderRun]) -> list[tuple[str, str]]:
    """Return the names of vanilla and variant autoencoders that differ in nothing else."""
    kinds: dict[str, list[str]] = {
        kind: [name for name, run in runs.items() if run.autoencoder == kind] for kind in ("vanilla_vae", "variant_vae")
    }
    pairs = product(kinds["vanilla_vae"], kinds["variant_vae"])
    return [(one, two) for one, two in pairs if describe_run(runs[one]) == describe_run(runs[two])]


def describe_run(run: AutoencoderRun) -> tuple[object, ...]:
    """Return what two runs have in common that can be compared."""
    return run.images, sorted(run.settings.items())


def compare_runs(results: Mapping[str, RunResult], pairs: Iterable[tuple[str, str]]) -> list[Difference]:
    """Compare the losses of variant and vanilla autoencoders."""
    kinds: list[tuple[Literal["training", "validation"], Literal["reconstruction", "kl"]]] = [
        ("training", "reconstruction"),
        ("training", "kl"),
        ("validation", "reconstruction"),
        ("validation", "kl"),
    ]
    return [compare_losses(results, vanilla, variant, part, loss) for vanilla, variant in pairs for part, loss in kinds]


def compare_losses(
    results: Mapping[str, RunResult],
    vanilla: str,
    variant: str,
    part: Literal["training", "validation"],
    loss: Literal["reconstruction", "kl"],
) -> Difference:
    """Compare one loss of two autoencoders in draws that they share."""
    key = "kl" if loss == "kl" else "batch_reconstruction"
    one, two = (
        np.array([getattr(getattr(draw, part), key) for draw in results[name].draws]) for name in (vanilla, variant)
    )
    changes = two - one
    interval = None
    if len(changes) > 1:
        error = float(changes.std(ddof=1)) / math.sqrt(len(changes))
        interval = student_interval(float(changes.mean()), error, len(changes) - 1, 0.05)
    return Difference(
        vanilla=vanilla,
        variant=variant,
        part=part,
        loss=loss,
        mean=float(changes.mean()),
        interval=interval,
        answer=answer(interval),
        thesis=CLAIMS[part, loss],
    )


def answer(interval: Sequence[float] | None) -> Literal["lower", "higher", "undecided"]:
    """Return what an interval says of a difference."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "undecided"
    return "lower" if interval[1] < 0 else "higher"
