"""Bytes that are nearly valid: bits flipped, parts cut, repeated, taken from elsewhere, numbers made extreme."""

import struct
from collections.abc import Callable, Sequence
from random import Random

HEADER = 64
"""Bytes at both ends in which a half of the changes lie: there formats say what follows."""
LONGEST = 64
"""Bytes of a part that is cut out, repeated or put in."""
TIMES = (1, 1, 2, 4)
"""How many changes one input gets."""
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
TEXTUAL = "90-e\"',:\n\t [{"
WIDTHS = ("B", "<H", ">H", "<I", ">I", "<Q", ">Q")

Change = Callable[[bytearray, int, bytes, Random], None]


def mutate(content: bytes, others: Sequence[bytes], rng: Random) -> bytes:
    """Return a content with one to four changes.

    Args:
        others: contents of the same kind, of which parts are put in.
    """
    data = bytearray(content)
    for _ in range(rng.choice(TIMES)):
        CHANGES[rng.randrange(len(CHANGES))](data, choose_place(len(data), rng), rng.choice(others), rng)
    return bytes(data)


def choose_place(length: int, rng: Random) -> int:
    """Return a place in a content, or at its end; half of them are near its beginning or its end."""
    near = rng.randrange(min(HEADER, length) + 1)
    return rng.choice([rng.randrange(length + 1), rng.randrange(length + 1), near, length - near])


def flip_bit(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Flip one bit."""
    if place < len(data):
        data[place] ^= 1 << rng.randrange(8)


def cut_part(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Take some bytes out."""
    del data[place : place + rng.randint(1, LONGEST)]


def cut_rest(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Take all bytes behind a place away."""
    del data[place:]


def repeat_part(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Let some bytes stand there several times."""
    part = data[place : place + rng.randint(1, LONGEST)]
    data[place:place] = part * rng.choice((1, 2, 16))


def splice(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Put a part of another content in place of as much, or let all that follows be the other's."""
    start = rng.randrange(len(other) + 1)
    part = other[start : start + rng.randint(1, LONGEST)]
    if rng.random() < 0.5:
        data[place : place + len(part)] = part
    else:
        data[place:] = other[start:]


def write_extreme(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Write a number that is as small or as large as may be, of one to eight bytes, in either order."""
    width = rng.choice(WIDTHS)
    number = struct.pack(width, rng.choice(EXTREMES) & (256 ** struct.calcsize(width) - 1))
    data[place : place + len(number)] = number


def insert_random(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Put some random bytes in."""
    data[place:place] = rng.randbytes(rng.choice((1, 2, 8, 32)))


def replace_figures(data: bytearray, place: int, other: bytes, rng: Random) -> None:
    """Replace a byte by one that means something in a text."""
    data[place : place + 1] = rng.choice(TEXTUAL).encode()


CHANGES: tuple[Change, ...] = (
    *(flip_bit, flip_bit, cut_part, cut_rest, repeat_part),
    *(splice, write_extreme, write_extreme, insert_random, replace_figures),
)
