"""Datasets of published archives: small ones of the published form, from a server on this machine and from mirrors."""

import hashlib
import io
import re
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.io import savemat

from counterweight.core import schema
from counterweight.core.errors import UserError
from counterweight.data.decode.pool import Workers
from counterweight.data.fetch import http
from counterweight.data.fetch.downloads import Remote, fetch_file
from counterweight.data.fetch.http import RetryPolicy
from counterweight.data.sources import celeba, chars74k, cifar10, clothing, stanford_dogs, vehicles
from counterweight.data.sources.base.archive import Archive
from counterweight.data.sources.base.lazy_images import LazyImages

Files = dict[str, bytes]
ATTRIBUTES = ["5_o_Clock_Shadow", "Arched_Eyebrows", "Bald", "Male", "Mouth_Slightly_Open", "Young"]
BREEDS = ("n02085620-Chihuahua", "n02086240-Shih-Tzu", "n02085936-Maltese_dog")
WHERE = "params.yaml: datasets.d.mirror"

# Files as their publishers pack them. Every image is of one grey, by which it is known again.


def picture(grey: int, suffix: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 16), (grey, grey, grey)).save(buffer, suffix)
    return buffer.getvalue()


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
    return info, io.BytesIO(content)


def packed(name: str, files: Files, links: tuple[str, ...] = ()) -> bytes:
    """Return an archive of the kind that its name tells."""
    buffer = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, content in files.items():
                archive.writestr(path, content)
            for path in links:
                info = zipfile.ZipInfo(path)
                info.external_attr = 0o120777 << 16
                archive.writestr(info, "/etc/passwd")
    else:
        with tarfile.open(fileobj=buffer, mode="w" if name.endswith(".tar") else "w:gz") as tar:
            for path, content in files.items():
                tar.addfile(*member(path, content, tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE))
            for path in links:
                tar.addfile(*member(path, kind=tarfile.SYMTYPE))
    return buffer.getvalue()


def rows(labels: list[int]) -> bytes:
    """Return a batch of CIFAR-10 whose images are noise."""
    rng = np.random.default_rng(len(labels))
    return b"".join(bytes([label]) + rng.bytes(3072) for label in labels)


def listed(paths: list[str]) -> bytes:
    """Return a list as MATLAB writes it: a column of cells."""
    buffer = io.BytesIO()
    cells = np.array([[path] for path in paths], dtype=object)
    savemat(buffer, {"file_list": cells, "annotation_list": cells, "labels": np.ones((len(paths), 1), dtype=np.uint8)})
    return buffer.getvalue()


Expected = dict[str, tuple[int, int]]  # label and grey of each origin


@dataclass(frozen=True)
class Case:
    """A source, what its archives hold (in parts that come in no archive, the file itself), and what is found there."""

    source: ModuleType
    classes: tuple[str, ...]
    members: dict[str, Files]
    train: Expected
    test: Expected | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)
    plain: Files = field(default_factory=dict)

    @cached_property  # some formats have the time in them
    def files(self) -> Files:
        archives = {name: packed(name, files, self.links.get(name, ())) for name, files in self.members.items()}
        return {**archives, **self.plain}

    @property
    def name(self) -> str:
        return self.source.__name__.rpartition(".")[2]


def cifar10_case() -> Case:
    batches = {f"data_batch_{number}.bin": [number, 9 - number, number] for number in range(1, 6)}
    batches["test_batch.bin"] = [3, 0]
    files = {f"cifar-10-batches-bin/{name}": rows(labels) for name, labels in batches.items()}
    files |= {"cifar-10-batches-bin/": b"", "cifar-10-batches-bin/batches.meta.txt": b"airplane\nautomobile\n"}
    files = dict(sorted(files.items()))
    expected: list[Expected] = [{}, {}]
    for name, labels in batches.items():
        for number, label in enumerate(labels):
            expected[name.startswith("test")][f"{name[:-4]}/{number}"] = (label, -1)
    return Case(cifar10, cifar10.CLASSES, {"cifar-10-binary.tar.gz": files}, *expected)


def celeba_case() -> Case:
    male, parts = [0, 1, 1, 0, 1, 0, 1], [0, 0, 1, 2, 2, 0, 1]
    names = [f"{number + 1:06}.jpg" for number in range(len(male))]
    lines = [f"{len(names)}", " ".join(ATTRIBUTES) + " "]
    for name, sign in zip(names, male, strict=True):
        signs = [2 * sign - 1 if attribute == "Male" else 1 - 2 * sign for attribute in ATTRIBUTES]
        lines.append(f"{name} {' '.join(f'{sign:2}' for sign in signs)}")
    zipped = {"img_align_celeba/": b""}
    zipped |= {f"img_align_celeba/{name}": picture(30 * number) for number, name in enumerate(names)}
    everything = [(name, (male[number], 30 * number)) for number, name in enumerate(names)]
    return Case(
        celeba,
        celeba.CLASSES,
        {"img_align_celeba.zip": zipped},
        {name: known for (name, known), part in zip(everything, parts, strict=True) if part < 2},
        {name: known for (name, known), part in zip(everything, parts, strict=True) if part == 2},
        {"size": 8},
        plain={
            "list_attr_celeba.txt": ("\n".join(lines) + "\n").encode(),
            "list_eval_partition.txt": "".join(f"{n} {p}\n" for n, p in zip(names, parts, strict=True)).encode(),
        },
    )


def chars74k_case(subset: str) -> Case:
    folders = ["English/Fnt"] if subset == "fnt" else ["English/Img/GoodImg/Bmp", "English/Img/BadImag/Bmp"]
    files, train = {}, {}
    for folder in folders:
        for label in range(62):
            for number in range(1, 3) if "Bad" not in folder else range(1, label % 2 + 1):
                path = f"{folder}/Sample{label + 1:03}/img{label + 1:03}-{number:05}.png"
                grey = label * 4 + number + ("Bad" in folder)
                files[path], train[path] = picture(grey, "PNG"), (label, grey)
            files[f"{folder}/Sample{label + 1:03}/notes~"] = b"not an image"
    files["English/Img/GoodImg/Msk/Sample001/img001-00001.png"] = picture(0, "PNG")
    files |= {"English/Img/BadImag/Bmp/Sample001/": b""} if subset == "img" else {}
    settings = {"subset": subset, "size": 8, **({"hard_to_read": True} if subset == "img" else {})}
    return Case(chars74k, chars74k.CLASSES, {f"English{subset.capitalize()}.tgz": files}, train, None, settings)


def vehicles_case() -> Case:
    tars, train, members, grey = {}, {}, {}, 0
    for word, label, number in (("brad", 1, 3), ("markus", 1, 2), ("motorbikes_side", 2, 4), ("airplanes_side", 0, 5)):
        inner = f"cars_{word}.tar" if label == 1 else f"{word}.tar"
        folder = "airplanes_side/" if label == 0 else ""  # the others have their photographs at the top
        files = {"README": b"photographs", "ImageData.mat": b"MATLAB"}
        known = {}
        for image in range(1, number + 1):
            grey += 10
            files[f"{folder}image_{image:04}.jpg"] = picture(grey)
            known[f"{folder}image_{image:04}.jpg"] = (label, grey)
        tars[inner] = packed(inner, files)
        top = f"{inner[:-4]}-{hashlib.sha256(tars[inner]).hexdigest()[:12]}"
        train |= {f"{top}/{path}": value for path, value in known.items()}
        if label == 0:
            members[inner] = files
        else:
            outer = {"brad": "Cars_2001", "markus": "Cars_1999"}.get(word, word)
            members[f"{outer}.zip"] = {
                f"{outer}/": b"",
                f"{outer}/{inner}": tars[inner],
                f"__MACOSX/{outer}/._{inner}": b"Finder",
            }
    return Case(vehicles, vehicles.CLASSES, members, train, None, {"size": 8})


def clothing_case() -> Case:
    top, grey = "clothing-dataset-small-master", 0
    files, expected = {f"{top}/": b"", f"{top}/LICENSE": b"CC0", f"{top}/README.md": b"photographs"}, [{}, {}]
    for word in ("train", "validation", "test"):
        for label, name in enumerate(clothing.CLASSES):
            grey = (grey + 7) % 256
            files[f"{top}/{word}/{name}/{grey}.jpg"] = picture(grey)
            expected[word == "test"][f"{word}/{name}/{grey}.jpg"] = (label, grey)
    return Case(clothing, clothing.CLASSES, {f"{top}.zip": files}, *expected, {"size": 8})


def dogs_case() -> Case:
    images, expected, lists = {"Images/": b""}, [{}, {}], [[], []]
    names = tuple(sorted(breed.split("-", 1)[1] for breed in BREEDS))
    for number, breed in enumerate(BREEDS * 3):
        path, grey, part = f"{breed}/{breed[:9]}_{number * 37}.jpg", number * 20, number >= 6
        images[f"Images/{path}"] = picture(grey)
        expected[part][path] = (names.index(breed.split("-", 1)[1]), grey)
        lists[part].append(path)
    mats = {"file_list.mat": listed(lists[0] + lists[1]), "train_list.mat": listed(lists[0])}
    mats["test_list.mat"] = listed(lists[1])
    return Case(stanford_dogs, names, {"images.tar": images, "lists.tar": mats}, *expected, {"size": 8})


CASES = {
    "cifar10": cifar10_case(),
    "celeba": celeba_case(),
    "chars74k_fnt": chars74k_case("fnt"),
    "chars74k_img": chars74k_case("img"),
    "vehicles": vehicles_case(),
    "clothing": clothing_case(),
    "stanford_dogs": dogs_case(),
}
PUBLISHED_PORTRAITS = celeba.list_remotes()


# A server that breaks off or stalls where it is told to, and the constants that make small files the published ones.


class Server(ThreadingHTTPServer):
    """Serves `files` by name; of those in `stops` only half comes the first time, and then nothing if it `stalls`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: Files = {}
        self.stops: set[str] = set()
        self.stalls = False
        self.requests: list[tuple[str, str | None]] = []
        self.release = Event()
        self.url = f"http://127.0.0.1:{self.server_port}/files/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about clients that hang up."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].partition("?")[0]
        self.server.requests.append((name, self.headers.get("Range")))
        if name not in self.server.files:
            self.send_error(404)
            return
        body, start = self.server.files[name], 0
        if asked := self.headers.get("Range"):
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.end_headers()
        stopped = name in self.server.stops
        self.server.stops.discard(name)
        self.wfile.write(body[start : len(body) // 2] if stopped else body[start:])
        self.wfile.flush()
        if stopped and self.server.stalls:
            self.server.release.wait(30)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(http, "CHUNK_BYTES", 16)  # less than half of any file
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    server = Server()
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


Publish = Callable[..., None]


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch, server: Server) -> Publish:
    """Return what makes a case's files the published ones of its source, and lets the server give them."""

    def constants(case: Case, url: str | None = None) -> None:
        files = case.files
        server.files = dict(files)

        def tiny(remote: Remote) -> Remote:
            """Keep of what is known of a file just what its source knows."""
            content = files[remote.name]
            return Remote(
                remote.name,
                tuple(f"{url or server.url}{remote.name}?download={number}" for number in range(len(remote.urls))),
                remote.size and len(content),
                remote.sha256 and hashlib.sha256(content).hexdigest(),
                remote.md5 and hashlib.md5(content, usedforsecurity=False).hexdigest(),
            )

        for name, value in smaller(case, tiny).items():
            monkeypatch.setattr(case.source, name, value)

    return constants


def smaller(case: Case, tiny: Callable[[Remote], Remote]) -> dict[str, Any]:
    """Return the constants of a source that have to be others for small files."""
    if case.source is cifar10:
        return {"REMOTE": tiny(cifar10.REMOTE)}
    if case.source is celeba:
        return {"list_remotes": lambda: [tiny(remote) for remote in PUBLISHED_PORTRAITS]}
    if case.source is chars74k:
        word = case.settings["subset"]
        subset = chars74k.SUBSETS[word]
        archive = subset.archive._replace(remote=tiny(subset.archive.remote))
        return {"SUBSETS": {word: subset._replace(archive=archive, published=subset.published and 2)}}
    if case.source is vehicles:
        numbers = {"Cars_2001.zip": 3, "Cars_1999.zip": 2, "motorbikes_side.zip": 4, "airplanes_side.tar": 5}
        return {
            "CATEGORIES": tuple(
                own._replace(
                    archive=own.archive._replace(remote=tiny(own.archive.remote)),
                    images=numbers[own.archive.remote.name],
                )
                for own in vehicles.CATEGORIES
            )
        }
    if case.source is clothing:
        archive = clothing.ARCHIVE._replace(remote=tiny(clothing.ARCHIVE.remote))
        return {"ARCHIVE": archive, "PUBLISHED": dict.fromkeys(("train", "validation", "test"), 10)}
    both = {"IMAGES": stanford_dogs.IMAGES, "LISTS": stanford_dogs.LISTS}
    return {name: archive._replace(remote=tiny(archive.remote)) for name, archive in both.items()}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def settings(case: Case, **more: object) -> schema.Settings:
    made: schema.Settings = case.source.Settings(**case.settings, **more)
    return made


def folder_of(case: Case) -> Path:
    return Path("downloads") / case.name


def mirror(case: Case, folder: Path) -> str:
    folder.mkdir()
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    return str(folder)


def images(part: LazyImages) -> npt.NDArray[np.uint8]:
    return np.concatenate([chunk.images for chunk in part.read(np.arange(len(part)), None, Workers())])


def check_part(part: LazyImages | None, expected: Expected | None, case: Case) -> None:
    """See that a part has the expected images, labels and pixels."""
    if part is None or expected is None:
        assert (part, expected) == (None, None)
        return
    assert part.class_names == case.classes
    assert part.labels.dtype == np.int64
    found = {origin: int(label) for origin, label in zip(part.origins, part.labels, strict=True)}
    assert found == {origin: label for origin, (label, _) in expected.items()}
    assert len(found) == len(part), "origins are unique"
    pixels = images(part)
    assert pixels.shape == (len(part), *part.shape)
    if case.source is not cifar10:
        greys = np.array([expected[origin][1] for origin in part.origins])
        assert np.abs(pixels - greys.reshape(-1, 1, 1, 1).astype(int)).max() <= 2  # what JPEG may change


def refused(case: Case, **more: object) -> str:
    """Return why a source refuses; what is left must not look complete, and nothing lies elsewhere."""
    with pytest.raises(UserError) as caught:
        case.source.find(settings(case, **more), "d")
    assert "\n" not in str(caught.value)
    assert {path.name for path in Path().iterdir()} <= {"downloads"}
    assert {path.name for path in Path("..").iterdir()} <= {"project", "mirror"}
    return str(caught.value)


def left(case: Case) -> set[str]:
    """Return the names of the downloaded files and unpacked folders that are there; the latter have a checksum."""
    names = {path.name for path in folder_of(case).iterdir()} if folder_of(case).is_dir() else set()
    return {re.sub(r"-[0-9a-f]{12}$", "/", name) for name in names if not name.endswith(".sha256")}


# What goes well.


def test_a_download_is_found_decoded_and_kept(
    case: Case, publish: Publish, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(case)
    assert case.source.precheck(settings(case), "d") == case.classes
    found = case.source.find(settings(case), "d")
    check_part(found.train, case.train, case)
    check_part(found.test, case.test, case)
    assert sorted(name for name, _ in server.requests) == sorted(case.files)
    again = case.source.find(settings(case), "d")
    assert list(again.train.origins) == list(found.train.origins)
    assert len(server.requests) == len(case.files), "a second search downloads nothing"
    assert capsys.readouterr().err == "", "no progress bar without a terminal"
    assert not [path for path in folder_of(case).rglob("*") if "partial" in path.name or "lock" in path.name]


def test_a_mirror_gives_the_same_and_its_path_stays_unknown(
    case: Case, publish: Publish, server: Server, tmp_path: Path
) -> None:
    publish(case)
    found = case.source.find(settings(case), "d")
    server.requests.clear()
    folder = mirror(case, tmp_path / "mirror")
    assert case.source.precheck(settings(case, mirror=folder), "d") == case.classes
    mirrored = case.source.find(settings(case, mirror=folder), "d")
    assert server.requests == []
    assert mirrored.train.provenance == found.train.provenance
    assert mirrored.train.provenance["source"] == case.name
    assert "mirror" not in str(mirrored.train.provenance)
    assert list(mirrored.train.origins) == list(found.train.origins)


def test_from_a_mirror_nothing_is_downloaded(case: Case, publish: Publish, server: Server, tmp_path: Path) -> None:
    publish(case)
    case.source.find(settings(case, mirror=mirror(case, tmp_path / "mirror")), "d")
    assert server.requests == []
    assert not {*case.files} & left(case)


def test_a_mirrors_address_takes_the_publishers_place(case: Case, publish: Publish, server: Server) -> None:
    publish(case, "http://publisher.invalid/")
    found = case.source.find(settings(case, mirror=server.url.rstrip("/")), "d")
    assert sorted(found.train.origins) == sorted(case.train)
    assert sorted(name for name, _ in server.requests) == sorted(case.files)


# What goes wrong on the way.


@pytest.mark.parametrize("stalls", [False, True], ids=["broken off", "stalled"])
def test_what_breaks_off_or_stalls_is_resumed(
    case: Case, stalls: bool, publish: Publish, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience = RetryPolicy(connect_seconds=5, read_seconds=0.3, attempts=20)  # on a busy machine an attempt may fail
    monkeypatch.setattr(fetch_file, "__defaults__", (True, patience if stalls else RetryPolicy()))
    publish(case)
    server.stops, server.stalls = set(case.files), stalls
    found = case.source.find(settings(case), "d")
    assert sorted(found.train.origins) == sorted(case.train)
    assert {name for name, rest in server.requests if rest} == {*case.files}, "the second half was asked for"
    assert {*case.files} < left(case)


def test_what_is_not_there_names_the_address_and_the_way_out(case: Case, publish: Publish, server: Server) -> None:
    publish(case)
    lacking = next(iter(case.files))
    del server.files[lacking]
    message = refused(case)
    assert message.startswith(f"{lacking}: cannot be downloaded; {server.url}{lacking}?download=0: 404 Not Found; ")
    assert f"set {WHERE} to a folder that holds it or to another address, or put it at" in message
    assert lacking not in left(case)


@pytest.mark.parametrize("damage", ["cut", "changed", "replaced"])
def test_a_damaged_file_is_refused_by_name(case: Case, damage: str, publish: Publish, server: Server) -> None:
    """With a checksum it gets no name; without one it cannot be unpacked, and the way out is told."""
    publish(case)
    name = next(iter(case.files))
    good = case.files[name]
    middle = len(good) // 2
    bad = {"cut": good[:middle], "replaced": b"moved" * 99}.get(damage, good[:middle] + b"\1\2\3" + good[middle + 3 :])
    server.files[name] = bad
    message = refused(case)
    assert name in message
    if case.source is clothing:
        assert re.search(rf"damaged.*; if it stays so: delete {folder_of(case) / name} and", message)
    else:
        assert re.search(r"MD5 is|SHA-256 is|bytes long, expected|has \d+ bytes, expected", message)
        assert f"set {WHERE} to a folder" in message
        assert name not in left(case)
    assert f"{name.partition('.')[0]}/" not in left(case)


def test_a_damaged_file_in_a_mirror_is_refused_by_name(case: Case, publish: Publish, tmp_path: Path) -> None:
    publish(case)
    folder = mirror(case, tmp_path / "mirror")
    name = next(iter(case.files))
    content = case.files[name]
    (tmp_path / "mirror" / name).write_bytes(content[: len(content) // 2])
    assert refused(case, mirror=folder).startswith(f"{tmp_path / 'mirror' / name}: ")
    assert f"{name.partition('.')[0]}/" not in left(case)


@pytest.mark.parametrize("check", ["precheck", "find"])
def test_a_mirror_that_lacks_a_file_or_is_none_is_refused_unread(
    case: Case, check: str, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(case)
    folder = Path(mirror(case, tmp_path / "mirror"))
    if check == "precheck":
        monkeypatch.setattr(hashlib, "file_digest", None)
    for name in case.files:
        (folder / name).rename(folder / "away")
        with pytest.raises(UserError, match=rf"^{re.escape(f'{WHERE}: {folder}: {name} is not there')}$"):
            getattr(case.source, check)(settings(case, mirror=str(folder)), "d")
        (folder / "away").rename(folder / name)
    with pytest.raises(UserError, match=rf"^{WHERE}: nowhere: no such folder; a folder with the files or an http"):
        getattr(case.source, check)(settings(case, mirror="nowhere"), "d")


# Archives that are whole, but not as they were published.


def with_members(case: Case, archive: str, files: Files, links: tuple[str, ...] = ()) -> Case:
    """Return a case with other members in an archive; what was downloaded of the case before is forgotten."""
    shutil.rmtree("downloads", ignore_errors=True)
    return replace(case, members={**case.members, archive: files}, links={archive: links})


@pytest.mark.parametrize("path", ["../evil.jpg", "/tmp/evil.jpg", "a/../../evil.jpg"])
def test_an_archive_that_leads_out_is_refused(case: Case, path: str, publish: Publish) -> None:
    for name, files in case.members.items():
        publish(with_members(case, name, {**files, path: picture(0)}))
        assert f"{name}: member '{path}': its path may lead out" in refused(case)
        assert f"{name.partition('.')[0]}/" not in left(case)


def test_an_archive_with_a_link_is_refused(case: Case, publish: Publish) -> None:
    for name, files in case.members.items():
        publish(with_members(case, name, files, links=("evil.jpg",)))
        assert f"{name}: member 'evil.jpg': is a link" in refused(case)
        assert f"{name.partition('.')[0]}/" not in left(case)


def without_the_last(name: str, files: Files) -> Files:
    """Leave out the last image, and the others of its folder where the number is not known; or the images of a tar."""
    if any(path.endswith(".tar") for path in files):
        return {
            path: packed(path, {"1.jpg": b""}) if path.endswith(".tar") else content for path, content in files.items()
        }
    if name == "lists.tar":
        return {path: content for path, content in files.items() if not path.startswith("test")}
    last = [path for path in files if path.endswith((".jpg", ".png", ".bin")) and not re.search("Msk|Bad", path)][-1]
    lost = f"{last.rpartition('/')[0]}/" if name == "EnglishImg.tgz" else last
    return {path: content for path, content in files.items() if not path.startswith(lost)}


def test_an_archive_that_lacks_an_image_is_refused(case: Case, publish: Publish) -> None:
    for name, files in case.members.items():
        publish(with_members(case, name, without_the_last(name, files)))
        assert re.search(r": (\d+ (images|bytes).*, expected|not there, but|not a list)", refused(case))


def test_a_bomb_is_refused(case: Case, publish: Publish, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(case)
    limits = {"LIMIT": 100} if case.source in (cifar10, celeba) else {}
    names = ("ARCHIVE", "CATEGORIES", "IMAGES", "LISTS", "SUBSETS")
    archives = {name: shrunk(getattr(case.source, name), 100) for name in names if hasattr(case.source, name)}
    for name, value in {**archives, **limits}.items():
        monkeypatch.setattr(case.source, name, value)
    assert "holds more bytes than it may" in refused(case)
    assert not [name for name in left(case) if name.endswith("/")]


def shrunk(value: object, limit: int) -> object:
    """Return a constant with another limit in every archive it holds."""
    if isinstance(value, Archive):
        return value._replace(limit_bytes=limit)
    if isinstance(value, dict):
        return {key: shrunk(inner, limit) for key, inner in value.items()}
    if isinstance(value, chars74k.Subset | vehicles.Category):
        return value._replace(archive=shrunk(value.archive, limit))
    return tuple(shrunk(inner, limit) for inner in value) if type(value) is tuple else value
