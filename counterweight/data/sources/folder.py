"""Images of your own in a folder: one sub-folder per class, with `train`, `val` and `test` above them if you like.

Where there are no sub-folders of classes, all images are of one class.
"""

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen

from counterweight.core.errors import UserError
from counterweight.data.decode.images import check_name, find_image_files
from counterweight.data.sources.base.lazy_images import (
    PARTS,
    DatasetSplits,
    FileSettings,
    LazyImages,
    Validation,
    are_part_names,
    assign_parts,
    check_counts,
    check_same,
    make_fetch,
    name_setting,
    parse_part_name,
    strip_root,
    wrap_files,
)

LAYOUT = "expected sub-folders of images, one per class, or train and test above them"
ONLY_CLASS = "all"  # what the class is called where images lie in no sub-folder


class Settings(FileSettings):
    """Settings of a folder of images."""

    path: Annotated[str, MinLen(1)] | None = None
    """The folder; null: `images/` and the dataset's name, which is all that the graph can watch: there, make that a
    symbolic link to the folder. Beside `train`, `val` and `test` other sub-folders are left out."""
    links: Literal["refuse", "follow"] = "refuse"
    """What to do about symbolic links that lead out of the folder. Follow them only in folders that you trust; the
    graph does not notice what changes behind links to other folders."""
    validation: Validation = "use"
    """What becomes of `val`: it joins the training images, or is the test part where there is no `test`; or nothing."""


class Listing(NamedTuple):
    """The image files of one folder above classes: sorted paths, their labels int64 (N,), number of other files."""

    folder: Path
    class_names: tuple[str, ...]
    files: list[Path]
    labels: npt.NDArray[np.int64]
    others: int


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the folder is there and holds image files; return the names of their classes.

    Raises:
        UserError: it is not so, a class is empty, a link leads out of it, or the classes of its parts differ.
    """
    return list_parts(settings, name)[0][0].class_names


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all image files in the order of their sorted paths; folders `train` and `test` make the parts.

    Raises:
        UserError: as in `precheck`.
    """
    train, test = list_parts(settings, name)
    return DatasetSplits(
        make_folder_part(train, settings, name), make_folder_part(test, settings, name) if test else None
    )


def list_parts(settings: Settings, name: str) -> tuple[list[Listing], list[Listing]]:
    """Return the folders whose files make the training part, or all images, and those of the test part if any."""
    root, where = find_root_folder(settings, name), name_setting(name, "path")
    if not root.is_dir():
        raise UserError(f"{where}: {root}: no such folder; it must hold one sub-folder of images per class")
    if not brings_split(root):
        check_names(root, where)
        return [scan_folder(root, root, settings, where)], []
    parts = find_part_folders(root, where)
    names = assign_parts(parts, settings.validation)
    train, test = ([scan_folder(parts[word], root, settings, where) for word in words] for words in names)
    for other in [*train[1:], *test]:
        check_same(train[0].class_names, other.class_names, other.folder.name, f"{where}: {root}")
    return train, test


def find_root_folder(settings: Settings, name: str) -> Path:
    """Return the folder above the classes or above `train` and `test`."""
    return Path(settings.path or f"images/{name}").expanduser()


def brings_split(root: Path) -> bool:
    """Tell `train` and `test` above the classes from a class of images that happens to be called `train`."""
    words = {folder: parse_part_name(folder.name) for folder in list_subfolders(root)}
    # Parts hold folders of classes; a class called `train` holds images.
    train = [folder for folder, word in words.items() if word == "train"]
    return bool(train) and (None not in words.values() or any(list_subfolders(folder) for folder in train))


def find_part_folders(root: Path, where: str) -> dict[str, Path]:
    """Return the folders that are parts, by the word of PARTS that each stands for."""
    found: dict[str, Path] = {}
    for folder in list_subfolders(root):
        if word := parse_part_name(folder.name):
            if word in found:
                raise UserError(f"{where}: {root}: {found[word].name} and {folder.name} are the same part; leave one")
            found[word] = folder
    return found


def check_names(root: Path, where: str) -> None:
    """Refuse classes whose names all look like those of parts: a table of these would answer another question."""
    names = [folder.name for folder in list_subfolders(root)]
    if are_part_names(names):
        expected = "expected folders train and test with a sub-folder per class, or a table of labels"
        raise UserError(f"{where}: {root}: {', '.join(names)} look like parts, not classes; {expected}")


def list_subfolders(folder: Path) -> list[Path]:
    """Return the sub-folders that are not hidden, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def scan_folder(folder: Path, root: Path, settings: Settings, where: str) -> Listing:
    """Find the image files of every class, at any depth; links must not lead out of `root`."""
    classes = {path.name: path for path in list_subfolders(folder)} or {ONLY_CLASS: folder}
    files: list[Path] = []
    labels: list[int] = []
    others = sum(path.is_file() for path in folder.iterdir()) if folder not in classes.values() else 0
    for label, (name, class_folder) in enumerate(classes.items()):
        try:
            check_name(name)
            found = find_image_files(class_folder, root, settings.links == "follow")
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        files += found.files
        labels += [label] * len(found.files)
        others += found.others
    listing = Listing(folder, tuple(classes), files, np.array(labels, dtype=np.int64), others)
    check_counts(listing.class_names, listing.labels, f"{where}: {folder}", LAYOUT, "or remove its folder")
    return listing


def make_folder_part(listed: list[Listing], settings: Settings, name: str) -> LazyImages:
    """Return files as a part of the dataset."""
    root = find_root_folder(settings, name)
    files = [file for listing in listed for file in listing.files]
    return wrap_files(
        fetch=make_fetch(files),
        labels=np.concatenate([listing.labels for listing in listed]),
        class_names=listed[0].class_names,
        origins=strip_root(root, files),
        provenance={
            "source": "folder",
            "settings": settings.model_dump(exclude={"path"}),  # may be one of this machine alone
            "ignored_files": sum(listing.others for listing in listed),
            "ignored_folders": report_left_out(root, settings),
        },
        settings=settings,
    )


def report_left_out(root: Path, settings: Settings) -> list[str]:
    """Return the names of the sub-folders beside those of the parts, which are not read."""
    if not brings_split(root):
        return []
    read = PARTS if settings.validation == "use" else ("train", "test")
    return [folder.name for folder in list_subfolders(root) if parse_part_name(folder.name) not in read]
