"""Images in memory brought to another size and to grey or colour."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from counterweight.data.sources.base.file_settings import parse_size

LUMINANCE = np.array([19595, 38470, 7471], dtype=np.uint32)  # fractions of red, green and blue, times 2^16


def resize_array(images: npt.NDArray[np.uint8], size: int | list[int], channels: int) -> npt.NDArray[np.uint8]:
    """Bring images, uint8 (N, C, h, w), to a size, bicubically, and to a number of channels, 1 or 3.

    Grey is repeated over the channels; colours become grey by their luminance (ITU-R 601, rounded as Pillow does).
    """
    if images.shape[1] > channels:
        # 2^15 is a half: rounds.
        images = ((images.transpose(0, 2, 3, 1) @ LUMINANCE + 2**15) >> 16).astype(np.uint8)[:, None]
    height, width = parse_size(size)
    if images.shape[2:] != (height, width):
        rows, columns = (
            compute_resampling_matrix(images.shape[2], height),
            compute_resampling_matrix(images.shape[3], width),
        )
        # (new h, h) @ (N, C, h, w) @ (w, new w); clipped, since bicubic weights are negative in part and overshoot.
        images = np.rint(rows @ images @ columns.T).clip(0, 255).astype(np.uint8)
    return np.repeat(images, channels // images.shape[1], axis=1)


def compute_resampling_matrix(old: int, new: int) -> npt.NDArray[np.float32]:
    """Return the matrix (new, old) by which Pillow resizes a line of pixels: what it makes of unit vectors."""
    # Resizing is linear, so unit vectors tell all; a product then resizes a whole array at once.
    lines = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(lines.resize((old, new), Image.Resampling.BICUBIC))
