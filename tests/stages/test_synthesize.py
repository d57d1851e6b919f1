"""How many images of which class are asked for."""

import numpy as np
import pytest

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.generators.base.synthesis import choose_labels


def wanting(wanted: list[int]) -> ImageSet:
    """A set of no images of which the imbalance stage noted what is wanted."""
    nothing = np.empty((0, 1, 2, 2), dtype=np.uint8), np.empty(0, dtype=np.int64)
    return ImageSet(*nothing, ("a", "b", "c"), np.empty(0, dtype=np.str_), {"item": "x/natural", "wanted": wanted})


def test_as_many_as_are_wanted_come_class_by_class() -> None:
    assert choose_labels(wanting([2, 0, 3]), None).tolist() == [0, 0, 2, 2, 2]


def test_a_number_per_class_counts_for_classes_that_need_some_and_for_no_other() -> None:
    assert choose_labels(wanting([1, 0, 30]), 2).tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize("per_class", [None, 5])
def test_nothing_wanted_is_refused(per_class: int | None) -> None:
    with pytest.raises(UserError, match="x/natural: no class needs an image"):
        choose_labels(wanting([0, 0, 0]), per_class)
