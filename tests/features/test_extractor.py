"""How images are parted into batches."""

import pytest

from counterweight.features.extractor import split_evenly


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 32, 71, 1797])
def test_batches_hold_every_image_once_and_about_as_many_each(count: int) -> None:
    parts = split_evenly(count, 16)
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(count, 16)
    assert max(sizes) < 32
