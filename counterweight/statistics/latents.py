"""How points lie in a latent space, and how to move one cloud of them onto another."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg
from sklearn.covariance import ledoit_wolf
from sklearn.mixture import GaussianMixture

from counterweight.results.latent import Density
from counterweight.statistics.base.moments import center, effective_dimension, principal_axes

Floats = npt.NDArray[np.float64]

HALF_SIDE = 1.5
"""Of the cube in which the distributions thesis (4.3) counts points."""
POINTS_PER_DIMENSION = 10
"""A mixture is fitted in at most one dimension for so many points: in more it would follow accidents."""
MOST_DIMENSIONS = 8
MOST_MODES = 5
FEWEST_PER_MODE = 5
WIDTH = 0.03
"""Of a mode, at least, in standard deviations of the first component: else a few equal points would be one."""
RIDGE = 1e-6
"""Added to variances, as a fraction of the largest, so that what does not vary can be inverted."""


def describe_density(points: Floats) -> Density:
    """Say how densely points fill the cube of -1.5 to 1.5, in which the distributions thesis finds most of its own.

    The thesis (4.3) divides the points in the cube by its side, 80,000 / 3, and calls the quotient the number per unit
    of space: `per_unit_length`. The volume of the cube is 3^D, not 3: `log10_per_unit_volume` is the decimal logarithm
    of the points inside per unit of volume, hugely negative in thousands of dimensions, which is what 'sparse' means.

    Args:
        points: (N, D), N >= 1, D >= 1.

    Returns:
        `fraction_inside`: of the points that have all coordinates inside, 0 to 1; `fraction_of_coordinates`: of all
        coordinates; `log10_per_unit_volume`: None without a point inside; `effective_dimension`: as of
        `effective_dimension`.

    Raises:
        ValueError: the shape is another one, or a value is not finite.
    """
    check_points(points)
    inside = np.abs(points) <= HALF_SIDE
    within, dimensions = int(inside.all(axis=1).sum()), points.shape[1]
    return Density(
        points=len(points),
        dimensions=dimensions,
        fraction_inside=within / len(points),
        fraction_of_coordinates=float(inside.mean()),
        # Logarithms: 3^D overflows for D > 646.
        log10_per_unit_volume=float(np.log10(within) - dimensions * np.log10(2 * HALF_SIDE)) if within else None,
        per_unit_length=within / (2 * HALF_SIDE),
        effective_dimension=effective_dimension(points),
    )


def count_modes(points: Floats, seed: int) -> int:
    """Return the number of Gaussians, 1 to 5, whose mixture describes points best: the lowest BIC.

    Schwarz 1978, https://doi.org/10.1214/aos/1176344136. On the leading principal components, at most eight and one for
    every ten points, since in more dimensions than that a mixture describes accidents; a mode has five points at least.

    Args:
        points: (N, D), N >= 1.
        seed: of the first guesses, 0 to 2^32 - 1.

    Raises:
        ValueError: the shape is another one, or a value is not finite.
    """
    check_points(points)
    kept = max(1, min(MOST_DIMENSIONS, len(points) // POINTS_PER_DIMENSION, points.shape[1]))
    table = center(points)[0]
    scores = table @ principal_axes(table, kept)
    if scores.shape[1] == 0:
        return 1
    scores /= scores[:, 0].std()  # The first component comes first; WIDTH is in its unit.
    best, lowest = 1, np.inf
    most = min(
        MOST_MODES, len(points) // FEWEST_PER_MODE, len(np.unique(points, axis=0))
    )  # copies of one are one place
    for number in range(1, max(1, most) + 1):
        # Three starts: a single one may end in a poor optimum.
        mixture = GaussianMixture(number, reg_covar=WIDTH**2, n_init=3, random_state=seed).fit(scores)
        sizes = np.bincount(mixture.predict(scores), minlength=number)
        if mixture.bic(scores) < lowest and (number == 1 or sizes.min() >= FEWEST_PER_MODE):
            best, lowest = number, mixture.bic(scores)
    return best


class Move(NamedTuple):
    """An affine map of points: what is subtracted (D,), axes (D, K), a matrix (K, K) along them, what is added (D,)."""

    origin: Floats
    axes: Floats
    matrix: Floats
    goal: Floats

    def __call__(self, points: Floats) -> Floats:
        """Return the points (N, D) moved: along the axes by the matrix, across them as they are."""
        table = points - self.origin
        scores = table @ self.axes
        moved: Floats = self.goal + table + (scores @ self.matrix.T - scores) @ self.axes.T
        return moved


def mean_shift(origin: Floats, goal: Floats) -> Move:
    """Return the shift that brings the mean of one cloud (N, D) to that of another (M, D).

    The conversion of the distributions thesis (3.2 and 4.3).
    """
    none = np.zeros((origin.shape[1], 0))
    return Move(origin.mean(axis=0), none, np.zeros((0, 0)), goal.mean(axis=0))


def optimal_map(origin: Floats, goal: Floats, components: int) -> Move:
    """Return the linear map that brings mean and covariance of one cloud to those of another, moving points least.

    A = S1^-1/2 (S1^1/2 S2 S1^1/2)^1/2 S1^-1/2, optimal transport between Gaussians: Dowson and Landau 1982,
    https://doi.org/10.1016/0047-259X(82)90077-X; Peyre and Cuturi, Computational Optimal Transport, remark 2.31,
    https://arxiv.org/abs/1803.00567. Covariances are Ledoit and Wolf's, in the leading principal components of both
    clouds together: at most `components`, and one for every ten points of the smaller cloud; across them the points
    are shifted alone.

    Args:
        origin: (N, D), N >= 2.
        goal: (M, D), M >= 2.

    Raises:
        ValueError: there are fewer points, or the shapes do not fit.
    """
    if min(len(origin), len(goal)) < 2 or origin.shape[1] != goal.shape[1]:
        raise ValueError(f"at least two points each in as many dimensions wanted, got {origin.shape} and {goal.shape}")
    both = [center(cloud)[0] for cloud in (origin, goal)]
    kept = min(components, max(1, min(len(origin), len(goal)) // POINTS_PER_DIMENSION))
    axes = principal_axes(np.concatenate(both), kept)
    if axes.shape[1] == 0:  # neither varies
        return mean_shift(origin, goal)
    first, second = (ledoit_wolf(cloud @ axes, assume_centered=True)[0] for cloud in both)  # Centred above.
    # Without it, a cloud that is flat along an axis has no inverse.
    ridge = RIDGE * max(first.trace(), second.trace()) / axes.shape[1] * np.eye(axes.shape[1])
    root = symmetric_root(first + ridge)
    inverse = linalg.inv(root)
    matrix = inverse @ symmetric_root(root @ (second + ridge) @ root) @ inverse
    return Move(origin.mean(axis=0), axes, matrix, goal.mean(axis=0))


def symmetric_root(matrix: Floats) -> Floats:
    """Return the symmetric square root of a positive semi-definite matrix (K, K)."""
    values, vectors = linalg.eigh((matrix + matrix.T) / 2)  # Products of symmetric matrices round to asymmetry.
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root


def check_points(points: Floats) -> None:
    """Raise a ValueError if points are not finite (N, D) with N and D of at least 1."""
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise ValueError(f"finite points (N, D), at least one, wanted; got {points.shape}")
