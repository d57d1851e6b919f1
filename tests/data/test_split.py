"""The split into a training and a test part."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, choose_stratified, read_images
from counterweight.data.decode.pool import Workers
from counterweight.data.sources.base.lazy_images import DatasetSplits, wrap_array
from counterweight.data.split.parts import Splitting, split_parts
from counterweight.data.split.reading import read_into_memory
from counterweight.settings.datasets import Dataset
from stages.ingest import main

PARAMS = Path(__file__).parents[2] / "params.yaml"


def images(*sizes: int, name: str = "image") -> ImageSet:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    origins = np.array([f"{name}/{number}" for number in range(len(labels))])
    pixels = np.zeros((len(labels), 1, 2, 2), dtype=np.uint8)
    return ImageSet(pixels, labels, tuple("abcdef"[: len(sizes)]), origins, {})


def split(train: ImageSet, test: ImageSet | None, settings: Dataset, rng: np.random.Generator) -> list[ImageSet]:
    how = Splitting(settings.keep_split, settings.test_fraction, True, "here", Path())
    found = DatasetSplits(wrap_array(train, 2, 1), wrap_array(test, 2, 1) if test else None)
    return [read_into_memory(chosen, "here", "train", Workers()) for chosen in split_parts(found, how, rng, Workers())]


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
    outputs = ["--train", str(train), "--test", str(test), "--account", str(folder / "account.json")]
    main(["--params", str(folder / "params.yaml"), "--dataset", "digits", *outputs])
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


# Identical images.


def copies(*sizes: int, of: int = 3) -> ImageSet:
    """Images of which each lies there so many times, under other names, in mixed order."""
    whole = images(*(size * of for size in sizes))
    number = np.empty(len(whole), dtype=np.int64)
    for label, size in enumerate(sizes):
        number[whole.labels == label] = np.arange(size * of) % size + 100 * label
    pixels = np.stack([number // 256, number % 256], axis=1).astype(np.uint8).repeat(2, axis=1).reshape(-1, 1, 2, 2)
    return replace(whole, images=pixels)


def pixels(part: ImageSet) -> set[bytes]:
    return {image.tobytes() for image in part.images}


@pytest.mark.parametrize("seed", range(20))
def test_identical_images_of_a_class_are_in_one_part(seed: int) -> None:
    train, test = split(copies(20, 40, 2), None, Dataset(source="digits"), rng(seed))
    assert not pixels(train) & pixels(test)
    assert test.counts().tolist() == [18, 36, 3]  # 30 % of 60, of 120, and one of two, thrice


def test_a_class_of_one_image_that_lies_there_often_is_in_both_parts() -> None:
    train, test = split(copies(1, 10, of=10), None, Dataset(source="digits"), rng())
    assert (train.counts().tolist(), test.counts().tolist()) == ([7, 70], [3, 30])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 30])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.3, 0.5, 0.99])
def test_where_no_images_are_identical_a_split_is_what_it_was(size: int, fraction: float) -> None:
    """The choice as it was made before twins were heeded, by hand."""
    labels = images(size, 2 * size).labels
    before, expected = rng(), np.zeros(3 * size, dtype=bool)
    for label in (0, 1):
        own = np.flatnonzero(labels == label)
        expected[before.permutation(own)[: min(max(1, round(fraction * len(own))), len(own) - 1)]] = True
    for twins in (None, np.arange(3 * size), np.arange(3 * size)[::-1].copy()):
        assert (choose_stratified(labels, fraction, rng(), twins) == expected).all()


def write_cars(folder: Path, test: bool) -> None:
    """Twenty cars and twenty vans, each three times; with a split, all of them a fourth time to be tested on."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 20, 8, 8, 3), dtype=np.uint8)
    for label, name in enumerate(("car", "van")):
        for part, times in ((folder / "train", 3), (folder / "test", 1)) if test else ((folder, 3),):
            (part / name).mkdir(parents=True)
            for number, copy in product(range(20), range(times)):
                Image.fromarray(noise[label, number]).save(part / name / f"{copy}_{number:02}.png")


@pytest.mark.parametrize("test", [False, True])
def test_what_is_identical_in_a_folder_is_said_and_recorded(
    test: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cars(tmp_path / "cars", test)
    parts = ingested(tmp_path, source="folder", path=str(tmp_path / "cars"), minority=["car"])
    said = capsys.readouterr().err
    facts = [part.provenance["identical_images"] for part in parts]
    if test:
        assert pixels(parts[0]) == pixels(parts[1])
        assert "datasets.digits: 160 images have an identical twin (train/car/0_00.png, train/car/1_00" in said
        assert "; 40 of 40 test images are in the training part, too: the split is the source's own\n" in said
        assert facts == [{"in_this_part": 120}, {"in_this_part": 0, "in_train": 40, "in_train_by_class": [20, 20]}]
    else:
        assert not pixels(parts[0]) & pixels(parts[1])
        assert parts[1].counts().tolist() == [18, 18]
        assert "datasets.digits: 120 images have an identical twin (car/0_0" in said
        assert "; 0 of 36 test images are in the training part, too\n" in said
        assert facts == [{"in_this_part": 84}, {"in_this_part": 36, "in_train": 0}]


def test_identical_pixels_of_files_that_differ_are_in_one_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_cars(tmp_path / "cars", test=False)
    for file in (tmp_path / "cars").glob("*/[12]_*.png"):
        Image.open(file).save(file.with_suffix(".bmp" if file.name[0] == "1" else ".tiff"))
        file.unlink()
    train, test = ingested(tmp_path, source="folder", path=str(tmp_path / "cars"), minority=["car"])
    assert not pixels(train) & pixels(test)
    assert "; 0 of 36 test images are in the training part, too\n" in capsys.readouterr().err
    assert test.provenance["identical_images"] == {"in_this_part": 36, "in_train": 0}


def test_of_images_that_all_differ_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = ingested(tmp_path)
    assert "identical" not in capsys.readouterr().err
    assert ["identical_images" in part.provenance for part in parts] == [False, False]
