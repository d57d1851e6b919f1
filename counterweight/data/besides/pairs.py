"""What the two sides of a pair differ in besides pictures, and the same images without that."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from counterweight.core.images import ImageSet, write_images
from counterweight.core.schema import Settings
from counterweight.data.besides.compression import compare_sides, use_range
from counterweight.data.besides.following import part_following
from counterweight.data.besides.mix import compare_mix
from counterweight.data.besides.repeats import group_tables
from counterweight.data.besides.same import FEWEST, Besides, KnownSide, Same, make_same
from counterweight.data.besides.sides import FileSide
from counterweight.data.decode.facts import Ends, Facts
from counterweight.data.decode.greys import list_tops
from counterweight.data.decode.images import BadFile
from counterweight.data.decode.pool import Workers, inspect_images
from counterweight.data.pairs.base import ONE_CLASS, ImagePair, scale_greys
from counterweight.data.sources.base.class_folders import find_shared_classes
from counterweight.data.sources.base.file_settings import FileSettings
from counterweight.data.sources.base.lazy_images import Indices, LazyImages
from counterweight.data.split.accounts import account_side
from counterweight.data.split.pictures import Written
from counterweight.data.split.reading import Subset, choose_all, write_part
from counterweight.results.files import Equalised, PairFiles
from counterweight.results.ingest import Account

SIDES = ("real", "synthetic")
MOST = 1000  # files of a side that are looked at, drawn at random: to read all of them twice would be dear
ALIKE = "both sides are alike in all that is looked at besides pictures"
UNWANTED = "equalise is false"
UNTOUCHED = "nothing that both sides differ in besides pictures reaches the pixels"


def compare_pair(pair: ImagePair, settings: Settings, rng: np.random.Generator) -> PairFiles:
    """Describe the files of both sides, and the mix of their classes where that differs.

    At most 1,000 files of either are looked at; where one has greys of more than 8 bits, all: no other may exceed them.
    """
    assert isinstance(settings, FileSettings), "pairs are files"
    ends = settings.ends
    some = [np.sort(rng.permutation(len(part))[:MOST]) for part in pair]
    found = [inspect_side(part, rows, ends) for part, rows in zip(pair, some, strict=True)]
    if any(list_tops(own.facts) for own, _ in found):
        found = [inspect_side(part, np.arange(len(part)), ends) for part in pair]
    both = (found[0][0], found[1][0])
    files = compare_sides(both) if all(own.facts for own in both) else None
    files = None if files is None else use_range(files, settings)
    classes = find_shared_classes(pair.real.origins, pair.synthetic.origins)
    mix = compare_mix(classes)
    if files is not None and classes is not None:
        own = classes._replace(real=classes.real[found[0][1]], synthetic=classes.synthetic[found[1][1]])
        files, mix = part_following(files, mix, both, own, rng.spawn(1)[0])
    return PairFiles(files=files, mix=mix)


def scale_pair(pair: ImagePair, found: PairFiles, settings: Settings) -> ImagePair:
    """Return both sides of which one grey of more than 8 bits becomes white in all files, if there are such."""
    if found.files is None:
        return pair
    assert isinstance(settings, FileSettings), "pairs are files"
    whites = found.files.real.white, found.files.synthetic.white
    return ImagePair(*(scale_greys(part, settings, white) for part, white in zip(pair, whites, strict=True)))


def inspect_side(part: LazyImages, rows: Indices, ends: Ends | None) -> tuple[FileSide, Indices]:
    """Return the files at some places of one side that can be read, with what they are like, and their places."""
    assert part.fetch is not None, "pairs are files"
    results = [*inspect_rows(part, rows, ends)]
    good = rows[[isinstance(result, Facts) for result in results]]
    files = [file for file in part.fetch(good) if isinstance(file, Path)]
    return FileSide(files, [result for result in results if isinstance(result, Facts)]), good


def inspect_rows(part: LazyImages, rows: Indices, ends: Ends | None) -> Iterator[Facts | BadFile]:
    """Yield what the files at some places of one side are like."""
    assert part.fetch is not None, "pairs are files"
    for results in inspect_images(part.fetch(rows), len(rows), None, ends):
        yield from results


def make_pair_same(
    chosen: tuple[Subset, Subset], found: PairFiles, settings: Settings, rng: np.random.Generator
) -> Same | None:
    """Return images of a pair made the same in what both sides differ in; None where they differ in nothing.

    Where they do, every file is looked at, and then read once more, whole, which is far slower than as it is.
    """
    if found.files is None or not found.differences:
        return None
    assert isinstance(settings, FileSettings), "pairs are files"
    known = know_side(chosen[0], settings.ends), know_side(chosen[1], settings.ends)
    classes = find_shared_classes(known[0].origins, known[1].origins)
    besides = Besides(found.files, compare_mix(classes), classes)
    if not besides.differ or min(len(side.origins) for side in known) < FEWEST:
        return None
    return make_same(known, besides, settings, False, rng)


def know_side(chosen: Subset, ends: Ends | None) -> KnownSide:
    """Return what is known of the files of one side that can be read."""
    part = chosen.part
    side, rows = inspect_side(part, chosen.indices, ends)
    groups = None if part.groups is None else [part.groups[row] for row in rows.tolist()]
    return KnownSide(side, [part.origins[row] for row in rows.tolist()], part.provenance, groups)


def write_sides(chosen: Sequence[Subset], paths: Sequence[Path], where: str, workers: Workers) -> dict[str, Account]:
    """Write both sides as image tables, in which the same picture is a group, say what they hold, and return it.

    Args:
        where: file and key of the pair.
    """
    written, accounts = list[Written](), dict[str, Account]()
    for own, side, path in zip(chosen, SIDES, paths, strict=True):
        part = write_part(own, path, where, side, workers, near=True)
        written.append(part.images)
        accounts[side] = account_side(own, part, where, side)
    group_tables(written, paths)
    return accounts


def write_same(
    chosen: tuple[Subset, Subset],
    found: PairFiles,
    settings: Settings | None,
    seed: int,
    paths: Sequence[Path],
    where: str,
    workers: Workers,
) -> Equalised | None:
    """Write both sides made the same as image tables, or tables of no images that say why, and return how they were.

    Args:
        settings: how images are read as they are; None: nothing is to be made the same.
        where: file and key of the pair.
    """
    same = None if settings is None else make_pair_same(chosen, found, settings, np.random.default_rng(seed))
    if same is None or same.parts is None:
        reason = UNWANTED if settings is None else ALIKE if same is None else UNTOUCHED
        for own, path in zip(chosen, paths, strict=True):
            write_nothing(own.part, reason, path)
    else:
        written = [
            write_part(choose_all(part), path, where, f"{side}, made the same", workers, every_class=False, near=True)
            for part, side, path in zip(same.parts, SIDES, paths, strict=True)
        ]
        group_tables([own.images for own in written], paths)
    return None if same is None else same.how


def write_nothing(part: LazyImages, reason: str, path: Path) -> None:
    """Write an image table of no images that says why there are none, as a generator's that could make none."""
    pixels, labels = np.empty((0, *part.shape), dtype=np.uint8), np.empty(0, dtype=np.int64)
    facts = {**part.provenance, "not_applicable": reason}
    write_images(ImageSet(pixels, labels, ONE_CLASS, np.empty(0, dtype=np.str_), facts), path)
