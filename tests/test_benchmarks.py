"""The scripts that measure speed: nothing else runs them, so that a renamed module would break them unseen."""

import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

from counterweight.settings.train import TrainingConfig
from tests.generators.test_contract import SMALL
from tests.pretended import PRETENDED, Device, streams
from tests.stages.made import small_set

FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
script = pytest.mark.parametrize("name", [path.stem for path in FILES])


def test_the_scripts_are_found() -> None:
    assert len(FILES) > 5


@script
def test_no_script_is_taken_for_a_standard_module(name: str) -> None:
    """Python puts a script's folder first: beside a `statistics.py` no other script there could import torch."""
    assert name not in sys.stdlib_module_names


@script
def test_a_script_can_be_imported_and_names_its_command(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert f"    python -m benchmarks.{name} " in module.__doc__
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 0
    assert module.__doc__.splitlines()[0].split()[0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "options", "figure"),
    [
        ("ingest", ["--count", "20", "--rounds", "1"], "stage_ratio"),
        ("extraction", ["--divide", "256", "--rounds", "1"], "mobilenet_v2"),
        ("smote", ["--rounds", "1"], "ratio"),
        ("duplicates", ["--images", "200", "--runs", "1"], "each"),
    ],
)
def test_a_script_that_runs_stages_gets_to_its_end(
    name: str, options: list[str], figure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that gets another argument stops a script which calls it, and nobody sees that until it is wanted."""
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", [name, *options, "--out", str(out)])
    importlib.import_module(f"benchmarks.{name}").main()
    assert figure in json.loads(out.read_text(encoding="utf-8"))


def test_draws_that_are_trained_at_once_are_timed(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that is pretended it is a CPU's time, and no memory."""
    gpu = importlib.import_module("benchmarks.gpu")
    if device.kind == PRETENDED:
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda _: None)
        for name in ("max_memory_allocated", "max_memory_reserved"):
            monkeypatch.setattr(torch.cuda, name, lambda _: 3 * 2**20)
    images = small_set("train", 20)
    arguments = Namespace(device=str(device.name), streams=[1, 3], epochs=2)
    found = gpu.measure_streams("cvae", SMALL["cvae"], images, TrainingConfig(checkpoint_seconds=None), arguments)
    assert [(key, own["draws"]) for key, own in found.items()] == [("1", 1), ("3", 3)]
    assert all(own["images_per_second"] > 0 for own in found.values())
    assert all(own["reserved_mebibytes"] >= own["peak_mebibytes"] > 0 for own in found.values())
    if device.kind == PRETENDED:
        assert len(streams.opened) == 3
        assert all("convolution" in stream.log for stream in streams.opened)


@pytest.mark.parametrize("wanted", [False, True])
def test_networks_of_the_loop_alone_are_translated_and_if_asked_for(
    wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu, seen = importlib.import_module("benchmarks.gpu"), []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: seen.append(self))
    monkeypatch.setattr(gpu, "find_generator_block", lambda *_: SMALL["cvae"])
    facts = {"dataset": "digits", "device": "cpu", "precision": "float32", "speed": False, "streams": []}
    found = gpu.measure("cvae", small_set("train", 64), Namespace(compile=wanted, **facts))
    model, _ = gpu.prepare("cvae", SMALL["cvae"], small_set("train", 64), 0, torch.device("cpu"))
    assert len(seen) == (len([*model.compilable()]) if wanted else 0)
    assert all(found[loop]["warm_up_seconds"] >= 0 for loop in ("loop", "plain"))


@pytest.mark.slow
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gpu", ["cvae", "--epochs", "1", "--device", "cuda", "--streams", "1", "2"]),
        ("gpu", ["cvae", "--epochs", "1", "--device", "cuda", "--compile"]),
        ("row", ["--images", "40", "--tests", "20", "--epochs", "1", "--draws", "1", "--device", "cuda"]),
        ("row", ["--images", "40", "--tests", "20", "--epochs", "1", "--draws", "2", *("--streams", "2")]),
    ],
)
def test_a_gpu_is_measured(name: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", [name, *options, "--out", str(out)])
    importlib.import_module(f"benchmarks.{name}").main()
    assert "peak_mebibytes" in out.read_text(encoding="utf-8")
