"""Positives and negatives beside anchors in the latent space of an autoencoder (log-ends thesis, 5.3, algorithm 3)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Latents = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Move:
    """How far latents are moved, and how likely towards the centre; the algorithm's radius and probability."""

    radius: float
    """Of one step, in units of the step."""
    towards: float
    """Probability in [0, 1] that a latent dimension is moved towards the centre, not away from it."""
    spread: float = 0.0
    """Each row's radius is drawn between 1 - spread and 1 + spread times `radius`; in [0, 1]."""


def move_latents(means: Latents, steps: Latents, centre: Latents, move: Move, rng: np.random.Generator) -> Latents:
    """Move every latent of every anchor by one step, each dimension towards the centre or away from it.

    With a dimension's mean m, centre g, step v and a uniform number u: t is -1 where m > g, else +1; s is t where
    u <= p, else -t; what is returned is m + s r |v|. It may go past g. As printed, v is the anchor's own log variance.
    The printed loop ends after the first anchor, and takes the mean of one number for g: both are slips, g is the mean
    over all anchors.

    Args:
        means: posterior means of anchors, (N, D).
        steps: (N, D), or (D,) where they are the same for all anchors.
        centre: (D,).

    Returns:
        (N, D), to the last bit what a loop over anchors and dimensions makes of the same random numbers, of which each
        row takes its own D before the next does; those of the radii come after all of them.
    """
    towards_centre = rng.random(means.shape, dtype=np.float32) <= np.float32(move.towards)
    upwards = (means <= centre) == towards_centre
    lengths = np.float32(move.radius) * np.abs(steps)
    if move.spread:
        factors = rng.uniform(1 - move.spread, 1 + move.spread, (len(means), 1)).astype(np.float32)
        lengths = factors * lengths
    # Not multiplied by -1 or 1: a third of the memory, and the same numbers.
    return means + np.where(upwards, lengths, -lengths)


def compare_moves(anchors: Latents, positives: Latents, negatives: Latents) -> tuple[float, float]:
    """Return how many times as far from its anchor the negative is as the positive, and their directions' cosine.

    Both are means over rows (N, D). As printed, the ratio is that of the radii in every row, and the cosine is
    (2 p - 1)(2 q - 1) on average for probabilities p and q: 0.63 for 0.95 and 0.85. The negative then is the same thing
    as the positive, moved further.
    """
    one, two = (moved.astype(np.float64) - anchors for moved in (positives, negatives))
    lengths = np.linalg.norm(one, axis=1), np.linalg.norm(two, axis=1)
    cosines = (one * two).sum(axis=1) / (lengths[0] * lengths[1])
    return float((lengths[1] / lengths[0]).mean()), float(cosines.mean())
