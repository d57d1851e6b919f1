"""Inception Score: does a classifier name each image with certainty, and all of them differently."""

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax

from counterweight.results.compare import InceptionScore

FEWEST = 100
"""Images of a split, at least, where there are so many: the score is at most the number of images that it is of."""


def inception_score(logits: npt.NDArray[np.floating], splits: int, rng: np.random.Generator) -> InceptionScore:
    """Return exp(E KL(p(y|x) || p(y))), the mean over random splits and its deviation over them.

    Salimans et al. 2016, Improved Techniques for Training GANs, section 4, https://arxiv.org/abs/1606.03498, who take
    ten splits of 50,000 images; p(y) is the mean of a split's p(y|x). 1 where all images are named alike or none with
    any certainty; K where each is one of K classes for certain, these being equally frequent. It does not look at real
    images and depends on their number: to be read beside the score of as many real ones.

    Args:
        logits: (N, K), of Inception without the bias of its last layer, as the original's are taken.
        splits: at most; fewer, at least one, where splits would have less than 100 images.
        rng: of the order of the images.

    Raises:
        ValueError: a shape is another one, or a value is not finite.
    """
    if logits.ndim != 2 or not np.isfinite(logits).all():
        raise ValueError(f"finite logits (N, K) wanted: {logits.shape}")
    count = len(logits)
    if count == 0:
        return InceptionScore(n=0, splits=0, mean=None, std=None, reason="no image of the common classes")
    parts = np.array_split(rng.permutation(count), max(1, min(splits, count // FEWEST)))
    scores = [score_split(logits[part].astype(np.float64)) for part in parts]
    # The deviation of the literature divides by the number of splits.
    return InceptionScore(
        n=count, splits=len(parts), mean=float(np.mean(scores)), std=float(np.std(scores)), reason=None
    )


def score_split(logits: npt.NDArray[np.float64]) -> float:
    """Return the score of one split (N, K)."""
    log_p = log_softmax(logits, axis=1)
    p = np.exp(log_p)
    marginal = p.mean(axis=0)
    # Where no image has any probability of a class, it adds 0: p log p tends to 0.
    log_marginal = np.log(marginal, out=np.zeros_like(marginal), where=marginal > 0)
    return float(np.exp((p * (log_p - log_marginal)).sum(axis=1).mean()))
