"""Accuracies of embeddings: known answers, and chance by simulation."""

import numpy as np
import pytest

from counterweight.statistics.recognition import Embeddings, chance_levels, score_triplets


def directions(count: int, dimension: int, seed: int) -> Embeddings:
    drawn = np.random.default_rng(seed).normal(size=(count, dimension))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


def test_a_network_that_knows_everything_is_always_right() -> None:
    anchors, negatives = directions(30, 64, 0), directions(30, 64, 1)
    found = score_triplets(anchors, anchors, negatives, np.arange(30), 0.6)
    assert all(hits.all() for hits in found)


def test_a_network_that_tells_nothing_apart_is_never_right() -> None:
    same = np.repeat(directions(1, 64, 0), 30, axis=0)
    found = score_triplets(same, same, same, np.arange(30), 0.6)
    assert not any(hits.any() for hits in found)


def test_ranks_count_the_candidates_that_are_nearer() -> None:
    """On a circle, candidate k lies k + 1 steps from every anchor: its own is the k-th nearest."""
    angles = 0.05 * np.arange(1, 21)
    positives = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    anchors = np.tile(np.array([[1.0, 0.0]], np.float32), (20, 1))
    found = score_triplets(anchors, positives, -anchors, np.arange(20), 0.6)
    assert np.flatnonzero(found.rank1).tolist() == [0]
    assert np.flatnonzero(found.recall5).tolist() == [*range(5)]
    assert np.flatnonzero(found.recall10).tolist() == [*range(10)]
    assert found.triplet.all()


def test_another_positive_of_the_same_thing_is_no_wrong_answer() -> None:
    """Sampled triplets take turns with few anchors: each has several positives, of which all are right."""
    anchors = np.repeat(directions(300, 16, 0), 3, axis=0)
    shaken = anchors + 0.01 * np.random.default_rng(1).normal(size=anchors.shape)
    positives = (shaken / np.linalg.norm(shaken, axis=1, keepdims=True)).astype(np.float32)
    identity = np.repeat(np.arange(300), 3)
    assert score_triplets(anchors, positives, -anchors, identity, 0.6).rank1.all()
    assert score_triplets(anchors, positives, -anchors, np.arange(900), 0.6).rank1.mean() == pytest.approx(1 / 3)


def test_the_margin_is_of_squared_distances() -> None:
    anchors, positives = np.array([[1.0, 0.0]], np.float32), np.array([[1.0, 0.0]], np.float32)
    # At 60 degrees the squared distance is 2 - 2 cos 60 = 1.
    negatives = np.array([[0.5, 0.75**0.5]], np.float32)
    assert score_triplets(anchors, positives, negatives, np.arange(1), 0.99).margin.all()
    assert not score_triplets(anchors, positives, negatives, np.arange(1), 1.01).margin.any()


@pytest.mark.parametrize("margin", [0.1, 0.6])
def test_chance_is_what_independent_embeddings_have(margin: float) -> None:
    repeats, triplets, dimension = 200, 40, 32
    found = [
        score_triplets(
            *(directions(triplets, dimension, 3 * seed + member) for member in range(3)), np.arange(triplets), margin
        )
        for seed in range(repeats)
    ]
    expected = chance_levels(triplets, dimension, margin)
    for name, level in expected.items():
        mean = np.mean([getattr(own, name).mean() for own in found])
        # Four standard errors of 8,000 triplets; and 0.01 where the difference of distances is not quite normal.
        slack = 0.01 if name == "margin" else 0.0
        assert mean == pytest.approx(level, abs=4 * (level * (1 - level) / (repeats * triplets)) ** 0.5 + slack), name
