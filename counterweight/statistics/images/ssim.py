"""Structural similarity of random pairs of images: how diverse a set is."""

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from counterweight.results.compare import PairwiseSSIM
from counterweight.statistics.base.resampling import Labels, summarize

Images = npt.NDArray[np.uint8]

WINDOW = 11
SIGMA = 1.5


def pairwise_ssim(images: Images, labels: Labels, pairs: int, rng: np.random.Generator) -> PairwiseSSIM:
    """Average the structural similarity of random pairs of different images of one class.

    The diversity of the balancing thesis (5.3); less similar is more diverse, to be read beside the real set's
    value. The first image of a pair is drawn from all that have another of their class, the second from those
    others, so classes come in proportion to their counts; a pair may be drawn twice.

    Args:
        images: uint8 (N, C, H, W).
        labels: integer (N,).
        pairs: number of pairs, at least 1.

    Returns:
        Mean and standard deviation over the pairs, between -1 and 1.

    Raises:
        ValueError: a shape or type is another one, or `pairs` < 1.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != images.shape[:1]:
        raise ValueError(f"uint8 (N, C, H, W) and labels (N,) wanted: {images.dtype} {images.shape}, {labels.shape}")
    if pairs < 1:
        raise ValueError(f"pairs: at least 1, got {pairs}")
    window = choose_window_size(images.shape[2], images.shape[3])
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    eligible = np.flatnonzero(counts[classes] >= 2)
    if len(eligible) == 0:
        reason = "no class has two images"
        return PairwiseSSIM(mean=None, std=None, pairs=0, window=window, reason=reason)
    values = []
    for first in rng.choice(eligible, pairs):
        members = np.flatnonzero(classes == classes[first])
        second = rng.choice(members[members != first])  # Never itself, whose similarity is 1.
        values.append(ssim(images[first], images[second]))
    similarity = summarize(values)
    return PairwiseSSIM(mean=similarity.mean, std=similarity.std, pairs=pairs, window=window, reason=None)


def ssim(image_a: Images, image_b: Images) -> float:
    """Return the structural similarity of two images, -1 to 1, averaged over positions and channels.

    (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)) under a Gaussian window of 11 pixels and
    sigma 1.5, with C1 = (0.01 * 255)^2 and C2 = (0.03 * 255)^2: Wang et al. 2004, Image Quality Assessment,
    equation 13 (https://doi.org/10.1109/TIP.2003.819861). Equation 5.3 of the balancing thesis has a sum in the
    numerator where this product belongs. Of an image with a side below 11 the largest odd window that fits is
    taken, and sigma shrinks with it: values of different windows cannot be compared.

    Args:
        image_a: uint8 (C, H, W).
        image_b: uint8 (C, H, W).

    Raises:
        ValueError: the shapes differ.
    """
    # skimage makes the Gaussian window 2 * int(3.5 * sigma + 0.5) + 1 wide: that is `window` for this sigma.
    sigma = SIGMA * choose_window_size(*image_a.shape[1:]) / WINDOW
    value = structural_similarity(  # type: ignore[no-untyped-call]
        image_a,
        image_b,
        gaussian_weights=True,
        sigma=sigma,
        use_sample_covariance=False,  # As Wang et al., whose window's weights sum to 1.
        data_range=255,
        channel_axis=0,
    )
    return float(value)


def choose_window_size(height: int, width: int) -> int:
    """Return the size in pixels of the window for images of this size: 11, or the largest odd one that fits."""
    size = min(height, width, WINDOW)
    return size - 1 + size % 2  # Odd: a window has a middle pixel.
