"""Colours of 16 bits of PNG and TIFF, whose lower 8 are all that a camera of 12 has beside 4; and files of frames."""

import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from counterweight.data.decode.facts import inspect
from counterweight.data.decode.images import BadFile, Target, decode, decode_picture, try_image

Values = npt.NDArray[np.uint16]
SIZE = (5, 6)  # height, width


def draw(most: int, channels: int = 3) -> Values:
    """Return values of all sizes up to the largest, which is there."""
    values = np.random.default_rng(0).integers(0, most + 1, (*SIZE, channels)).astype(np.uint16)
    values[0, 0, 0] = most
    return values


def write_png(path: Path, values: Values) -> Path:
    """Write 16 bits a value: grey with an alpha, colours, or colours with one."""
    height, width, channels = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    pieces = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(pieces))
    return path


def write_tiff(path: Path, values: Values, order: str = "<", packed: bool = False, planes: bool = False) -> Path:
    """Write 16 bits a value, in either order of bytes, deflated or not, by pixel or by colour."""
    height, width, channels = values.shape
    whole = values.astype(f"{order}u2")
    strips = [whole[..., place].tobytes() for place in range(channels)] if planes else [whole.tobytes()]
    strips = [zlib.compress(strip) if packed else strip for strip in strips]
    tags = {256: [width], 257: [height], 258: [16] * channels, 259: [8 if packed else 1], 262: [2], 273: [], 277: [3]}
    tags |= {277: [channels], 278: [height], 279: [len(strip) for strip in strips], 284: [2 if planes else 1]}
    start = 8
    for strip in strips:
        tags[273].append(start)
        start += len(strip)
    extra, entries, place = b"", b"", start + 2 + 12 * len(tags) + 4
    for tag, own in sorted(tags.items()):
        content = struct.pack(f"{order}{len(own)}I", *own)
        where = content if len(own) == 1 else struct.pack(f"{order}I", place + len(extra))
        extra += content if len(own) > 1 else b""
        entries += struct.pack(f"{order}HHI", tag, 4, len(own)) + where
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, start)
    directory = struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}I", 0) + extra
    path.write_bytes(head + b"".join(strips) + directory)
    return path


def read(path: Path, white: float | None) -> npt.NDArray[np.uint8]:
    """Return an image as it is decoded, uint8 (H, W, C), at its own size."""
    return decode(path, Target(SIZE, 3, "stretch", white)).transpose(1, 2, 0)


def write_all(folder: Path, values: Values) -> list[Path]:
    return [
        write_png(folder / "a.png", values),
        *(
            write_tiff(folder / f"{number}.tif", values, order, packed)
            for number, (order, packed) in enumerate([("<", False), (">", False), ("<", True), (">", True)])
        ),
    ]


@pytest.mark.parametrize("most", [1023, 4095, 65535])
def test_colours_are_scaled_to_the_nearest_by_the_white_of_the_set(most: int, tmp_path: Path) -> None:
    values = draw(most)
    expected = np.rint(values * (255 / most))
    for path in write_all(tmp_path, values):
        assert (read(path, most) == expected).all(), path.name
        assert (read(path, None) == values >> 8).all(), "as it always was"
        facts = inspect(path)
        assert (facts.top, facts.grey, facts.mode) == (most, False, "RGB")


def test_digests_do_not_depend_on_the_format(tmp_path: Path) -> None:
    assert len({inspect(path).digest for path in write_all(tmp_path, draw(4095))}) == 1
    other = draw(4095)
    other[0, 0, 1] ^= 128  # in the lower byte alone
    assert inspect(write_png(tmp_path / "b.png", other)).digest != inspect(tmp_path / "a.png").digest


def test_a_colour_above_white_is_a_bad_file(tmp_path: Path) -> None:
    found = try_image(lambda image: read(tmp_path / "a.png", 4095), write_png(tmp_path / "a.png", draw(5000)))
    assert isinstance(found, BadFile)
    assert found.details == "colours up to 5000, allowed are 0...4095"


@pytest.mark.parametrize("channels", [2, 4])
def test_an_alpha_keeps_its_upper_byte(channels: int, tmp_path: Path) -> None:
    values = draw(4095, channels)
    values[..., -1] = 65535
    values[1, 1, -1] = 0
    path = write_png(tmp_path / "a.png", values)
    expected = (
        np.rint(np.repeat(values[..., :-1], 3, axis=2)[..., :3] * (255 / 4095))
        if channels == 2
        else (np.rint(values[..., :3] * (255 / 4095)))
    )
    expected[1, 1] = 255
    assert (read(path, 4095) == expected).all()
    assert inspect(path).top == values[..., :-1].max()


def test_colours_in_planes_of_16_bits_are_refused(tmp_path: Path) -> None:
    found = try_image(inspect, write_tiff(tmp_path / "a.tif", draw(4095), planes=True))
    assert isinstance(found, BadFile)
    assert found.details == "colours in planes of 16 bits; store them by pixel"


def test_an_image_that_uses_12_bits_faintly_is_not_grey(tmp_path: Path) -> None:
    values = np.full((*SIZE, 3), 2000, dtype=np.uint16)
    values[..., 0] = 2300  # both 8 or less of 255 by their upper bytes
    assert not inspect(write_png(tmp_path / "a.png", values)).grey


# Frames.


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "tif"])
def test_frames_are_counted(ending: str, tmp_path: Path) -> None:
    first, *others = [Image.new("L", (6, 4), number) for number in (0, 90, 180)]
    first.save(tmp_path / f"a.{ending}", save_all=True, append_images=others)
    first.save(tmp_path / f"b.{ending}")
    assert [inspect(tmp_path / f"{name}.{ending}").frames for name in "ab"] == [3, 1]
    target = Target((4, 6), 1, "stretch")
    assert [decode_picture(tmp_path / f"{name}.{ending}", target).several for name in "ab"] == [True, False]


def test_pages_of_another_size_and_previews_of_cameras_are_no_frames(tmp_path: Path) -> None:
    image = Image.new("RGB", (60, 40))
    image.save(tmp_path / "a.tif", save_all=True, append_images=[image.resize((30, 20)), image.resize((15, 10))])
    image.save(tmp_path / "b.mpo", save_all=True, append_images=[image])
    assert [inspect(tmp_path / name).frames for name in ("a.tif", "b.mpo")] == [1, 1]


def test_a_later_frame_that_is_broken_does_not_matter(tmp_path: Path) -> None:
    first, second = (Image.new("L", (6, 4), number) for number in (7, 90))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    content = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(content[: content.rindex(b"\x2c") + 3])  # where the second frame begins
    assert inspect(tmp_path / "a.gif").frames == 1
    assert decode(tmp_path / "a.gif", Target((4, 6), 1, "stretch")).max() == 7
