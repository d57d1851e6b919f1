"""Colours of 16 bits, of which Pillow keeps the upper 8: nearly black where a camera uses 12 of them."""

import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

MOST = 65535
GREY = "LA;16B"  # of a PNG of greys with an alpha, which Pillow opens as colours with one
NATIVE = "16B" if sys.byteorder == "little" else "16L"  # the order that is not the machine's
OTHER = {"16B": "16L", "16L": "16B", "16N": NATIVE}
"""Pillow's names for the order of a value's bytes, and for the other one, by which it takes the lower one instead."""
SEVERAL = 3  # channels of a colour
PLANES = 2  # of a TIFF whose colours lie one after the other
LAYOUT, BITS = 284, 258  # tags of TIFF


def check_planes(file: ImageFile.ImageFile) -> None:
    """Refuse a TIFF whose colours lie in planes of more than 8 bits, which Pillow takes for 8.

    Raises:
        ValueError: it is one.
    """
    tags: Any = getattr(file, "tag_v2", {})
    if tags.get(LAYOUT) == PLANES and len(tags.get(BITS, ())) > 1 and max(tags[BITS]) > 8:
        raise ValueError(f"colours in planes of {max(tags[BITS])} bits; store them by pixel")


def is_deep_colour(file: ImageFile.ImageFile) -> bool:
    """Say whether an image that is open but for its pixels has colours of 16 bits, with an alpha or without."""
    return file.mode in ("RGB", "RGBA") and bool(file.tile) and all(swap(find_mode(tile)) for tile in file.tile)


def find_mode(tile: "ImageFile._Tile") -> str:
    """Return Pillow's name for how a piece of a file has its values."""
    return str(tile.args if isinstance(tile.args, str) else (tile.args or ("",))[0])


def swap(mode: str) -> str | None:
    """Return how the lower bytes are read of what is read by a mode; None where its values have no 16 bits."""
    kind, _, order = mode.partition(";")
    if mode == GREY:
        return "RGBA"  # all four bytes as they are
    return f"{kind};{OTHER[order]}" if order in OTHER and kind in ("RGB", "RGBA", "RGBX") else None


def take_lower_bytes(file: ImageFile.ImageFile) -> None:
    """Have an image that is open but for its pixels read the lower bytes of its colours in place of the upper ones."""
    modes = [(tile, swap(find_mode(tile)) or "") for tile in file.tile]
    file.tile = [
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode) for tile, mode in modes
    ]


def join_bytes(upper: Image.Image, lower: Image.Image, grey: bool) -> npt.NDArray[np.uint16]:
    """Return the colours, uint16 (H, W, 3), of which two images have the upper and the lower bytes.

    Args:
        grey: whether the latter has both, of greys, as `GREY` is read.
    """
    first, second = (np.asarray(image)[:, :, :SEVERAL].astype(np.uint16) for image in (upper, lower))
    if grey:
        first, second = (np.repeat(second[:, :, place : place + 1], SEVERAL, axis=2) for place in (0, 1))
    joined: npt.NDArray[np.uint16] = np.bitwise_or(np.left_shift(first, 8), second, dtype=np.uint16)
    return joined


def scale_colours(
    values: npt.NDArray[np.uint16], upper: Image.Image, white: float, black: float | None = None
) -> Image.Image:
    """Return colours of 16 bits as those of 8, with the alpha of an image that has one.

    Args:
        black: what becomes black, and what lies outside the nearer end; None: 0, and nothing may exceed `white`.

    Raises:
        ValueError: a value exceeds `white`.
    """
    if black is None and (high := values.max()) > white:
        raise ValueError(f"colours up to {high}, allowed are 0...{white:g}")
    if black is None:
        scaled = np.multiply(values, np.float32(255 / white), dtype=np.float32)
    else:
        scaled = np.subtract(values, np.float32(black), dtype=np.float32) * np.float32(255 / (white - black))
    image = Image.fromarray(np.rint(scaled).clip(0, 255).astype(np.uint8))
    if upper.mode == "RGBA":
        image.putalpha(upper.getchannel("A"))
    return image
