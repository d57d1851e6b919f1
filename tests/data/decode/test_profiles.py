"""Profiles that say something else than sRGB have a name, and no others."""

import struct
from io import BytesIO

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from counterweight.data.decode.facts import inspect
from counterweight.data.decode.opening import Embedded

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def write_linear_profile() -> bytes:
    """Return sRGB's profile with curves that are straight."""
    content = bytearray(SRGB)
    for tag in range(struct.unpack_from(">I", content, 128)[0]):
        name, start, _ = struct.unpack_from(">4sII", content, 132 + 12 * tag)
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            content[start : start + 12] = b"curv" + bytes(8)
    return bytes(content)


def write_png(profile: bytes | None = None, gamma: float | None = None) -> Embedded:
    stream, chunks = BytesIO(), PngInfo()
    if gamma is not None:
        chunks.add(b"gAMA", struct.pack(">I", round(1e5 / gamma)))
    Image.new("RGB", (4, 4), "red").save(stream, "PNG", icc_profile=profile, pnginfo=chunks)
    return Embedded("red", stream.getvalue())


@pytest.mark.parametrize(
    ("image", "name"),
    [
        (write_png(), None),
        (write_png(SRGB), None),
        (write_png(write_linear_profile()), "sRGB built-in"),
        (write_png(b"nothing of the kind"), None),
        (write_png(gamma=2.2), None),
        (write_png(gamma=1), "gamma 1"),
        (write_png(gamma=1.8), "gamma 1.8"),
    ],
)
def test_what_numbers_stand_for(image: Embedded, name: str | None) -> None:
    assert inspect(image).profile == name
