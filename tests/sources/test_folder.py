"""Folders of images in every mode, size and state of repair."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.blocks import parse_block
from stages.decoding import decode
from stages.errors import UserError
from stages.imageset import read_images, write_images
from stages.sources import folder
from stages.sources.base import Loaded
from stages.sources.folder import Settings

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


def load(path: Path, size: int | list[int] = 4, **others: object) -> Loaded:
    settings = parse_block(Settings, {"path": str(path), "size": size, **others}, "params.yaml: datasets.pets")
    folder.precheck(settings, "pets")
    return folder.load(settings, "pets")


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
    assert len(folder.load(Settings(size=4), "pets").train) == 5
    with pytest.raises(UserError, match=r"^params.yaml: datasets.birds.path: images/birds: no such folder"):
        folder.precheck(Settings(size=4), "birds")


def test_provenance_is_the_same_wherever_the_folder_is(tmp_path: Path) -> None:
    found = [load(pets(tmp_path / name)).train.provenance for name in ("one", "two")]
    assert (
        found[0]
        == found[1]
        == {
            "source": "folder",
            "settings": {"size": 4, "channels": 3, "fit": "stretch", "bad_files": "error"},
            "ignored_files": 0,
            "ignored_folders": [],
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
    assert train.provenance["ignored_files"] == 6


def test_suffixes_may_be_large_and_the_content_decides(tmp_path: Path) -> None:
    pets(tmp_path)
    write(tmp_path / "cat" / "x.PNG").rename(tmp_path / "cat" / "x.JPG")
    assert len(load(tmp_path).train) == 6


# The layouts with a split.


def test_train_and_test_folders_are_a_split(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    pets(tmp_path / "test")
    write(tmp_path / "validation" / "cat" / "a.png")
    loaded = load(tmp_path)
    assert loaded.test is not None
    assert loaded.test.class_names == loaded.train.class_names == ("cat", "dog")
    assert (loaded.train.origins[0], loaded.test.origins[0]) == ("train/cat/a.png", "test/cat/a.png")
    assert loaded.train.provenance["ignored_folders"] == ["validation"]


def test_train_alone_is_no_split(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    loaded = load(tmp_path)
    assert loaded.test is None
    assert loaded.train.class_names == ("cat", "dog")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for name in ("bus", "test", "train"):
        write(tmp_path / name / "a.png")
    assert load(tmp_path).train.class_names == ("bus", "test", "train")


def test_train_and_test_without_classes_are_not_taken_for_classes(tmp_path: Path) -> None:
    for name in ("test", "train"):
        write(tmp_path / name / "a.png")
    with pytest.raises(UserError, match=r"^params.yaml: datasets.pets.path: .*train: no images; expected two or more "):
        load(tmp_path)


def test_train_and_test_must_hold_the_same_classes(tmp_path: Path) -> None:
    pets(tmp_path / "train")
    pets(tmp_path / "test")
    write(tmp_path / "test" / "bird" / "a.png")
    with pytest.raises(UserError, match=r"train and test differ in classes: only one has bird$"):
        load(tmp_path)


# Modes: each file becomes one known colour.


@pytest.mark.parametrize(
    ("mode", "colour", "suffix", "expected"),
    [
        ("1", 1, "png", (255, 255, 255)),
        ("L", 100, "png", (100, 100, 100)),
        ("LA", (100, 255), "png", (100, 100, 100)),
        ("LA", (100, 0), "png", (255, 255, 255)),
        ("RGB", (10, 20, 30), "png", (10, 20, 30)),
        ("RGB", (10, 20, 30), "bmp", (10, 20, 30)),
        ("RGB", (10, 20, 30), "tiff", (10, 20, 30)),
        ("RGBA", (10, 20, 30, 255), "webp", (10, 20, 30)),
        ("RGBA", (10, 20, 30, 0), "png", (255, 255, 255)),
        ("RGBA", (0, 100, 200, 51), "png", (204, 224, 244)),  # a fifth of the colour on white
        ("CMYK", (0, 255, 255, 0), "tiff", (255, 0, 0)),
        ("CMYK", (0, 0, 0, 255), "jpg", (0, 0, 0)),
        ("I;16", 25700, "png", (100, 100, 100)),
        ("I;16", 65535, "tiff", (255, 255, 255)),
        ("I;16B", 25700, "tiff", (100, 100, 100)),
        ("I", 25700, "tiff", (100, 100, 100)),
        ("F", 0.2, "tiff", (51, 51, 51)),
        ("F", 1.0, "tiff", (255, 255, 255)),
        ("F", 51.0, "tiff", (51, 51, 51)),
    ],
)
def test_every_mode_becomes_colour(
    mode: str, colour: Colour, suffix: str, expected: tuple[int, ...], tmp_path: Path
) -> None:
    pixels = decode(write(tmp_path / f"x.{suffix}", colour, mode, (8, 8)), (4, 4), 3, "stretch")
    assert pixels.shape == (3, 4, 4)
    assert np.abs(pixels.astype(int) - np.reshape(expected, (3, 1, 1))).max() <= (suffix in ("webp", "jpg")) * 2


def test_colour_becomes_grey_by_luminance(tmp_path: Path) -> None:
    pixels = decode(write(tmp_path / "x.png", (255, 0, 0)), (2, 3), 1, "stretch")
    assert pixels.shape == (1, 2, 3)
    assert (pixels == 76).all()  # 0.299 * 255


@pytest.mark.parametrize(("transparency", "expected"), [(None, (200, 0, 0)), (0, (255, 255, 255)), (1, (200, 0, 0))])
def test_palettes_keep_colours_and_transparency(
    transparency: int | None, expected: tuple[int, ...], tmp_path: Path
) -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "x.png", transparency=transparency)
    assert decode(tmp_path / "x.png", (1, 1), 3, "stretch").ravel().tolist() == [*expected]


def test_palettes_may_have_an_alpha_for_every_colour(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "x.png", transparency=b"\x00\xff")
    assert decode(tmp_path / "x.png", (1, 2), 3, "stretch")[:, 0].T.tolist() == [[255, 255, 255], [0, 200, 0]]


@pytest.mark.parametrize("colour", [1000.0, -1.0, float("nan")])
def test_floats_of_unknown_scale_are_refused(colour: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"greys from .*, allowed are 0\.\.\.1 or 0\.\.\.255$"):
        decode(write(tmp_path / "x.tiff", colour, "F"), (2, 2), 3, "stretch")


def test_integers_beyond_16_bits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"greys from 70000 to 70000, allowed are 0\.\.\.65535$"):
        decode(write(tmp_path / "x.tiff", 70000, "I"), (2, 2), 3, "stretch")


def test_of_an_animation_the_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    for suffix in ("gif", "tiff", "png"):
        frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
        assert decode(tmp_path / f"x.{suffix}", (1, 1), 3, "stretch").ravel().tolist() == [255, 0, 0]


# Orientation and fit.


def left_to_right(size: tuple[int, int], *greys: int) -> Image.Image:
    """Return upright stripes of equal width."""
    return Image.fromarray(np.array([greys], dtype=np.uint8)).resize(size, Image.Resampling.NEAREST)


@pytest.mark.parametrize("size", [(8, 4), (1600, 800)], ids=["small", "decoded at a fraction"])
@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [[0, 255], [0, 255]]),
        (3, [[255, 0], [255, 0]]),
        (6, [[0, 0], [255, 255]]),
        (8, [[255, 255], [0, 0]]),
    ],
)
def test_photographs_are_set_upright(
    orientation: int, expected: list[list[int]], size: tuple[int, int], tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    left_to_right(size, 0, 255).save(tmp_path / "x.jpg", exif=exif, quality=100)
    pixels = decode(tmp_path / "x.jpg", (2, 2), 1, "stretch")[0].astype(int)
    assert np.abs(pixels - expected).max() < 30  # bicubic overshoot is clipped, the rest bleeds over the edge


def test_damaged_orientation_does_not_matter(tmp_path: Path) -> None:
    pets(tmp_path)
    Image.new("RGB", (8, 4)).save(tmp_path / "cat" / "x.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")
    assert len(load(tmp_path).train) == 6


def test_stretching_ignores_the_proportions(tmp_path: Path) -> None:
    left_to_right((40, 10), 0, 100, 200, 250).save(tmp_path / "x.png")
    pixels = decode(tmp_path / "x.png", (10, 4), 1, "stretch")[0]
    assert np.abs(pixels - np.array([0, 100, 200, 250], dtype=float)).max() < 15


def test_cropping_keeps_the_middle(tmp_path: Path) -> None:
    left_to_right((40, 10), 0, 100, 100, 250).save(tmp_path / "x.png")
    assert (decode(tmp_path / "x.png", (10, 10), 1, "crop") == 100).all()


def test_padding_adds_white(tmp_path: Path) -> None:
    write(tmp_path / "x.png", 100, "L", (40, 20))
    pixels = decode(tmp_path / "x.png", (20, 20), 3, "pad")
    assert (pixels[:, 5:15] == 100).all()
    assert (pixels[:, :5] == 255).all()
    assert (pixels[:, 15:] == 255).all()


def test_photographs_decoded_at_a_fraction_look_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((900, 600))
    image.save(tmp_path / "x.jpg", quality=98)
    image.save(tmp_path / "x.png")
    jpeg, png = (decode(tmp_path / name, (48, 48), 3, "stretch").astype(int) for name in ("x.jpg", "x.png"))
    assert np.abs(jpeg - png).mean() < 3


# Bad files.


def truncated(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:3000])


def text(path: Path) -> None:
    path.write_text("not an image at all")


def empty(path: Path) -> None:
    path.touch()


def bomb(path: Path) -> None:
    Image.new("L", (200, 60)).save(path, "PNG")


def larger_bomb(path: Path) -> None:
    Image.new("L", (200, 200)).save(path, "PNG")


def unknown_scale(path: Path) -> None:
    Image.new("F", (2, 2), 1000.0).save(path, "TIFF")


BAD = pytest.mark.parametrize(
    ("spoil", "fault", "details"),
    [
        (truncated, "unreadable", "image file is truncated"),
        (text, "not an image", "of no format that Pillow knows"),
        (empty, "empty", "0 bytes"),
        (bomb, "too large", r"Image size \(12000 pixels\) exceeds limit of 10000 pixels"),
        (larger_bomb, "too large", r"Image size \(40000 pixels\) exceeds limit of 20000 pixels"),
        (unknown_scale, "unreadable", "greys from 1000 to 1000"),
    ],
)


@pytest.fixture
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)


@BAD
@pytest.mark.usefixtures("_small_limit")
def test_a_bad_file_stops_everything_by_name(
    spoil: Callable[[Path], None], fault: str, details: str, tmp_path: Path
) -> None:
    pets(tmp_path)
    spoil(tmp_path / "dog" / "bad.png")
    where, way_out = (
        f"params.yaml: datasets.pets.path: {tmp_path}/dog/bad.png",
        "mend or remove it, or set bad_files: skip",
    )
    with pytest.raises(UserError, match=f"^{where}: {fault}: {details}.*; {way_out}$"):
        load(tmp_path)


@BAD
@pytest.mark.usefixtures("_small_limit")
def test_a_bad_file_can_be_skipped_and_is_counted(
    spoil: Callable[[Path], None], fault: str, details: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets(tmp_path)
    spoil(tmp_path / "dog" / "bad.png")
    train = load(tmp_path, bad_files="skip").train
    assert train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert train.origins[2] == "dog/a.png"
    assert train.labels.tolist() == [0, 0, 1, 1, 1]
    assert train.provenance["skipped_files"] == {fault: 1}
    assert capsys.readouterr().err == f"params.yaml: datasets.pets.bad_files: {tmp_path}: 1 skipped (1 {fault})\n"


def test_several_bad_files_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pets(tmp_path)
    empty(tmp_path / "cat" / "0.png")
    empty(tmp_path / "cat" / "1.png")
    text(tmp_path / "dog" / "0.png")
    with pytest.raises(UserError, match=r"cat/0.png: empty: 0 bytes \(and 2 more bad files\); mend"):
        load(tmp_path)
    assert load(tmp_path, bad_files="skip").train.provenance["skipped_files"] == {"empty": 2, "not an image": 1}
    assert capsys.readouterr().err.endswith(": 3 skipped (2 empty, 1 not an image)\n")


def test_a_file_that_may_not_be_read_is_a_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pets(tmp_path)

    def refuse(path: Path) -> Image.Image:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(UserError, match=r"cat/a.png: unreadable: \[Errno 13\] Permission denied \(and 4 more"):
        load(tmp_path)


def test_lack_of_memory_is_not_called_a_bad_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pets(tmp_path)

    def refuse(path: Path) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(MemoryError):
        load(tmp_path, bad_files="skip")


# Folders that hold too little.


def expect(tmp_path: Path, message: str, bad_files: str = "error") -> None:
    with pytest.raises(UserError, match=rf"^params.yaml: datasets.pets.path: {tmp_path}: {message}"):
        load(tmp_path, bad_files=bad_files)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    expect(tmp_path, "no images; expected two or more sub-folders of images, one per class, or train and test above")
    write(tmp_path / "a.png")
    expect(tmp_path, "no images; ")


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "cat" / "a.png")
    expect(tmp_path, "images of one class only, cat; ")
    (tmp_path / "dog").mkdir()
    expect(tmp_path, "images of one class only, cat; ")


def test_an_empty_class_is_refused(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / "bird").mkdir()
    expect(tmp_path, "no images of class bird; every class needs some, or remove its folder$")


def test_a_class_that_skipping_empties_is_refused(tmp_path: Path) -> None:
    pets(tmp_path)
    (tmp_path / "bird").mkdir()
    text(tmp_path / "bird" / "a.png")
    expect(tmp_path, "bad files aside: no images of class bird; ", bad_files="skip")


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
        parse_block(Settings, values, "params.yaml: datasets.pets")


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
    loaded = load(Path(str(REAL)) / "clothing", size=[48, 32], channels=1, fit="crop")
    assert loaded.test is not None
    assert loaded.train.images.shape == (3068, 1, 48, 32)
    assert loaded.test.images.shape == (372, 1, 48, 32)
    assert loaded.train.class_names[-1] == "t-shirt"
    assert loaded.train.provenance["ignored_folders"] == ["validation"]
