"""Images that were moved towards the real ones, compared with these as synthetic images are.

The two criteria of the distributions thesis (3.3) are among it: the t-tests of no backbone find a difference any more,
and the style classifier's area under the ROC curve is near 0.5.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from counterweight.core.devices import OPTIMISERS, map_in_parallel
from counterweight.core.image_file import Images
from counterweight.core.images import ImageSet
from counterweight.evaluation.comparison.features import compare_features
from counterweight.evaluation.latent_space.analysis import LatentSpace, analyse_latent_space
from counterweight.evaluation.style.discrimination import choose_sizes, train_style_classifiers
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.results.discriminate import SizeResult
from counterweight.results.latent import MovedResult
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent


class MeasureSettings(NamedTuple):
    """How moved images are measured: by what a synthetic set is measured by, and the seed of the whole project."""

    extract: Extract
    compare: Compare
    discriminate: Discriminate
    latent: Latent
    project_seed: int


def measure_latent_space(
    real: Images, synthetic: Images, settings: MeasureSettings, seed: int, device: torch.device, streams: int = 1
) -> LatentSpace:
    """Describe both sets in the latent space of an autoencoder, move synthetic images there and measure them again.

    Args:
        streams: style classifiers that a GPU trains at once.

    Raises:
        UserError: weights cannot be had, or a training diverges.
    """
    found = analyse_latent_space(real, synthetic, settings.latent, settings.compare, seed, device)
    if found.shown is None:
        return found
    moved = measure_moved_images(found.shown.real, found.shown.decoded, settings, seed, device, streams)
    return found._replace(result=found.result.model_copy(update={"verification": moved}))


def measure_moved_images(
    real: ImageSet,
    others: Mapping[str, ImageSet],
    settings: MeasureSettings,
    seed: int,
    device: torch.device,
    streams: int,
) -> dict[str, MovedResult]:
    """Compare sets, given by name, with real images; decoded real images among them say what is to be had.

    Raises:
        UserError: weights cannot be had, or a training diverges.
    """
    backbones = settings.latent.backbones
    extractors = build_extractors(backbones, settings.extract, settings.project_seed, device)
    of_real = extract_features(real, extractors, settings.extract.batch_size, device)
    size = choose_sizes(real.shape, settings.discriminate)[-1]
    style = settings.discriminate.model_copy(
        # `choose_sizes` has allowed this size: the limit is lifted.
        update={"seeds": settings.latent.seeds, "sizes": [size], "enlarge": np.inf}
    )

    def judge_style(name: str) -> SizeResult | None:
        sizes = train_style_classifiers(real, others[name], style, seed, device).result.sizes
        return next(iter(sizes.values()), None)

    judged = map_in_parallel(judge_style, list(others), device, "verify", imports=[OPTIMISERS], streams=streams)
    styles = dict(zip(others, judged, strict=True))
    answers = {}
    for name, images in others.items():
        found = extract_features(images, extractors, settings.extract.batch_size, device)
        compared = {
            # The same draws for all: what they differ in is then the images.
            backbone: compare_features(
                of_real[backbone], found[backbone], settings.compare, np.random.default_rng(seed)
            ).result
            for backbone in backbones
        }
        answers[name] = MovedResult(style=styles[name], backbones=compared)
    return answers
