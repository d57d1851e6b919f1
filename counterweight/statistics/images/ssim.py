"""Structural similarity of random pairs of images: how diverse a set is."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from skimage.metrics import structural_similarity

from counterweight.results.compare import PairwiseSSIM, Similarity
from counterweight.statistics.base.resampling import Groups, Indices, Labels, summarize

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

WINDOW = 11
SIGMA = 1.5
ZEROS = {"unsigned": 0.0, "signed": 127.5}
"""Level that is 0 in each range of pixels: 0 to 255, and -1 to 1."""


def pairwise_ssim(
    images: Images, labels: Labels, pairs: int, rng: np.random.Generator, groups: Groups = None
) -> PairwiseSSIM:
    """Average the structural similarity of random pairs of different images of one class.

    The diversity of the balancing thesis (5.3); less similar is more diverse, to be read beside the real set's
    value. Every image of a class of two or more is the first of a pair as often as any other, give or take one; the
    second is drawn from the others of its class. So classes come in proportion to their counts.

    Args:
        images: uint8 (N, C, H, W).
        labels: integer (N,).
        pairs: number of pairs, at least 1.
        rng: source of all randomness.
        groups: of patients, videos and the like, whose images depend on each other, int64 (N,): they count in the
            standard error. Pairs are drawn of all images, also of one group.

    Returns:
        The similarity of both ranges of pixels, between -1 and 1.

    Raises:
        ValueError: a shape or type is another one, or `pairs` < 1.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or labels.shape != images.shape[:1]:
        raise ValueError(f"uint8 (N, C, H, W) and labels (N,) wanted: {images.dtype} {images.shape}, {labels.shape}")
    if pairs < 1:
        raise ValueError(f"pairs: at least 1, got {pairs}")
    window = choose_window_size(images.shape[2], images.shape[3])
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if not (counts >= 2).any():
        reason = "no class has two images"
        return PairwiseSSIM(unsigned=None, signed=None, pairs=0, window=window, reason=reason)
    first, second = draw_pairs(classes, pairs, rng)
    found = {}
    numbers = np.arange(len(images)) if groups is None else np.unique(groups, return_inverse=True)[1]
    for name, values in compare_in_pairs(images[first], images[second]).items():
        spread, error = summarize(values), estimate_error(values, numbers[first], numbers[second], classes[first])
        found[name] = Similarity(mean=spread.mean, std=spread.std, error=error)
    return PairwiseSSIM(**found, pairs=pairs, window=window, reason=None)


def compare_in_pairs(first: Images, second: Images) -> dict[str, Floats]:
    """Return the similarity of each image to the other one in its place, (N,), by the range of pixels."""

    def compare(pair: int) -> list[float]:
        return [ssim(first[pair], second[pair], zero) for zero in ZEROS.values()]

    # Filters let go of Python's lock: of large images, pairs are compared on all cores.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        table = np.array(list(pool.map(compare, range(len(first)))))
    return dict(zip(ZEROS, table.T, strict=True))


def draw_pairs(classes: Labels, pairs: int, rng: np.random.Generator) -> tuple[Indices, Indices]:
    """Draw pairs of different images of one class, two int64 (pairs,) arrays of indices; see `pairwise_ssim`.

    Args:
        classes: of the images, integers (N,) from 0, of which one has two members or more.
        pairs: number of pairs.
        rng: source of all randomness.
    """
    counts = np.bincount(classes)
    order = np.concatenate([rng.permutation(np.flatnonzero(classes == label)) for label in np.flatnonzero(counts >= 2)])
    places = np.arange(pairs) * len(order) // pairs  # An even walk through the classes, one after another.
    own = classes[order[places]]
    begin, size = np.searchsorted(classes[order], own), counts[own]
    # So many places further in the circle of its class: never itself, whose similarity is 1.
    steps = rng.integers(1, size)
    return order[places], order[begin + (places - begin + steps) % size]


def estimate_error(values: Floats, first: Indices, second: Indices, classes: Labels) -> float | None:
    """Estimate the standard error of the mean over pairs, as of images that are a random sample; None: too few pairs.

    Pairs that share an image depend on each other, so the variance of the mean has a term for every two of them
    (Aronow, Samii and Assenova 2015, Cluster-Robust Variance Estimation for Dyadic Data,
    https://arxiv.org/abs/1312.3398). Of twenty images of a class the error is up to a sixth too small, of a hundred a
    few percent.

    Args:
        values: of the pairs, (M,).
        first: one image of each pair, indices (M,), or the group that stands in its place.
        second: the other.
        classes: of the pairs, (M,); their mix counts as given.
    """
    _, classes, counts = np.unique(classes, return_inverse=True, return_counts=True)
    freedom = len(values) - len(counts)
    if freedom < 1:
        return None
    residuals = values - (np.bincount(classes, values) / counts)[classes]
    images = max(first.max(), second.max()) + 1
    apart = first != second  # A pair within a group has that group once.
    of_image = np.bincount(first, residuals, images) + np.bincount(second[apart], residuals[apart], images)
    keys = np.minimum(first, second) * images + np.maximum(first, second)
    _, same = np.unique(keys, return_inverse=True)
    of_pair = np.bincount(same, residuals)  # A pair may have been drawn twice.
    twice = np.bincount(same[apart], residuals[apart], len(of_pair))
    # All products of pairs that share an image; a pair with itself shares two. Sharing cannot make a mean more certain.
    shared = max(of_image @ of_image - twice @ twice, of_pair @ of_pair)
    return float(np.sqrt(shared / (len(values) * freedom)))


def ssim(image_a: Images, image_b: Images, zero: float = 0.0) -> float:
    """Return the structural similarity of two images, -1 to 1, averaged over positions and channels.

    (2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2)) under a Gaussian window of 11 pixels and
    sigma 1.5, with C1 = (0.01 * 255)^2 and C2 = (0.03 * 255)^2: Wang et al. 2004, Image Quality Assessment,
    equation 13 (https://doi.org/10.1109/TIP.2003.819861). Equation 5.3 of the balancing thesis has a sum in the
    numerator where this product belongs. Of an image with a side below 11 the largest odd window that fits is
    taken, and sigma shrinks with it: values of different windows cannot be compared.

    The means mx and my, and so the result, depend on where 0 is: random pairs of MNIST's fours are at 0.19 as pixels
    from 0 to 255, and at 0.17 as the thesis's from -1 to 1.

    Args:
        image_a: uint8 (C, H, W).
        image_b: uint8 (C, H, W).
        zero: level that is 0: 0, or 127.5, which is SSIM of images in [-1, 1] under a range of 2.

    Raises:
        ValueError: the shapes differ.
    """
    # skimage makes the Gaussian window 2 * int(3.5 * sigma + 0.5) + 1 wide: that is `window` for this sigma.
    sigma = SIGMA * choose_window_size(*image_a.shape[1:]) / WINDOW
    value = structural_similarity(  # type: ignore[no-untyped-call]
        image_a - np.float64(zero),
        image_b - np.float64(zero),
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
