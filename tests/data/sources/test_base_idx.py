"""MNIST and its kin: tiny files from a server on this machine and from mirrors, taken for the published ones."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.core.errors import UserError
from counterweight.core.schema import parse_settings
from counterweight.data.decode.pool import Workers
from counterweight.data.sources import fashion_mnist, mnist
from counterweight.data.sources.base.idx import Checksums, Dataset, parse_idx
from counterweight.data.sources.base.lazy_images import LazyImages

TRAIN_IMAGES = "train-images-idx3-ubyte"
IMAGES = {"train": (12, 28, 28), "t10k": (5, 28, 28)}


def images(part: LazyImages) -> npt.NDArray[np.uint8]:
    return np.concatenate([chunk.images for chunk in part.read(np.arange(len(part)), None, Workers())])


def counts(part: LazyImages) -> list[int]:
    return np.bincount(part.labels).tolist()


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


TINY = {stem: Checksums(md5(PACKED[f"{stem}.gz"]), md5(content)) for stem, content in PLAIN.items()}


class Server(ThreadingHTTPServer):
    """Serves `files` by name."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = dict(PACKED)
        self.requests: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/idx/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.server.requests.append(name)
        if name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


Take = Callable[[Dataset], None]


@pytest.fixture
def take(source: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Take:
    """Return what puts a dataset in place of the source's own."""
    return lambda dataset: monkeypatch.setattr(source, source.__name__.rpartition(".")[2].upper(), dataset)


def dataset_of(source: ModuleType) -> Dataset:
    found = getattr(source, source.__name__.rpartition(".")[2].upper())
    assert isinstance(found, Dataset)
    return found


@pytest.fixture(params=[mnist, fashion_mnist], ids=["mnist", "fashion_mnist"])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """Return a source whose files are the tiny ones, to be had from the server, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    source: ModuleType = request.param
    name = source.__name__.rpartition(".")[2]
    tiny = dataset_of(source)._replace(files=TINY, addresses=(server.url,))
    monkeypatch.setattr(source, name.upper(), tiny)
    return source


def downloads(source: ModuleType) -> Path:
    return Path("downloads") / source.__name__.rpartition(".")[2]


def mirror(folder: Path, files: dict[str, bytes]) -> str:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


def test_a_download_is_loaded_and_kept(source: ModuleType, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    loaded = source.find(source.Settings(), "d")
    assert (len(loaded.train), len(loaded.test)) == (12, 5)
    assert loaded.train.shape == (1, 28, 28)
    assert images(loaded.train).tobytes() == PLAIN[TRAIN_IMAGES][16:]
    assert images(loaded.test).tobytes() == PLAIN["t10k-images-idx3-ubyte"][16:]
    assert loaded.train.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert loaded.train.labels.dtype == np.int64
    assert loaded.train.class_names == source.precheck(source.Settings(), "d")
    assert (loaded.train.origins[11], loaded.test.origins[4]) == ("train/11", "test/4")
    assert sorted(path.name for path in downloads(source).iterdir()) == sorted(PACKED)
    source.find(source.Settings(), "d")
    assert server.requests == list(PACKED), "a second load downloads nothing"
    assert capsys.readouterr().err == "", "no progress bar without a terminal"


def test_provenance_is_the_same_wherever_the_files_were(source: ModuleType, tmp_path: Path, server: Server) -> None:
    mirrors = (None, server.url, mirror(tmp_path / "gz", PACKED), mirror(tmp_path / "plain", PLAIN))
    found = [source.find(source.Settings(mirror=where), "d").train.provenance for where in mirrors]
    assert found[0] == found[1] == found[2] == found[3]
    assert json.loads(json.dumps(found[0])) == {
        "source": source.__name__.rpartition(".")[2],
        "settings": {"size": 28, "channels": 1},
        "md5": {stem: md5(content) for stem, content in PLAIN.items()},
    }


def test_a_mirrors_address_takes_the_publishers_place(source: ModuleType, take: Take, server: Server) -> None:
    take(dataset_of(source)._replace(addresses=("http://publisher.invalid/",)))
    assert len(source.find(source.Settings(mirror=server.url.rstrip("/")), "d").train) == 12
    assert server.requests == list(PACKED)


def test_a_download_with_a_wrong_checksum_is_refused_by_name(source: ModuleType, server: Server) -> None:
    name = f"{TRAIN_IMAGES}.gz"
    server.files[name] = b"another file"
    with pytest.raises(UserError) as caught:
        source.find(source.Settings(), "d")
    assert f"{server.url}{name}: MD5 is {md5(b'another file')}, expected {md5(PACKED[name])}" in str(caught.value)
    assert list(downloads(source).iterdir()) == []


def test_a_missing_file_names_the_address_and_the_way_out(source: ModuleType, server: Server) -> None:
    del server.files[f"{TRAIN_IMAGES}.gz"]
    with pytest.raises(UserError) as caught:
        source.find(source.Settings(), "digits_of_old")
    assert str(caught.value) == (
        f"{TRAIN_IMAGES}.gz: cannot be downloaded; {server.url}{TRAIN_IMAGES}.gz: 404 Not Found; set params.yaml:"
        " datasets.digits_of_old.mirror to a folder that holds it or to another address, or put it at"
        f" {downloads(source) / TRAIN_IMAGES}.gz"
    )


def test_the_second_address_helps_where_the_first_fails(source: ModuleType, take: Take, server: Server) -> None:
    take(dataset_of(source)._replace(addresses=(f"{server.url}gone-", server.url)))
    assert len(source.find(source.Settings(), "d").train) == 12
    assert server.requests == [f"{start}{name}" for name in PACKED for start in ("gone-", "")]


@pytest.mark.parametrize(
    "files",
    [PACKED, PLAIN, {name.replace("-idx", ".idx"): content for name, content in PLAIN.items()}],
    ids=["packed", "plain", "dotted"],
)
def test_a_mirror_is_read_under_any_name(source: ModuleType, files: dict[str, bytes], tmp_path: Path) -> None:
    settings = source.Settings(mirror=mirror(tmp_path / "mirror", files))
    source.precheck(settings, "d")
    assert images(source.find(settings, "d").train).tobytes() == PLAIN[TRAIN_IMAGES][16:]
    assert not Path("downloads").exists()


@pytest.mark.parametrize(("name", "files"), [(f"{TRAIN_IMAGES}.gz", PACKED), (TRAIN_IMAGES, PLAIN)])
def test_a_damaged_mirror_file_is_refused_by_name(
    source: ModuleType, name: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    damaged = files[name][:-1] + b"\x55"
    settings = source.Settings(mirror=mirror(tmp_path / "mirror", files | {name: damaged}))
    with pytest.raises(UserError) as caught:
        source.find(settings, "d")
    assert str(caught.value).startswith(
        f"{tmp_path / 'mirror' / name}: MD5 is {md5(damaged)}, expected {md5(files[name])};"
    )


@pytest.mark.parametrize("check", ["precheck", "find"])
def test_a_mirror_that_lacks_a_file_or_is_none_is_refused(source: ModuleType, check: str, tmp_path: Path) -> None:
    three = {name: content for name, content in PACKED.items() if "t10k-labels" not in name}
    settings = source.Settings(mirror=mirror(tmp_path / "mirror", three))
    with pytest.raises(
        UserError, match=r"^params.yaml: datasets.m.mirror: .*mirror: none of t10k-labels-idx1-ubyte.gz, "
    ):
        getattr(source, check)(settings, "m")
    with pytest.raises(UserError, match=r"^params.yaml: datasets.m.mirror: nowhere: no such folder;"):
        getattr(source, check)(source.Settings(mirror="nowhere"), "m")


def test_an_empty_mirror_setting_is_refused(source: ModuleType) -> None:
    with pytest.raises(UserError, match=r"^params.yaml: datasets.m.mirror: '' is not allowed"):
        parse_settings(source.Settings, {"mirror": ""}, "params.yaml: datasets.m")


def test_checking_asks_no_server(source: ModuleType, server: Server) -> None:
    assert len(source.precheck(source.Settings(), "d")) == 10
    assert len(source.precheck(source.Settings(mirror=server.url), "d")) == 10
    assert server.requests == []


def test_images_are_resized_and_coloured(source: ModuleType, tmp_path: Path) -> None:
    folder = mirror(tmp_path / "mirror", PACKED)
    loaded = source.find(source.Settings(mirror=folder, size=[32, 16], channels=3), "d")
    assert loaded.train.shape == (3, 32, 16)
    assert (images(loaded.train) == images(loaded.train)[:, :1]).all()


def test_images_without_labels_are_refused(source: ModuleType, take: Take, tmp_path: Path) -> None:
    labels = idx(np.zeros(11, dtype=np.uint8))
    stem = "train-labels-idx1-ubyte"
    take(dataset_of(source)._replace(files=TINY | {stem: Checksums("", md5(labels))}))
    settings = source.Settings(mirror=mirror(tmp_path / "mirror", PLAIN | {stem: labels}))
    with pytest.raises(UserError, match="holds 12 images, train-labels-idx1-ubyte 11 labels"):
        source.find(settings, "d")


def test_idx_is_parsed_in_big_endian_rows() -> None:
    array = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    assert (parse_idx(idx(array), 3, "file") == array).all()


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
        parse_idx(data, 3, "file")
