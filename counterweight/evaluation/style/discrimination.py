"""Can a small network tell synthetic images from real ones by their style, and by what."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA

from counterweight.core.devices import OPTIMISERS, map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.image_file import Images
from counterweight.core.images import choose_stratified
from counterweight.core.results import SetSizes
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import resize_square, to_labelled
from counterweight.evaluation.style.network import SMALLEST_SIZE, StyleClassifier
from counterweight.evaluation.style.training import (
    build_style_classifier,
    fit_style_classifier,
    judge_images,
)
from counterweight.results.discriminate import Curve, SizeResult, StyleResult
from counterweight.settings.discriminate import Discriminate
from counterweight.statistics.base import roc
from counterweight.statistics.base.resampling import Groups, draw_matched, split_groups, summarize, take_groups

FEWEST_PAIRS = 5
GRID = np.linspace(0, 1, 101)  # false positive rates at which the curves of several seeds are averaged
COMPONENTS = 8  # principal components whose fraction of the variance is reported, at most

Floats = npt.NDArray[np.float64]
Value = TypeVar("Value")


class Split(NamedTuple):
    """Real images and as many synthetic ones of the same classes: uint8 (N, C, H, W), and 1 where synthetic, (N,)."""

    images: npt.NDArray[np.uint8]
    synthetic: npt.NDArray[np.int64]
    groups: tuple[Groups, Groups] = (None, None)
    """Of the synthetic images, and of the real ones."""


class Trial(NamedTuple):
    """One training: size in pixels, number of the seed, an untrained network, and the images it is for."""

    size: int
    number: int
    network: StyleClassifier
    train: Split
    test: Split


class Outcome(NamedTuple):
    """What a trained network says of the test part: logits (N,) of being synthetic and hidden features (N, 64)."""

    trial: Trial
    logits: Floats
    hidden: Floats

    @property
    def split_logits(self) -> tuple[Floats, Floats]:
        """The logits of the synthetic images, and those of the real ones."""
        synthetic = self.trial.test.synthetic == 1
        return self.logits[synthetic], self.logits[~synthetic]


class StyleAnalysis(NamedTuple):
    """The result, and the first seed's network of every size, the largest first; none where images are too few."""

    result: StyleResult
    shown: list[Outcome]


def train_style_classifiers(
    real: Images, synthetic: Images, settings: Discriminate, seed: int, device: torch.device, streams: int = 1
) -> StyleAnalysis:
    """Train the style classifier at every size with every seed, and score it on images that it has not seen.

    Args:
        streams: trainings that a GPU computes at once.

    Raises:
        UserError: the images are too small, or a training diverges.
    """
    sizes = choose_sizes(real.shape, settings)
    # A split depends on the number alone: all sizes see the same images.
    splits = [draw_parts(real, synthetic, settings, derive_seed(seed, str(number))) for number in range(settings.seeds)]
    facts: dict[str, Any] = {
        "images": SetSizes(real=len(real), synthetic=len(synthetic)),
        "train": len(splits[0][0].images),
        "test": len(splits[0][1].images),
        "seeds": settings.seeds,
        "settings": settings.model_dump(),
    }
    # A part holds both sides, hence twice the pairs.
    if min(len(part.images) for split in splits for part in split) < 2 or len(splits[0][0].images) < 2 * FEWEST_PAIRS:
        reason = f"fewer than {FEWEST_PAIRS} images of the common classes of either side to train on, or none to test"
        return StyleAnalysis(StyleResult(**facts, sizes={}, reason=reason), [])
    shapes = {size: (real.shape[0], size, size) for size in sizes}
    trials = [
        Trial(
            size,
            number,
            build_style_classifier(shapes[size], derive_seed(seed, str(number), str(size))),
            *splits[number],
        )
        # The largest first: it takes longest.
        for size in sorted(sizes, reverse=True)
        for number in range(settings.seeds)
    ]

    def run(trial: Trial) -> Outcome:
        return run_trial(trial, settings, seed, device)

    outcomes = map_in_parallel(run, trials, device, "discriminate", imports=[OPTIMISERS], streams=streams)
    of_size = {size: [found for found in outcomes if found.trial.size == size] for size in sizes}
    scores = {str(size): score_outcomes(found) for size, found in of_size.items()}
    variance = project_hidden(outcomes[0].hidden)[1]
    result = StyleResult(**facts, sizes=scores, reason=None, explained_variance=variance)
    return StyleAnalysis(result, [found for found in outcomes if found.trial.number == 0])


def choose_sizes(shape: tuple[int, int, int], settings: Discriminate) -> list[int]:
    """Return the sizes to which images are brought: those asked for, but for what would blow them up too far.

    Where that leaves none, it is the images' own shorter side.
    """
    own = min(shape[1:])
    if own < SMALLEST_SIZE:
        raise UserError(f"images of {shape[1]} x {shape[2]} pixels; the style classifier needs {SMALLEST_SIZE} a side")
    return sorted(size for size in settings.sizes if size <= settings.enlarge * own) or [own]


def draw_parts(real: Images, synthetic: Images, settings: Discriminate, seed: int) -> tuple[Split, Split]:
    """Draw as many images of every class from both sets, and part them into what is trained on and a test part."""
    rng = np.random.default_rng(seed)
    groups = real.groups, synthetic.groups
    if any(own is not None for own in groups):
        return draw_grouped_parts(real, synthetic, groups, settings, rng)
    of_real, of_synthetic = draw_matched(real.labels, synthetic.labels, rng)
    kept = np.sort(rng.permutation(len(of_real))[: settings.images])
    of_real, of_synthetic = of_real[kept], of_synthetic[kept]
    # By position, of both sets alike: both have the same class there.
    tested = choose_stratified(real.labels[of_real], settings.test_fraction, rng)
    train, test = (
        concatenate_sets(real, of_real[chosen], synthetic, of_synthetic[chosen]) for chosen in (~tested, tested)
    )
    return train, test


def draw_grouped_parts(
    real: Images,
    synthetic: Images,
    groups: tuple[Groups, Groups],
    settings: Discriminate,
    rng: np.random.Generator,
) -> tuple[Split, Split]:
    """Draw such parts of images some of which are frames of one video: no video is in both."""
    fraction = settings.test_fraction
    drawn = split_groups((real.labels, synthetic.labels), groups, fraction, rng)
    most = round(settings.images * (1 - fraction)), round(settings.images * fraction)
    kept = [np.sort(rng.permutation(len(drawn[place]))[: most[place]]) for place in (0, 1)]
    train, test = (
        concatenate_sets(real, drawn[place][kept[place]], synthetic, drawn[2 + place][kept[place]]) for place in (0, 1)
    )
    of_real, of_synthetic = (take_groups(own, drawn[place][kept[1]]) for own, place in zip(groups, (1, 3), strict=True))
    return train, test._replace(groups=(of_synthetic, of_real))


def concatenate_sets(
    real: Images, of_real: npt.NDArray[np.int64], synthetic: Images, of_synthetic: npt.NDArray[np.int64]
) -> Split:
    """Put chosen images of both sets into one, the real ones first."""
    images = np.concatenate([real.take(of_real).images, synthetic.take(of_synthetic).images])
    return Split(images, np.repeat([0, 1], [len(of_real), len(of_synthetic)]))


def run_trial(trial: Trial, settings: Discriminate, seed: int, device: torch.device) -> Outcome:
    """Train a network, and let it judge the test part."""
    train, test = (to_labelled(part.images, part.synthetic).to(device) for part in (trial.train, trial.test))
    network = trial.network.to(device)
    own = derive_seed(seed, str(trial.number), str(trial.size), "training")
    fit_style_classifier(network, train._replace(images=resize_square(train.images, trial.size)), settings, own)
    logits, hidden = judge_images(network, resize_square(test.images, trial.size))
    return Outcome(trial, logits.double().numpy(), hidden.double().numpy())


def score_outcomes(outcomes: list[Outcome]) -> SizeResult:
    """Return area under the ROC curve and average precision over the seeds, and their mean ROC curve.

    The interval's ends are means of DeLong's over the seeds: as wide as that of one test part, since those overlap. The
    p-value is twice the mean of theirs, a p-value whatever their dependence (Vovk and Wang 2020, Combining p-values via
    averaging, https://doi.org/10.1093/biomet/asaa027).
    """
    areas = [roc.roc_auc(*found.split_logits, groups=found.trial.test.groups) for found in outcomes]
    rates = [interpolate_curve(require_value(roc.roc_points(*found.split_logits))) for found in outcomes]
    low, high = np.mean([require_value(area.interval) for area in areas], axis=0).tolist()
    precisions = [require_value(roc.average_precision(*found.split_logits)) for found in outcomes]
    return SizeResult(
        auc=summarize([require_value(area.auc) for area in areas]),
        interval=(low, high),
        p_value=combine_p_values([require_value(area.p_value) for area in areas]),
        average_precision=summarize(precisions),
        curve=Curve(false_positive_rate=GRID.tolist(), true_positive_rate=np.mean(rates, axis=0).tolist()),
    )


def combine_p_values(values: Sequence[float]) -> float:
    """Return one p-value of several that depend on each other in an unknown way; of one, itself."""
    return min(1.0, 2 * fmean(values)) if len(values) > 1 else values[0]


def require_value(value: Value | None) -> Value:
    """Return a value that there is because a test part has images of both sides."""
    assert value is not None, "a test part has images of both sides"
    return value


def interpolate_curve(curve: roc.Curve) -> Floats:
    """Return the true positive rates of a curve at the rates of GRID."""
    # On one grid, so that curves of several seeds can be averaged.
    rates: Floats = np.interp(GRID, np.array(curve.false_positive_rate), np.array(curve.true_positive_rate))
    return rates


def project_hidden(hidden: Floats) -> tuple[Floats, list[float]]:
    """Return the first two principal components (N, 2) of hidden features (N, 64), and all components' fractions.

    Fractions are of the variance, at most eight of them; zero where nothing varies.
    """
    centred = hidden - hidden.mean(axis=0)  # Of equal rows PCA would divide 0 by 0.
    if not centred.any():
        return np.zeros((len(hidden), 2)), [0.0, 0.0]
    found = PCA(min(COMPONENTS, *hidden.shape), svd_solver="full").fit(hidden)
    points = np.zeros((len(hidden), 2))  # A single component leaves the second at 0.
    points[:, : found.n_components_] = found.transform(hidden)[:, :2]
    return points, found.explained_variance_ratio_.tolist()
