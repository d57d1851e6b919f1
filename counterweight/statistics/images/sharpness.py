"""Variance of the Laplacian: how sharp images are."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from counterweight.results.compare import Sharpness
from counterweight.statistics.base.resampling import Groups, estimate_grouped_error, summarize

Images = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

SMALLEST = 3
"""Pixels of a side without which no pixel has four neighbours."""
CHUNK = 64


def measure_sharpness(images: Images, groups: Groups = None) -> Sharpness:
    """Return the mean of images' sharpness (`laplacian_variance`), to be read beside real images' of the same classes.

    Args:
        images: uint8 (N, C, H, W).
        groups: of patients, videos and the like, whose images depend on each other, int64 (N,).

    Raises:
        ValueError: a shape or type is another one.
    """
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"uint8 (N, C, H, W) wanted: {images.dtype} {images.shape}")
    count, least = len(images), min(images.shape[2:])
    if count == 0 or least < SMALLEST:
        reason = f"{SMALLEST} pixels a side are needed" if count else "no image of the common classes"
        return Sharpness(n=count, mean=None, std=None, error=None, reason=reason)
    values = laplacian_variance(images)
    spread = summarize(values)
    error = estimate_grouped_error(values, groups) if groups is not None else None
    if groups is None and count > 1:
        error = spread.std / np.sqrt(count)
    return Sharpness(n=count, mean=spread.mean, std=spread.std, error=error, reason=None)


def laplacian_variance(images: Images) -> Floats:
    """Return the variance of each image's Laplacian over its pixels, a mean over channels, (N,) in squared levels.

    Pech-Pacheco et al. 2000, Diatom Autofocusing in Brightfield Microscopy
    (https://doi.org/10.1109/ICPR.2000.903548). The kernel is [0 1 0; 1 -4 1; 0 1 0], of pixels that have all four
    neighbours: 0 for constant images and even slopes, 20 s^2 on average for white noise of variance s^2, whose squared
    weights add up to 20. Blur lowers it, noise raises it: images may be as sharp as real ones and look like none.
    """
    return np.concatenate([laplacian(part).var(axis=(2, 3)).mean(axis=1) for part in iterate_chunks(images)])


def laplacian(images: Images) -> Floats:
    """Return the Laplacian (N, C, H - 2, W - 2) of images (N, C, H, W)."""
    levels = images.astype(np.float64)
    middle = levels[..., 1:-1, 1:-1]
    vertical = levels[..., :-2, 1:-1] + levels[..., 2:, 1:-1]
    horizontal = levels[..., 1:-1, :-2] + levels[..., 1:-1, 2:]
    found: Floats = vertical + horizontal - 4 * middle
    return found


def iterate_chunks(images: Images) -> Iterator[Images]:
    """Yield the images some at a time: as numbers they take eight times the memory."""
    return (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
