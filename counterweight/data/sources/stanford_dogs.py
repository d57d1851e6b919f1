"""Stanford Dogs: 20,580 photographs of dogs of 120 breeds, with a split of their own, 100 of each breed to train on.

Khosla, Jayadevaprakash, Yao and Li, Novel Dataset for Fine-Grained Image Categorization, 2011,
http://vision.stanford.edu/aditya86/ImageNetDogs; the real dogs of the distributions thesis (3.1). The checksums are
those that TensorFlow Datasets has (tensorflow_datasets/url_checksums/stanford_dogs.txt); the publisher gives none.
"""

from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np

from counterweight.core.errors import UserError
from counterweight.data.fetch.downloads import Remote
from counterweight.data.sources.base.archive import (
    Archive,
    ArchiveSettings,
    Labelled,
    check_mirror,
    make_part,
    unpack_published,
)
from counterweight.data.sources.base.file_settings import name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits, LazyImages

SOURCE = "stanford_dogs"
ADDRESSES = tuple(f"{scheme}://vision.stanford.edu/aditya86/ImageNetDogs" for scheme in ("https", "http"))


def make_archive(name: str, size: int, sha256: str, limit_bytes: int) -> Archive:
    """Return one of the publisher's archives."""
    return Archive(Remote(name, tuple(f"{address}/{name}" for address in ADDRESSES), size, sha256), limit_bytes)


IMAGES = make_archive(
    "images.tar", 793_579_520, "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58", limit_bytes=2**30
)
LISTS = make_archive(
    "lists.tar", 481_280, "34b47cacd9a98b5d150e084f24d29391c084c55272295ec65c85651bc35f4d6c", limit_bytes=2**22
)


class Settings(ArchiveSettings):
    """Settings of Stanford Dogs, whose photographs are of all sizes."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds both archives; return the names of the breeds.

    The breeds stand in the lists of images, half a megabyte, which are downloaded for that.

    Raises:
        UserError: there is no such folder, it lacks an archive, or the lists cannot be had.
    """
    where = name_setting(name, "mirror")
    check(settings, where)
    return list_breeds(read_list("train_list.mat", settings, where, progress=False))


def check(settings: ArchiveSettings, where: str) -> None:
    """Check that the mirror, if it is a folder, holds both archives; `where` names the setting.

    Raises:
        UserError: there is no such folder, or it lacks an archive.
    """
    check_mirror([IMAGES.remote, LISTS.remote], settings, where)


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all photographs in their own split.

    Raises:
        UserError: an archive cannot be had, is damaged, or is not what was published.
    """
    where = name_setting(name, "mirror")
    folder, everything = list_photographs(settings, where, progress)
    tested = read_list("test_list.mat", settings, where, progress)
    trained = everything[: len(everything) - len(tested)]  # Those to test on come last.
    names = list_breeds(trained)
    if list_breeds(tested) != names:
        raise UserError(f"{LISTS.remote.name}: train_list.mat and test_list.mat differ in breeds")
    return DatasetSplits(
        make_split_part(folder, trained, names, settings), make_split_part(folder, tested, names, settings)
    )


def list_photographs(settings: ArchiveSettings, where: str, progress: bool) -> tuple[Path, list[str]]:
    """Return the folder of all photographs and their paths in it, those to train on before those to test on.

    Raises:
        UserError: an archive cannot be had, is damaged, or is not what was published.
    """
    paths = [path for word in ("train", "test") for path in read_list(f"{word}_list.mat", settings, where, progress)]
    folder = unpack_published(IMAGES, SOURCE, settings, where, progress) / "Images"
    if missing := next((path for path in paths if not (folder / path).is_file()), None):
        raise UserError(f"{folder / missing}: not there, but {LISTS.remote.name} has it")
    return folder, paths


def make_split_part(folder: Path, paths: list[str], names: tuple[str, ...], settings: Settings) -> LazyImages:
    """Return some photographs as a part of the dataset."""
    labels = np.array([names.index(parse_breed(path)) for path in paths], dtype=np.int64)
    return make_part(Labelled([folder / path for path in paths], labels), folder, names, SOURCE, settings)


def read_list(file: str, settings: ArchiveSettings, where: str, progress: bool) -> list[str]:
    """Return the paths below `Images/` in one of the lists, as in `n02085620-Chihuahua/n02085620_5927.jpg`.

    They are unpacked anew each time: SciPy's reader takes the process with it on some damaged files, and what comes
    straight from an archive with the published checksum is whole.

    Raises:
        UserError: the lists cannot be had, or it is none.
    """
    with TemporaryDirectory() as folder:
        return parse_list(unpack_published(LISTS, SOURCE, settings, where, progress, Path(folder)) / file)


def parse_list(path: Path) -> list[str]:
    """Return the paths in a list.

    Raises:
        UserError: it is none.
    """
    from scipy.io import loadmat  # takes a second to import

    try:
        cells = loadmat(path, variable_names=["file_list"])["file_list"]
        return [check_breeds(str(np.asarray(cell).item())) for cell in cells.ravel()]
    except Exception as error:  # a reader of many formats raises whatever it stumbles over
        raise UserError(f"{path}: not a list of Stanford Dogs: {' '.join(str(error).split())}") from error


def check_breeds(path: str) -> str:
    """Let pass a path of a photograph in its breed's folder.

    Raises:
        ValueError: it is something else.
    """
    parts = PurePosixPath(path).parts
    if len(parts) != 2 or ".." in parts or "-" not in parts[0]:
        raise ValueError(f"'{path}' is no photograph in a breed's folder")
    return path


def parse_breed(path: str) -> str:
    """Return the breed in a path."""
    return path.split("/")[0].split("-", 1)[1]


def list_breeds(paths: list[str]) -> tuple[str, ...]:
    """Return the breeds in some paths, sorted."""
    return tuple(sorted({parse_breed(path) for path in paths}))
