"""CelebA: 202,599 portraits of celebrities, here in two classes, female and male.

Liu, Luo, Wang and Tang, Deep Learning Face Attributes in the Wild, ICCV 2015,
http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; one of the four datasets of the GAN-vs-VAE report (V), at most 72 x 72
pixels there. The files lie on Google Drive, which lets only so many people a day have them: where it gives a page in
place of a file, try again later or fetch them elsewhere and set `mirror`. The sizes are those of TensorFlow Datasets.
"""

import os
import re
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.data.fetch.downloads import Remote, fetch_file
from counterweight.data.sources.base.archive import (
    DOWNLOADS,
    DRIVE,
    Archive,
    ArchiveSettings,
    Labelled,
    check_mirror,
    make_part,
    unpack_published,
)
from counterweight.data.sources.base.file_settings import Size, name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits

CLASSES = ("female", "male")
PARTS = ("0", "1", "2")  # training, validation, test
TEST = "2"
PORTRAIT = re.compile(r"\d{6}\.jpg")
SIGNS = MappingProxyType({"-1": 0, "1": 1})
LIMIT = 2**32


class Published(NamedTuple):
    """A file's size in bytes, and the key that Google Drive may ask those for who have not seen it before."""

    size: int
    key: str


FILES = MappingProxyType(
    {
        "img_align_celeba.zip": Published(1_443_490_838, "0-dYn9z10tMJOBAkviAcfdyQ"),
        "list_attr_celeba.txt": Published(26_721_026, "0-YW2qIuRcWHy_1C2VaRGL3Q"),
        "list_eval_partition.txt": Published(2_836_386, "0-i4TGCi_51OtQ5K9FSp4EDg"),
    }
)


class Settings(ArchiveSettings):
    """Settings of CelebA, whose aligned portraits are 218 x 178."""

    size: Size = 72
    """Side in pixels to which images are resized, or height and width."""
    fit: Literal["stretch", "crop", "pad"] = "crop"
    """`crop` what is too long (hair and chin), `stretch` to the size whatever the proportions, or `pad` with white."""


def list_remotes() -> list[Remote]:
    """Return the three files, with the addresses and checksums that torchvision has."""
    from torchvision.datasets import CelebA  # imports torch, which validating settings must not

    published = {name: (f"{DRIVE}{drive_id}", md5) for drive_id, md5, name in CelebA.file_list}
    addresses = {name: (published[name][0], f"{published[name][0]}&resourcekey={FILES[name].key}") for name in FILES}
    return [Remote(name, addresses[name], FILES[name].size, md5=published[name][1]) for name in FILES]


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the three files; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks one.
    """
    # Names are enough to look for.
    check_mirror([Remote(file, ()) for file in FILES], settings, name_setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all portraits in their own split; those for validation join the training part.

    Raises:
        UserError: a file cannot be had, is damaged, or is not what was published.
    """
    where = name_setting(name, "mirror")
    portraits, *lists = list_remotes()
    attributes, partition = (fetch_file(file, DOWNLOADS / "celeba", settings.mirror, where, progress) for file in lists)
    names, male = read_labels(attributes)
    tested = read_test_portraits(partition, names)
    folder = unpack_published(Archive(portraits, LIMIT), "celeba", settings, where, progress) / "img_align_celeba"
    there = set(os.listdir(folder)) if folder.is_dir() else set()
    if missing := next((name for name in names if name not in there), None):
        raise UserError(f"{folder / missing}: not there, but {attributes.name} has it")
    parts = []
    for chosen in (~tested, tested):
        images = Labelled([folder / names[index] for index in np.flatnonzero(chosen)], male[chosen])
        parts.append(make_part(images, folder, CLASSES, "celeba", settings))
    return DatasetSplits(*parts)


def read_labels(file: Path) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the names of all portraits, and 1 for each that shows a man, int64 (N,), from the list of attributes.

    Raises:
        UserError: it is not such a list.
    """
    names, male = [], []
    with file.open(encoding="utf-8", errors="replace") as lines:
        count, attributes = next(lines, "").strip(), next(lines, "").split()
        # 0 is the column of names, which are no signs: a list without the attribute is refused below.
        column = attributes.index("Male") + 1 if "Male" in attributes else 0
        for line in lines:
            row = line.split()
            if len(row) != len(attributes) + 1 or not PORTRAIT.fullmatch(row[0]) or row[column] not in SIGNS:
                raise UserError(f"{file}: not CelebA's list of attributes: {line.strip()[:60]!r}")
            names.append(row[0])
            male.append(SIGNS[row[column]])
    if not names or count != str(len(names)):
        raise UserError(f"{file}: not CelebA's list of attributes: {len(names)} portraits, {count[:20]!r} announced")
    return names, np.array(male, dtype=np.int64)


def read_test_portraits(file: Path, names: list[str]) -> npt.NDArray[np.bool_]:
    """Return which portraits belong to the test part, bool (N,).

    Raises:
        UserError: the file is not the list of these portraits' parts.
    """
    rows = [line.split() for line in file.read_text(encoding="utf-8", errors="replace").splitlines()]
    if [row[0] for row in rows if len(row) == 2 and row[1] in PARTS] != names or len(rows) != len(names):
        raise UserError(f"{file}: not the list of the parts of CelebA's portraits")
    return np.array([row[1] == TEST for row in rows])
