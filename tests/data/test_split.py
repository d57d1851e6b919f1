"""The split into a training and a test part."""

import json
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, choose_stratified, read_images
from counterweight.data.decode.pool import Workers
from counterweight.data.sources.base.lazy_images import DatasetSplits, wrap_array
from counterweight.data.split import read_into_memory, split_parts
from counterweight.settings.datasets import Dataset
from stages.ingest import main

PARAMS = Path(__file__).parents[2] / "params.yaml"


def images(*sizes: int, name: str = "image") -> ImageSet:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    origins = np.array([f"{name}/{number}" for number in range(len(labels))])
    pixels = np.zeros((len(labels), 1, 2, 2), dtype=np.uint8)
    return ImageSet(pixels, labels, tuple("abcdef"[: len(sizes)]), origins, {})


def split(train: ImageSet, test: ImageSet | None, settings: Dataset, rng: np.random.Generator) -> list[ImageSet]:
    found = DatasetSplits(wrap_array(train, 2, 1), wrap_array(test, 2, 1) if test else None)
    return [
        read_into_memory(chosen, "here", "train", Workers())
        for chosen in split_parts(found, settings.keep_split, settings.test_fraction, rng)
    ]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_class_is_split_seventy_to_thirty() -> None:
    train, test = split(images(100, 50, 10), None, Dataset(source="digits"), rng())
    assert train.counts().tolist() == [70, 35, 7]
    assert test.counts().tolist() == [30, 15, 3]


def test_the_parts_are_disjoint_complete_and_in_order() -> None:
    whole = images(100, 50, 10)
    parts = split(whole, None, Dataset(source="digits"), rng())
    places = [[whole.origins.tolist().index(origin) for origin in part.origins] for part in parts]
    assert all(part == sorted(part) for part in places)
    assert sorted(places[0] + places[1]) == list(range(160))


def test_the_fraction_can_be_chosen() -> None:
    _, test = split(images(100, 50), None, Dataset(source="digits", test_fraction=0.1), rng())
    assert test.counts().tolist() == [10, 5]


def test_a_split_that_the_source_brings_is_kept() -> None:
    own = images(9, 8), images(3, 5, name="test")
    parts = split(*own, Dataset(source="digits"), rng())
    assert [part.origins.tolist() for part in parts] == [part.origins.tolist() for part in own]


def test_a_split_that_the_source_brings_can_be_made_anew() -> None:
    own = images(60, 40), images(40, 10, name="test")
    train, test = split(*own, Dataset(source="digits", keep_split=False), rng())
    assert (train.counts().tolist(), test.counts().tolist()) == ([70, 35], [30, 15])
    assert {origin.split("/")[0] for origin in test.origins} == {"image", "test"}
    assert set(train.origins) | set(test.origins) == set(own[0].origins) | set(own[1].origins)


def test_the_same_seed_makes_the_same_split() -> None:
    chosen = [
        split(images(100, 50), None, Dataset(source="digits"), rng(seed))[1].origins.tolist() for seed in (0, 0, 1)
    ]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize(
    ("size", "fraction", "expected"), [(0, 0.3, 0), (1, 0.3, 0), (2, 0.01, 1), (2, 0.99, 1), (3, 0.5, 2), (10, 0.99, 9)]
)
def test_a_class_of_two_or_more_images_has_one_on_either_side(size: int, fraction: float, expected: int) -> None:
    assert choose_stratified(np.zeros(size, dtype=np.int64), fraction, rng()).sum() == expected


def ingested(folder: Path, **dataset: object) -> tuple[ImageSet, ImageSet]:
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["datasets"]["digits"] = {"source": "digits", "size": 8, "minority": ["4"], **dataset}
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    train, test = folder / "train.parquet", folder / "test.parquet"
    main(["--params", str(folder / "params.yaml"), "--dataset", "digits", "--train", str(train), "--test", str(test)])
    return read_images(train), read_images(test)


def test_the_digits_are_split_stratified_and_the_same_way_each_time(tmp_path: Path) -> None:
    train, test = ingested(tmp_path)
    assert len(train) + len(test) == 1797
    assert len(set(train.origins) | set(test.origins)) == 1797
    fractions = test.counts() / (train.counts() + test.counts())
    assert fractions == pytest.approx(np.full(10, 0.3), abs=0.004)
    assert ingested(tmp_path)[1].origins.tolist() == test.origins.tolist()


def test_a_minority_class_that_the_source_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"datasets\.digits\.minority: there is no 'four'"):
        ingested(tmp_path, minority=["four"])
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]
