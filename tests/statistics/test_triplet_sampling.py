"""The sampling of triplets beside a loop written from the printed algorithm, and what the scheme implies."""

import time

import numpy as np
import pytest

from counterweight.statistics.triplet_sampling import Latents, Move, compare_moves, move_latents


def made(anchors: int, dimensions: int, seed: int = 0) -> tuple[Latents, Latents, Latents]:
    """Return means, log variances and the centre."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(anchors, dimensions)).astype(np.float32)
    log_variances = (3 * rng.normal(size=(anchors, dimensions)) - 2).astype(np.float32)
    return means, log_variances, means.mean(axis=0)


def printed(means: Latents, log_variances: Latents, centre: Latents, move: Move, numbers: Latents) -> Latents:
    """Algorithm 3, lines 10 to 39, of one member, its loop ended where it should end."""
    moved = np.zeros_like(means)
    radius = np.float32(move.radius)
    for anchor in range(len(means)):
        for dim in range(means.shape[1]):
            mean, log_variance, global_mean = means[anchor, dim], log_variances[anchor, dim], centre[dim]
            if numbers[anchor, dim] <= np.float32(move.towards):
                if mean > global_mean:
                    moved[anchor, dim] = mean - (radius * abs(log_variance))
                else:
                    moved[anchor, dim] = mean + (radius * abs(log_variance))
            elif mean > global_mean:
                moved[anchor, dim] = mean + (radius * abs(log_variance))
            else:
                moved[anchor, dim] = mean - (radius * abs(log_variance))
    return moved


@pytest.mark.parametrize("move", [Move(0.15, 0.95), Move(0.3, 0.85), Move(0.3, 0.5), Move(1.0, 0.0), Move(1.0, 1.0)])
def test_it_is_the_printed_loop_to_the_last_bit(move: Move) -> None:
    means, log_variances, centre = made(40, 30)
    means[0] = centre  # a tie: upwards
    numbers = np.random.default_rng(7).random(means.shape, dtype=np.float32)
    expected = printed(means, log_variances, centre, move, numbers)
    found = move_latents(means, log_variances, centre, move, np.random.default_rng(7))
    assert found.dtype == np.float32
    assert (found == expected).all()


def test_the_negative_is_the_anchor_moved_further_in_much_the_same_direction() -> None:
    """Each pair of signs agrees with p q + (1 - p)(1 - q) = 0.815: their mean product is 0.63."""
    means, log_variances, centre = made(500, 400)
    rng = np.random.default_rng(1)
    positive, negative = (
        move_latents(means, log_variances, centre, move, rng) for move in (Move(0.15, 0.95), Move(0.3, 0.85))
    )
    ratio, cosine = compare_moves(means, positive, negative)
    assert ratio == pytest.approx(2, abs=1e-5)  # float32
    # 200,000 products of variance 1 - 0.63^2, weighted by v^2: four standard errors, with the weights' 1.6 or less.
    assert cosine == pytest.approx(0.63, abs=4 * 1.6 * (0.6 / 200_000) ** 0.5)


def test_a_latent_may_go_past_the_centre() -> None:
    means, centre = np.array([[0.1]], np.float32), np.array([0.0], np.float32)
    found = move_latents(means, np.array([[-10.0]], np.float32), centre, Move(0.3, 1.0), np.random.default_rng(0))
    assert found[0, 0] == np.float32(0.1) - np.float32(0.3) * np.float32(10)


def test_steps_may_be_the_same_for_all_anchors() -> None:
    means, _, centre = made(20, 5)
    steps = np.arange(1, 6, dtype=np.float32)
    found = move_latents(means, steps, centre, Move(0.5, 0.9), np.random.default_rng(0))
    assert np.abs(found - means) == pytest.approx(np.tile(0.5 * steps, (20, 1)), abs=1e-6)


def test_radii_spread_and_keep_their_mean() -> None:
    means, log_variances, centre = made(4000, 8)
    found = move_latents(means, log_variances, centre, Move(0.3, 0.85, 0.5), np.random.default_rng(0))
    factors = np.abs(found - means).sum(axis=1) / np.abs(log_variances).sum(axis=1) / 0.3
    assert factors.min() >= 0.5 - 1e-5
    assert factors.max() <= 1.5 + 1e-5
    assert factors.mean() == pytest.approx(1, abs=4 * (1 / 12 / 4000) ** 0.5)  # uniform: variance 1/12
    assert np.std(factors) == pytest.approx((1 / 12) ** 0.5, rel=0.05)


@pytest.mark.slow
def test_ten_thousand_triplets_take_two_seconds() -> None:
    means, log_variances, centre = made(10_000, 1024)
    rng = np.random.default_rng(0)
    started = time.process_time()
    for move in (Move(0.15, 0.95), Move(0.3, 0.85)):
        move_latents(means, log_variances, centre, move, rng)
    assert time.process_time() - started < 4  # of CPU: two seconds of two cores
