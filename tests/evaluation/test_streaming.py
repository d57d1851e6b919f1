"""Sets that are larger than what is looked at in memory: what streams sees all of them, what does not a sample."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterweight.core.features import FeatureFile, FeatureSet, Rows
from counterweight.core.image_file import ImageFile
from counterweight.core.images import ImageSet, write_images
from counterweight.evaluation.comparison.features import compare_features
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic, select_options
from counterweight.evaluation.comparison.sets import compare_sets
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import find_statistics
from tests.tables import write_features

MOST = 120
STREAMING = [name for name, statistic in find_statistics().items() if statistic.streams]


def features(count: int, seed: int, shift: float = 0.0) -> FeatureSet:
    """Two classes; three features are constant, so that a covariance is singular."""
    rng = np.random.default_rng(seed)
    table = rng.normal(shift, 1, (count, 20)).astype(np.float32)
    table[:, :3] = 0.1
    return FeatureSet(
        table, rng.integers(0, 2, count), {"backbone": "x", "layer": "y", "weights": "z", "input_size": 8}
    )


def on_disk(table: FeatureSet, path: Path) -> FeatureFile:
    write_features(table, path)
    return FeatureFile(path)


def test_some_statistics_stream() -> None:
    assert STREAMING == ["ttest", "frechet"]


@pytest.mark.parametrize("name", STREAMING)
def test_rows_on_disk_give_the_very_numbers_of_rows_in_memory(name: str, tmp_path: Path) -> None:
    statistic, real, made = find_statistics()[name], features(3000, 0), features(5000, 1, 0.1)
    files = on_disk(real, tmp_path / "real.parquet"), on_disk(made, tmp_path / "made.parquet")

    def run(sets: list[LabelledFeatures]) -> object:
        options = select_options(statistic, Compare())
        return run_statistic(statistic, sets[0], sets[1], np.random.default_rng(3), 2, options)

    rows = [LabelledFeatures(Rows(each, np.arange(len(each))), each.labels) for each in files]
    assert run(rows) == run([LabelledFeatures(each.features, each.labels) for each in (real, made)])


def test_a_large_set_is_streamed_or_sampled_and_the_result_says_which(tmp_path: Path) -> None:
    real, made = (
        on_disk(features(900, 0), tmp_path / "real.parquet"),
        on_disk(features(1500, 1), tmp_path / "made.parquet"),
    )
    result = compare_features(real, made, Compare(images=MOST, repeats=2), np.random.default_rng(0)).result
    sizes = {name: found.n for name, found in result.statistics.items()}
    assert all(found.reason is None for found in result.statistics.values())
    # Of every class as many as the set with fewer has, halved: some are left out.
    assert all(400 < sizes[name] <= 450 for name in STREAMING)
    assert all(MOST / 2 - 15 <= size <= MOST / 2 for name, size in sizes.items() if name not in STREAMING)
    assert result.families["real"].n == MOST
    assert result.effective_dimension == pytest.approx(17, abs=1)


def test_one_set_may_be_large_alone(tmp_path: Path) -> None:
    made = on_disk(features(1500, 1), tmp_path / "made.parquet")
    result = compare_features(features(100, 0), made, Compare(images=MOST), np.random.default_rng(0)).result
    assert 40 <= result.statistics["ttest"].n <= 50


def test_sets_that_fit_are_compared_as_they_were_in_memory(tmp_path: Path) -> None:
    real, made = features(300, 0), features(400, 1)
    files = on_disk(real, tmp_path / "real.parquet"), on_disk(made, tmp_path / "made.parquet")
    found = [
        compare_features(*sets, Compare(repeats=2), np.random.default_rng(0)).result for sets in (files, (real, made))
    ]
    assert found[0] == found[1]


def test_pixels_of_a_large_set_are_those_of_a_sample(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)

    def images(count: int) -> ImageSet:
        pixels = rng.integers(0, 256, (count, 1, 8, 8), dtype=np.uint8)
        facts: dict[str, Any] = {"item": "x"}
        return ImageSet(pixels, np.zeros(count, dtype=np.int64), ("a",), np.array(["o"] * count), facts)

    write_images(images(500), tmp_path / "made.parquet")
    tables = {"x": features(50, 0)}, {"x": features(50, 1)}
    found = compare_sets(
        images(150), ImageFile(tmp_path / "made.parquet"), None, tables, Compare(images=MOST, repeats=2), 0
    ).result
    assert (found.images.real, found.images.synthetic) == (150, 500)
    assert (found.seen.real, found.seen.synthetic) == (MOST, MOST)
    assert found.copies.n == found.ssim["synthetic"].pairs == MOST
