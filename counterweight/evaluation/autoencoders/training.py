"""The training of one autoencoder in all draws, and what is written down of it."""

import math
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.errors import UserError
from counterweight.core.identities import IdentityParts
from counterweight.core.images import ImageSet
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_bytes, to_network_input
from counterweight.evaluation.autoencoders.losses import (
    Examples,
    choose_examples,
    describe_history,
    measure_losses,
    watch_losses,
)
from counterweight.generators.base.saved import build_generator, save_generators
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.networks.layers import parameter_count
from counterweight.plots.grid import save_grid
from counterweight.results.vae_experiment import RunDraw, RunResult
from counterweight.settings.train import TrainingConfig
from counterweight.settings.vae_experiment import AutoencoderRun
from counterweight.training.draws import find_folders, train_draws
from counterweight.training.history import Row, write_history

SHOWN = 8
"""Images of either part whose reconstructions are drawn."""


class Trained(NamedTuple):
    """Autoencoders of one run, one for each draw; their history; and the folders of checkpoints to be removed."""

    models: list[VariationalAutoencoder]
    examples: list[Examples]
    history: list[list[Row]]
    folders: list[Path]


def train_run(
    name: str,
    run: AutoencoderRun,
    images: ImageSet,
    parts: IdentityParts,
    seed: int,
    config: TrainingConfig,
    checkpoints: Path,
    device: torch.device,
    streams: int = 1,
) -> Trained:
    """Train the autoencoder of a run in every draw, side by side on a CPU, or go on with it.

    Args:
        streams: draws that a GPU trains at once.

    Raises:
        UserError: there are too few images, a setting is not allowed, or a loss is not finite.
    """
    where = f"params.yaml: recognition.{parts.dataset}.vae_experiment.runs.{name}"
    draws = range(len(parts))
    try:
        chosen = [derive_seed(seed, parts.dataset, "vae_experiment", str(draw)) for draw in draws]
        examples = [choose_examples(images, parts, draw, run.images, chosen[draw]) for draw in draws]
    except UserError as error:
        raise UserError(f"{where}.images: {error}") from error
    seeds = [derive_seed(seed, parts.dataset, "vae_experiment", name, str(draw)) for draw in draws]
    models = [build(run, own.training, one, where).to(device) for own, one in zip(examples, seeds, strict=True)]
    sets, quiet = [own.training for own in examples], config.model_copy(update={"previews": 0})
    folders = find_folders(models, sets, seeds, quiet, checkpoints)
    watches = [
        partial(watch_losses, model, torch.from_numpy(own.validation.images), one)
        for model, own, one in zip(models, examples, seeds, strict=True)
    ]
    try:
        history = train_draws(models, sets, seeds, quiet, folders, watches, streams=streams)
        return Trained(models, examples, history, folders)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def build(run: AutoencoderRun, images: ImageSet, seed: int, where: str) -> VariationalAutoencoder:
    """Return an untrained autoencoder for images like these."""
    model = build_generator(run.autoencoder, run.settings, images, seed, f"{where}.settings")
    if not isinstance(model, VariationalAutoencoder):  # a model for each class, of which there are none here
        raise UserError(f"{where}.settings.sampling: 'prior' is not allowed: no images of a class are wanted here")
    return model


def describe_run(run: AutoencoderRun, trained: Trained, seed: int) -> RunResult:
    """Measure the losses of a run's autoencoders on what they learned from and on what they did not."""
    draws = []
    for model, own in zip(trained.models, trained.examples, strict=True):
        model.eval()
        training, validation = (measure_losses(model, torch.from_numpy(part.images), seed) for part in own)
        draws.append(RunDraw(training=training, validation=validation))
    first = trained.models[0]
    return RunResult(
        autoencoder=run.autoencoder,
        settings=first.settings.model_dump(),
        parameters=parameter_count(first),
        training_images=len(trained.examples[0].training),
        validation_images=len(trained.examples[0].validation),
        draws=draws,
    )


def write_run(run: AutoencoderRun, trained: Trained, models: Path, plots: Path) -> None:
    """Write a run's autoencoders, its history, and the first draw's reconstructions, each beside its image."""
    save_generators(run.autoencoder, trained.models, models)
    plots.mkdir()
    weight, values = trained.models[0].settings.kl_weight, math.prod(trained.models[0].shape)
    history = [describe_history(own, weight, values) for own in trained.history]
    write_history(history, plots / "history.csv")
    for part, own in zip(("training", "validation"), trained.examples[0], strict=True):
        shown = own.images[:SHOWN]
        pairs = np.stack([shown, reconstruct(trained.models[0], shown)], axis=1)
        save_grid(pairs.reshape(-1, *own.shape), 8, plots / f"{part}.png")


@torch.no_grad()
def reconstruct(model: VariationalAutoencoder, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return what uint8 images (N, C, H, W) are decoded to from the means of their latents."""
    shown = to_network_input(torch.from_numpy(images.copy()).to(model.device))
    labels = torch.zeros(len(images), dtype=torch.int64, device=model.device)
    mean, _ = model.encode(shown, labels)
    made: npt.NDArray[np.uint8] = to_bytes(model.decode(mean, labels)).cpu().numpy()
    return made
