"""Chars74K: English letters and digits, in 1,016 computer fonts or photographed in the street; 62 classes.

De Campos, Babu and Varma, Character Recognition in Natural Images, VISAPP 2009,
http://www.ee.surrey.ac.uk/CVSSP/demos/chars74k; one of the four datasets of the GAN-vs-VAE report (V). That server
turns programs away at times, so the first author keeps copies on Google Drive, https://teodecampos.github.io/chars74k.
The publisher gives no checksums; these are DeepMind's (dm_nevis/datasets_storage/handlers/chars74k.py).
"""

from string import ascii_lowercase, ascii_uppercase, digits
from types import MappingProxyType
from typing import Literal, NamedTuple

from counterweight.data.fetch.downloads import Remote
from counterweight.data.sources.base.archive import (
    DRIVE,
    Archive,
    ArchiveSettings,
    check_mirror,
    label_folders,
    make_part,
    unpack_published,
)
from counterweight.data.sources.base.file_settings import name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits

CLASSES = tuple(digits + ascii_uppercase + ascii_lowercase)
ADDRESSES = ("https://info-ee.surrey.ac.uk/CVSSP/demos/chars74k", "http://www.ee.surrey.ac.uk/CVSSP/demos/chars74k")


class Subset(NamedTuple):
    """An archive, its folders that are read, and how many images each class has in them, if all have as many."""

    archive: Archive
    folders: tuple[str, ...]
    published: int | None


def make_archive(name: str, drive_id: str, md5: str) -> Archive:
    """Return one of the publisher's archives."""
    urls = (f"{DRIVE}{drive_id}", *(f"{address}/{name}" for address in ADDRESSES))
    return Archive(Remote(name, urls, md5=md5), limit_bytes=2**31)


SUBSETS = MappingProxyType(
    {
        "fnt": Subset(
            make_archive("EnglishFnt.tgz", "1j3aQTIgmoYXycjBSNwAFQ68pChFY1AgV", "f6710b1302a7e9693d904b16389d9d8a"),
            folders=("English/Fnt",),
            published=1016,
        ),
        "img": Subset(
            make_archive("EnglishImg.tgz", "1VNMJEvx9UJwzVi7IaNF2QfbMbAD90krX", "85d157e0c58f998e1cda8def62bcda0d"),
            folders=("English/Img/GoodImg/Bmp", "English/Img/BadImag/Bmp"),
            published=None,
        ),
    }
)


class Settings(ArchiveSettings):
    """Settings of Chars74K, whose fonts are 128 x 128; photographs are of all sizes."""

    subset: Literal["fnt", "img"]
    """`fnt`: 62,992 characters of computer fonts; `img`: those photographed."""
    hard_to_read: bool = False
    """Of `img`: take those, too, which the publisher calls bad."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the archive; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks the archive.
    """
    check_mirror([SUBSETS[settings.subset].archive.remote], settings, name_setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all images, which come without a split.

    Raises:
        UserError: the archive cannot be had, is damaged, or lacks a class.
    """
    subset = SUBSETS[settings.subset]
    folder = unpack_published(subset.archive, "chars74k", settings, name_setting(name, "mirror"), progress)
    clear, *hard = subset.folders
    samples = [f"Sample{number + 1:03}" for number in range(len(CLASSES))]  # The publisher counts from 1.
    chosen = [(folder / clear / sample, label, subset.published) for label, sample in enumerate(samples)]
    for inner in hard if settings.hard_to_read else []:  # which may lack a class
        every = [(folder / inner / sample, label, None) for label, sample in enumerate(samples)]
        chosen += [one for one in every if any(one[0].glob("*.png"))]
    return DatasetSplits(make_part(label_folders(chosen), folder, CLASSES, "chars74k", settings), None)
