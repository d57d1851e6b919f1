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
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from campaigns.samples import make_images
from counterweight.core.images import Fit
from counterweight.data.decode.facts import inspect
from counterweight.data.decode.images import FORMATS, BadFile, Target, decode, try_image
from counterweight.data.decode.opening import Embedded
from counterweight.data.decode.pool import Workers, decode_images

MUTATIONS = 40
FAULTS = {"empty", "not an image", "too large", "unreadable"}
LARGEST = 2**30  # bytes that one image may take: a few times the 89 million pixels that are read at most
LARGE = """
import resource, sys
from functools import partial
from counterweight.data.decode.images import BadFile, Target, decode, try_image
from counterweight.data.decode.opening import Embedded
work = partial(decode, target=Target((8, 8), 3, "crop"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read = try_image(work, Embedded("x", sys.stdin.buffer.read()))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) // 1024, read.fault if isinstance(read, BadFile) else "read")
"""


SAMPLES = make_images()


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


def test_a_header_that_promises_more_bytes_than_memory_has_is_the_images_fault(tmp_path: Path) -> None:
    path, content = tmp_path / "x.jp2", SAMPLES["jpeg 2000"]
    place = content.index(b"jp2h") - 4
    path.write_bytes(content[:place] + struct.pack(">I4sQ", 1, b"jp2h", 2**62) + content[place + 8 :])
    read = try_image(inspect, path)
    assert isinstance(read, BadFile)
    assert (read.fault, read.details) == ("unreadable", "its header promises more bytes than memory has room for")


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
