"""Clothing: 3,781 photographs of ten kinds of clothes, of naturally unequal numbers, with a split of their own.

Grigorev's `clothing-dataset-small` (CC0, https://github.com/alexeygrigorev/clothing-dataset-small), the ten classes of
the conditional GAN article. The article shrinks them to 28 x 28 greys, proportions ignored, and trains on 47 batches of
64, which are the 3,068 images of `train`: leave `validation` out to do as it did.
"""

from pathlib import Path
from types import MappingProxyType
from typing import Literal

from counterweight.core.errors import UserError
from counterweight.data.fetch.downloads import Remote
from counterweight.data.sources.base.archive import (
    Archive,
    ArchiveSettings,
    check_mirror,
    label_folders,
    make_part,
    unpack_published,
)
from counterweight.data.sources.base.file_settings import name_setting
from counterweight.data.sources.base.lazy_images import DatasetSplits, LazyImages

CLASSES = ("dress", "hat", "longsleeve", "outwear", "pants", "shirt", "shoes", "shorts", "skirt", "t-shirt")
PUBLISHED = MappingProxyType({"train": 3068, "validation": 341, "test": 372})
COMMIT = "11961516512414bf9f6c150a832cfd21b54a6b54"
# GitHub makes archives anew now and then, so that they have no lasting checksum.
ARCHIVE = Archive(
    Remote(
        "clothing-dataset-small-master.zip",
        tuple(
            f"https://github.com/alexeygrigorev/clothing-dataset-small/archive/{version}.zip"
            for version in (COMMIT, "refs/heads/master")
        ),
    ),
    limit_bytes=2**30,
)


class Settings(ArchiveSettings):
    """Settings of Clothing."""

    validation: Literal["use", "leave_out"] = "use"
    """What becomes of the 341 images of `validation`: they join the training images, or nothing."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the archive; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks the archive.
    """
    check_mirror([ARCHIVE.remote], settings, name_setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """List all photographs in their own split.

    Raises:
        UserError: the archive cannot be had, is damaged, or lacks images.
    """
    folder = unpack_published(ARCHIVE, "clothing", settings, name_setting(name, "mirror"), progress)
    roots = sorted(path.parent for path in folder.rglob("train") if path.is_dir())
    if not roots:
        raise UserError(f"{folder}: no folder train; the archive is not the published one: delete or replace it")
    trained = ["train"] if settings.validation == "leave_out" else ["train", "validation"]
    return DatasetSplits(make_split_part(roots[0], trained, settings), make_split_part(roots[0], ["test"], settings))


def make_split_part(root: Path, words: list[str], settings: Settings) -> LazyImages:
    """Return the images in some folders of the split."""
    images = label_folders((root / word / name, label, None) for word in words for label, name in enumerate(CLASSES))
    if len(images.files) != (published := sum(PUBLISHED[word] for word in words)):
        found = f"{len(images.files)} images in {' and '.join(words)}"
        raise UserError(
            f"{root}: {found}, expected {published}; the archive is not the published one: delete or replace it"
        )
    return make_part(images, root, CLASSES, "clothing", settings)
