"""CelebA: 202,599 portraits of celebrities, here in two classes, female and male.

Liu, Luo, Wang and Tang, Deep Learning Face Attributes in the Wild, ICCV 2015,
http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; one of the four datasets of the GAN-vs-VAE report (V), at most 72 x 72
pixels there. The files lie on Google Drive, which lets only so many people a day have them: where it gives a page in
place of a file, try again later or fetch them elsewhere and set `mirror`.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from stages.downloads import Remote, fetched
from stages.errors import UserError
from stages.sources.base import Found, Size, setting
from stages.sources.base_archive import DOWNLOADS, Archive, ArchiveSettings, Labelled, check_mirror, file_part, unpacked

CLASSES = ("female", "male")
PARTS = ("0", "1", "2")  # training, validation, test
TEST = "2"
LIMIT = 2**32
NAMES = ("img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt")
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="


class Settings(ArchiveSettings):
    """Settings of CelebA, whose aligned portraits are 218 x 178."""

    size: Size = 72
    """Side in pixels to which images are resized, or height and width."""
    fit: Literal["stretch", "crop", "pad"] = "crop"
    """`crop` what is too long (hair and chin), `stretch` to the size whatever the proportions, or `pad` with white."""


def remotes() -> tuple[Remote, ...]:
    """Return the three files, with the addresses and checksums that torchvision has."""
    from torchvision.datasets import CelebA  # imports torch, which validating settings must not

    published = {name: (drive_id, md5) for drive_id, md5, name in CelebA.file_list}
    return tuple(Remote(name, (f"{DRIVE}{published[name][0]}",), md5=published[name][1]) for name in NAMES)


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the three files; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks one.
    """
    check_mirror([Remote(file, ()) for file in NAMES], settings, setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> Found:
    """List all portraits in their own split; those for validation join the training part.

    Raises:
        UserError: a file cannot be had, is damaged, or is not what was published.
    """
    where = setting(name, "mirror")
    portraits, *lists = remotes()
    attributes, partition = (fetched(file, DOWNLOADS / "celeba", settings.mirror, where, progress) for file in lists)
    names, male = males(attributes)
    tested = test_portraits(partition, names)
    folder = unpacked(Archive(portraits, LIMIT), "celeba", settings, where, progress) / "img_align_celeba"
    files = [folder / file for file in names]
    if missing := next((file for file in files if not file.is_file()), None):
        raise UserError(f"{missing}: not there, but {attributes.name} has it")
    parts = []
    for chosen in (~tested, tested):
        images = Labelled([files[index] for index in np.flatnonzero(chosen)], male[chosen])
        parts.append(file_part(images, CLASSES, "celeba", settings))
    return Found(*parts)


def males(file: Path) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the names of all portraits, and 1 for each that shows a man, int64 (N,), from the list of attributes.

    Raises:
        UserError: it is not such a list.
    """
    count, header, *lines = file.read_text(encoding="utf-8").splitlines() or ["", ""]
    rows = [line.split() for line in lines]
    attributes = header.split()
    complete = count.strip() == str(len(rows)) and {len(row) for row in rows} == {len(attributes) + 1}
    if "Male" not in attributes or not complete:
        raise UserError(f"{file}: not CelebA's list of attributes")
    column = attributes.index("Male") + 1
    return [row[0] for row in rows], np.array([row[column] == "1" for row in rows], dtype=np.int64)


def test_portraits(file: Path, names: list[str]) -> npt.NDArray[np.bool_]:
    """Return which portraits belong to the test part, bool (N,).

    Raises:
        UserError: the file is not the list of these portraits' parts.
    """
    rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    if [row[0] for row in rows if len(row) == 2 and row[1] in PARTS] != names:
        raise UserError(f"{file}: not the list of the parts of CelebA's portraits")
    return np.array([row[1] == TEST for row in rows])
