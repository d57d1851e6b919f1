"""How WebP, AVIF and JPEG 2000 were compressed is told from their sizes, and of what pictures show it says nothing."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from benchmarks.traces import make_pictures
from counterweight.data.besides.compression import compare_sides
from counterweight.data.besides.equalising import plan_equalising
from counterweight.data.besides.sides import FileSide
from counterweight.data.decode.changes import Codec, compress, is_reversible
from counterweight.data.decode.facts import inspect

PICTURES = make_pictures(80, 64, 0)
BLURRED = [picture.filter(ImageFilter.GaussianBlur(1)) for picture in PICTURES]
Stored = tuple[str, dict[str, Any]]
WEBP_30: Stored = ("webp", {"quality": 30})
WEBP_90: Stored = ("webp", {"quality": 90})
AVIF_60: Stored = ("avif", {"quality": 60})
JP2_10: Stored = ("jp2", {"quality_layers": [10]})
JP2_30: Stored = ("jp2", {"quality_layers": [30], "irreversible": True})


def store(folder: Path, pictures: list[Image.Image], way: Stored) -> FileSide:
    folder.mkdir()
    ending, options = way
    for place, picture in enumerate(pictures):
        picture.save(folder / f"{place:02}.{ending}", **options)
    files = sorted(folder.iterdir())
    return FileSide(files, [inspect(file) for file in files])


@pytest.mark.parametrize(
    ("real", "synthetic", "words", "step"),
    [
        (WEBP_30, WEBP_90, "WEBP quality (about 3. against 9.)", "re-encoded as WEBP of quality 3."),
        (("avif", {"quality": 20}), AVIF_60, "AVIF quality (about .. against ..)", "re-encoded as AVIF of quality .."),
        (JP2_10, JP2_30, "JPEG2000 compression (.* against 3.* % left)", "re-encoded as JPEG2000 of .* of the bytes"),
        (WEBP_30, ("webp", {"lossless": True}), "format (40 WEBP against 40 lossless WEBP)", "re-encoded as WEBP .*"),
    ],
)
def test_other_qualities_are_named(real: Stored, synthetic: Stored, words: str, step: str, tmp_path: Path) -> None:
    sides = store(tmp_path / "real", PICTURES[:40], real), store(tmp_path / "other", PICTURES[40:], synthetic)
    found = compare_sides(sides)
    (named,) = found.differences
    plan = plan_equalising(sides, found, np.random.default_rng(0))
    assert [*map(len, (plan.steps, plan.remaining))] == [1, 0]
    for text, pattern in ((named, words.replace("(", r"\(").replace(")", r"\)")), (plan.steps[0], step)):
        assert re.fullmatch(pattern, text), text


@pytest.mark.parametrize("way", [WEBP_30, WEBP_90, AVIF_60, JP2_10])
def test_pictures_of_less_detail_are_no_other_quality(way: Stored, tmp_path: Path) -> None:
    sides = store(tmp_path / "real", PICTURES[:40], way), store(tmp_path / "other", BLURRED[40:], way)
    assert compare_sides(sides).differences == []


@pytest.mark.parametrize("side", [1, 7, 16, 64, 200])
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("reversible", [True, False])
def test_any_image_can_be_stored_as_a_jpeg_2000(side: int, mode: str, reversible: bool) -> None:
    content = compress(PICTURES[0].resize((side, side)).convert(mode), Codec("JPEG2000", 50, reversible=reversible))
    assert is_reversible(content) == reversible
    if side == 200:
        assert len(content) == pytest.approx(side * side * len(mode) * 50 / 1000, rel=0.1)


def test_a_jpeg_2000_is_not_compressed_twice_alike(tmp_path: Path) -> None:
    sides = store(tmp_path / "real", PICTURES[:40], ("png", {})), store(tmp_path / "other", PICTURES[40:], JP2_30)
    plan = plan_equalising(sides, compare_sides(sides), np.random.default_rng(0))
    assert {len(changes.codecs) for changes in plan.changes[0]} == {1}
    assert {len(changes.codecs) for changes in plan.changes[1]} == {0}


@pytest.mark.parametrize("content", [b"", b"\xff\x52", b"no image", b"\xff\x52" + bytes(11)])
def test_what_is_no_jpeg_2000_has_no_wavelet(content: bytes) -> None:
    assert not is_reversible(content)
