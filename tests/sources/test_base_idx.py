"""MNIST from a server on this machine that serves tiny files, from mirror folders, and, where it is, the real one."""

import gzip
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import numpy.typing as npt
import pytest

from stages.blocks import parse_block
from stages.errors import UserError
from stages.sources import mnist
from stages.sources.mnist import Checksums, Settings

REAL = os.environ.get("COUNTERWEIGHT_REAL_DATA")
needs_real = pytest.mark.skipif(REAL is None, reason="COUNTERWEIGHT_REAL_DATA names no folder of real data")
TRAIN_IMAGES = "train-images-idx3-ubyte"
IMAGES = {"train": (12, 28, 28), "t10k": (5, 28, 28)}


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4")
    return header.tobytes() + array.tobytes()


def tiny_files() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    files = {}
    for part, shape in IMAGES.items():
        files[f"{part}-images-idx3-ubyte"] = idx(rng.integers(0, 256, shape, dtype=np.uint8))
        files[f"{part}-labels-idx1-ubyte"] = idx(np.arange(shape[0], dtype=np.uint8) % 10)
    return files


PLAIN = tiny_files()
PACKED = {f"{stem}.gz": gzip.compress(content, mtime=0) for stem, content in PLAIN.items()}


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


PUBLISHED = mnist.FILES


@pytest.fixture(autouse=True)
def _tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, reach this machine directly, and take the tiny files for the published ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    tiny = {stem: Checksums(md5(PACKED[f"{stem}.gz"]), md5(content)) for stem, content in PLAIN.items()}
    monkeypatch.setattr(mnist, "FILES", tiny)


@pytest.fixture
def _published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "FILES", PUBLISHED)


class Server(ThreadingHTTPServer):
    """Serves `files` by name; a file in `cut` ends in the middle, one in `stalled` never comes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(PACKED)
        self.cut: set[str] = set()
        self.stalled: set[str] = set()
        self.requests: list[str] = []
        self.stop = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mnist/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.requests.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        if name in self.server.stalled:
            self.server.stop.wait()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if name in self.server.cut else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], list[Server]]]:
    from torchvision.datasets import MNIST

    started: list[Server] = []

    def start(number: int) -> list[Server]:
        started.extend(Server() for _ in range(number))
        for server in started:
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setattr(MNIST, "mirrors", [server.url for server in started])
        return started

    yield start
    for server in started:
        server.stop.set()
        server.shutdown()
        server.server_close()


def mirror(folder: Path, files: dict[str, bytes]) -> Settings:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Settings(mirror=str(folder))


def leftovers() -> list[str]:
    return sorted(path.name for path in mnist.DOWNLOADS.iterdir())


def test_a_download_is_loaded_and_kept(
    serve: Callable[[int], list[Server]], capsys: pytest.CaptureFixture[str]
) -> None:
    (server,) = serve(1)
    loaded = mnist.load(Settings(), "mnist")
    assert loaded.test is not None
    assert (len(loaded.train), len(loaded.test)) == (12, 5)
    assert loaded.train.shape == (1, 28, 28)
    assert (loaded.train.images.tobytes(), loaded.test.images.tobytes()) == (
        PLAIN[TRAIN_IMAGES][16:],
        PLAIN["t10k-images-idx3-ubyte"][16:],
    )
    assert loaded.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert (loaded.train.origins[11], loaded.test.origins[4]) == ("train/11", "test/4")
    assert leftovers() == sorted(PACKED)
    mnist.load(Settings(), "mnist")
    assert server.requests == list(PACKED), "a second load downloads nothing"
    assert capsys.readouterr().err == "", "no progress bar without a terminal"


def test_provenance_is_the_same_wherever_the_files_were(tmp_path: Path, serve: Callable[[int], list[Server]]) -> None:
    serve(1)
    found = [
        mnist.load(settings, "mnist").train.provenance
        for settings in (Settings(), mirror(tmp_path / "gz", PACKED), mirror(tmp_path / "plain", PLAIN))
    ]
    assert found[0] == found[1] == found[2]
    assert json.loads(json.dumps(found[0])) == {
        "source": "mnist",
        "settings": {"size": 28, "channels": 1},
        "md5": {stem: md5(content) for stem, content in PLAIN.items()},
    }


def test_a_broken_transfer_leaves_nothing_behind(serve: Callable[[int], list[Server]]) -> None:
    (server,) = serve(1)
    server.cut.add(f"{TRAIN_IMAGES}.gz")
    with pytest.raises(
        UserError, match=rf"{server.url}{TRAIN_IMAGES}.gz: .*(broke off \d+ bytes before|IncompleteRead)"
    ):
        mnist.load(Settings(), "mnist")
    assert leftovers() == []


def test_a_download_with_a_wrong_checksum_is_refused_by_name(serve: Callable[[int], list[Server]]) -> None:
    (server,) = serve(1)
    name = f"{TRAIN_IMAGES}.gz"
    server.files[name] = b"another file"
    with pytest.raises(UserError) as caught:
        mnist.load(Settings(), "mnist")
    assert f"{server.url}{name}: MD5 is {md5(b'another file')}, expected {md5(PACKED[name])}" in str(caught.value)
    assert leftovers() == []


def test_a_missing_file_names_the_address_and_the_way_out(serve: Callable[[int], list[Server]]) -> None:
    (server,) = serve(1)
    del server.files[f"{TRAIN_IMAGES}.gz"]
    with pytest.raises(UserError) as caught:
        mnist.load(Settings(), "digits_of_old")
    assert str(caught.value) == (
        f"{TRAIN_IMAGES}.gz: cannot be downloaded; {server.url}{TRAIN_IMAGES}.gz: HTTP Error 404: Not Found; without a"
        " network, set params.yaml: datasets.digits_of_old.mirror to a folder that holds the four files of MNIST"
    )


def test_without_a_network_one_line_names_the_address_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import MNIST

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken, but nobody listens
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        monkeypatch.setattr(MNIST, "mirrors", [url])
        with pytest.raises(UserError) as caught:
            mnist.load(Settings(), "mnist")
    message = str(caught.value)
    assert f"{url}{TRAIN_IMAGES}.gz: " in message
    assert "refused" in message
    assert "set params.yaml: datasets.mnist.mirror" in message
    assert "\n" not in message


def test_a_server_that_stalls_does_not_hold_us_for_ever(
    serve: Callable[[int], list[Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (server,) = serve(1)
    server.stalled.add(f"{TRAIN_IMAGES}.gz")
    monkeypatch.setattr(mnist, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UserError, match="timed out"):
        mnist.load(Settings(), "mnist")


def test_the_second_address_helps_where_the_first_fails(serve: Callable[[int], list[Server]]) -> None:
    first, second = serve(2)
    first.files = dict.fromkeys(list(PACKED)[:2], b"<html>moved</html>")
    first.cut.add(next(iter(PACKED)))
    assert len(mnist.load(Settings(), "mnist").train) == 12
    assert first.requests == second.requests == list(PACKED)


def test_a_file_that_was_cut_off_earlier_is_fetched_again(serve: Callable[[int], list[Server]]) -> None:
    (server,) = serve(1)
    name = f"{TRAIN_IMAGES}.gz"
    mnist.DOWNLOADS.mkdir(parents=True)
    (mnist.DOWNLOADS / name).write_bytes(PACKED[name][:100])
    assert len(mnist.load(Settings(), "mnist").train) == 12
    assert name in server.requests


def test_a_full_disk_is_not_called_a_fault_of_the_network(
    serve: Callable[[int], list[Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(1)

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stages.sources.mnist.shutil.copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        mnist.load(Settings(), "mnist")
    assert leftovers() == []


@pytest.mark.parametrize(
    "files",
    [PACKED, PLAIN, {name.replace("-idx", ".idx"): content for name, content in PLAIN.items()}],
    ids=["packed", "plain", "dotted"],
)
def test_a_mirror_is_read_under_any_name(files: dict[str, bytes], tmp_path: Path) -> None:
    settings = mirror(tmp_path / "mirror", files)
    mnist.precheck(settings, "mnist")
    loaded = mnist.load(settings, "mnist")
    assert loaded.train.images.tobytes() == PLAIN[TRAIN_IMAGES][16:]
    assert not mnist.DOWNLOADS.exists()


@pytest.mark.parametrize(("name", "files"), [(f"{TRAIN_IMAGES}.gz", PACKED), (TRAIN_IMAGES, PLAIN)])
def test_a_damaged_mirror_file_is_refused_by_name(name: str, files: dict[str, bytes], tmp_path: Path) -> None:
    damaged = files[name][:-1] + b"\x55"
    settings = mirror(tmp_path / "mirror", files | {name: damaged})
    with pytest.raises(UserError) as caught:
        mnist.load(settings, "mnist")
    assert str(caught.value).startswith(
        f"{tmp_path / 'mirror' / name}: MD5 is {md5(damaged)}, expected {md5(files[name])};"
    )


@pytest.mark.parametrize("check", [mnist.precheck, mnist.load])
def test_a_mirror_that_lacks_a_file_or_is_none_is_refused(check: Callable[..., object], tmp_path: Path) -> None:
    three = {name: content for name, content in PACKED.items() if "t10k-labels" not in name}
    settings = mirror(tmp_path / "mirror", three)
    with pytest.raises(
        UserError, match=r"^params.yaml: datasets.m.mirror: .*mirror: none of t10k-labels-idx1-ubyte.gz, "
    ):
        check(settings, "m")
    with pytest.raises(UserError, match=r"^params.yaml: datasets.m.mirror: nowhere: no such folder;"):
        check(Settings(mirror="nowhere"), "m")


def test_an_empty_mirror_setting_is_refused() -> None:
    with pytest.raises(UserError, match=r"^params.yaml: datasets.m.mirror: '' is not allowed"):
        parse_block(Settings, {"mirror": ""}, "params.yaml: datasets.m")


def test_without_a_mirror_there_is_nothing_to_check() -> None:
    mnist.precheck(Settings(), "mnist")


def test_images_are_resized_and_coloured(tmp_path: Path) -> None:
    folder = mirror(tmp_path / "mirror", PACKED).mirror
    loaded = mnist.load(Settings(mirror=folder, size=[32, 16], channels=3), "mnist")
    assert loaded.train.shape == (3, 32, 16)
    assert (loaded.train.images == loaded.train.images[:, :1]).all()


def test_idx_is_parsed_in_big_endian_rows() -> None:
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    assert (mnist.parse_idx(idx(array), 3, "file") == array).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins with 0x0000, not 0x0803"),
        (b"\x00\x00", "begins with 0x0000, not 0x0803"),
        (idx(np.zeros(3, dtype=np.uint8)), "begins with 0x0801, not 0x0803"),
        (b"\x00\x00\x0d\x03" + bytes(12), "begins with 0x0d03, not 0x0803"),
        (idx(np.zeros((2, 2, 2), dtype=np.uint8))[:-1], "is 23 bytes long, its header promises 24"),
        (idx(np.zeros((2, 2, 2), dtype=np.uint8)) + b"\x00", "is 25 bytes long, its header promises 24"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "is 16 bytes long, its header promises 79228162458924105385300197391$"),
    ],
)
def test_what_is_no_idx_of_bytes_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"^file: {message}"):
        mnist.parse_idx(data, 3, "file")


def test_images_without_labels_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = idx(np.zeros(11, dtype=np.uint8))
    stem = "train-labels-idx1-ubyte"
    monkeypatch.setattr(mnist, "FILES", {**mnist.FILES, stem: Checksums("", md5(labels))})
    settings = mirror(tmp_path / "mirror", PLAIN | {stem: labels})
    with pytest.raises(UserError, match="holds 12 images, train-labels-idx1-ubyte 11 labels"):
        mnist.load(settings, "mnist")


def test_published_checksums_are_those_of_torchvision() -> None:
    from torchvision.datasets import MNIST

    assert dict(MNIST.resources) == {f"{stem}.gz": checksums.gz for stem, checksums in PUBLISHED.items()}


@needs_real
@pytest.mark.usefixtures("_published")
def test_published_files_load_in_seconds(tmp_path: Path) -> None:
    folder = Path(str(REAL)) / "mnist"
    start = time.perf_counter()
    loaded = mnist.load(Settings(mirror=str(folder)), "mnist")
    assert time.perf_counter() - start < 10
    assert loaded.test is not None
    assert loaded.train.counts().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert loaded.test.counts().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert loaded.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert loaded.train.images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert loaded.train.images.std() / 255 == pytest.approx(0.3081, abs=1e-4)


@needs_real
@pytest.mark.usefixtures("_published")
def test_published_files_may_be_unpacked(tmp_path: Path) -> None:
    folder = Path(str(REAL)) / "mnist"
    plain = {stem: gzip.decompress((folder / f"{stem}.gz").read_bytes()) for stem in PUBLISHED}
    loaded = mnist.load(mirror(tmp_path / "plain", plain), "mnist")
    assert loaded.test is not None
    assert (len(loaded.train), len(loaded.test)) == (60000, 10000)


@needs_real
@pytest.mark.usefixtures("_published")
def test_published_files_resize_in_seconds() -> None:
    start = time.perf_counter()
    loaded = mnist.load(Settings(mirror=str(Path(str(REAL)) / "mnist"), size=32, channels=3), "mnist")
    assert time.perf_counter() - start < 20
    assert loaded.train.images.shape == (60000, 3, 32, 32)
