"""Images of a side of an audit that are the same picture: they are a group, unless a generator repeats itself."""

import numpy as np
import pytest

from benchmarks.traces import make_pictures, store_jpeg
from counterweight.core.images import ImageSet
from counterweight.evaluation.audit.sides import group_pictures

PICTURES = [*make_pictures(240, 32, 0)]
AGAIN = [store_jpeg(picture, 90) for picture in PICTURES]


def make_set(places: list[int], again: list[int], groups: list[str] | None = None) -> ImageSet:
    """Return pictures, and others as JPEGs."""
    pixels = [
        np.asarray(own).transpose(2, 0, 1) for own in [*(PICTURES[p] for p in places), *(AGAIN[p] for p in again)]
    ]
    origins = np.arange(len(pixels)).astype(np.str_)
    names = None if groups is None else np.array(groups)
    return ImageSet(np.stack(pixels), np.zeros(len(pixels), np.int64), ("image",), origins, {}, names)


def count_groups(images: ImageSet) -> int | None:
    return None if images.groups is None else len({*images.groups.tolist()})


@pytest.mark.parametrize(
    ("real", "synthetic", "groups"),
    [
        ([[*range(60)], []], [[*range(60, 120)], []], [None, None]),
        ([[*range(60)] * 2, []], [[*range(60, 120)], []], [60, None]),
        ([[*range(60), *range(10)], []], [[*range(60, 120)] * 2, []], [60, None]),
        ([[*range(60), *range(10)], []], [[*range(60, 120), 60, 61], []], [60, 60]),
        ([[*range(60)], []], [[*range(60, 120), 60, 61], []], [None, 60]),
        ([[*range(60)] * 2, []], [[*range(60, 120)] * 2, []], [60, 60]),
        ([[*range(60)], []], [[60] * 60, []], [None, None]),
    ],
)
def test_repeated_pictures_are_a_group_unless_they_are_a_generators_own(
    real: list[list[int]], synthetic: list[list[int]], groups: list[int | None]
) -> None:
    found = group_pictures(make_set(*real), make_set(*synthetic))
    assert [count_groups(own) for own in found] == groups


def test_a_picture_as_a_jpeg_is_in_its_group() -> None:
    places = [
        *range(0, 240, 4)
    ]  # noise with the spectrum of photographs: the others have too little detail at 32 pixels
    found, _ = group_pictures(make_set(places, places), make_set([*range(60, 120)], []))
    assert found.groups is not None
    assert np.mean(found.groups[: len(places)] == found.groups[len(places) :]) > 0.9


def test_groups_that_are_there_are_joined() -> None:
    found, _ = group_pictures(make_set([0, 1, 2, 0], [], ["a", "b", "b", "c"]), make_set([60, 61], []))
    assert found.groups is not None
    assert [found.groups[0] == other for other in found.groups] == [True, False, False, True]
    assert found.groups[1] == found.groups[2]
