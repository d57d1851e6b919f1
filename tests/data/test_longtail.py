"""Long tails: sizes that fall geometrically, and no image in them twice."""

import numpy as np
import pytest

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION
from counterweight.core.images import ImageSet
from counterweight.data.imbalance import make_imbalance
from counterweight.settings.scenarios import Longtail


def make_distinct(sizes: list[int]) -> ImageSet:
    """Return images of 1 x 2 pixels, no two alike, whose classes are shuffled."""
    count = sum(sizes)
    numbers = np.random.default_rng(1).permutation(count)
    images = np.stack([numbers // 256, numbers % 256], axis=1).astype(np.uint8).reshape(count, 1, 1, 2)
    labels = np.random.default_rng(2).permutation(np.repeat(np.arange(len(sizes)), sizes))
    names = tuple(f"class {label}" for label in range(len(sizes)))
    return ImageSet(images, labels, names, np.array([str(number) for number in numbers]), {})


@pytest.mark.parametrize("ratio", [10.0, 100.0])
@pytest.mark.parametrize("sizes", [[500] * 10, [420, 130, 500, 60, 500]])
def test_no_image_is_drawn_twice_or_on_both_sides(sizes: list[int], ratio: float) -> None:
    """Published code that draws tails with replacement trains on fewer images than it says."""
    train = make_distinct(sizes)
    scenario = Longtail(kind="longtail", ratio=ratio)
    draws = make_imbalance(train, train, scenario, 0.25, [], "made/longtail", range(5), near=False).draws
    falling = 500 * ratio ** (-np.arange(len(sizes)) / (len(sizes) - 1))
    expected = np.minimum(sizes, np.rint(falling)).astype(int).tolist()
    for draw in range(5):
        kept = draws.fitted(train, draw).concatenate(draws.validation(train, draw))
        assert kept.counts().tolist() == expected
        assert len(np.unique(kept.images.reshape(len(kept), -1), axis=0)) == len(kept) == len({*kept.origins})
        assert [{*train.labels[draws.roles[draw] == role]} for role in (FITTED, VALIDATION)] == [
            {*range(len(sizes))}
        ] * 2
        assert (draws.roles[draw] == REFERENCE).sum() == sum(sizes) - sum(expected)


def test_draws_keep_other_images() -> None:
    train = make_distinct([500] * 5)
    scenario = Longtail(kind="longtail", ratio=20.0)
    roles = make_imbalance(train, train, scenario, 0.25, [], "made/longtail", range(2), near=False).draws.roles
    tail = train.labels == 4
    kept = [{*np.flatnonzero(tail & (own != REFERENCE))} for own in roles]
    assert [len(own) for own in kept] == [25, 25]
    # Of 25 of 500 each, 1.25 are in both on average; more than 10 are so less than once in 10^8.
    assert len(kept[0] & kept[1]) <= 10
