"""Can a small network tell synthetic images from real ones by their style, and by what."""

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA

from counterweight.core.devices import side_by_side
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, stratified
from counterweight.core.seeds import derived_seed
from counterweight.core.tensors import labelled
from counterweight.evaluation.style.training import StyleRecipe, build_style, fit_style, judged, squared
from counterweight.networks.style import SMALLEST_SIDE, StyleClassifier
from counterweight.settings.discriminate import Discriminate
from counterweight.statistics.base import roc
from counterweight.statistics.base.resampling import matched, spread

FEWEST_PAIRS = 5
GRID = np.linspace(0, 1, 101)  # false positive rates at which the curves of several seeds are averaged
COMPONENTS = 8  # principal components whose share of the variance is told, at most

Floats = npt.NDArray[np.float64]
Value = TypeVar("Value")


class Split(NamedTuple):
    """Real images and as many synthetic ones of the same classes: uint8 (N, C, H, W), and 1 where synthetic, (N,)."""

    images: npt.NDArray[np.uint8]
    synthetic: npt.NDArray[np.int64]


class Trial(NamedTuple):
    """One training: side in pixels, number of the seed, an untrained network, and the images it is for."""

    side: int
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
    def sides(self) -> tuple[Floats, Floats]:
        """The logits of the synthetic images, and those of the real ones."""
        synthetic = self.trial.test.synthetic == 1
        return self.logits[synthetic], self.logits[~synthetic]


@dataclass(frozen=True)
class Discrimination:
    """The result as plain JSON, and the first seed's network at the largest size; None where there are too few."""

    result: dict[str, object]
    shown: Outcome | None


def discriminated(
    real: ImageSet, synthetic: ImageSet, settings: Discriminate, seed: int, device: torch.device
) -> Discrimination:
    """Train the style classifier at every size with every seed, and score it on images that it has not seen.

    Raises:
        UserError: the images are too small, or a training diverges.
    """
    sides = sizes_for(real.shape, settings)
    splits = [parts(real, synthetic, settings, derived_seed(seed, str(number))) for number in range(settings.seeds)]
    facts = {
        "images": {"real": len(real), "synthetic": len(synthetic)},
        "train": len(splits[0][0].images),
        "test": len(splits[0][1].images),
        "seeds": settings.seeds,
        "settings": settings.model_dump(),
    }
    if min(len(part.images) for split in splits for part in split) < 2 or len(splits[0][0].images) < 2 * FEWEST_PAIRS:
        reason = f"fewer than {FEWEST_PAIRS} images of the common classes of either side to train on"
        return Discrimination({**facts, "sizes": {}, "reason": reason}, None)
    shapes = {side: (real.shape[0], side, side) for side in sides}
    trials = [
        Trial(side, number, build_style(shapes[side], derived_seed(seed, str(number), str(side))), *splits[number])
        for side in sorted(sides, reverse=True)
        for number in range(settings.seeds)
    ]
    outcomes = side_by_side(lambda trial: outcome(trial, settings, seed, device), trials, device, "discriminate")
    of_size = {side: [found for found in outcomes if found.trial.side == side] for side in sides}
    result = {**facts, "sizes": {str(side): scores(found) for side, found in of_size.items()}, "reason": None}
    result["explained_variance"] = principal(outcomes[0].hidden)[1]
    return Discrimination(result, outcomes[0])


def sizes_for(shape: tuple[int, int, int], settings: Discriminate) -> list[int]:
    """Return the sides to which images are brought: those asked for, but for what would blow them up too far.

    Where that leaves none, it is the images' own shorter side.
    """
    own = min(shape[1:])
    if own < SMALLEST_SIDE:
        raise UserError(f"images of {shape[1]} x {shape[2]} pixels; the style classifier needs {SMALLEST_SIDE} a side")
    return sorted(side for side in settings.sizes if side <= settings.enlarge * own) or [own]


def parts(real: ImageSet, synthetic: ImageSet, settings: Discriminate, seed: int) -> tuple[Split, Split]:
    """Draw as many images of every class from both sets, and part them into what is trained on and a test part."""
    rng = np.random.default_rng(seed)
    of_real, of_synthetic = matched(real.labels, synthetic.labels, rng)
    kept = np.sort(rng.permutation(len(of_real))[: settings.images])
    of_real, of_synthetic = of_real[kept], of_synthetic[kept]
    tested = stratified(real.labels[of_real], settings.test_share, rng)
    train, test = (joined(real, of_real[chosen], synthetic, of_synthetic[chosen]) for chosen in (~tested, tested))
    return train, test


def joined(
    real: ImageSet, of_real: npt.NDArray[np.int64], synthetic: ImageSet, of_synthetic: npt.NDArray[np.int64]
) -> Split:
    """Put chosen images of both sets into one, the real ones first."""
    images = np.concatenate([real.images[of_real], synthetic.images[of_synthetic]])
    return Split(images, np.repeat([0, 1], [len(of_real), len(of_synthetic)]))


def outcome(trial: Trial, settings: Discriminate, seed: int, device: torch.device) -> Outcome:
    """Train a network, and let it judge the test part."""
    recipe = StyleRecipe(settings.epochs, settings.steps, settings.batch_size, settings.learning_rate)
    train, test = (labelled(*part).to(device) for part in (trial.train, trial.test))
    network = trial.network.to(device)
    own = derived_seed(seed, str(trial.number), str(trial.side), "training")
    fit_style(network, train._replace(images=squared(train.images, trial.side)), recipe, own)
    logits, hidden = judged(network, squared(test.images, trial.side))
    return Outcome(trial, logits.double().numpy(), hidden.double().numpy())


def scores(outcomes: list[Outcome]) -> dict[str, object]:
    """Return area under the ROC curve and average precision over the seeds, and their mean ROC curve.

    The interval's ends are means of DeLong's over the seeds: as wide as that of one test part, since those overlap.
    """
    areas = [roc.area(*found.sides) for found in outcomes]
    rates = [averaged(there(roc.curve(*found.sides))) for found in outcomes]
    return {
        "auc": spread([there(area["auc"]) for area in areas]),
        "interval": np.mean([there(area["interval"]) for area in areas], axis=0).tolist(),
        "average_precision": spread([there(roc.average_precision(*found.sides)) for found in outcomes]),
        "curve": {"false_positive_rate": GRID.tolist(), "true_positive_rate": np.mean(rates, axis=0).tolist()},
    }


def there(value: Value | None) -> Value:
    """Return a value that there is because a test part has images of both sides."""
    assert value is not None, "a test part has images of both sides"
    return value


def averaged(curve: roc.Curve) -> Floats:
    """Return the true positive rates of a curve at the rates of GRID."""
    rates: Floats = np.interp(GRID, np.array(curve["false_positive_rate"]), np.array(curve["true_positive_rate"]))
    return rates


def principal(hidden: Floats) -> tuple[Floats, list[float]]:
    """Return the first two principal components (N, 2) of hidden features (N, 64), and all components' shares.

    Shares are of the variance, at most eight of them; zero where nothing varies.
    """
    centred = hidden - hidden.mean(axis=0)
    if not centred.any():
        return np.zeros((len(hidden), 2)), [0.0, 0.0]
    found = PCA(min(COMPONENTS, *hidden.shape), svd_solver="full").fit(hidden)
    points = np.zeros((len(hidden), 2))
    points[:, : found.n_components_] = found.transform(hidden)[:, :2]
    return points, found.explained_variance_ratio_.tolist()
