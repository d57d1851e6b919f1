"""What a folder or table of images holds: every image is read once."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.twins import Identical, find_identical, stack_digests
from counterweight.data.decode.images import BadFile, Encoded, Facts, find_image_files, list_suffixes
from counterweight.data.decode.pool import inspect_images
from counterweight.data.sources.base.columns import SUFFIXES
from counterweight.data.sources.base.lazy_images import DatasetSplits, are_part_names, parse_part_name

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
NAMED = 3  # bad files of a kind
WANTED = "expected a folder with a sub-folder of images per class, or train and test above them, or tables"

Results = list[Facts | BadFile]


class Findings(NamedTuple):
    """Readable images: sides in pixels int64 (N,), Pillow's modes and formats, how many are grey; and the others.

    `qualities` are those of the JPEGs among them, int64 (M,).
    `counts` has the images of each class in each part; `others` counts files that are none; `identical` says which
    images of a dataset have the same pixels, None where none have.
    """

    counts: Mapping[str, Mapping[str, int]]
    widths: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    modes: Counter[str]
    formats: Counter[str]
    qualities: npt.NDArray[np.int64]
    grey: int
    bad: list[BadFile]
    others: int
    identical: Identical | None = None

    @property
    def total(self) -> int:
        """How many images can be read."""
        return len(self.widths)

    @property
    def shorter_sides(self) -> npt.NDArray[np.int64]:
        """The shorter sides of the images."""
        return np.minimum(self.widths, self.heights)

    @property
    def has_colours(self) -> bool:
        """Say whether any image has colours; greys are often saved as such, and what the pixels are counts."""
        return self.grey < self.total

    def faults(self) -> dict[str, list[str]]:
        """Return the names of bad files by what is wrong with them."""
        found: dict[str, list[str]] = {}
        for name, fault, _ in self.bad:
            found.setdefault(fault, []).append(name)
        return dict(sorted(found.items()))


def inspect_folder(path: Path, label: str) -> Findings:
    """Inspect all images of a folder, at any depth.

    Raises:
        UserError: there is no such folder, or no image in it that can be read.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; two folders of images are compared")
    try:
        files, others = find_image_files(path, path)
    except UserError as error:
        raise UserError(str(error).replace(", or set links: follow", "")) from error
    found = summarize_findings(inspect_all(files, len(files), label), {}, others)
    if not found.total:
        raise UserError(f"{path}: no image that can be read, of {len(files):,}; other files: {others:,}")
    return found


def detect_source(path: Path) -> str:
    """Return the kind of source that reads a path: `folder` or `table`.

    Raises:
        UserError: none does.
    """
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if path.suffix.lower() in SUFFIXES:
            return "table"
        if path.suffix.lower() in ARCHIVES:
            raise UserError(f"{path}: an archive; unpack it, then give the folder")
        raise UserError(f"{path}: a file that is no table ({', '.join(SUFFIXES)}); {WANTED}")
    classes = find_class_folders(path)
    if len(classes) > 1 and not are_part_names(classes):
        return "folder"
    if next(find_files(path, SUFFIXES), None):
        return "table"
    if len(classes) > 1:
        raise UserError(f"{path}: {', '.join(classes)} look like parts, not classes; {WANTED}")
    seen = f"one sub-folder with images only, '{classes[0]}'" if classes else "no sub-folders with images"
    loose = sum(file.suffix.lower() in list_suffixes() for file in path.iterdir())
    if loose and not classes:
        return "folder"  # of one class
    archives = [file.name for file in find_files(path, ARCHIVES)]
    seen += f", {loose} images beside it" if loose else ""
    if len(classes) == 1 and not loose:
        seen += f" (of one class, for a gallery: give {path / classes[0]} itself)"
    raise UserError(f"{path}: {seen}; {f'{archives[0]} is an archive: unpack it; ' if archives else ''}{WANTED}")


def find_class_folders(root: Path) -> list[str]:
    """Return the names of the sub-folders that hold images, at any depth; those in `train` if that has any."""
    train = next(
        (path for path in sorted(root.iterdir()) if path.is_dir() and parse_part_name(path.name) == "train"), None
    )
    inner = find_class_folders(train) if train else []
    if len(inner) > 1:
        return inner
    folders = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if train and all(parse_part_name(path.name) for path in folders):
        return inner  # parts without classes are no classes
    return [folder.name for folder in folders if next(find_files(folder, list_suffixes()), None)]


def is_hidden(path: Path, folder: Path) -> bool:
    """Say whether a file, or a folder on the way to it, is hidden."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def find_files(root: Path, endings: Collection[str]) -> Iterator[Path]:
    """Yield the files below a folder whose names have one of some endings."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in endings and not is_hidden(path, root))
    return (path for path in found if path.is_file())


def inspect_dataset(found: DatasetSplits) -> Findings:
    """Read every image of a dataset."""
    results, counts, digests, origins, trained = Results(), {}, list[bytes](), list[str](), 0
    for label, part in (("train", found.train), ("test", found.test)):
        if part is None or part.fetch is None:
            continue
        own = inspect_all(part.fetch(np.arange(len(part))), len(part), label)
        good = np.array([isinstance(result, Facts) for result in own], dtype=np.bool_)
        sizes = np.bincount(part.labels[good], minlength=len(part.class_names)).tolist()
        counts[label] = dict(zip(part.class_names, sizes, strict=True))
        results += own
        digests += [result.digest for result in own if isinstance(result, Facts)]
        origins += [part.origins[index] for index in np.flatnonzero(good).tolist()]
        trained = len(digests) if label == "train" else trained
    others = found.train.provenance.get("ignored_files", 0)
    others += found.test.provenance.get("ignored_files", 0) if found.test else 0
    identical = find_identical(stack_digests(digests), origins, trained)
    return summarize_findings(results, counts, others)._replace(identical=identical)


def inspect_all(images: Iterable[Encoded], total: int, label: str) -> Results:
    """Inspect images by all cores."""
    return [result for chunk in inspect_images(images, total, label) for result in chunk]


def summarize_findings(results: Results, counts: Mapping[str, Mapping[str, int]], others: int) -> Findings:
    """Sum up what was found."""
    facts = [result for result in results if isinstance(result, Facts)]
    return Findings(
        counts=counts,
        widths=np.array([fact.width for fact in facts], dtype=np.int64),
        heights=np.array([fact.height for fact in facts], dtype=np.int64),
        modes=Counter(fact.mode for fact in facts),
        formats=Counter(fact.format for fact in facts),
        qualities=np.array([fact.quality for fact in facts if fact.quality is not None], dtype=np.int64),
        grey=sum(fact.grey for fact in facts),
        bad=[result for result in results if isinstance(result, BadFile)],
        others=others,
    )


def to_json(found: Findings) -> dict[str, Any]:
    """Return findings as plain JSON."""
    median = [int(np.median(sides)) for sides in (found.widths, found.heights)]
    return {
        "images": found.total,
        "classes": found.counts,
        "sizes": {"smallest": find_extreme_size(found, 0), "median": median, "largest": find_extreme_size(found, -1)},
        "modes": dict(found.modes.most_common()),
        "formats": dict(found.formats.most_common()),
        "grey": found.grey,
        "other_files": found.others,
        "bad_files": found.faults(),
        "identical": None if found.identical is None else found.identical._asdict(),
    }


def find_extreme_size(found: Findings, place: int) -> list[int]:
    """Return width and height of the image with the fewest pixels (0) or the most (-1)."""
    index = int(np.argsort(found.widths * found.heights, kind="stable")[place])
    return [int(found.widths[index]), int(found.heights[index])]


def render_findings(found: Findings) -> list[str]:
    """Return findings for people, a line each."""
    facts = to_json(found)
    sizes = ", ".join(f"{word} {width} x {height}" for word, (width, height) in facts["sizes"].items())
    lines = [*render_classes(found.counts), f"images: {found.total:,}", f"width x height: {sizes}"]
    lines += [f"{word}: {render_counts(facts[word])}" for word in ("modes", "formats")]
    lines.append(f"other files: {found.others:,}")
    if found.identical is not None:
        tested = f"; {found.identical.in_train:,} test images are in train, too" if len(found.counts) > 1 else ""
        lines.append(f"identical: {found.identical.describe()}{tested}")
    for fault, names in found.faults().items():
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        lines.append(f"broken, {fault}: {len(names):,}: {', '.join(names[:NAMED])}{more}")
    return lines


def render_counts(counts: Mapping[str, int]) -> str:
    """Return counts in one line."""
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def render_classes(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a table of classes and parts."""
    if not counts:
        return []
    names = [*next(iter(counts.values()))]
    width = max(len("class"), *map(len, names))
    rows = [(name, *(f"{part[name]:,}" for part in counts.values())) for name in names]
    head = ("class", *(counts if len(counts) > 1 else ["images"]))
    return [f"{first:{width}}" + "".join(f"{cell:>10}" for cell in cells) for first, *cells in (head, *rows)]
