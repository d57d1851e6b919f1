"""What the two sides of a pair differ in besides pictures."""

from collections.abc import Iterator

import numpy as np

from counterweight.data.besides.files import compare_files
from counterweight.data.besides.mix import compare_mix
from counterweight.data.decode.images import Facts
from counterweight.data.decode.pool import inspect_images
from counterweight.data.pairs.base import ImagePair
from counterweight.data.sources.base.class_folders import find_shared_classes
from counterweight.data.sources.base.lazy_images import LazyImages

MOST = 1000  # files of a side that are looked at, drawn at random: to read all of them twice would be dear


def name_pair_differences(pair: ImagePair, rng: np.random.Generator) -> list[str]:
    """Name what the files of both sides differ in, and the mix of their classes; nothing where they are alike."""
    found = [[*inspect_some(part, rng)] for part in pair]
    named = compare_files(found[0], found[1]).differences if all(found) else []
    mix = compare_mix(find_shared_classes(pair.real.origins, pair.synthetic.origins))
    return [*named, *([mix.difference] if mix else [])]


def inspect_some(part: LazyImages, rng: np.random.Generator) -> Iterator[Facts]:
    """Yield what files of one side are like, of those that can be read."""
    assert part.fetch is not None, "pairs are files"
    rows = np.sort(rng.permutation(len(part))[:MOST])
    for results in inspect_images(part.fetch(rows), len(rows), None):
        yield from (result for result in results if isinstance(result, Facts))
