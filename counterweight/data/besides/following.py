"""What the files of two sets differ in since their classes are mixed differently, and for no other reason."""

import numpy as np

from counterweight.data.besides.compression import compare_sides
from counterweight.data.besides.sides import Numbers, Sides
from counterweight.data.sources.base.class_folders import SharedClasses
from counterweight.results.files import ClassMix, FileFacts


def part_following(
    files: FileFacts, mix: ClassMix | None, sides: Sides, classes: SharedClasses | None, rng: np.random.Generator
) -> tuple[FileFacts, ClassMix | None]:
    """Return what files differ in by themselves, and the mix of classes with what follows from it alone.

    So does what is gone once real images are drawn, with replacement, in the mix of the synthetic ones: as many as
    before, so that nothing is gone for want of images.

    Args:
        classes: of the files of both sides, in their order.
    """
    if mix is None or classes is None or not files.differences:
        return files, mix
    rows = draw_mixed(classes, rng)
    if rows is None:
        return files, mix
    left = {name_kind(words) for words in compare_sides((sides[0].take(rows[0]), sides[1].take(rows[1]))).differences}
    own = [words for words in files.differences if name_kind(words) in left]
    following = [words for words in files.differences if words not in own]
    if not following:
        return files, mix
    said = f"{mix.difference}, and by that {', '.join(following)}"
    return files.model_copy(update={"differences": own}), mix.model_copy(update={"difference": said})


def draw_mixed(classes: SharedClasses, rng: np.random.Generator) -> tuple[Numbers, Numbers] | None:
    """Return as many real images as there are in the mix of the synthetic ones, and these, of the classes of both.

    None where no class is in both.
    """
    common = np.intersect1d(classes.real, classes.synthetic)
    if not len(common):
        return None
    kept = np.flatnonzero(np.isin(classes.synthetic, common))
    shares = np.bincount(classes.synthetic[kept], minlength=len(classes.names)) / len(kept)
    counts = np.round(shares * len(classes.real)).astype(np.int64)
    drawn = [rng.choice(np.flatnonzero(classes.real == label), counts[label]) for label in common]
    return np.sort(np.concatenate(drawn)), kept


def name_kind(words: str) -> str:
    """Return what differs, of words that say how much."""
    return words.partition(" (")[0]
