"""Images of your own in a folder: one sub-folder per class, with `train` and `test` above them if you like."""

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen

from stages.blocks import Block
from stages.decoding import Fit, complaint, decode_all, image_files
from stages.errors import UserError
from stages.imageset import ImageSet
from stages.sources.base import Loaded, Size, setting, sides

PARTS = frozenset({"train", "test"})


class Settings(Block):
    """Settings of a folder of images."""

    path: Annotated[str, MinLen(1)] | None = None
    """The folder; null: `images/` and the dataset's name, which is all that the graph can watch: there, make that a
    symbolic link to the folder. Beside `train` and `test` other sub-folders are left out."""
    size: Size
    """Side in pixels to which images are resized, or height and width."""
    channels: Literal[1, 3] = 3
    """1 for grey, 3 for colour; what is transparent becomes white."""
    fit: Fit = "stretch"
    """`stretch` to the size whatever the proportions (as the balancing thesis did), `crop` or `pad` with white."""
    bad_files: Literal["error", "skip"] = "error"
    """What to do about image files that cannot be read: stop, or leave them out and count them."""


class Part(NamedTuple):
    """The image files of one part: sorted paths, their labels int64 (N,), and how many other files lie there."""

    folder: Path
    class_names: tuple[str, ...]
    files: list[Path]
    labels: npt.NDArray[np.int64]
    ignored: int


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the folder is there and holds image files of at least two classes; return their names.

    Raises:
        UserError: it is not so, a class is empty, or the classes of `train` and `test` differ.
    """
    return find(settings, name)[0].class_names


def load(settings: Settings, name: str, progress: bool = True) -> Loaded:
    """Decode all images, in the order of their sorted paths; a `test` folder beside `train` is the test part.

    Raises:
        UserError: as in `precheck`; a file cannot be read and `bad_files` is `error`; a class has no readable file.
    """
    train, test = find(settings, name)
    return Loaded(read(train, settings, name, progress), read(test, settings, name, progress) if test else None)


def find(settings: Settings, name: str) -> tuple[Part, Part | None]:
    """Return the files of the training part, or of all images, and those of the test part if there is one."""
    root, where = root_folder(settings, name), setting(name, "path")
    if not root.is_dir():
        raise UserError(f"{where}: {root}: no such folder; it must hold one sub-folder of images per class")
    if not brings_split(root):
        return scan(root, where), None
    train = scan(root / "train", where)
    if not (root / "test").is_dir():
        return train, None
    test = scan(root / "test", where)
    if different := sorted({*train.class_names} ^ {*test.class_names}):
        raise UserError(f"{where}: {root}: train and test differ in classes: only one has {', '.join(different)}")
    return train, test


def root_folder(settings: Settings, name: str) -> Path:
    """Return the folder above the classes or above `train` and `test`."""
    return Path(settings.path or f"images/{name}").expanduser()


def brings_split(root: Path) -> bool:
    """Tell `train` and `test` above the classes from a class of images that happens to be called `train`."""
    folders = [folder.name for folder in subfolders(root)]
    return "train" in folders and (bool(subfolders(root / "train")) or {*folders} <= PARTS)


def subfolders(folder: Path) -> list[Path]:
    """Return the sub-folders that are not hidden, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def scan(folder: Path, where: str) -> Part:
    """Find the image files of every class, at any depth."""
    classes = subfolders(folder)
    files: list[Path] = []
    labels: list[int] = []
    ignored = sum(path.is_file() for path in folder.iterdir())
    for label, class_folder in enumerate(classes):
        found, others = image_files(class_folder)
        files += found
        labels += [label] * len(found)
        ignored += others
    part = Part(folder, tuple(path.name for path in classes), files, np.array(labels, dtype=np.int64), ignored)
    check_classes(part.labels, part.class_names, f"{where}: {folder}")
    return part


def check_classes(labels: npt.NDArray[np.int64], class_names: tuple[str, ...], where: str) -> None:
    """Refuse fewer than two classes with images, and classes without any."""
    counts = np.bincount(labels, minlength=len(class_names))
    layout = "expected two or more sub-folders of images, one per class, or train and test above them"
    if not counts.any():
        raise UserError(f"{where}: no images; {layout}")
    if np.count_nonzero(counts) < 2:
        raise UserError(f"{where}: images of one class only, {class_names[counts.argmax()]}; {layout}")
    if not counts.all():
        empty = ", ".join(class_names[label] for label in np.flatnonzero(counts == 0))
        raise UserError(f"{where}: no images of class {empty}; every class needs some, or remove its folder")


def read(part: Part, settings: Settings, name: str, progress: bool) -> ImageSet:
    """Decode the files of one part; bad ones stop everything or are left out, as `bad_files` says."""
    images, outcomes = decode_all(part.files, sides(settings.size), settings.channels, settings.fit, progress)
    bad = [outcome for outcome in outcomes if outcome]
    if bad and settings.bad_files == "error":
        raise UserError(f"{setting(name, 'path')}: {complaint(bad)}; mend or remove it, or set bad_files: skip")
    kept = np.array([outcome is None for outcome in outcomes])
    skipped = dict(sorted(Counter(item.fault for item in bad).items()))
    if bad:
        faults = ", ".join(f"{count} {fault}" for fault, count in skipped.items())
        print(f"{setting(name, 'bad_files')}: {part.folder}: {len(bad)} skipped ({faults})", file=sys.stderr)
        check_classes(part.labels[kept], part.class_names, f"{setting(name, 'path')}: {part.folder}: bad files aside")
    root = root_folder(settings, name)
    return ImageSet(
        images=images[kept] if bad else images,
        labels=part.labels[kept],
        class_names=part.class_names,
        origins=np.array([path.relative_to(root).as_posix() for path in part.files])[kept],
        provenance={
            "source": "folder",
            "settings": settings.model_dump(exclude={"path"}),  # may be one of this machine alone
            "ignored_files": part.ignored,
            "ignored_folders": left_out(root),
            "skipped_files": skipped,
        },
    )


def left_out(root: Path) -> list[str]:
    """Return the names of the sub-folders beside `train` and `test`, which are not read."""
    return [folder.name for folder in subfolders(root) if folder.name not in PARTS] if brings_split(root) else []
