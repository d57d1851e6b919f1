"""Archives of publishers: unpacked whole or not at all, and nothing in them reaches beyond their own folder."""

import errno
import gzip
import hashlib
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, cast

from tqdm import tqdm

from counterweight.core.errors import UserError
from counterweight.core.outputs import atomic_output

CHUNK_BYTES = 2**18
LONGEST_READ = 2**20  # a tar header that wants more at once would only fill the memory
SUFFIXES = (".zip", ".tar.gz", ".tgz", ".tar")
DRIVE = re.compile(r"[A-Za-z]:")
# What the readers of archives raise on damaged ones, beside an OSError that is no fault of the disk.
UNREADABLE = (
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
NOT_THE_DISK = {None, errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG}

Filter = Callable[[str], bool]


class Member(NamedTuple):
    """What an archive says of one member; `kind` is `file`, `folder`, or names what is never unpacked."""

    name: str
    kind: str
    size: int
    opened: Callable[[], IO[bytes]]


def extract_archive(
    archive: Path, folder: Path, limit_bytes: int, progress: bool = True, wanted: Filter | None = None
) -> Path:
    """Return the folder in `folder` that holds what is in an archive, unpacked if that was not done before.

    Its name has the archive's SHA-256 in it but knows nothing of `wanted`: ask for the same files every time. What
    macOS adds (`__MACOSX`, `._*`) is left out. Names that differ in case only are two files, where the disk allows it.

    Args:
        archive: .zip, .tar, .tar.gz or .tgz.
        limit_bytes: no more than this is written in all, whatever the archive's headers promise.
        wanted: tells from a file's path in the archive, such as `a/b.png`, whether it is unpacked; None: all are.

    Raises:
        UserError: the archive is damaged, holds nothing that is wanted, or has a member that is not to be trusted.
    """
    if not archive.is_file():
        raise UserError(f"{archive}: no such file")
    suffix = next((suffix for suffix in SUFFIXES if archive.name.lower().endswith(suffix)), None)
    if suffix is None:
        raise UserError(f"{archive}: not an archive of a known kind: {', '.join(SUFFIXES)}")
    with archive.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    target = folder / f"{archive.name[: -len(suffix)]}-{checksum[:12]}"  # Another content is another folder.
    if not target.is_dir():
        with atomic_output(target) as partial:
            partial.mkdir()
            unpack(archive, suffix, Writer(archive, partial, limit_bytes), progress, wanted)
    return target


def unpack(archive: Path, suffix: str, writer: "Writer", progress: bool, wanted: Filter | None) -> None:
    """Write the wanted files of an archive, and all of its folders."""
    silent = None if progress else True  # None: tqdm shows nothing unless there is a terminal
    total = archive.stat().st_size
    bar = tqdm(desc=archive.name, total=total, unit="B", unit_scale=True, unit_divisor=1024, disable=silent)
    files = 0
    with bar, archive.open("rb") as file:
        try:
            for member in list_members(file, suffix):
                path = writer.check_path(member.name)
                if is_junk(path) or (wanted and member.kind != "folder" and not wanted("/".join(path))):
                    continue
                for _ in writer.write(member, path):
                    bar.update(max(0, file.tell() - bar.n))
                files += member.kind == "file"
        except (*UNREADABLE, OSError) as error:
            if isinstance(error, OSError) and error.errno not in NOT_THE_DISK:
                raise
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"{archive}: damaged, or not what its name says: {reason}") from error
    if not files:
        raise UserError(f"{archive}: holds no file that is wanted")


def is_junk(path: tuple[str, ...]) -> bool:
    """Say whether a member is one that macOS adds on its own."""
    return "__MACOSX" in path or any(part.startswith("._") for part in path)


@dataclass
class Writer:
    """Writes members below a folder, which was empty, and counts their bytes down from `left`."""

    archive: Path
    target: Path
    left: int

    def check_path(self, name: str) -> tuple[str, ...]:
        """Return the parts of a member's path; refuse one that leads elsewhere, here or on another system."""
        if name.startswith("/") or "\\" in name or "\0" in name or DRIVE.match(name) or ".." in name.split("/"):
            raise self.make_error(name, "its path may lead out of the archive's folder")
        return tuple(part for part in name.split("/") if part not in ("", "."))

    def write(self, member: Member, parts: tuple[str, ...]) -> Iterator[None]:
        """Write one member; yield now and then, for the progress bar."""
        if member.kind not in ("file", "folder"):
            raise self.make_error(member.name, f"is {member.kind}; only plain files are unpacked")
        path = self.target.joinpath(*parts)
        try:
            (path if member.kind == "folder" else path.parent).mkdir(parents=True, exist_ok=True)
            if member.kind == "folder":
                return
            target = path.open("xb")  # not even through a link, if there could be one
        except (FileExistsError, NotADirectoryError):
            raise self.make_error(member.name, "an earlier member has the same name") from None
        with target, member.opened() as source:
            os.fchmod(target.fileno(), 0o644)  # Nothing from an archive is executable.
            yield from self.copy(source, target, member)

    def copy(self, source: IO[bytes], target: BinaryIO, member: Member) -> Iterator[None]:
        """Copy what really comes, which may be more or less than the header promises."""
        copied = 0
        while chunk := source.read(CHUNK_BYTES):
            copied += len(chunk)
            self.left -= len(chunk)
            if self.left < 0:  # Counted while writing: headers of a bomb lie.
                raise self.make_error(member.name, "the archive holds more bytes than it may")
            target.write(chunk)
            yield
        if copied != member.size:
            raise self.make_error(member.name, f"is {copied} bytes long, its header promises {member.size}: damaged")

    def make_error(self, name: str, reason: str) -> UserError:
        """Return the error for a member."""
        return UserError(f"{self.archive}: member {name!a}: {reason}")


def list_members(file: BinaryIO, suffix: str) -> Iterator[Member]:
    """Yield the members of an archive in the order of their bytes; each is to be read before the next one."""
    if suffix == ".zip":
        return list_zip_members(file)
    return list_tar_members(ForwardReader(file if suffix == ".tar" else cast(BinaryIO, gzip.GzipFile(fileobj=file))))


def list_zip_members(file: BinaryIO) -> Iterator[Member]:
    """Yield the members of a zip file."""
    with zipfile.ZipFile(file) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            # zipfile cuts a name at its first NUL, which is to be refused instead.
            name = info.orig_filename if "\0" in info.orig_filename else info.filename
            yield Member(name, detect_zip_kind(info), info.file_size, bound(archive.open, info))


def detect_zip_kind(info: zipfile.ZipInfo) -> str:
    """Say what a member of a zip file is; those made on Windows have no mode."""
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link" if mode == stat.S_IFLNK else "a device, a pipe or a socket"
    if info.is_dir() or mode == stat.S_IFDIR:
        return "folder"
    return "encrypted" if info.flag_bits & 1 else "file"


class ForwardReader:
    """A stream for tarfile to read from: it never goes back, which would unpack all again or loop for ever."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes and remember them, as tarfile does not tell why it ends."""
        if not 0 <= size <= LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        self.last = self.stream.read(size)
        return self.last

    def seek(self, position: int) -> int:
        """Skip bytes."""
        if position < self.tell():
            raise tarfile.ReadError("a member begins before the end of the one before")
        return self.stream.seek(position)

    def tell(self) -> int:
        """Return how many bytes were read or skipped."""
        return self.stream.tell()


def list_tar_members(stream: ForwardReader) -> Iterator[Member]:
    """Yield the members of a tar file, and read it to its end, where gzip has its checksum."""
    with tarfile.open(fileobj=cast(Any, stream), mode="r:") as archive:
        while (info := archive.next()) is not None:
            yield Member(info.name, detect_tar_kind(info), info.size, bound(open_contents, archive, info))
            cast(Any, archive).members.clear()  # it would keep all of them
        if stream.last != bytes(tarfile.BLOCKSIZE):  # tarfile takes a damaged header, too, for the end
            raise tarfile.ReadError("a header is damaged, or the end is missing")
        while stream.read(LONGEST_READ):
            pass


def open_contents(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """Return a stream of a plain file's bytes."""
    return cast(IO[bytes], archive.extractfile(info))


def detect_tar_kind(info: tarfile.TarInfo) -> str:
    """Say what a member of a tar file is."""
    if info.isdir() or info.isreg():
        return "folder" if info.isdir() else "file"
    return "a link" if info.issym() or info.islnk() else "a device, a pipe or something unknown"
