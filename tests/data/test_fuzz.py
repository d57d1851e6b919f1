"""Images of every format with some bytes changed: each is read or refused, soon, and without filling the memory."""

import io
import random
import resource
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from counterweight.core.images import Fit
from counterweight.data.decode.images import FORMATS, BadFile, Embedded, Target, decode, inspect, try_image
from counterweight.data.decode.pool import Workers, decode_images

MUTATIONS = 40
FAULTS = {"empty", "not an image", "too large", "unreadable"}
LARGEST = 2**30  # bytes that one image may take: a few times the 89 million pixels that are read at most
LARGE = """
import resource, sys
from functools import partial
from counterweight.data.decode.images import BadFile, Embedded, Target, decode, try_image
work = partial(decode, target=Target((8, 8), 3, "crop"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read = try_image(work, Embedded("x", sys.stdin.buffer.read()))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) // 1024, read.fault if isinstance(read, BadFile) else "read")
"""


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def samples() -> dict[str, bytes]:
    """Return a small image in every format, and in the forms of it that take ways of their own through a decoder."""
    rows, columns = np.mgrid[:20, :24]
    noise = np.random.default_rng(0).integers(0, 30, (20, 24, 3))
    pixels = (np.stack([rows * 5, columns * 6, rows + columns], axis=-1) + noise).astype(np.uint8)
    colour, grey = Image.fromarray(pixels), Image.fromarray(pixels[..., 0])
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    clear, palette, frames = colour.copy(), colour.quantize(16), [colour.rotate(90), colour.rotate(180)]
    clear.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    return {
        "jpeg": saved(colour, "JPEG"),
        "jpeg, progressive": saved(colour, "JPEG", progressive=True),
        "jpeg, grey": saved(grey, "JPEG"),
        "jpeg, cmyk": saved(colour.convert("CMYK"), "JPEG"),
        "jpeg, turned": saved(colour, "JPEG", exif=exif),
        "mpo": saved(colour, "MPO", save_all=True, append_images=frames),
        "png": saved(colour, "PNG"),
        "png, transparent": saved(clear, "PNG"),
        "png, palette": saved(palette, "PNG", transparency=3),
        "png, 16 bits": saved(deep, "PNG"),
        "png, animated": saved(colour, "PNG", save_all=True, append_images=frames),
        "gif": saved(colour, "GIF"),
        "gif, animated": saved(colour, "GIF", save_all=True, append_images=frames),
        "bmp": saved(colour, "BMP"),
        "bmp, palette": saved(palette, "BMP"),
        "tiff": saved(colour, "TIFF"),
        "tiff, 16 bits": saved(deep, "TIFF"),
        "tiff, floats": saved(Image.fromarray(pixels[..., 0] / np.float32(255)), "TIFF"),
        "tiff, lzw": saved(colour, "TIFF", compression="tiff_lzw"),
        "tiff, deflate": saved(colour, "TIFF", compression="tiff_adobe_deflate"),
        "tiff, jpeg": saved(colour, "TIFF", compression="jpeg"),
        "webp": saved(colour, "WEBP"),
        "webp, lossless": saved(clear, "WEBP", lossless=True),
        "ppm": saved(colour, "PPM"),
        "ppm, 16 bits": b"P5 24 20 65535\n" + (pixels[..., 0].astype(">u2") * 257).tobytes(),
        "ppm, in figures": b"P3\n4 2\n255\n" + b" ".join(b"%d" % value for value in range(24)),
        "jpeg 2000": saved(colour, "JPEG2000"),
        "jpeg 2000, bare": saved(colour, "JPEG2000", no_jp2=True),
        "avif": saved(colour, "AVIF"),
    }


SAMPLES = samples()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Change, cut off, put in and take out bytes, in headers above all."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4])):
        start = rng.choice([rng.randrange(len(data) + 1), rng.randrange(min(64, len(data)) + 1)])
        change: Callable[[], tuple[int, bytes]] = rng.choice(
            [
                lambda: (1, rng.randbytes(1)),
                lambda: (0, rng.randbytes(rng.choice([1, 2, 8]))),
                lambda: (rng.choice([1, 4, 16]), b""),
                lambda: (4, rng.choice([b"\xff", b"\x7f", b"\0", b"9"]) * rng.choice([2, 4, 8])),
                lambda: (4, rng.randbytes(4)),
                lambda: (len(content), b""),
            ]
        )
        length, instead = change()
        data[start : start + length] = instead
    return bytes(data)


def mutations(name: str) -> list[Embedded]:
    rng = random.Random(name)
    return [Embedded(f"{name} {number}", mutated(SAMPLES[name], rng)) for number in range(MUTATIONS)]


def tried(image: Embedded, channels: int = 3, fit: Fit = "stretch") -> npt.NDArray[np.uint8] | BadFile:
    """Return an image's pixels, or what is wrong with it, which has to be one line."""
    read = try_image(partial(decode, target=Target((8, 8), channels, fit)), image)
    if isinstance(read, BadFile):
        assert read.fault in FAULTS
        assert read.details
        assert "\n" not in read.details
        assert len(read.details) < 300
    else:
        assert (read.shape, read.dtype) == ((channels, 8, 8), np.uint8)
    return read


def test_every_format_is_among_the_samples() -> None:
    kinds = {Image.open(io.BytesIO(content)).format for content in SAMPLES.values()}
    assert kinds == {*FORMATS, "MPO"}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_themselves_are_read(name: str) -> None:
    assert isinstance(tried(Embedded(name, SAMPLES[name])), np.ndarray)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_damaged_image_is_read_or_refused(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: Counter[str] = Counter()
    fits: tuple[Fit, ...] = ("stretch", "crop", "pad")
    for number, image in enumerate(mutations(name)):
        read = tried(image, (1, 3)[number % 2], fits[number % 3])
        outcomes[read.fault if isinstance(read, BadFile) else "read"] += 1
        assert isinstance(try_image(inspect, image), BadFile) == isinstance(read, BadFile)
    assert outcomes.total() == MUTATIONS
    assert outcomes["read"] < MUTATIONS, "no mutation did any harm"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LARGEST


@pytest.mark.timeout(120)
def test_workers_read_or_refuse_damaged_images_in_their_order() -> None:
    images = [image for name in SAMPLES for image in mutations(name)[: MUTATIONS // 2]]
    chunks = list(decode_images(images, len(images), Target((8, 8), 3, "stretch"), None, Workers()))
    assert sum(len(chunk.bad) for chunk in chunks) == len(images) > 500
    found = [fault for chunk in chunks for fault in chunk.bad]
    everything = np.concatenate([chunk.images for chunk in chunks])
    for image, bad, pixels in zip(images, found, everything, strict=True):
        here = tried(image)
        assert bad == (here if isinstance(here, BadFile) else None)
        assert bad is not None or np.array_equal(pixels, here)


# Headers that promise more than there is.


def png(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = SAMPLES["png"][33:]
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + rest


def bmp(width: int, height: int) -> bytes:
    return SAMPLES["bmp"][:18] + struct.pack("<ii", width, height) + SAMPLES["bmp"][26:]


def gif(width: int, height: int) -> bytes:
    return SAMPLES["gif"][:6] + struct.pack("<HH", width, height) + SAMPLES["gif"][10:]


def jpeg(width: int, height: int) -> bytes:
    start = SAMPLES["jpeg"].index(b"\xff\xc0") + 5
    return SAMPLES["jpeg"][:start] + struct.pack(">HH", height, width) + SAMPLES["jpeg"][start + 4 :]


def ppm(width: int, height: int) -> bytes:
    return b"P6 %d %d 255\n" % (width, height) + bytes(1000)


def tiff(width: int, height: int) -> bytes:
    content = SAMPLES["tiff, 16 bits"]
    for tag, old, new in ((256, 24, width), (257, 20, height), (278, 20, height)):
        before = next(struct.pack("<HHIH", tag, kind, 1, old) for kind in (3, 4) if entry(tag, kind, old) in content)
        content = content.replace(before + b"\0\0", struct.pack("<HHII", tag, 4, 1, new))
    return content


def entry(tag: int, kind: int, value: int) -> bytes:
    return struct.pack("<HHIH", tag, kind, 1, value)


HEADERS = pytest.mark.parametrize("make", [bmp, gif, jpeg, png, ppm, tiff])
Make = Callable[[int, int], bytes]


def taken(content: bytes) -> tuple[int, str]:
    """Return how many MiB a process takes to decode an image, and what becomes of it."""
    done = subprocess.run([sys.executable, "-c", LARGE], input=content, capture_output=True, check=True, timeout=100)
    mebibytes, fault = done.stdout.decode().split(maxsplit=1)
    return int(mebibytes), fault.strip()


@HEADERS
def test_what_claims_to_be_huge_is_refused_before_there_is_room_for_it(make: Make) -> None:
    mebibytes, fault = taken(make(60_000, 60_000))
    assert fault == "too large"
    assert mebibytes < 64


@HEADERS
def test_what_claims_to_be_as_large_as_may_be_takes_bounded_memory(make: Make) -> None:
    mebibytes, fault = taken(make(9_400, 9_400))  # 88 million pixels, in a file of a kilobyte
    assert fault in ("unreadable", "read")
    assert mebibytes * 2**20 < LARGEST
