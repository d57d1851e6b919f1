"""Traces of what was done to images before they were stored as they are: seen where they are, and not elsewhere."""

import time

import numpy as np
import pytest
from PIL import Image

from benchmarks.traces import add_bars, look_at, make_pictures, measure, store_jpeg, store_palette
from counterweight.data.decode.changes import Changes, apply_changes, estimate_earlier_quality
from counterweight.data.decode.traces import Bars, count_plain, find_bars, has_grid, is_dithered

PICTURES = make_pictures(40, 128, 0)


@pytest.mark.parametrize("quality", [50, 75, 90])
def test_an_earlier_jpeg_is_found_with_its_quality(quality: int) -> None:
    """But in rectangles of one colour, which a JPEG hardly changes: a quarter."""
    found = [estimate_earlier_quality(store_jpeg(image, quality)) for image in PICTURES]
    assert np.mean([each is not None and abs(each - quality) <= 1 for each in found]) >= 0.7


def test_no_jpeg_is_found_where_none_was() -> None:
    assert [estimate_earlier_quality(image) for image in PICTURES] == [None] * len(PICTURES)
    assert [has_grid(image) for image in PICTURES] == [False] * len(PICTURES)


def test_blocks_are_seen_where_they_begin_at_the_corner() -> None:
    stored = [store_jpeg(image, 50) for image in PICTURES]
    assert np.mean([has_grid(image) for image in stored]) >= 0.7
    shifted = [image.crop((3, 3, 123, 123)) for image in stored]
    assert sum(bool(has_grid(image)) for image in shifted) == 0
    assert has_grid(PICTURES[0].resize((31, 200))) is None


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("way", [Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
def test_what_enlarging_by_2_or_4_leaves_is_not_called_blocks(factor: int, way: Image.Resampling) -> None:
    enlarged = [image.resize((factor * image.width, factor * image.height), way) for image in PICTURES]
    assert sum(bool(has_grid(image)) for image in enlarged) <= 2
    stored = [store_jpeg(image, 50) for image in enlarged]
    assert np.mean([has_grid(image) for image in stored]) >= 0.7


def test_only_what_was_stored_without_loss_and_has_no_palette_is_looked_at_for_blocks() -> None:
    assert look_at(store_jpeg(PICTURES[0], 50)).grid is True
    assert look_at(PICTURES[0].quantize(16)).grid is None


def test_bars_are_measured_and_cut_off() -> None:
    image = PICTURES[0]
    barred = add_bars(image)
    facts = look_at(barred)
    assert facts.bars == Bars(0, 16)
    assert apply_changes(barred, Changes(bars=facts.bars)).size == (128, 96)
    turned = barred.transpose(Image.Transpose.ROTATE_90)
    assert look_at(turned).bars == Bars(16, 0)


def test_bars_of_a_smaller_version_are_rounded_up() -> None:
    pixels = np.full((100, 100, 3), 90, dtype=np.uint8)
    pixels[:, ::2] = 10
    pixels[:10], pixels[-10:] = 0, 0
    assert find_bars(pixels, 400, 405) == Bars(0, 42)


@pytest.mark.parametrize("way", ["plain", "one side", "ground", "uneven", "none"])
def test_what_is_no_pair_of_bars_is_none(way: str) -> None:
    pixels = np.array(PICTURES[0])
    if way == "plain":
        pixels[:] = 7
    if way == "one side":
        pixels[:20] = 0
    if way == "ground":
        pixels[:20], pixels[-20:], pixels[:, :20], pixels[:, -20:] = 255, 255, 255, 255
    if way == "uneven":
        pixels[:20], pixels[-5:] = 0, 0
    assert find_bars(pixels, 128, 128) is None


def test_dithering_is_told_from_none() -> None:
    """But in waves with noise, as which dithering looks: a quarter."""
    plain = [look_at(store_palette(image, 16, False)).dithered for image in PICTURES]
    dithered = [look_at(image.convert("P")).dithered for image in PICTURES]
    assert np.mean([bool(each) for place, each in enumerate(plain) if place % 4 != 3]) <= 0.1
    assert np.mean([bool(each) for each in dithered]) >= 0.9


def test_images_can_be_dithered_to_a_palette_of_their_own() -> None:
    image = PICTURES[1]
    made = [np.asarray(apply_changes(image, Changes(colours=16, dithered=way))).astype(float) for way in (False, True)]
    assert len(np.unique(made[1].reshape(-1, 3), axis=0)) <= 16
    # Around each pixel dithering keeps the mean colour.
    apart = [np.abs(each.mean(axis=(0, 1)) - np.asarray(image).mean(axis=(0, 1))).max() for each in made]
    assert apart[1] <= max(apart[0], 1)
    assert not np.array_equal(made[0], made[1])


def test_sets_without_traces_are_seldom_said_to_have_any() -> None:
    """The committed figures on a small scale: at a level of 0.001, of 20 pairs of sets none or one."""
    found = measure(8, 20, (64,))["sets"]["64"]
    assert all(rate <= 0.05 for name, rate in found.items() if name.endswith("none") or "both" in name)
    assert found["grid, JPEG 50"] == found["bars"] == 1


@pytest.mark.parametrize("plain", [0, 1, 2, 6, 7, 8, 100, 1500, 3000])
def test_lines_of_one_colour_are_counted_however_many(plain: int) -> None:
    lines = np.full((3000, 4, 3), 90, dtype=np.uint8)
    lines[plain:, 2] = 120
    lines[0] = 90  # the first line is what others are compared with
    assert count_plain(lines) == max(plain, 1)


def test_millions_of_lines_of_nothing_take_no_time() -> None:
    pixels = np.zeros((2_000_000, 8, 3), dtype=np.uint8)
    began = time.process_time()
    assert find_bars(pixels, 8, 2_000_000) is None
    assert time.process_time() - began < 5


def test_a_palette_without_colours_is_not_dithered() -> None:
    image = Image.new("P", (64, 64))
    image.putpalette(b"")
    assert not is_dithered(image)
