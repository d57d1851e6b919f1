"""What datasets share whose publishers put image files into archives: a mirror, and files by class once unpacked."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen

from counterweight.core.errors import UserError
from counterweight.data.decode.images import image_files
from counterweight.data.fetch.archives import extracted
from counterweight.data.fetch.downloads import Remote, fetched, mirror_file, record_of
from counterweight.data.sources.base.lazy_images import FileSettings, Part, encoded, fetching

DOWNLOADS = Path("downloads")
DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="  # and a file's id


class ArchiveSettings(FileSettings):
    """Settings of a published dataset of image files."""

    mirror: Annotated[str, MinLen(1)] | None = None
    """Folder that holds the publisher's files under their own names, or an http(s) address to download them from; null:
    they are downloaded from their publisher. Downloads are kept in `downloads/` and the source's name."""


class Archive(NamedTuple):
    """A published archive, and the bytes that it may have unpacked: more is another one."""

    remote: Remote
    limit_bytes: int


class Labelled(NamedTuple):
    """Image files and their labels, int64 (N,)."""

    files: list[Path]
    labels: npt.NDArray[np.int64]


def check_mirror(remotes: Iterable[Remote], settings: ArchiveSettings, where: str) -> None:
    """Check that the mirror, if it is a folder, holds all files; `where` names the setting.

    Raises:
        UserError: there is no such folder, or it lacks one.
    """
    for remote in remotes:
        mirror_file(settings.mirror, (remote.name,), where)


def unpacked(archive: Archive, source: str, settings: ArchiveSettings, where: str, progress: bool) -> Path:
    """Return the folder that holds what is in a published archive, downloaded if need be.

    Raises:
        UserError: it cannot be had, is damaged, or has a member that is not to be trusted.
    """
    file = fetched(archive.remote, DOWNLOADS / source, settings.mirror, where, progress)
    try:
        return extracted(file, DOWNLOADS / source, archive.limit_bytes, progress)
    except UserError as error:
        raise UserError(f"{error}; if it stays so: {way_out(file)}") from error


def way_out(file: Path) -> str:
    """Say what a person can do about an archive that is whole, as far as its publisher lets one know, but useless."""
    return f"delete {file} and, if it is there, {record_of(file).name} beside it, to have it downloaded again"


def by_class(folders: Iterable[tuple[Path, int, int | None]]) -> Labelled:
    """Return the image files in folders, at any depth, of which each is given with a label and the number published.

    Raises:
        UserError: a folder holds none, or not as many as were published, where that is known.
    """
    files: list[Path] = []
    labels: list[int] = []
    for folder, label, published in folders:
        found = image_files(folder, folder).files if folder.is_dir() else []
        if not found or published not in (None, len(found)):
            expected = published or "some"
            number = f"{len(found)} images, expected {expected}"
            raise UserError(f"{folder}: {number}; the archive is not the published one: delete or replace it")
        files += found
        labels += [label] * len(found)
    return Labelled(files, np.array(labels, dtype=np.int64))


def file_part(
    images: Labelled, root: Path, class_names: tuple[str, ...], source: str, settings: ArchiveSettings
) -> Part:
    """Return image files as a part of a dataset; origins are their paths below `root`."""
    start = len(root.as_posix()) + 1
    return encoded(
        fetch=fetching(images.files),
        labels=images.labels,
        class_names=class_names,
        origins=[path.as_posix()[start:] for path in images.files],
        provenance={"source": source, "settings": settings.model_dump(exclude={"mirror"})},  # may be a path here
        settings=settings,
    )
