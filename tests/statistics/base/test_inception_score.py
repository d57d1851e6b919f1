"""The Inception Score: known answers, and torch-fidelity's."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from counterweight.statistics.base.inception_score import inception_score


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("row", [np.zeros(7), np.array([800.0, 0, 0, -900]), np.arange(5.0)])
def test_images_that_are_named_alike_score_one(row: np.ndarray) -> None:
    found = inception_score(np.tile(row, (250, 1)), 10, rng())
    assert (found.mean, found.std, found.n, found.splits) == (pytest.approx(1), pytest.approx(0), 250, 2)


def test_equally_many_of_k_classes_named_for_certain_score_k() -> None:
    # One split: of several, each has its own mix of classes. 1,000: exp(-1000) is 0, and 0 log 0 is 0.
    found = inception_score(1000 * np.eye(8)[np.arange(96) % 8, :], 10, rng())
    assert (found.mean, found.splits) == (pytest.approx(8), 1)
    assert inception_score(1000 * np.eye(8, 30)[np.arange(96) % 8], 1, rng()).mean == pytest.approx(8)


def test_half_the_certainty_by_hand() -> None:
    """Two kinds of images, (3/4, 1/4) and (1/4, 3/4): exp(3/4 log(3/2) + 1/4 log(1/2))."""
    logits = np.log(np.array([[0.75, 0.25], [0.25, 0.75]]))
    expected = np.exp(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert inception_score(logits, 10, rng()).mean == pytest.approx(expected)


def test_it_is_torch_fidelitys() -> None:
    logits = 3 * rng().normal(size=(400, 1008)).astype(np.float32)
    order = np.random.default_rng(1).permutation(len(logits))
    expected = isc_features_to_metric(torch.from_numpy(logits[order]), splits=4, shuffle=False)
    found = inception_score(logits, 10, np.random.default_rng(1))
    assert found.splits == 4
    assert found.mean == pytest.approx(expected["inception_score_mean"], rel=1e-9)
    assert found.std == pytest.approx(expected["inception_score_std"], rel=1e-6)


def test_no_images_are_a_reason_and_wrong_logits_an_error() -> None:
    assert inception_score(np.empty((0, 9)), 10, rng()).reason == "no image of the common classes"
    for wrong in (np.zeros(3), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="finite logits"):
            inception_score(wrong, 10, rng())
