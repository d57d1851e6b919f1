"""Pictures of images in rows and columns."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

GAP = 1
SMALLEST_TILE = 56  # pixels; smaller images are enlarged by a whole factor, so that a person sees something


def save_grid(images: npt.NDArray[np.uint8], columns: int, path: Path) -> None:
    """Write images (N, C, H, W), C being 1 or 3, as a PNG of `columns` columns, filled row by row."""
    count, channels, height, width = images.shape
    rows = max(1, -(-count // columns))
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), 255, dtype=np.uint8)
    for index, image in enumerate(images):
        top = GAP + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        sheet[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    factor = max(1, SMALLEST_TILE // max(height, width))
    picture = Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
    picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST).save(path, "PNG")
