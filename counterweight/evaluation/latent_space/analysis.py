"""Real and synthetic images in the latent space of one autoencoder, and synthetic ones moved to where real ones lie."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA

from counterweight.core.errors import UserError
from counterweight.core.image_file import Images
from counterweight.core.images import ImageSet
from counterweight.core.schema import parse_settings
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_bytes, to_labelled, to_unit
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic, select_options
from counterweight.generators.base.generator import LearnedGenerator, find_generator
from counterweight.generators.base.vae import CommonSettings, VariationalAutoencoder
from counterweight.results.compare import StatisticResult
from counterweight.results.latent import LatentResult
from counterweight.settings.compare import Compare
from counterweight.settings.latent import Latent
from counterweight.settings.train import TrainingConfig
from counterweight.statistics import latents
from counterweight.statistics.base.resampling import draw_matched
from counterweight.statistics.two_sample import ttest
from counterweight.training.loop import fit

Floats = npt.NDArray[np.float64]
CHUNK = 256
COMPONENTS = 8  # principal components whose fraction of the variance is reported, at most
FEWEST = 10  # images of either side


class LatentSpace(NamedTuple):
    """The result, and what pictures are made of; None where there are too few images."""

    result: LatentResult
    shown: "LatentImages | None"


@dataclass(frozen=True)
class LatentImages:
    """Images of both sides, equally many; what the decoder makes of latents, by name; latents on two components."""

    real: ImageSet
    synthetic: ImageSet
    decoded: Mapping[str, ImageSet]
    """`real_decoded` and `synthetic_decoded` from their own latents; `mean_shift` and `optimal_map` from moved ones."""
    points: Mapping[str, Floats]
    fractions: list[float]


def analyse_latent_space(
    real: Images, synthetic: Images, settings: Latent, tests: Compare, seed: int, device: torch.device
) -> LatentSpace:
    """Train an autoencoder on both sets together and describe where in its latent space each of them lies.

    The second part of the distributions thesis (3.2, 4.2 and 4.3). Both sets give as many images of every class.

    Raises:
        UserError: the training diverges.
    """
    rng = np.random.default_rng(seed)
    of_real, of_synthetic = draw_matched(real.labels, synthetic.labels, rng)
    kept = np.sort(rng.permutation(len(of_real))[: settings.images])
    real, synthetic = real.take(of_real[kept]), synthetic.take(of_synthetic[kept])
    facts: dict[str, Any] = {"images": len(kept), "settings": settings.model_dump()}
    if len(kept) < FEWEST:
        reason = f"fewer than {FEWEST} images of the common classes of either side"
        return LatentSpace(LatentResult(**facts, reason=reason), None)
    model = train_autoencoder(real, synthetic, settings, derive_seed(seed, "training"), device)
    clouds = {name: encode_images(model, images) for name, images in (("real", real), ("synthetic", synthetic))}
    moved = move_clouds(clouds, settings.components)
    drawn = {
        "real_decoded": replace(real, images=decode_latents(model, clouds["real"])),
        "synthetic_decoded": replace(synthetic, images=decode_latents(model, clouds["synthetic"])),
        **{name: replace(synthetic, images=decode_latents(model, points)) for name, points in moved.items()},
    }
    points, fractions = project_latents({**clouds, **moved})
    result = LatentResult(
        **facts,
        network=settings.network,
        latents=clouds["real"].shape[1],
        t_test=compare_latent_means(clouds, real, synthetic, tests, rng),
        density={name: latents.describe_density(cloud) for name, cloud in {**clouds, **moved}.items()},
        modes=count_modes(clouds, seed),
        explained_variance=fractions,
        error={
            "real": measure_error(real, drawn["real_decoded"]),
            "synthetic": measure_error(synthetic, drawn["synthetic_decoded"]),
        },
        reason=None,
    )
    return LatentSpace(result, LatentImages(real, synthetic, drawn, points, fractions))


def move_clouds(clouds: Mapping[str, Floats], components: int) -> dict[str, Floats]:
    """Return the synthetic latents moved to the mean of the real ones, and to their mean and covariance."""
    origin, goal = clouds["synthetic"], clouds["real"]
    moves = {
        "mean_shift": latents.mean_shift(origin, goal),
        "optimal_map": latents.optimal_map(origin, goal, components),
    }
    return {name: move(origin) for name, move in moves.items()}


def train_autoencoder(
    real: ImageSet, synthetic: ImageSet, settings: Latent, seed: int, device: torch.device
) -> VariationalAutoencoder:
    """Return the autoencoder, trained on both sets together."""
    entry = find_generator(settings.network)
    parsed = parse_settings(entry.settings, settings.autoencoder, settings.where)
    assert isinstance(parsed, CommonSettings)
    both = real.concatenate(replace(synthetic, class_names=real.class_names))
    # Small sets get more epochs, until so many steps are made as the settings say.
    epochs = max(parsed.epochs, math.ceil(settings.steps / max(1, len(both) // parsed.batch_size)))
    with torch.random.fork_rng([]):  # torch initialises layers from a generator that all threads share
        torch.manual_seed(seed)
        model = entry.generator(both.shape, both.class_names, parsed.model_copy(update={"epochs": epochs}))
    assert isinstance(model, VariationalAutoencoder)
    quiet = TrainingConfig(previews=0, checkpoint_seconds=None)  # The folder goes away: no grid, no checkpoint.
    with TemporaryDirectory() as folder:
        try:
            fit(model.to(device), to_labelled(both.images, both.labels), seed, quiet, Path(folder))
        except UserError as error:
            raise UserError(f"{settings.where}: {error}") from error
    return model.eval()


@torch.inference_mode()
def encode_images(model: VariationalAutoencoder, images: ImageSet) -> Floats:
    """Return the means of the latents of a set, (N, D)."""
    pixels, labels = to_labelled(images.images, images.labels)
    parts = [
        model.encode(to_unit(part.to(model.device)), own.to(model.device))[0].double().cpu().numpy()
        for part, own in zip(pixels.split(CHUNK), labels.split(CHUNK), strict=True)
    ]
    return np.concatenate(parts)


@torch.inference_mode()
def decode_latents(model: LearnedGenerator, points: Floats) -> npt.NDArray[np.uint8]:
    """Return the images uint8 (N, C, H, W) that latents (N, D) decode to."""
    assert isinstance(model, VariationalAutoencoder)
    parts = [
        to_bytes(model.decode(part.float().to(model.device), torch.zeros(len(part), dtype=torch.int64))).cpu().numpy()
        for part in torch.from_numpy(points).split(CHUNK)
    ]
    return np.concatenate(parts)


def compare_latent_means(
    clouds: Mapping[str, Floats], real: ImageSet, synthetic: ImageSet, settings: Compare, rng: np.random.Generator
) -> StatisticResult:
    """Compare the means of latents within and between the sets (distributions thesis, tables 4.4 and 4.5)."""
    sets = (
        LabelledFeatures(clouds["real"], real.labels, real.groups),
        LabelledFeatures(clouds["synthetic"], synthetic.labels, synthetic.groups),
    )
    options = select_options(ttest.STATISTIC, settings)
    return run_statistic(ttest.STATISTIC, *sets, rng, settings.repeats, options)


def count_modes(clouds: Mapping[str, Floats], seed: int) -> dict[str, int]:
    """Return the number of modes of either cloud, and of both together (section 4.2.3)."""
    every = {**clouds, "both": np.concatenate(list(clouds.values()))}
    # scikit-learn takes 32 bits.
    return {name: latents.count_modes(cloud, seed % 2**32) for name, cloud in every.items()}


def project_latents(clouds: Mapping[str, Floats]) -> tuple[dict[str, Floats], list[float]]:
    """Return clouds on the two leading principal components of both sets together, and components' fractions."""
    both = np.concatenate([clouds["real"], clouds["synthetic"]])
    if not np.ptp(both, axis=0).any():
        return {name: np.zeros((len(cloud), 2)) for name, cloud in clouds.items()}, [0.0, 0.0]
    # Its solver draws at random where tables are large.
    found = PCA(min(COMPONENTS, *both.shape), random_state=0).fit(both)
    points = {name: found.transform(cloud)[:, :2] for name, cloud in clouds.items()}
    return points, found.explained_variance_ratio_.tolist()


def measure_error(images: ImageSet, reconstructed: ImageSet) -> float:
    """Return the root of the mean squared error of intensities, in levels of 255."""
    difference = images.images.astype(np.float64) - reconstructed.images
    return float(np.sqrt((difference**2).mean()))
