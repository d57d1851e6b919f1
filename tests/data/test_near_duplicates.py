"""The same picture saved again is found, kept on one side, and told; other pictures, and flat ones, are not."""

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from counterweight.core.images import ImageSet, read_images
from counterweight.core.near_duplicates import WAVES, find_near_duplicates, sketch
from counterweight.core.pictures import number_pictures
from counterweight.core.twins import digest_pixels
from stages import ingest

Pixels = npt.NDArray[np.uint8]


def draw_scenes(count: int, seed: int, side: int = 96) -> Pixels:
    """Return pictures, uint8 (N, side, side, 3), whose amplitudes fall with frequency as those of photographs do."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) * side
    noise = rng.standard_normal((count, 3, side, side)) + 2 * rng.standard_normal((count, 1, side, side))
    waves = np.fft.ifft2(np.fft.fft2(noise) / np.maximum(frequency, 1)).real
    scaled = waves / waves.std(axis=(1, 2, 3), keepdims=True) * 45 + 128
    return scaled.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def bring(pictures: list[Image.Image], side: int = 64) -> Pixels:
    resized = [np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC)) for picture in pictures]
    return np.stack(resized).transpose(0, 3, 1, 2)


def save_again(picture: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(content)


def scale(picture: Image.Image, factor: float) -> Image.Image:
    side = round(picture.width * factor)
    return picture.resize((side, side), Image.Resampling.BICUBIC)


SCENES = [Image.fromarray(scene) for scene in draw_scenes(200, 0)]
CHANGES = {
    "JPEG of quality 90": lambda picture: save_again(picture, 90),
    "JPEG of quality 50": lambda picture: save_again(picture, 50),
    "twice a JPEG": lambda picture: save_again(save_again(picture, 60), 80),
    "half": lambda picture: scale(picture, 0.5),
    "double": lambda picture: scale(picture, 2),
    "a JPEG of half the size": lambda picture: save_again(scale(picture, 0.5), 75),
    "brighter": lambda picture: picture.point(lambda level: min(255, round(1.08 * level + 6))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_picture_saved_again_is_found_and_nothing_else(change: str) -> None:
    both = np.concatenate([bring(SCENES), bring([CHANGES[change](scene) for scene in SCENES])])
    pairs = find_near_duplicates(sketch(both))
    assert (pairs[:, 1] - pairs[:, 0] == len(SCENES)).all()
    assert len(pairs) >= 0.95 * len(SCENES)


def test_pictures_that_differ_are_no_near_duplicates() -> None:
    assert len(find_near_duplicates(sketch(bring([Image.fromarray(own) for own in draw_scenes(1500, 1)])))) == 0


def draw_textures(count: int, seed: int) -> Pixels:
    """Return pictures, uint8 (N, 48, 48, 3), of strong colours that have as much fine detail as coarse."""
    rng = np.random.default_rng(seed)
    found = np.zeros((count, 48, 48, 3))
    for side in (4, 8, 16):
        for place, blocks in enumerate(rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)):
            found[place] += np.asarray(Image.fromarray(blocks).resize((48, 48), Image.Resampling.BICUBIC)) / side
    low, high = found.min(axis=(1, 2, 3), keepdims=True), found.max(axis=(1, 2, 3), keepdims=True)
    return ((found - low) / (high - low) * 255).astype(np.uint8)


@pytest.mark.parametrize("change", ["JPEG of quality 50", "half", "a JPEG of half the size", "brighter"])
def test_textures_of_strong_colours_are_found_though_they_change_more(change: str) -> None:
    """JPEG keeps colours at half the size, which takes detail away that photographs have little of."""
    textures = [Image.fromarray(own) for own in draw_textures(200, 0)]
    both = np.concatenate([bring(textures, 48), bring([CHANGES[change](own) for own in textures], 48)])
    for count in (30, 120, 200):  # of few there is another, of most, of all
        pairs = find_near_duplicates(sketch(both[: 200 + count]))
        assert (pairs[:, 1] - pairs[:, 0] == 200).all()
        assert len(pairs) >= 0.95 * count
    assert len(find_near_duplicates(sketch(bring([Image.fromarray(own) for own in draw_textures(1500, 1)], 48)))) == 0


def draw_bars(count: int) -> Pixels:
    """Return noisy bars of three slopes, uint8 (N, 1, 32, 32): plain pictures, of three to fourteen waves."""
    rng = np.random.default_rng(0)
    slope = np.deg2rad(rng.choice([20, 70, 120], count) + rng.normal(0, 5, count))[:, None, None]
    shift, width = rng.normal(0, 4, (count, 1, 1)), rng.uniform(2, 5, (count, 1, 1))
    rows, columns = np.mgrid[:32, :32] - 16
    away = np.abs(columns * np.sin(slope) - rows * np.cos(slope) - shift)
    bars = 40 + 180 * np.clip(width / 2 - away + 0.5, 0, 1) + rng.normal(0, 8, (count, 32, 32))
    return bars.clip(0, 255).astype(np.uint8)[:, None]


@pytest.mark.parametrize("quality", [90, 60])
def test_plain_pictures_are_found_where_they_are_so_much_nearer_than_others(quality: int) -> None:
    bars = draw_bars(400)
    plain = sketch(bars).waves < WAVES
    assert plain.sum() >= 20
    again = np.stack([np.asarray(save_again(Image.fromarray(bar[0]), quality))[None] for bar in bars])
    pairs = find_near_duplicates(sketch(np.concatenate([bars, again])))
    found = pairs[pairs[:, 1] - pairs[:, 0] == len(bars)]
    assert len(found) >= 0.97 * len(bars)
    assert np.isin(found[:, 0], np.flatnonzero(plain)).sum() >= 0.9 * plain.sum()
    # Of 400 at random places a few lie where another does: within a pixel, and noise is averaged.
    assert len(find_near_duplicates(sketch(bars))) <= 0.01 * len(bars)


def test_what_is_flat_smooth_or_small_is_no_near_duplicate() -> None:
    rng = np.random.default_rng(0)
    flat = rng.integers(0, 256, (300, 3, 1, 1)) + rng.integers(-2, 3, (300, 3, 32, 32))
    ramps = 128 + rng.uniform(-60, 60, (300, 1, 1, 1)) * np.linspace(-1, 1, 32) + rng.normal(0, 1, (300, 3, 32, 32))
    edges = np.where(np.arange(32) < 16, 40, 200) + rng.normal(0, 2, (300, 3, 32, 32))
    for images in (flat, ramps, edges, flat[:, :, :7, :7]):
        assert len(find_near_duplicates(sketch(images.clip(0, 255).astype(np.uint8)))) == 0


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_images_are_numbered(count: int) -> None:
    images = bring(SCENES[:3])[:count]
    assert sorted(number_pictures(digest_pixels(images), sketch(images)).near.tolist()) == [*range(count)]


def test_copies_and_near_duplicates_share_numbers_through_each_other() -> None:
    own = bring(SCENES[:40])
    again = bring([save_again(scene, 80) for scene in SCENES[:3]])
    images = np.concatenate([own, own[:2], again])
    pictures = number_pictures(digest_pixels(images), sketch(images))
    assert pictures.pair == (0, 42)
    for scene, others in ((0, [40, 42]), (1, [41, 43]), (2, [44])):
        assert np.flatnonzero(pictures.near == pictures.near[scene]).tolist() == [scene, *others]
    assert len(set(pictures.near)) == 40
    assert len(set(pictures.exact)) == 43
    assert number_pictures(digest_pixels(images), None).near.tolist() == pictures.exact.tolist()


def write_scenes(folder: Path, parts: bool) -> None:
    """Forty pictures of two classes, the first twenty a second time as small JPEGs, one of these in the other class."""
    for number, scene in enumerate(SCENES[:40]):
        place = folder / ("train" if parts else "") / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        scene.save(place / f"{number}.png")
    for number, scene in enumerate(SCENES[:20]):
        place = folder / ("test" if parts else "") / ("cat", "dog")[(number + (number == 7)) % 2]
        place.mkdir(parents=True, exist_ok=True)
        save_again(scale(scene, 0.7), 80).save(place / f"{number}_small.jpg", quality=80)


def run_ingest(folder: Path, **block: object) -> list[ImageSet]:
    params = {"seed": 0, "device": "cpu", "datasets": {"pets": {"source": "folder", "size": 64, **block}}}
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test", "--account", "account"])
    return [read_images(Path(name)) for name in ("train", "test")]


def name_scenes(images: ImageSet) -> set[str]:
    return {Path(origin).stem.removesuffix("_small") for origin in images.origins}


def test_near_duplicates_are_on_one_side_of_a_split_unless_they_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path / "images/pets", parts=False)
    train, test = run_ingest(tmp_path)
    assert not name_scenes(train) & name_scenes(test)
    said = capsys.readouterr().err
    assert "pets: 40 images are near duplicates of others (" in said
    assert f"; 0 of {len(test)} test images are in the training part, too\n" in said
    assert abs(len(test) - 18) <= 2  # 30 % of 60
    assert "pets: 2 images are the same picture as one of another class: " in said
    assert "7_small.jpg (cat)" in said
    assert "dog/7.png (dog)" in said
    train, test = run_ingest(tmp_path, near_duplicates="ignore")
    assert name_scenes(train) & name_scenes(test)
    assert "near" not in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["account", "images", "params.yaml", "test", "train"]


def test_near_duplicates_across_parts_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scenes(tmp_path / "images/pets", parts=True)
    _, test = run_ingest(tmp_path)
    said = capsys.readouterr().err
    assert "; 20 of 20 test images are in the training part, too: the split is the source's own" in said
    assert test.provenance["near_duplicates"] == {"in_this_part": 0, "in_train": 20, "in_train_by_class": [11, 9]}
