"""What is done to images so that two kinds of files become alike."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from counterweight.data.decode.changes import Changes, Codec, apply_changes, compress, estimate_quality_by_size
from counterweight.data.decode.facts import inspect
from counterweight.data.decode.images import Target, decode, try_image
from counterweight.data.decode.opening import Altered, Embedded


def picture(side: int = 64, seed: int = 0) -> Image.Image:
    """Coloured blobs with a little noise."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(side, side, 3)), (3, 3, 0))
    levels = 128 + 400 * smooth + rng.normal(0, 4, smooth.shape)
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def stored(image: Image.Image, kind: str, **options: Any) -> Embedded:  # noqa: ANN401
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return Embedded(f"x.{kind}", buffer.getvalue())


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_png_that_is_compressed_is_the_jpeg(subsampling: str) -> None:
    image, target = picture(), Target((64, 64), 3, "stretch")
    jpeg = stored(image, "JPEG", quality=70, subsampling=subsampling)
    altered = Altered(stored(image, "PNG"), Changes(codecs=(Codec("JPEG", 70, subsampling),)))
    assert np.array_equal(decode(altered, target), decode(jpeg, target))
    facts = inspect(jpeg)
    assert (facts.quality, facts.subsampling, facts.lossless) == (70, subsampling, False)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_png_that_is_compressed_by_the_tables_of_a_jpeg_is_that_jpeg(mode: str) -> None:
    image, target = picture().convert(mode), Target((64, 64), 3, "stretch")
    tables = [[*range(6, 70)], [*range(9, 73)]][: len(mode)]
    jpeg = stored(image, "JPEG", qtables=tables, subsampling="4:4:4")
    facts = inspect(jpeg)
    assert facts.quality is not None
    assert facts.tables is not None
    codec = Codec("JPEG", facts.quality, "4:4:4", facts.tables)
    altered = Altered(stored(image, "PNG"), Changes(codecs=(codec,)))
    assert np.array_equal(decode(altered, target), decode(jpeg, target))
    usual = Altered(stored(image, "PNG"), Changes(codecs=(codec._replace(tables=None),)))
    assert not np.array_equal(decode(usual, target), decode(jpeg, target))


def test_the_shorter_side_is_brought_down_and_never_up() -> None:
    image = picture().resize((60, 40))
    assert apply_changes(image, Changes(shorter=20)).size == (30, 20)
    assert apply_changes(image, Changes(shorter=400)) is image


def test_grey_images_stay_grey_through_all_changes() -> None:
    codecs = tuple(Codec(kind, 50) for kind in ("AVIF", "WEBP", "JPEG"))
    made = apply_changes(picture().convert("L"), Changes(shorter=32, colours=16, codecs=codecs))
    assert (made.mode, made.size) == ("L", (32, 32))


def test_a_given_palette_makes_of_an_image_what_pillow_does() -> None:
    image = picture()
    stored_so = image.convert("P")
    palette = bytes(stored_so.getpalette() or ())
    made = apply_changes(image, Changes(colours=216, palette=palette))
    assert np.array_equal(np.asarray(made), np.asarray(stored_so.convert("RGB")))
    assert np.array_equal(np.asarray(apply_changes(made, Changes(colours=216, palette=palette))), np.asarray(made))


def test_an_image_without_its_colours_is_a_grey_one_in_colour() -> None:
    image = picture()
    made = apply_changes(image, Changes(grey=True))
    assert made.mode == "RGB"
    assert np.array_equal(np.asarray(made)[..., 0], np.asarray(image.convert("L")))


def test_a_palette_leaves_so_many_colours() -> None:
    image = picture()
    made = apply_changes(image, Changes(colours=16))
    assert len(made.getcolors() or ()) <= 16
    assert np.array_equal(np.asarray(apply_changes(made, Changes(colours=16))), np.asarray(made))
    assert inspect(stored(image.quantize(16), "PNG")).colours == 16
    assert inspect(stored(image, "PNG")).colours is None


@pytest.mark.parametrize(("options", "lossless"), [({"lossless": True}, True), ({"quality": 90}, False)])
@pytest.mark.parametrize("wrapped", [False, True])
def test_lossless_webp_is_told_from_other(options: dict[str, Any], lossless: bool, wrapped: bool) -> None:
    """With a colour profile the chunks of pixels come later in the file."""
    more: dict[str, Any] = {"icc_profile": bytes(1001)} if wrapped else {}
    file = stored(picture(), "WEBP", **options, **more)
    facts = inspect(file)
    assert (facts.format, facts.lossless) == ("WEBP", lossless)
    two = stored(picture(), "WEBP", save_all=True, append_images=[picture(seed=1)], **options)
    assert inspect(two).lossless == lossless


@pytest.mark.parametrize(("kind", "quality"), [("WEBP", 40), ("WEBP", 80), ("AVIF", 60)])
def test_the_quality_of_a_file_is_guessed_from_its_size(kind: str, quality: int) -> None:
    """For files that do not say it; to about 8, which is less than a step that one sees."""
    guessed = []
    for seed in range(3):
        content = compress(picture(128, seed), Codec(kind, quality))
        with Image.open(BytesIO(content)) as file:
            guessed.append(estimate_quality_by_size(file.convert("RGB"), kind, len(content)))
    assert np.median(guessed) == pytest.approx(quality, abs=8)


def test_an_altered_image_that_cannot_be_read_has_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"none")
    found = try_image(inspect, Altered(tmp_path / "x.png", Changes()))
    assert found == try_image(inspect, tmp_path / "x.png")
    assert str(tmp_path / "x.png") in found
