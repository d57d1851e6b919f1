"""Folders of images in every mode, size and state of repair."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_images, write_images
from counterweight.core.schema import parse_settings
from counterweight.data.decode.pool import Workers
from counterweight.data.sources import folder
from counterweight.data.sources.folder import Settings
from counterweight.data.split.reading import choose_all, read_into_memory, write_part

REAL = os.environ.get("COUNTERWEIGHT_REAL_DATA")
needs_real = pytest.mark.skipif(REAL is None, reason="COUNTERWEIGHT_REAL_DATA names no folder of real data")
Colour = int | float | tuple[int, ...]


def write(path: Path, colour: Colour = (10, 20, 30), mode: str = "RGB", size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def pets(root: Path) -> Path:
    """Two cats and three dogs whose first channel numbers them in the order in which they must come."""
    for number, name in enumerate(["cat/a.png", "cat/b.png", "dog/a.png", "dog/deep/b.png", "dog/z.png"]):
        write(root / name, (number, 20, 30))
    return root


class Loaded(NamedTuple):
    train: ImageSet
    test: ImageSet | None


def load(path: Path, size: int | list[int] = 4, **others: object) -> Loaded:
    settings = parse_settings(Settings, {"path": str(path), "size": size, **others}, "params.yaml: datasets.pets")
    folder.precheck(settings, "pets")
    train, test = folder.find(settings, "pets")
    where = "params.yaml: datasets.pets"
    workers = Workers()
    return Loaded(
        read_into_memory(choose_all(train), where, "train", workers),
        read_into_memory(choose_all(test), where, "test", workers) if test else None,
    )


def test_classes_are_sub_folders_in_sorted_order(tmp_path: Path) -> None:
    loaded = load(pets(tmp_path))
    assert loaded.test is None
    train = loaded.train
    assert train.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 1, 1, 1]
    assert train.labels.dtype == np.int64
    assert train.images.shape == (5, 3, 4, 4)
    assert train.images.dtype == np.uint8
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert (train.images[:, 1] == 20).all()
    assert (train.images[:, 2] == 30).all()
    assert train.origins.tolist() == ["cat/a.png", "cat/b.png", "dog/a.png", "dog/deep/b.png", "dog/z.png"]


def test_the_set_survives_being_written(tmp_path: Path) -> None:
    train = load(pets(tmp_path / "pets")).train
    write_images(train, tmp_path / "train.parquet")
    read = read_images(tmp_path / "train.parquet")
    assert (read.images == train.images).all()
    assert read.provenance == json.loads(json.dumps(train.provenance))


def test_the_path_defaults_to_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pets(tmp_path / "images" / "pets")
    assert len(folder.find(Settings(size=4), "pets").train) == 5
    with pytest.raises(UserError, match=r"^params.yaml: datasets.birds.path: images/birds: no such folder"):
        folder.precheck(Settings(size=4), "birds")


def test_provenance_is_the_same_wherever_the_folder_is(tmp_path: Path) -> None:
    found = [load(pets(tmp_path / name)).train.provenance for name in ("one", "two")]
    assert (
        found[0]
        == found[1]
        == {
            "source": "folder",
            "settings": {
                "size": 4,
                "channels": 3,
                "fit": "stretch",
                "bad_files": "error",
                "layout": "auto",
                "train": [],
                "test": [],
                "leave_out": None,
                "missing_classes": "refuse",
                "links": "refuse",
                "validation": "use",
            },
            "ignored_files": 0,
            "ignored_folders": [],
            "left_out": [],
            "notes": ["1 of 2 folders of classes have folders in them (deep), whose images are taken as theirs"],
            "skipped_files": {},
        }
    )


def test_nothing_is_printed_without_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load(pets(tmp_path))
    assert capfd.readouterr() == ("", "")


def test_many_files_keep_their_order(tmp_path: Path) -> None:
    for number in range(200):
        write(tmp_path / ("even" if number % 2 == 0 else "odd") / f"{number:03}.png", (number, 0, 0), size=(1, 1))
    train = load(tmp_path, size=1).train
    assert train.images[:, 0, 0, 0].tolist() == [*range(0, 200, 2), *range(1, 200, 2)]


def test_other_and_hidden_files_are_ignored_and_counted(tmp_path: Path) -> None:
    pets(tmp_path)
    for name in ("notes.txt", "cat/notes.txt", "cat/._a.png", "dog/.cache/a.png", "dog/scan.pdf", "dog/none"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not an image")
    write(tmp_path / ".hidden" / "a.png")
    train = load(tmp_path).train
    assert len(train) == 5
    assert train.class_names == ("cat", "dog")
    assert train.provenance["ignored_files"] == 7
    left_out = {(group["reason"], group["ending"], group["place"]) for group in train.provenance["left_out"]}
    assert left_out == {
        ("of no kind that is read", ".txt", "cat"),
        ("beside the folders of classes", ".txt", "."),
        ("hidden", ".png", "cat"),
        ("hidden", ".png", "dog"),
        ("hidden", ".png", "."),
        ("of no kind that is read", ".pdf", "dog"),
        ("of no kind that is read", "no ending", "dog"),
    }


def test_suffixes_may_be_large_and_the_content_decides(tmp_path: Path) -> None:
    pets(tmp_path)
    write(tmp_path / "cat" / "x.PNG").rename(tmp_path / "cat" / "x.JPG")
    assert len(load(tmp_path).train) == 6


# The layouts with a split.


def test_train_and_test_folders_are_a_split(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    pets(tmp_path / "test")
    write(tmp_path / "extra" / "cat" / "a.png")
    loaded = load(tmp_path)
    assert loaded.test is not None
    assert loaded.test.class_names == loaded.train.class_names == ("cat", "dog")
    assert (loaded.train.origins[0], loaded.test.origins[0]) == ("train/cat/a.png", "test/cat/a.png")
    assert loaded.train.provenance["ignored_folders"] == ["extra"]


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
def test_validation_images_join_the_training_part(name: str, tmp_path: Path) -> None:
    for part in ("train", "test", name):
        pets(tmp_path / part)
    train, test = load(tmp_path)
    assert test is not None
    assert (len(train), len(test)) == (10, 5)
    assert train.labels.tolist() == [0, 0, 1, 1, 1] * 2
    assert (train.origins[4], train.origins[5]) == ("train/dog/z.png", f"{name}/cat/a.png")
    assert train.provenance["ignored_folders"] == []


def test_validation_images_are_the_test_part_where_there_is_no_other(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    pets(tmp_path / "val")
    train, test = load(tmp_path)
    assert test is not None
    assert (len(train), test.origins[0]) == (5, "val/cat/a.png")


def test_validation_images_can_be_left_out(tmp_path: Path) -> None:
    for part in ("train", "test", "val"):
        pets(tmp_path / part)
    train, test = load(tmp_path, validation="leave_out")
    assert test is not None
    assert (len(train), len(test)) == (5, 5)
    assert train.provenance["ignored_folders"] == ["val"]


def test_links_out_of_the_folder_are_refused_unless_they_are_to_be_followed(tmp_path: Path) -> None:
    (pets(tmp_path / "pets") / "cat" / "z.png").symlink_to(write(tmp_path / "elsewhere.png"))
    with pytest.raises(UserError, match=r"^params.yaml: datasets.pets.path: .*cat/z.png: a link out of the folder"):
        load(tmp_path / "pets")
    assert len(load(tmp_path / "pets", links="follow").train) == 6


@pytest.mark.parametrize("names", [("Train", "Test"), ("training", "testing"), ("TRAINING", "Val")])
def test_parts_may_be_written_otherwise(names: tuple[str, str], tmp_path: Path) -> None:
    for name in names:
        pets(tmp_path / name)
    train, test = load(tmp_path)
    assert test is not None
    assert train.class_names == ("cat", "dog")
    assert (train.origins[0], test.origins[0]) == tuple(f"{name}/cat/a.png" for name in names)
    assert train.provenance["ignored_folders"] == []


@pytest.mark.parametrize(
    "names",
    [
        ("train_images", "test_images"),
        ("my-train-set", "my-test-set"),
        ("trainset", "testset"),
        ("seg_train", "seg_test"),
    ],
)
def test_folders_of_the_same_classes_that_are_called_like_parts_are_such(
    names: tuple[str, str], tmp_path: Path
) -> None:
    for name in names:
        pets(tmp_path / name)
    train, test = load(tmp_path)
    assert test is not None
    assert train.class_names == ("cat", "dog")
    assert (train.origins[0], test.origins[0]) == (f"{names[0]}/cat/a.png", f"{names[1]}/cat/a.png")


@pytest.mark.parametrize("names", [("train_images", "test_images"), ("test", "val"), ("my-train-set", "my-test-set")])
def test_folders_that_look_like_parts_are_not_taken_for_classes(names: tuple[str, str], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name / "a.png")
    with pytest.raises(UserError, match=r"look like parts, not classes; expected folders train and test with a sub-f"):
        load(tmp_path)


def test_classes_may_have_the_word_test_in_their_names(tmp_path: Path) -> None:
    for name in ("test_strip", "test_tube"):
        write(tmp_path / name / "a.png")
    assert load(tmp_path).train.class_names == ("test_strip", "test_tube")


def test_one_part_may_not_be_there_twice(tmp_path: Path) -> None:
    for name in ("Train", "train", "test"):
        pets(tmp_path / name)
    with pytest.raises(
        UserError,
        match=r"Train and train are the same part; set train: \[Train, train\] and test: \[test\] takes all",
    ):
        load(tmp_path)


def test_train_alone_is_no_split(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    loaded = load(tmp_path)
    assert loaded.test is None
    assert loaded.train.class_names == ("cat", "dog")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "train"):
        write(tmp_path / name / "a.png")
    assert load(tmp_path).train.class_names == ("bus", "train")


@pytest.mark.parametrize("names", [("bus", "test", "train"), ("train2017", "unlabeled2017", "val2017")])
def test_parts_without_classes_beside_another_folder_are_asked_about(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name / "a.png")
    expect(tmp_path, f"classes {', '.join(names)}, or parts .* without folders of classes\\? set layout: classes takes")
    assert load(tmp_path, layout="classes").train.class_names == names


def test_train_and_test_without_classes_are_parts_of_one_class(tmp_path: Path) -> None:
    for name in ("test", "train"):
        write(tmp_path / name / "a.png")
    found = folder.find(folder.Settings(path=str(tmp_path), size=8), "pets")
    assert found.test is not None
    for part, origin in ((found.train, "train/a.png"), (found.test, "test/a.png")):
        assert (part.class_names, list(part.origins)) == (("all",), [origin])


def test_train_and_test_must_hold_the_same_classes(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    pets(tmp_path / "test")
    write(tmp_path / "test" / "bird" / "a.png")
    with pytest.raises(
        UserError, match=r"train and test differ in classes: train lacks bird \(1 images in test\); set miss"
    ):
        load(tmp_path)


# Bad files.


def test_a_bad_file_stops_everything_by_name(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / "dog" / "bad.png").touch()
    way_out = "mend or remove it, or set bad_files: skip"
    with pytest.raises(
        UserError, match=f"^params.yaml: datasets.pets: {tmp_path}/dog/bad.png: empty: 0 bytes; {way_out}$"
    ):
        load(tmp_path)


def test_bad_files_can_be_skipped_and_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pets(tmp_path)
    (tmp_path / "cat" / "0.png").touch()
    (tmp_path / "dog" / "bad.png").touch()
    (tmp_path / "dog" / "text.png").write_text("not an image at all")
    train = load(tmp_path, bad_files="skip").train
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert train.origins[2] == "dog/a.png"
    assert train.labels.tolist() == [0, 0, 1, 1, 1]
    assert train.provenance["skipped_files"] == {"empty": 2, "not an image": 1}
    assert capsys.readouterr().err == (
        "params.yaml: datasets.pets.bad_files: train: 3 skipped (2 empty, 1 not an image): "
        f"{tmp_path}/cat/0.png: empty: 0 bytes (and 2 more bad files)\n"
    )


# Folders that hold too little.


def expect(tmp_path: Path, message: str, bad_files: str = "error") -> None:
    with pytest.raises(UserError, match=rf"^params.yaml: datasets.pets.path: {tmp_path}: {message}"):
        load(tmp_path, bad_files=bad_files)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    expect(tmp_path, "no images; expected sub-folders of images, one per class, or train and test above them")
    (tmp_path / "cat").mkdir()
    expect(tmp_path, "no images; ")
    write(tmp_path / "a.png")  # beside a folder of a class it is none of its images
    expect(tmp_path, "no images; ")


def test_images_may_be_of_one_class_in_a_folder_of_its_own_or_in_none(tmp_path: Path) -> None:
    write(tmp_path / "cat" / "a.png")
    assert folder.precheck(folder.Settings(path=str(tmp_path), size=8), "pets") == ("cat",)
    write(tmp_path / "flat" / "b.png")
    write(tmp_path / "flat" / "a.jpg")
    (tmp_path / "flat" / "notes.txt").write_text("no image")
    part = folder.find(folder.Settings(path=str(tmp_path / "flat"), size=8), "pets").train
    assert (part.class_names, part.labels.tolist()) == (("all",), [0, 0])
    assert list(part.origins) == ["a.jpg", "b.png"]
    assert part.provenance["ignored_files"] == 1


def test_a_class_without_images_beside_one_with_some_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "cat" / "a.png")
    (tmp_path / "dog").mkdir()
    expect(tmp_path, "no images of class dog; ")


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / "bird").mkdir()
    expect(
        tmp_path,
        "no images of class bird; every class needs some, set leave_out: .bird. goes on without, or remove its",
    )
    assert load(tmp_path, leave_out=["bird"]).train.class_names == ("cat", "dog")


def test_a_class_without_images_beside_masks_that_are_left_out_is_refused(tmp_path: Path) -> None:
    """What is to be left out would name all of it then: the masks became images with the option that was offered."""
    write(tmp_path / "cat" / "a.png")
    write(tmp_path / "cat" / "a_mask.png")
    (tmp_path / "bird").mkdir()
    expect(tmp_path, "no images of class bird; every class needs some, remove its folder")


def test_a_class_that_skipping_empties_is_refused(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / "bird").mkdir()
    (tmp_path / "bird" / "a.png").write_text("not an image")
    chosen = choose_all(folder.find(Settings(path=str(tmp_path), size=4, bad_files="skip"), "pets").train)
    with pytest.raises(
        UserError, match="pets: class 'bird' has too few images: none that can be read for the train part"
    ):
        write_part(chosen, tmp_path / "x.parquet", "params.yaml: datasets.pets", "train", Workers())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "datasets.pets.size: missing"),
        ({"size": 4, "path": ""}, "datasets.pets.path: '' is not allowed"),
        ({"size": 4, "fit": "squeeze"}, "datasets.pets.fit: .*'stretch', 'crop' or 'pad'"),
        ({"size": 4, "bad_files": "ignore"}, "datasets.pets.bad_files: .*'error' or 'skip'"),
    ],
)
def test_other_settings_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=f"^params.yaml: {message}"):
        parse_settings(Settings, values, "params.yaml: datasets.pets")


# Real photographs.


@needs_real
def test_photographs_without_a_split_load_in_seconds() -> None:
    start = time.perf_counter()
    loaded = load(Path(str(REAL)) / "caltech101", size=64)
    assert time.perf_counter() - start < 30
    assert loaded.test is None
    assert loaded.train.images.shape == (1721, 3, 64, 64)
    assert dict(zip(loaded.train.class_names, loaded.train.counts().tolist(), strict=True)) == {
        "Motorbikes": 798,
        "airplanes": 800,
        "car_side": 123,
    }
    colourless = (loaded.train.images == loaded.train.images[:, :1]).all(axis=(1, 2, 3))
    assert colourless[loaded.train.labels == 2].all(), "the cars are grey"
    assert 100 < loaded.train.images.mean() < 200


@needs_real
def test_photographs_with_a_split_load() -> None:
    loaded = load(Path(str(REAL)) / "clothing", size=[48, 32], channels=1, fit="crop", validation="leave_out")
    assert loaded.test is not None
    assert loaded.train.images.shape == (3068, 1, 48, 32)
    assert loaded.test.images.shape == (372, 1, 48, 32)
    assert loaded.train.class_names[-1] == "t-shirt"
    assert loaded.train.provenance["ignored_folders"] == ["validation"]


def test_a_class_whose_name_cannot_be_written_down_is_refused(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / os.fsdecode(b"b\xe9")).mkdir()
    with pytest.raises(UserError, match=r"a name with control characters, or that is not UTF-8; rename it$"):
        load(tmp_path)


def test_what_is_to_be_left_out_and_is_not_there_is_told_of(tmp_path: Path) -> None:
    for name in ("cat", "dog", "old"):
        write(tmp_path / name / "0.png")
    settings = folder.Settings(path=str(tmp_path), size=4, leave_out=["old", "odl", "*_mask.png"])
    found = folder.find(settings, "pets")
    assert found.train.class_names == ("cat", "dog")
    assert "leave_out: nothing is called 'odl' or '*_mask.png'" in found.train.provenance["notes"]
