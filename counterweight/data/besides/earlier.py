"""Which files that were stored without loss had been JPEGs before, and of which quality."""

import numpy as np
import numpy.typing as npt

from counterweight.data.decode.changes import estimate_earlier_quality
from counterweight.data.decode.images import Encoded, load_upright, make_opaque, open_image
from counterweight.data.decode.pool import CHUNK, Job, Workers, process_images

Numbers = npt.NDArray[np.int64]


def find_earlier_qualities(files: list[Encoded], none: int) -> Numbers:
    """Return the quality of the JPEG that each file was before, int64 (N,).

    Args:
        none: what stands for a file in which no JPEG is seen, or that cannot be read any more.
    """
    found: list[int] = []
    with Workers() as workers:
        for results in process_images(files, len(files), Job(estimate_earlier, list), None, CHUNK, workers):
            found += [quality if isinstance(quality, int) else none for quality in results]
    return np.array(found, dtype=np.int64)


def estimate_earlier(image: Encoded) -> int | None:
    """Return the quality of the JPEG that an image was before; None: none is seen."""
    with open_image(image) as file:
        load_upright(file, None)
        return estimate_earlier_quality(make_opaque(file, "RGB"))
