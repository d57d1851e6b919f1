"""Vehicles: 2,552 photographs of cars, motorcycles and airplanes, four archives of Caltech's in three classes.

The dataset that the balancing thesis (5.1.3) made of `Cars 2001 (Rear)`, `Cars 1999 (Rear) 2`, `Motorcycles 2001
(Side)` and `Airplanes (Side)`, all shrunk to 64 x 64. Caltech's archive has moved since, and no longer has the
airplanes, of which Oxford's Visual Geometry Group keeps a copy; that one comes without a checksum.
"""

from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.data.fetch.archives import extract_archive
from counterweight.data.fetch.downloads import Remote
from counterweight.data.sources.base.archive import (
    DOWNLOADS,
    Archive,
    ArchiveSettings,
    check_mirror,
    label_folders,
    make_part,
    unpack_published,
)
from counterweight.data.sources.base.file_settings import Size, name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits

CLASSES = ("airplanes", "cars", "motorcycles")
LIMIT = 2**28
CALTECH = "https://data.caltech.edu/records"


class Category(NamedTuple):
    """One archive of Caltech's: its class, the tar file in it if it is one of these packed again, its images."""

    label: int
    archive: Archive
    inner: str | None
    images: int


CATEGORIES = (
    Category(
        label=1,
        archive=Archive(
            Remote(
                "Cars_2001.zip",
                (f"{CALTECH}/dvx6b-vsc46/files/Cars_2001.zip?download=1",),
                md5="e68efb9197ed6a9bc94ce46c79378d29",
            ),
            LIMIT,
        ),
        inner="cars_brad.tar",
        images=526,
    ),
    Category(
        label=1,
        archive=Archive(
            Remote(
                "Cars_1999.zip",
                (f"{CALTECH}/fmbpr-ezq86/files/Cars_1999.zip?download=1",),
                md5="79b12e08cf5f711f27bbd3e9c6bf371f",
            ),
            LIMIT,
        ),
        inner="cars_markus.tar",
        images=126,
    ),
    Category(
        label=2,
        archive=Archive(
            Remote(
                "motorbikes_side.zip",
                (f"{CALTECH}/pxb2q-1e144/files/motorbikes_side.zip?download=1",),
                md5="ac51dc40c8df085c6663f38307685079",
            ),
            LIMIT,
        ),
        inner="motorbikes_side.tar",
        images=826,
    ),
    Category(
        label=0,
        archive=Archive(
            Remote(
                "airplanes_side.tar",
                ("https://www.robots.ox.ac.uk/~vgg/data/airplanes_side/airplanes_side.tar",),
            ),
            LIMIT,
        ),
        inner=None,
        images=1074,
    ),
)


class Settings(ArchiveSettings):
    """Settings of Vehicles."""

    size: Size = 64
    """Side in pixels to which images are resized, or height and width."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the four archives; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks one.
    """
    check_mirror([category.archive.remote for category in CATEGORIES], settings, name_setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all photographs, which come without a split.

    Raises:
        UserError: an archive cannot be had, is damaged, or does not hold as many photographs as were published.
    """
    ordered = sorted(CATEGORIES, key=lambda category: category.label)
    where = name_setting(name, "mirror")
    folders = [folder_of(category, settings, where, progress) for category in ordered]
    images = label_folders((folder, own.label, own.images) for folder, own in zip(folders, ordered, strict=True))
    return DatasetSplits(make_part(images, DOWNLOADS / "vehicles", CLASSES, "vehicles", settings), None)


def folder_of(category: Category, settings: Settings, where: str, progress: bool) -> Path:
    """Return the folder that holds an archive's photographs, unpacked twice if it is packed twice."""
    folder = unpack_published(category.archive, "vehicles", settings, where, progress)
    if category.inner is None:
        return folder
    inner = sorted(folder.rglob(category.inner))
    if not inner:
        raise UserError(f"{category.archive.remote.name}: holds no {category.inner}; it is not the published one")
    return extract_archive(inner[0], DOWNLOADS / "vehicles", category.archive.limit_bytes, progress)
