"""Groups of the same picture: of which images they are, and how an image table gets them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.core.images import ImageSet, read_images, write_images
from counterweight.core.twins import digest_pixels
from counterweight.data.besides.repeats import Groups, group_repeats, group_tables
from counterweight.data.split.pictures import Written
from counterweight.data.split.repeats import BATCH
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.statistics.two_sample.exchange import STATISTIC


def number(*images: int) -> npt.NDArray[np.int64]:
    return np.array(images, dtype=np.int64)


@pytest.mark.parametrize(
    ("real", "synthetic", "groups", "expected"),
    [
        ([0, 1, 2], [0, 1, 2], (None, None), (None, None)),
        ([0, 1, 0], [0, 1, 2], (None, None), ([0, 1, 0], None)),
        ([0, 1, 2], [0, 1, 0], (None, None), (None, [0, 1, 0])),
        ([0, 1, 2, 0], [0, 1], (number(7, 8, 8, 9), None), ([0, 1, 1, 0], None)),
        ([0, 1, 2], [0, 1], (number(7, 8, 8), None), (None, None)),
        ([*range(40)], [0] * 40, (None, None), (None, None)),
        ([0] * 40, [0] * 40, (None, None), ([0] * 40, [0] * 40)),
        ([*range(40)], [0] * 40, (number(*[0] * 40), None), (None, [0] * 40)),
    ],
)
def test_repeats_are_groups_unless_they_are_the_generators(
    real: list[int], synthetic: list[int], groups: Groups, expected: tuple[list[int] | None, list[int] | None]
) -> None:
    found = group_repeats((number(*real), number(*synthetic)), groups)
    assert tuple(None if own is None else own.tolist() for own in found) == expected


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_sets_of_one_kind_are_told_apart_by_what_is_there_twice_unless_it_is_a_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    real, synthetic = rng.standard_normal((160, 200)), rng.standard_normal((160, 200))
    pictures = np.concatenate([np.arange(160), np.arange(40)])
    groups, single = group_repeats((pictures, np.arange(160)), (None, None))
    assert single is None

    def test(own: npt.NDArray[np.int64] | None) -> float:
        sets = LabelledFeatures(real[pictures], np.zeros(200, np.int64), own), LabelledFeatures(synthetic, labels)
        found = run_statistic(STATISTIC, *sets, np.random.default_rng(seed), 1, {}).first
        assert found is not None
        return found["p_value"]

    labels = np.zeros(160, np.int64)
    assert test(None) <= 0.02
    assert test(groups) > 0.2


def make_table(values: npt.NDArray[np.int64], path: Path) -> Written:
    """Write a table of images of one colour each, and return what is known of them."""
    pixels = np.repeat(values.astype(np.uint8), 16).reshape(-1, 1, 4, 4)
    origins = [f"{row}.png" for row in range(len(values))]
    labels = np.arange(len(values)) % 2
    write_images(ImageSet(pixels, labels, ("cat", "dog"), np.array(origins), {"item": "pairs/two"}), path)
    return Written(digest_pixels(pixels), None, origins, labels)


def test_a_table_gets_groups_and_is_what_it_was_but_for_them(tmp_path: Path) -> None:
    """Also one of more images than are written at once, some of which are the same as one of an earlier lot."""
    paths = tmp_path / "real.parquet", tmp_path / "synthetic.parquet"
    values = np.arange(BATCH + 300) % 251
    written = make_table(values, paths[0]), make_table(np.arange(40), paths[1])
    before, single = read_images(paths[0]), paths[1].read_bytes()
    group_tables(written, paths)
    found = read_images(paths[0])
    assert found.groups is not None
    assert ((found.groups[:, None] == found.groups) == (values[:, None] == values)).all()
    for name in ("images", "labels", "origins"):
        assert (getattr(found, name) == getattr(before, name)).all()
    assert (found.class_names, found.provenance) == (before.class_names, before.provenance)
    assert paths[1].read_bytes() == single
    assert sorted(path.name for path in tmp_path.iterdir()) == ["real.parquet", "synthetic.parquet"]
