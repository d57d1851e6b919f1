"""Published files, downloaded or taken from a mirror: whole and verified, or not at all."""

import hashlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from counterweight.core.errors import UserError
from counterweight.core.outputs import atomic_output, exclusive_lock, make_room
from counterweight.data.fetch.http import RefusedError, RetryPolicy, Transfer, transfer

SHA256 = re.compile(r"[0-9a-f]{64}")
PATIENCE = RetryPolicy()


class Remote(NamedTuple):
    """A published file: where it is (tried in turn), its size in bytes and checksums as far as they are published."""

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None


def fetch_file(
    remote: Remote,
    folder: Path,
    mirror: str | None,
    where: str,
    progress: bool = True,
    patience: RetryPolicy = PATIENCE,
) -> Path:
    """Return the whole, verified file: the one in a mirror folder, else the one in `folder`, downloaded if need be.

    Without a published checksum it has to be the file that came first, which `NAME.sha256` in `folder` remembers.

    Args:
        mirror: None for the publisher, a local folder, or an http(s) address in place of the publisher's.
        where: file and key of the mirror's setting, for messages.

    Raises:
        UserError: no address gives the file, it is not the published one, or another process is downloading it.
    """
    target = folder / remote.name
    record = find_record(target)
    if (path := find_mirror_file(mirror, (remote.name,), where)) is not None:
        if wrong := find_fault(path, remote, record):
            raise UserError(f"{path}: {wrong}")
        return path
    if target.is_file() and can_verify(remote, record) and find_fault(target, remote, record) is None:
        return target
    make_room(target)
    lock = target.with_name(f".{target.name}.lock")
    with exclusive_lock(lock, busy=f"{target}: another process is downloading it; wait for that one"):
        if not is_good(target, remote, record):  # looked at again: another process may have brought it since
            download(remote, list_addresses(remote, mirror), target, where, progress, patience)
        if not can_verify(remote, record):
            write_record(target, record)
    return target


def find_mirror_file(mirror: str | None, names: Sequence[str], where: str) -> Path | None:
    """Return the first of some names that is there in a mirror folder, unverified; None if no folder is set.

    Raises:
        UserError: there is no such folder, or none of the names in it.
    """
    if mirror is None or mirror.startswith(("http://", "https://")):
        return None
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        raise UserError(f"{where}: {folder}: no such folder; a folder with the files or an http(s) address is allowed")
    for path in (folder / name for name in names):
        if path.is_file():
            return path
    lacking = f"none of {', '.join(names)} is there" if len(names) > 1 else f"{names[0]} is not there"
    raise UserError(f"{where}: {folder}: {lacking}")


def list_addresses(remote: Remote, mirror: str | None) -> tuple[str, ...]:
    """Return where a file can be downloaded: from its publisher or, in its place, a mirror."""
    return remote.urls if mirror is None else (f"{mirror.rstrip('/')}/{quote(remote.name)}",)


def is_good(target: Path, remote: Remote, record: Path) -> bool:
    """Say whether the file is there and the right one; tell the person if it is there and another one."""
    if not target.is_file():
        return False
    if wrong := find_fault(target, remote, record):
        print(f"{target}: {wrong}; it is downloaded again", file=sys.stderr)
    return wrong is None


def download(
    remote: Remote, urls: Sequence[str], target: Path, where: str, progress: bool, patience: RetryPolicy
) -> None:
    """Download a file from the first address that gives the right one."""
    failures: list[str] = []
    for url in urls:
        try:
            download_from(url, remote, target, progress, patience)
            return
        except RefusedError as error:
            failures.append(f"{url}: {error}")
    raise UserError(
        f"{target.name}: cannot be downloaded; {'; '.join(failures) or 'its publisher gives no address'};"
        f" set {where} to a folder that holds it or to another address, or put it at {target}"
    )


def download_from(url: str, remote: Remote, target: Path, progress: bool, patience: RetryPolicy) -> None:
    """Download a file, verify it and give it its name; what was joined from parts gets a second chance in one piece."""
    record = find_record(target)
    wanted = Transfer(url, target.with_name(f".{target.name}.partial"), remote.size, can_verify(remote, record))
    joined = transfer(wanted, progress, patience)
    wrong = find_fault(wanted.partial, remote, record)
    if wrong and joined:
        print(f"{target.name}: {url}: {wrong}; its parts do not belong together, now in one piece", file=sys.stderr)
        wanted.forget()
        transfer(wanted, progress, patience)
        wrong = find_fault(wanted.partial, remote, record)
    if wrong is None:
        wanted.partial.replace(target)  # Only a verified file ever has the final name.
    wanted.forget()
    if wrong:
        raise RefusedError(wrong)


def can_verify(remote: Remote, record: Path) -> bool:
    """Say whether there is a checksum to compare a file's with: the publisher's, or one on record."""
    return bool(remote.sha256 or remote.md5) or record.is_file()


def find_fault(path: Path, remote: Remote, record: Path) -> str | None:
    """Say in what a file differs from the published one, or the one on record; None if in nothing."""
    size = path.stat().st_size
    if remote.size is not None and size != remote.size:
        return f"is {size} bytes long, expected {remote.size}; the file is damaged or another one"
    for name, expected in (("MD5", remote.md5), ("SHA-256", remote.sha256)):
        if expected and (found := compute_digest(path, name)) != expected:
            return f"{name} is {found}, expected {expected}; the file is damaged or another one"
    if remote.md5 or remote.sha256 or not record.is_file():
        return None
    found, first = compute_digest(path, "SHA-256"), read_record(record)
    advice = f"the file is damaged or, if its publisher really changed it, delete {record}"
    return None if found == first else f"SHA-256 is {found}, that of the first download was {first}; {advice}"


def compute_digest(path: Path, name: str) -> str:
    """Return the checksum of a file, `MD5` or `SHA-256`, in hexadecimal digits."""
    with path.open("rb") as file:
        # Against accidents, not attackers; systems in FIPS mode refuse MD5 for anything else.
        return hashlib.file_digest(file, lambda: hashlib.new(name.replace("-", ""), usedforsecurity=False)).hexdigest()


def find_record(target: Path) -> Path:
    """Return the file that remembers a file's checksum, in the format of `sha256sum`."""
    return target.with_name(f"{target.name}.sha256")


def read_record(record: Path) -> str:
    """Return the checksum on record.

    Raises:
        UserError: the record does not begin with one.
    """
    first = record.read_text(encoding="utf-8", errors="replace").strip()[:64].lower()
    if not SHA256.fullmatch(first):
        raise UserError(f"{record}: does not begin with a SHA-256 as sha256sum writes it; mend or delete this file")
    return first


def write_record(target: Path, record: Path) -> None:
    """Put the checksum of a file on record."""
    with atomic_output(record) as partial:
        partial.write_text(f"{compute_digest(target, 'SHA-256')}  {target.name}\n", encoding="utf-8")
