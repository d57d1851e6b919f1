"""What images carry of what was done to them before they were stored as they are: blocks, bars, dithering."""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

BLOCK = 8
LOOKED_AT = 512  # pixels of a side at most; a multiple of BLOCK
FEWEST_BLOCKS = 4  # of a side, below which no grid is looked for
GRID = 3.0
"""Standard errors by which steps across the lines of a grid exceed the others."""
HALFWAY = 2.0
"""And those in the middle between them, which are fewer, so that the same excess is fewer standard errors."""
BLUR = 2.0  # pixels; what is left of dithering after that is little
LEAST_APART = 0.02  # of the correlations with and without dithering, where anything can be said
PLAIN = 12  # levels of 255 that a bar may vary by: what JPEG leaves beside an edge
NARROWEST = 0.02  # of a side, what a bar has at least
MOST_LINES = 1024  # that are compared with a colour at a time
UNEVEN = 0.02  # of a side, by which two opposite bars may differ

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Levels = npt.NDArray[np.uint8]


class Bars(NamedTuple):
    """Bars of one colour at two opposite sides, in pixels: those of an image that was brought to other proportions."""

    horizontal: int
    """Of each of the bars at the left and at the right."""
    vertical: int
    """Of each of those above and below."""


def has_grid(image: Image.Image) -> bool | None:
    """Say whether an image shows a grid of 8 x 8 pixels from its upper left corner, as a JPEG has; None: too small.

    Of neighbouring pixels with those beside them: the step across a line of the grid less the mean of the steps on both
    sides of it is 0 on average in a picture that knows nothing of a grid (the measure of Wang, Bovik and Evans 2000,
    Blind measurement of blocking artifacts in images, https://doi.org/10.1109/ICIP.2000.899622, in pixels and not in
    frequencies). Lines are compared with what is between them by Welch's t. Networks that enlarge by 8 leave such a
    grid, too.
    """
    width, height = (min(LOOKED_AT, side) // BLOCK * BLOCK for side in image.size)
    if min(width, height) < FEWEST_BLOCKS * BLOCK:
        return None
    levels = np.asarray(image.crop((0, 0, width, height)).convert("L"), dtype=np.float32)
    found = np.add(measure_lines(levels), measure_lines(np.ascontiguousarray(levels.T))) / math.sqrt(2)
    return bool(found[0] > GRID and found[1] > HALFWAY)


def measure_lines(levels: Singles) -> tuple[float, float]:
    """Return by how many standard errors steps between columns (H, W) are larger at multiples of 8 than elsewhere.

    Than at all others, and than in the middle between these: of images that were enlarged by 2 or 4 steps are larger at
    every second or fourth column, there too.
    """
    steps = np.abs(np.diff(levels, axis=1)).mean(axis=0, dtype=np.float64)
    excess = steps[1:-1] - (steps[:-2] + steps[2:]) / 2
    # The first of these is between the second and the third column.
    phase = (np.arange(len(excess)) + 2) % BLOCK
    # Beside a line the excess is lowered by it: those are left out.
    on, off, halfway = phase == 0, (phase > 1) & (phase < BLOCK - 1), phase == BLOCK // 2
    return measure_excess(excess[on], excess[off]), measure_excess(excess[on], excess[halfway])


def measure_excess(one: Floats, other: Floats) -> float:
    """Return by how many standard errors the mean of some numbers exceeds that of others: Welch's t."""
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float((one.mean() - other.mean()) / error) if error > 0 else 0.0


def is_dithered(image: Image.Image) -> bool:
    """Say whether an image with a palette (`P`) was dithered.

    Dithering spreads what a colour lacks over the pixels beside it: neighbouring steps then go back and forth. By how
    much they do is compared with the same image after a blur, given its palette again with and without dithering. An
    image as noisy as dithering makes it cannot be told from a dithered one.
    """
    if not image.getpalette():  # a damaged file's
        return False
    side = LOOKED_AT // 2
    part = image.crop((0, 0, min(side, image.width), min(side, image.height)))
    smooth = part.convert("RGB").filter(ImageFilter.GaussianBlur(BLUR))
    again = [smooth.quantize(palette=part, dither=way) for way in (Image.Dither.NONE, Image.Dither.FLOYDSTEINBERG)]
    own, without, dithered = (correlate_steps(np.asarray(each.convert("RGB"), np.float64)) for each in (part, *again))
    return without - dithered > LEAST_APART and own < (without + dithered) / 2


def correlate_steps(pixels: Floats) -> float:
    """Return the correlation of neighbouring steps along rows and columns of (H, W, 3), a mean; -0.5 of white noise."""
    found = []
    for lines in (pixels, pixels.transpose(1, 0, 2)):
        steps = np.diff(lines, axis=0)
        size = float(np.mean(steps**2)) if len(steps) > 1 else 0.0
        found.append(float(np.mean(steps[1:] * steps[:-1])) / size if size > 0 else 0.0)
    return sum(found) / len(found)


def find_bars(pixels: Levels, width: int, height: int) -> Bars | None:
    """Return the bars of an image, at the size that it is stored in, or None if it has none.

    Args:
        pixels: (h, w, 3), the image itself or a smaller version.
        width, height: those of the image.
    """
    rows, columns = (measure_bar(pixels, axis) for axis in (0, 1))
    # Both ways: a picture on a plain ground. Rounded up, and a pixel more where it was made smaller.
    if (rows > 0) == (columns > 0):
        return None
    if rows:
        return Bars(0, scale_bar(rows, pixels.shape[0], height))
    return Bars(scale_bar(columns, pixels.shape[1], width), 0)


def scale_bar(bar: int, small: int, side: int) -> int:
    """Return the width of a bar in an image of a side, of which a smaller version has one of `bar` pixels."""
    return bar if small == side else -(-bar * side // small) + 1


def measure_bar(pixels: Levels, axis: int) -> int:
    """Return how many first and last rows (0) or columns (1) of (h, w, 3) are of one colour; 0: not as many of both."""
    lines = pixels if axis == 0 else pixels.transpose(1, 0, 2)
    first, last = count_plain(lines), count_plain(lines[::-1])
    side, both = len(lines), first + last
    even = abs(first - last) <= max(1, UNEVEN * side)
    return max(first, last) if min(first, last) >= max(1, NARROWEST * side) and even and both < side else 0


def count_plain(lines: Levels) -> int:
    """Return how many lines from the first on (n, m, 3) have the colour of the first pixel."""
    colour, count, size = lines[0, 0].astype(np.int16), 0, 1
    while count < len(lines):
        # Ever more at a time: most images have no bar, and end this at once; some are millions of lines of nothing.
        block = lines[count : count + size].astype(np.int16)
        plain = (np.abs(block - colour) <= PLAIN).all(axis=(1, 2))
        if not plain.all():
            return count + int(plain.argmin())
        count, size = count + len(block), min(2 * size, MOST_LINES)
    return count
