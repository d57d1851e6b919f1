"""The scripts that measure speed: nothing else runs them, so that a renamed module would break them unseen."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import torch

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


@pytest.mark.slow
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gpu", ["cvae", "--epochs", "1", "--device", "cuda"]),
        ("row", ["--images", "40", "--tests", "20", "--epochs", "1", "--draws", "1", "--device", "cuda"]),
    ],
)
def test_a_gpu_is_measured(name: str, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "found.json"
    monkeypatch.setattr(sys, "argv", [name, *options, "--out", str(out)])
    importlib.import_module(f"benchmarks.{name}").main()
    assert "peak_mebibytes" in out.read_text(encoding="utf-8")
