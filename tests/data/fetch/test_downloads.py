"""Downloads from a server on this machine that misbehaves as told: what ends under the final name is always right."""

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from counterweight.core.errors import UserError
from counterweight.data.fetch import http
from counterweight.data.fetch.downloads import Remote, fetch_file, find_mirror_file
from counterweight.data.fetch.http import CHUNK_BYTES, RetryPolicy

ROOT = Path(__file__).parents[3]
NAME = "images.tar.gz"
WHERE = "params.yaml: datasets.pets.mirror"
BODY = random.Random(0).randbytes(5 * CHUNK_BYTES + 1234)
OTHER = random.Random(1).randbytes(len(BODY))
HALF = 3 * CHUNK_BYTES + 99
KEPT = 3 * CHUNK_BYTES  # of these
QUICK = RetryPolicy(connect_seconds=5, read_seconds=20, attempts=3, backoff_seconds=0.01, longest_seconds=0.5)
IMPATIENT = RetryPolicy(connect_seconds=5, read_seconds=0.3, attempts=3, backoff_seconds=0.01)
FETCH = """
import signal
import sys
from pathlib import Path
from counterweight.data.fetch.downloads import Remote, fetch_file
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests themselves run in the background
name, url, folder = sys.argv[1:]
fetch_file(Remote(name, (url,)), Path(folder), None, "nowhere")
"""


class Server(ThreadingHTTPServer):
    """Gives the answers of a script in turn, the last one for ever, and keeps the headers it was asked with."""

    daemon_threads = True

    def __init__(self, *script: "Answer") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = list(script)
        self.requests: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.release = Event()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/files"

    @property
    def url(self) -> str:
        return f"{self.base}/{NAME}"

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.requests]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about clients that hang up."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        number = len(self.server.requests)
        self.server.requests.append(dict(self.headers))
        self.server.paths.append(self.path)
        self.server.script[min(number, len(self.server.script) - 1)](self)

    def head(self, status: int, headers: dict[str, object]) -> None:
        self.send_response(status)
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


Answer = Callable[[Handler], None]


def gives(
    content: bytes = BODY,
    version: dict[str, str] | None = None,
    ranges: bool = True,
    sent: int | None = None,
    stalls: bool = False,
    length: bool = True,
    **more: str,
) -> Answer:
    """Return an answer with a file, or with a part if asked for it; only the first `sent` bytes of it come."""
    version = {"ETag": '"1"'} if version is None else version

    def answer(handler: Handler) -> None:
        start, asked = 0, handler.headers.get("Range")
        if ranges and asked and handler.headers.get("If-Range", *version.values()) in (None, *version.values()):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            handler.head(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": 0})
            return
        headers: dict[str, object] = {"Content-Length": len(content) - start} if length else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        handler.head(206 if start else 200, {**headers, **version, **{k.replace("_", "-"): v for k, v in more.items()}})
        handler.wfile.write(content[start:] if sent is None else content[start : start + sent])
        handler.wfile.flush()
        if stalls:
            handler.server.release.wait(30)
            handler.wfile.write(content[start + (sent or 0) :])

    return answer


def says(status: int, **headers: str) -> Answer:
    return lambda handler: handler.head(
        status, {"Content-Length": 0, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def chunked(content: bytes, ends: bool = True) -> Answer:
    def answer(handler: Handler) -> None:
        handler.head(200, {"Transfer-Encoding": "chunked"})
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(content), content) + b"0\r\n\r\n" * ends)

    return answer


def endless(handler: Handler) -> None:
    """Send without end, and without saying how much it will be, until the other side hangs up."""
    handler.head(200, {})
    with contextlib.suppress(ConnectionError):
        while not handler.server.release.is_set():
            handler.wfile.write(bytes(CHUNK_BYTES))
    handler.server.release.set()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Server] = []

    def start(*script: Answer) -> Server:
        server = Server(*script)
        started.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    yield start
    for server in started:
        server.release.set()
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def remote(*servers: Server, size: int | None = None, sha256: str | None = None, md5: str | None = None) -> Remote:
    return Remote(NAME, tuple(server.url for server in servers), size, sha256, md5)


def sure(*servers: Server) -> Remote:
    return remote(*servers, size=len(BODY), sha256=sha256(BODY), md5=md5(BODY))


def get(wanted: Remote, folder: Path, mirror: str | None = None, patience: RetryPolicy = QUICK) -> bytes:
    """Fetch a file, see that nothing else is left, and return what is in it."""
    path = fetch_file(wanted, folder, mirror, WHERE, patience=patience)
    assert path == folder / NAME
    assert {item.name for item in folder.iterdir()} <= {NAME, f"{NAME}.sha256"}
    return path.read_bytes()


def fails(wanted: Remote, folder: Path, mirror: str | None = None, patience: RetryPolicy = QUICK) -> str:
    """Return why a file cannot be had; nothing may have its name."""
    with pytest.raises(UserError) as caught:
        fetch_file(wanted, folder, mirror, WHERE, patience=patience)
    assert not (folder / NAME).exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What goes well.


@pytest.mark.parametrize(
    "known",
    [
        {},
        {"size": len(BODY)},
        {"sha256": sha256(BODY)},
        {"md5": md5(BODY)},
        {"size": len(BODY), "sha256": sha256(BODY), "md5": md5(BODY)},
    ],
)
def test_a_file_is_downloaded_once(
    known: dict[str, Any], serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(gives())
    for _ in range(2):
        assert get(remote(server, **known), tmp_path / "new/folder") == BODY
    assert server.paths == [f"/files/{NAME}"]
    assert server.requests[0]["Accept-Encoding"] == "identity"
    assert server.ranges == [None]
    assert capsys.readouterr().err == "", "no progress bar without a terminal"


def test_redirects_and_chunks_are_followed(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(302, Location="/elsewhere"), chunked(BODY))
    assert get(remote(server), tmp_path) == BODY
    assert server.paths == [f"/files/{NAME}", "/elsewhere"]


def test_a_packed_file_stays_packed_whatever_the_server_calls_it(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(Content_Encoding="x-gzip"))
    assert get(sure(server), tmp_path) == BODY


def test_the_second_address_helps_where_the_first_fails(serve: Serve, tmp_path: Path) -> None:
    first, second = serve(says(404)), serve(gives())
    assert get(sure(first, second), tmp_path) == BODY
    assert len(first.requests) == 1


def test_a_mirrors_address_takes_the_publishers_place(serve: Serve, tmp_path: Path) -> None:
    publisher, server = serve(gives()), serve(gives())
    assert get(sure(publisher), tmp_path / "a", f"{server.base}/") == BODY
    assert (publisher.paths, server.paths) == ([], [f"/files/{NAME}"])
    assert server.url in fails(remote(size=1), tmp_path / "b", server.base)


def test_a_file_without_an_address_can_be_put_there_or_mirrored(serve: Serve, tmp_path: Path) -> None:
    message = fails(sure(), tmp_path)
    assert "its publisher gives no address" in message
    assert f"put it at {tmp_path / NAME}" in message
    (tmp_path / NAME).write_bytes(BODY)
    assert get(sure(), tmp_path) == BODY


def test_the_proxy_of_the_environment_is_used(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(gives())
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.server_port}")
    assert get(Remote(NAME, ("http://publisher.invalid/x",)), tmp_path) == BODY
    assert proxy.paths == ["http://publisher.invalid/x"]


# What breaks off goes on.


@pytest.mark.parametrize("version", [{"ETag": '"1"'}, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}])
@pytest.mark.parametrize("known", [{}, {"size": len(BODY)}, {"sha256": sha256(BODY)}])
def test_a_broken_transfer_goes_on_where_it_broke_off(
    known: dict[str, Any], version: dict[str, str], serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(gives(version=version, sent=HALF), gives(version=version, sent=CHUNK_BYTES), gives(version=version))
    assert get(remote(server, **known), tmp_path) == BODY
    assert server.ranges == [None, f"bytes={KEPT}-", f"bytes={KEPT + CHUNK_BYTES}-"]
    assert {headers["If-Range"] for headers in server.requests[1:]} == set(version.values())
    assert (
        f"the connection broke off {len(BODY) - HALF} bytes before the end; again in 0.01 s" in capsys.readouterr().err
    )


def test_a_stalled_server_is_given_up_and_asked_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(sent=HALF, stalls=True), gives())
    assert get(sure(server), tmp_path, patience=IMPATIENT) == BODY
    assert server.ranges == [None, f"bytes={KEPT}-"]
    silent = serve(lambda handler: handler.server.release.wait(30) or None)  # type: ignore[func-returns-value]
    assert "timed out (3 attempts)" in fails(sure(silent), tmp_path / "other", patience=IMPATIENT)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_waited_for(status: int, serve: Serve, tmp_path: Path) -> None:
    server = serve(says(status), gives(sent=HALF), says(status), gives())
    assert get(sure(server), tmp_path, patience=RetryPolicy(backoff_seconds=0.01, attempts=4)) == BODY
    assert len(server.requests) == 4


def test_waits_double_and_a_server_may_ask_for_longer_ones(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("counterweight.data.fetch.http.time.sleep", waits.append)
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    server = serve(
        says(500),
        says(500),
        says(429, Retry_After="7"),
        says(503, Retry_After=date),
        says(503, Retry_After="x"),
        gives(),
    )
    assert get(sure(server), tmp_path, patience=RetryPolicy(attempts=6)) == BODY
    assert waits[:3] == [1, 2, 7]
    assert 20 < waits[3] <= 40
    assert waits[4:] == [16]


def test_who_asks_for_too_long_a_wait_is_given_up(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(429, Retry_After="3600"))
    assert "429 Too Many Requests; it asks to come back in 3600 s" in fails(sure(server), tmp_path)
    assert len(server.requests) == 1


def test_attempts_end(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(500))
    assert f"{server.url}: 500 Internal Server Error (3 attempts)" in fails(sure(server), tmp_path)
    assert len(server.requests) == 3


def test_attempts_that_bring_much_are_not_counted(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "GAIN_BYTES", CHUNK_BYTES)
    server = serve(gives(sent=CHUNK_BYTES))
    assert get(sure(server), tmp_path, patience=RetryPolicy(attempts=2, backoff_seconds=0)) == BODY
    assert len(server.requests) == 6
    stuck = serve(gives(sent=CHUNK_BYTES, ranges=False))  # brings the same part over and over
    assert "(2 attempts)" in fails(sure(stuck), tmp_path / "x", patience=RetryPolicy(attempts=2, backoff_seconds=0))
    assert len(stuck.requests) == 2
    parts = [gives(sent=size * CHUNK_BYTES, ranges=False) for size in (3, 1)]
    wavering = serve(*parts * 10, gives())
    assert "(3 attempts)" in fails(sure(wavering), tmp_path / "y", patience=RetryPolicy(attempts=3, backoff_seconds=0))
    assert len(wavering.requests) == 3, "what had arrived before is no gain"


def test_what_has_arrived_is_kept_for_another_day_and_another_address(serve: Serve, tmp_path: Path) -> None:
    first = serve(gives(sent=HALF), says(500))
    assert "(3 attempts)" in fails(sure(first), tmp_path)
    second = serve(gives(version={"ETag": '"of another server"'}))
    assert get(sure(second), tmp_path) == BODY
    assert second.ranges == [f"bytes={KEPT}-"]


def test_without_a_checksum_parts_of_unknown_origin_are_not_joined(serve: Serve, tmp_path: Path) -> None:
    first = serve(gives(sent=HALF), says(500))
    fails(remote(first), tmp_path)
    second = serve(gives(OTHER))
    assert get(remote(second), tmp_path) == OTHER
    assert second.ranges == [None]
    nameless = serve(gives(sent=HALF, version={}), gives(OTHER, version={}))
    assert get(remote(nameless), tmp_path / "other") == OTHER
    assert nameless.ranges == [None, None]


@pytest.mark.parametrize("known", [{}, {"sha256": sha256(OTHER)}])
def test_a_file_that_changes_in_between_is_begun_anew(known: dict[str, Any], serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(sent=HALF), gives(OTHER, version={"ETag": '"2"'}))
    assert get(remote(server, **known), tmp_path) == OTHER
    assert server.ranges == [None, f"bytes={KEPT}-"]


def test_a_weak_tag_is_no_version(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(sent=HALF, version={"ETag": 'W/"1"'}), gives(OTHER, version={"ETag": 'W/"1"'}))
    assert get(remote(server), tmp_path) == OTHER


@pytest.mark.parametrize("second", [gives(ranges=False), says(416)], ids=["200", "416"])
def test_a_server_that_knows_no_parts_is_asked_for_everything(second: Answer, serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(sent=HALF), second, gives(ranges=False))
    assert get(sure(server), tmp_path) == BODY


@pytest.mark.parametrize(
    "content_range", ["bytes 5-9/10", "bytes */10", f"bytes {KEPT}-9/*", "nonsense", None], ids=str
)
def test_a_part_that_was_not_asked_for_is_thrown_away(content_range: str | None, serve: Serve, tmp_path: Path) -> None:
    def wrong(handler: Handler) -> None:
        handler.head(206, {"Content-Length": 5} | ({"Content-Range": content_range} if content_range else {}))
        handler.wfile.write(b"wrong")

    server = serve(gives(sent=HALF), wrong, gives())
    assert get(remote(server), tmp_path) == BODY
    assert server.ranges == [None, f"bytes={KEPT}-", None]


def test_joined_parts_of_two_files_get_a_second_chance(
    serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(gives(OTHER, sent=HALF), gives())
    assert get(sure(server), tmp_path) == BODY
    assert server.ranges == [None, f"bytes={KEPT}-", None]
    assert "do not belong together" in capsys.readouterr().err
    wrong = serve(gives(OTHER, sent=HALF), gives(OTHER))
    assert f"MD5 is {md5(OTHER)}, expected {md5(BODY)}" in fails(sure(wrong), tmp_path / "wrong")
    assert len(wrong.requests) == 3, "but only one"


def test_a_part_that_is_whole_needs_no_request(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / f".{NAME}.partial").write_bytes(BODY)
    server = serve(gives())
    assert get(sure(server), tmp_path) == BODY
    assert server.requests == []


@pytest.mark.parametrize("part", [OTHER, OTHER + b"longer"], ids=["as long", "longer"])
def test_a_part_of_something_else_does_no_harm(part: bytes, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / f".{NAME}.partial").write_bytes(part)
    (tmp_path / f".{NAME}.origin.partial").write_bytes(b"not JSON")
    server = serve(gives())
    assert get(sure(server), tmp_path) == BODY
    assert server.ranges == [None]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_stopped_leaves_a_part_that_another_completes(
    number: signal.Signals, serve: Serve, tmp_path: Path
) -> None:
    server = serve(gives(sent=HALF, stalls=True), gives())
    with started(server, tmp_path) as process:
        process.send_signal(number)
        assert process.wait(20) != 0
    assert not (tmp_path / NAME).exists()
    assert get(remote(server), tmp_path) == BODY
    assert server.ranges == [None, f"bytes={KEPT}-"]


def test_two_processes_do_not_write_one_file(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(sent=HALF, stalls=True))
    with started(server, tmp_path) as process:
        assert "another process is downloading it" in fails(remote(server), tmp_path)
        server.release.set()
        assert process.wait(20) == 0
    assert get(remote(server), tmp_path) == BODY
    assert len(server.requests) == 1


def started(server: Server, folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that downloads, and wait until half of the file is there."""
    process = subprocess.Popen(
        [sys.executable, "-c", FETCH, NAME, server.url, str(folder)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    partial, end = folder / f".{NAME}.partial", time.monotonic() + 30
    while not (partial.is_file() and partial.stat().st_size == KEPT):
        assert time.monotonic() < end, "nothing arrives"
        time.sleep(0.01)
    return process


# What is refused.


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_stays_is_not_tried_again(status: int, serve: Serve, tmp_path: Path) -> None:
    server = serve(says(status))
    message = fails(sure(server), tmp_path)
    assert message.startswith(f"{NAME}: cannot be downloaded; {server.url}: {status} ")
    assert message.endswith(
        f"; set {WHERE} to a folder that holds it or to another address, or put it at {tmp_path / NAME}"
    )
    assert len(server.requests) == 1


def test_each_address_is_named_with_its_reason(serve: Serve, tmp_path: Path) -> None:
    missing, wrong = serve(says(404)), serve(gives(OTHER))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        message = fails(sure(missing, wrong)._replace(urls=(missing.url, wrong.url, url, "nonsense")), tmp_path)
    assert f"; {missing.url}: 404 Not Found; {wrong.url}: MD5 is {md5(OTHER)}, expected {md5(BODY)}; " in message
    assert f"; {url}: Connection refused (3 attempts); nonsense: Invalid URL 'nonsense'" in message


def test_a_proxy_that_does_not_answer_is_called_so(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed.getsockname()[1]}")
        message = fails(Remote(NAME, ("http://publisher.invalid/x",)), tmp_path)
    assert "http://publisher.invalid/x: proxy: Connection refused (3 attempts)" in message


def test_a_wrong_file_is_refused_and_not_kept(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(OTHER))
    for known in ({"sha256": sha256(BODY)}, {"md5": md5(BODY)}):
        assert "expected" in fails(remote(server, **known), tmp_path)
        assert list(tmp_path.iterdir()) == []
    assert server.ranges == [None, None]


def test_a_file_of_another_length_is_refused_before_it_is_read(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(BODY + b"more", sent=0))
    assert f"has {len(BODY) + 4} bytes, expected {len(BODY)}" in fails(sure(server), tmp_path)


def test_a_server_that_sends_too_much_is_cut_off(serve: Serve, tmp_path: Path) -> None:
    server = serve(endless)
    assert f"sends more than the expected {len(BODY)} bytes" in fails(remote(server, size=len(BODY)), tmp_path)
    assert server.release.wait(10), "we hung up"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_no_file(kind: str, serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(b"<html>Too many users", Content_Type=kind))
    assert "sends a web page in place of the file" in fails(remote(server), tmp_path)
    assert len(server.requests) == 1
    page = Remote("index.html", (server.url,))
    assert fetch_file(page, tmp_path, None, WHERE, patience=QUICK).read_bytes().startswith(b"<html>")


def test_a_transfer_whose_end_would_not_be_known_is_refused(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives(length=False, sent=HALF, ranges=False))
    assert "does not tell the file's length" in fails(remote(server), tmp_path)
    assert "expected" in fails(remote(server, md5=md5(BODY)), tmp_path)
    assert "broke off" in fails(remote(server, size=len(BODY)), tmp_path)


def test_chunks_that_end_early_are_noticed(serve: Serve, tmp_path: Path) -> None:
    server = serve(chunked(BODY, ends=False))
    assert "Response ended prematurely (3 attempts)" in fails(remote(server), tmp_path)


def test_a_full_disk_is_noticed_before_the_download(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2**26 + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    server = serve(gives())
    message = fails(remote(server), tmp_path)
    assert message == f"{tmp_path}: 64 MiB free on its disk; {NAME} needs 64 MiB"


def test_a_disk_that_fills_up_is_not_called_a_fault_of_the_network(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    server = serve(gives())
    monkeypatch.setattr(http, "receive", full)
    with pytest.raises(OSError, match="No space left"):
        fetch_file(sure(server), tmp_path, None, WHERE)
    assert len(server.requests) == 1


# What is there already, and checksums on record.


@pytest.mark.parametrize("wrong", [OTHER, BODY[:-1], b""])
def test_a_damaged_file_is_replaced(
    wrong: bytes, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAME).write_bytes(wrong)
    server = serve(gives())
    assert get(sure(server), tmp_path) == BODY
    assert f"{tmp_path / NAME}: " in capsys.readouterr().err
    assert len(server.requests) == 1


def test_the_first_download_is_put_on_record_as_sha256sum_does(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives())
    get(remote(server), tmp_path)
    record = tmp_path / f"{NAME}.sha256"
    assert record.read_text() == f"{sha256(BODY)}  {NAME}\n"
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", record.name], cwd=tmp_path, check=True, capture_output=True)
    get(sure(server), tmp_path / "published")
    assert [path.name for path in (tmp_path / "published").iterdir()] == [NAME]


def test_a_later_download_is_compared_with_the_record(serve: Serve, tmp_path: Path) -> None:
    get(remote(serve(gives())), tmp_path)
    record = tmp_path / f"{NAME}.sha256"
    (tmp_path / NAME).unlink()
    other = serve(gives(OTHER))
    message = fails(remote(other), tmp_path)
    assert f"SHA-256 is {sha256(OTHER)}, that of the first download was {sha256(BODY)}; " in message
    assert f"if its publisher really changed it, delete {record}" in message
    record.unlink()
    assert get(remote(other), tmp_path) == OTHER
    assert record.read_text().startswith(sha256(OTHER))


def test_a_file_that_is_damaged_later_is_replaced(serve: Serve, tmp_path: Path) -> None:
    server = serve(gives())
    get(remote(server), tmp_path)
    (tmp_path / NAME).write_bytes(OTHER)
    assert get(remote(server), tmp_path) == BODY


def test_a_file_put_there_by_hand_is_put_on_record(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(BODY)
    server = serve(says(404))
    assert get(remote(server), tmp_path) == BODY
    assert server.requests == []
    assert (tmp_path / f"{NAME}.sha256").read_text().startswith(sha256(BODY))


@pytest.mark.parametrize("text", ["", "\n", "sha256", "0" * 63])
def test_a_record_that_is_none_is_refused(text: str, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.sha256").write_text(text)
    assert fails(remote(serve(gives())), tmp_path).startswith(
        f"{tmp_path / NAME}.sha256: does not begin with a SHA-256"
    )


# Mirrors in folders.


def test_a_mirrors_file_is_used_where_it_is(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(BODY)
    for wanted in (sure(), remote()):
        assert fetch_file(wanted, tmp_path / "downloads", str(tmp_path), WHERE) == tmp_path / NAME
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_wrong_file_in_a_mirror_is_refused_and_left_alone(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(OTHER)
    with pytest.raises(UserError, match=f"^{tmp_path / NAME}: MD5 is {md5(OTHER)}, expected {md5(BODY)}; the file is"):
        fetch_file(sure(), tmp_path / "downloads", str(tmp_path), WHERE)
    get(remote(serve(gives())), tmp_path / "downloads")
    with pytest.raises(UserError, match="that of the first download was"):
        fetch_file(remote(), tmp_path / "downloads", str(tmp_path), WHERE)
    assert (tmp_path / NAME).read_bytes() == OTHER


def test_a_mirror_that_lacks_the_file_is_refused(tmp_path: Path) -> None:
    for mirror, reason in (
        (str(tmp_path), f"{tmp_path}: {NAME} is not there"),
        (str(tmp_path / "none"), f"{tmp_path / 'none'}: no such folder; a folder with the files or an http(s) address"),
        ("ftp://example.org/x", "ftp:/example.org/x: no such folder; a folder with the files or an http(s) address"),
    ):
        assert fails(sure(), tmp_path / "downloads", mirror).startswith(f"{WHERE}: {reason}")
    assert not (tmp_path / "downloads").exists()


def test_a_mirrors_file_may_have_several_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "b").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_mirror_file("~", ("a", "b"), WHERE) == tmp_path / "b"
    assert find_mirror_file("https://example.org", ("a",), WHERE) is None
    assert find_mirror_file(None, ("a",), WHERE) is None
    with pytest.raises(UserError, match=f"^{WHERE}: {tmp_path}: none of c, d is there"):
        find_mirror_file(str(tmp_path), ("c", "d"), WHERE)


def test_a_folder_that_cannot_be_written_is_named(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        fetch_file(sure(serve(gives())), tmp_path / "file", None, WHERE)
    assert os.listdir(tmp_path) == ["file"]
