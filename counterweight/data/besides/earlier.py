"""Which files that were stored without loss had been JPEGs before, and of which quality."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from counterweight.data.decode.changes import estimate_earlier_quality, estimate_earlier_subsampling
from counterweight.data.decode.images import make_opaque
from counterweight.data.decode.opening import Encoded, load_upright, open_image
from counterweight.data.decode.pool import CHUNK, Job, Workers, process_images


class Earlier(NamedTuple):
    """What a JPEG was like that is stored without loss now."""

    quality: int
    subsampling: str


def find_earlier(files: Sequence[Encoded]) -> list[Earlier | None]:
    """Return what JPEG each file was before; None where none is seen, or it cannot be read any more."""
    found: list[Earlier | None] = []
    with Workers() as workers:
        for results in process_images(files, len(files), Job(estimate_earlier, list), None, CHUNK, workers):
            found += [result if isinstance(result, Earlier) else None for result in results]
    return found


def estimate_earlier(image: Encoded) -> Earlier | None:
    """Return what JPEG an image was before; None: none is seen."""
    with open_image(image) as file:
        load_upright(file, None)
        opaque = make_opaque(file, "RGB")
    quality = estimate_earlier_quality(opaque)
    return None if quality is None else Earlier(quality, estimate_earlier_subsampling(opaque, quality))


def fill_in(found: Sequence[Earlier | None]) -> list[Earlier | None]:
    """Return what JPEG each file was, of those where none is seen what most were, if it is seen in more than half.

    JPEG hardly changes pictures of few plain colours, and these are rather of one origin with the others than of
    another.
    """
    seen = Counter(each for each in found if each is not None)
    if 2 * seen.total() <= len(found):
        return [*found]
    usual = seen.most_common(1)[0][0]
    return [each or usual for each in found]
