"""One file from one address over HTTP: in several attempts if need be, each going on where the last one broke off."""

import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import IncompleteRead
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import requests
from requests import Response
from requests.exceptions import ChunkedEncodingError, ProxyError, RequestException, Timeout
from tqdm import tqdm
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from counterweight.core.errors import UserError
from counterweight.core.outputs import MINIMUM_FREE_BYTES

CHUNK_BYTES = 2**16  # at most as much is lost of what arrived when a connection breaks off
GAIN_BYTES = 2**20  # an attempt that brought this much before it broke off counts as the first one again
# Identity: sizes, ranges and checksums are those of the file, not of a packed form of it.
HEADERS: Mapping[str, str] = MappingProxyType({"User-Agent": "counterweight", "Accept-Encoding": "identity"})
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait for a server, and how often to come back to it."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    attempts: int = 4
    backoff_seconds: float = 1.0
    """Before the second attempt; doubled before each one after it."""
    longest_seconds: float = 60.0
    """A server that asks to be left alone for longer is given up."""


class Transfer(NamedTuple):
    """What is wanted from an address; `verifiable` tells whether a checksum will be compared at the end."""

    url: str
    partial: Path
    size: int | None
    verifiable: bool

    @property
    def arrived(self) -> int:
        """Return how many bytes are there so far."""
        return self.partial.stat().st_size if self.partial.is_file() else 0

    @property
    def origin(self) -> Path:
        """Return the file that remembers where the bytes came from, and which version of the file they are."""
        return self.partial.with_name(f"{self.partial.stem}.origin.partial")

    @property
    def name(self) -> str:
        """Return the name of the file to be."""
        return self.partial.stem.removeprefix(".")

    def forget(self) -> None:
        """Delete what has arrived."""
        self.partial.unlink(missing_ok=True)
        self.origin.unlink(missing_ok=True)


class RefusedError(Exception):
    """An address does not give the file, and asking it again would not help."""


class BrokenError(Exception):
    """An attempt failed in a way that may pass, after `seconds` if the server said so."""

    def __init__(self, reason: str, seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.seconds = seconds


def transfer(wanted: Transfer, progress: bool, patience: RetryPolicy) -> bool:
    """Ask until everything has arrived in `wanted.partial`; tell whether it was joined from several parts.

    Raises:
        RefusedError: the address does not give the file; what has arrived is kept, for another time.
        UserError: the disk has no room for it.
    """
    failures, most = 0, wanted.arrived
    while True:
        try:
            return attempt(wanted, progress, patience)
        except BrokenError as error:
            failures = 1 if wanted.arrived >= most + GAIN_BYTES else failures + 1
            most = max(most, wanted.arrived)
            if failures >= patience.attempts:
                raise RefusedError(f"{error} ({failures} attempts)") from error
            # Doubled each time, or what the server asks for.
            seconds = max(error.seconds, patience.backoff_seconds * 2 ** (failures - 1))
            print(f"{wanted.name}: {wanted.url}: {error}; again in {seconds:.3g} s", file=sys.stderr)
            time.sleep(seconds)


def attempt(wanted: Transfer, progress: bool, patience: RetryPolicy) -> bool:
    """Ask once for what is missing; tell whether it was added to what had arrived before."""
    if 0 < wanted.arrived == wanted.size:  # To ask for nothing more would be an error (416).
        return True
    timeouts = (patience.connect_seconds, patience.read_seconds)
    headers = {**HEADERS, **request_headers(wanted)}
    try:
        with requests.get(wanted.url, headers=headers, stream=True, timeout=timeouts) as response:
            check_status(response, patience)
            start, total = parse_extent(response, wanted)
            keep_origin(response, wanted, start)
            receive(response, wanted, start, total, progress)
            return start > 0
    except (ChunkedEncodingError, requests.ConnectionError, Timeout) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):  # Asking again would not help.
            raise RefusedError(find_innermost_error(error)) from error
        raise BrokenError(find_innermost_error(error)) from error
    except RequestException as error:
        raise RefusedError(find_innermost_error(error)) from error


def request_headers(wanted: Transfer) -> dict[str, str]:
    """Return the headers that ask for the rest of a file only.

    What came from elsewhere, or from a server that names no versions, is only added to if a checksum will be compared.
    """
    if not wanted.arrived or (wanted.size is not None and wanted.arrived > wanted.size):
        return {}
    rest = {"Range": f"bytes={wanted.arrived}-"}
    if version := read_version(wanted):
        return {**rest, "If-Range": version}  # If the file has changed since, all of it comes.
    return rest if wanted.verifiable else {}


def read_version(wanted: Transfer) -> str | None:
    """Return which version of the address's file has partly arrived."""
    try:
        url, version = json.loads(wanted.origin.read_text(encoding="utf-8"))
    except (FileNotFoundError, TypeError, ValueError):
        return None
    return str(version) if version and url == wanted.url else None


def keep_origin(response: Response, wanted: Transfer, start: int) -> None:
    """Begin anew if the response does, and remember which version of the file it sends."""
    if not start:  # first, lest an old part be taken for one of the new version
        wanted.partial.write_bytes(b"")
    tag = response.headers.get("ETag", "")
    version = tag if tag.startswith('"') else response.headers.get("Last-Modified")  # no weak tag: RFC 9110, 13.1.5
    wanted.origin.write_text(json.dumps([wanted.url, version]), encoding="utf-8")


def check_status(response: Response, patience: RetryPolicy) -> None:
    """Tell errors that may pass from those that stay."""
    status = f"{response.status_code} {response.reason}"
    if response.status_code in (408, 429) or response.status_code >= 500:  # Time-out, too many requests, server errors.
        seconds = parse_retry_after(response)
        if seconds > patience.longest_seconds:
            raise RefusedError(f"{status}; it asks to come back in {seconds:.0f} s")
        raise BrokenError(status, seconds)
    if response.status_code not in (200, 206, 416):
        raise RefusedError(status)


def parse_retry_after(response: Response) -> float:
    """Return for how many seconds a server wants to be left alone: it says so in seconds or names a date."""
    try:
        return Retry(retry_after_max=sys.maxsize).get_retry_after(response.raw) or 0.0
    except (InvalidHeader, OverflowError, ValueError):
        return 0.0


def parse_extent(response: Response, wanted: Transfer) -> tuple[int, int | None]:
    """Return at which byte of the file a response begins, and how long the file is, if that is known."""
    start, total = 0, parse_content_length(response)
    if response.status_code == 416:
        wanted.forget()
        raise BrokenError("has nothing beyond what arrived before")
    if is_page(response, wanted.name):
        raise RefusedError("sends a web page in place of the file: a log-in, a quota, an error?")
    if response.status_code == 206:
        match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not match or int(match[1]) != wanted.arrived:
            wanted.forget()
            raise BrokenError("sends another part than the one asked for")
        start, total = int(match[1]), int(match[2])
    if total is None and wanted.size is None and not wanted.verifiable and not is_chunked(response):
        raise RefusedError("does not tell the file's length, so that a transfer cut short would not be noticed")
    if total is not None and wanted.size not in (None, total):
        raise RefusedError(f"has {total} bytes, expected {wanted.size}; it is another file")
    total = wanted.size if total is None else total
    check_disk(wanted, (total or 0) - start)
    return start, total


def parse_content_length(response: Response) -> int | None:
    """Return how many bytes a response announces; none that count if it comes in chunks."""
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() and not is_chunked(response) else None


def is_chunked(response: Response) -> bool:
    """Say whether the end of a response is marked, so that one that breaks off is noticed."""
    return "chunked" in response.headers.get("Transfer-Encoding", "").lower()


def is_page(response: Response, name: str) -> bool:
    """Say whether a web page comes where none was asked for."""
    kind = response.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return kind in ("text/html", "application/xhtml+xml") and not name.lower().endswith((".html", ".htm"))


def check_disk(wanted: Transfer, needed: int) -> None:
    """Refuse to begin what cannot end."""
    free = shutil.disk_usage(wanted.partial.parent).free
    if free < needed + MINIMUM_FREE_BYTES:
        raise UserError(
            f"{wanted.partial.parent}: {free / 2**20:.0f} MiB free on its disk;"
            f" {wanted.name} needs {(needed + MINIMUM_FREE_BYTES) / 2**20:.0f} MiB"
        )


def receive(response: Response, wanted: Transfer, start: int, total: int | None, progress: bool) -> None:
    """Add the body of a response to what has arrived, up to `total` bytes."""
    # Some servers call a packed file an encoding of the unpacked one; its bytes are wanted as they are.
    response.raw.headers.pop("Content-Encoding", None)
    silent = None if progress else True  # None: tqdm shows nothing unless there is a terminal
    position = start
    bar = tqdm(
        desc=wanted.name, initial=start, total=total, unit="B", unit_scale=True, unit_divisor=1024, disable=silent
    )
    with bar, wanted.partial.open("ab") as file:
        for chunk in response.iter_content(CHUNK_BYTES):
            position += len(chunk)
            if total is not None and position > total:
                wanted.forget()
                raise RefusedError(f"sends more than the expected {total} bytes; it is another file")
            file.write(chunk)
            bar.update(len(chunk))
    if total is not None and position < total:
        raise BrokenError(f"the connection broke off {total - position} bytes before the end")


def find_innermost_error(error: BaseException) -> str:
    """Return what an error of the network began with, which the library wraps in its own words several times."""
    way = "proxy: " if isinstance(error, ProxyError) else ""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ValueError):  # a ValueError comes from parsing what was cut off
        error, cause = cause, cause.__cause__ or cause.__context__
    if isinstance(error, IncompleteRead):
        rest = f" {error.expected} bytes before the end" if isinstance(error.expected, int) else ""
        return f"the connection broke off{rest}"
    return f"{way}{(isinstance(error, OSError) and error.strerror) or error or type(error).__name__}"
