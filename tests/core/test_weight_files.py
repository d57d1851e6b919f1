"""Weights of strangers: nothing runs, and nothing is unpacked or allocated that their size does not promise."""

import io
import json
import pickle
import struct
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch
from safetensors.torch import save

from counterweight.core.weight_files import read_weights

MIB = 2**20


class Touches:
    """What a pickle runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_that_runs_something_does_not(tmp_path: Path, legacy: bool) -> None:
    path, touched = tmp_path / "net.pth", tmp_path / "touched"
    torch.save({"a": Touches(touched)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(path)
    path.write_bytes(pickle.dumps(Touches(touched), protocol=2))
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(path)
    assert not touched.exists()


def write_array(archive: ZipFile, name: str, bytes_: int) -> None:
    """Write an array of zeros into an npz file, a MiB at a time."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (bytes_,)})
    with archive.open(name, "w", force_zip64=True) as member:
        member.write(header.getvalue())
        for _ in range(bytes_ // MIB):
            member.write(bytes(MIB))


@pytest.mark.parametrize("suffix", ["npz", "pth"])
def test_an_archive_that_unpacks_to_many_times_its_size_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net.{suffix}"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        write_array(archive, "a.npy", 256 * MIB)
    assert path.stat().st_size < MIB
    with pytest.raises(ValueError, match=r"it unpacks to 256 MiB, more than 20 times its size"):
        read_weights(path)


def test_packed_weights_are_read(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    np.savez_compressed(tmp_path / "net.npz", a=weights, b=np.zeros(1000, dtype=np.float32))
    assert torch.equal(read_weights(tmp_path / "net.npz")["a"], torch.from_numpy(weights))


def test_a_header_that_promises_more_than_the_file_has_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(path)
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(path)
    path.write_bytes(save({"a": torch.ones(2)}))
    assert read_weights(path)["a"].tolist() == [1, 1]


def test_an_array_whose_header_does_not_end_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.ones(3))
    with ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("a.npy", content.getvalue().replace(b"(3,)", b"((((").replace(b"}", b" "))
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(tmp_path / "net.npz")


def test_an_array_that_promises_more_than_its_file_has_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)})
    with ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue())
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(tmp_path / "net.npz")


@pytest.mark.parametrize("shape", ["(07,)", "(7 7)"])
def test_an_array_whose_header_is_no_python_is_refused(shape: str, tmp_path: Path) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    with ZipFile(tmp_path / "net.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(28))
    with pytest.raises(ValueError, match="no tensors by name"):
        read_weights(tmp_path / "net.npz")
