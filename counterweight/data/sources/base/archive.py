"""What datasets share whose publishers put image files into archives: a mirror, and files by class once unpacked."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen

from counterweight.core.errors import UserError
from counterweight.data.decode.images import find_image_files
from counterweight.data.fetch.archives import extract_archive
from counterweight.data.fetch.downloads import Remote, fetch_file, find_mirror_file, find_record
from counterweight.data.sources.base.file_settings import FileSettings
from counterweight.data.sources.base.lazy_images import LazyImages, make_fetch, wrap_files

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
        find_mirror_file(settings.mirror, (remote.name,), where)


def unpack_published(
    archive: Archive, source: str, settings: ArchiveSettings, where: str, progress: bool, folder: Path | None = None
) -> Path:
    """Return the folder that holds what is in a published archive, downloaded if need be.

    Args:
        folder: it is unpacked in there; None: where downloads are kept, if that was not done before.

    Raises:
        UserError: it cannot be had, is damaged, or has a member that is not to be trusted.
    """
    file = fetch_file(archive.remote, DOWNLOADS / source, settings.mirror, where, progress)
    try:
        return extract_archive(file, folder or DOWNLOADS / source, archive.limit_bytes, progress)
    except UserError as error:
        raise UserError(f"{error}; if it stays so: {suggest_way_out(file)}") from error


def suggest_way_out(file: Path) -> str:
    """Say what a person can do about an archive that is whole, as far as its publisher lets one know, but useless."""
    return f"delete {file} and, if it is there, {find_record(file).name} beside it, to have it downloaded again"


def label_folders(folders: Iterable[tuple[Path, int, int | None]]) -> Labelled:
    """Return the image files in folders, at any depth, of which each is given with a label and the number published.

    Raises:
        UserError: a folder holds none, or not as many as were published, where that is known.
    """
    files: list[Path] = []
    labels: list[int] = []
    for folder, label, published in folders:
        found = find_image_files(folder, folder).files if folder.is_dir() else []
        if not found or published not in (None, len(found)):
            expected = published or "some"
            number = f"{len(found)} images, expected {expected}"
            raise UserError(f"{folder}: {number}; the archive is not the published one: delete or replace it")
        files += found
        labels += [label] * len(found)
    return Labelled(files, np.array(labels, dtype=np.int64))


def make_part(
    images: Labelled, root: Path, class_names: tuple[str, ...], source: str, settings: ArchiveSettings
) -> LazyImages:
    """Return image files as a part of a dataset; origins are their paths below `root`."""
    start = len(root.as_posix()) + 1
    return wrap_files(
        fetch=make_fetch(images.files),
        labels=images.labels,
        class_names=class_names,
        origins=[path.as_posix()[start:] for path in images.files],
        provenance={"source": source, "settings": settings.model_dump(exclude={"mirror"})},  # may be a path here
        settings=settings,
    )
