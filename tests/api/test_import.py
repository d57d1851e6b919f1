"""The library from Python: what importing it costs, and what it brings in."""

import doctest
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import counterweight

COSTS = 0.3  # seconds that importing the library may take, beside starting Python


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_is_quick_and_brings_in_no_library() -> None:
    code = "import time; start = time.process_time(); import counterweight; print(time.process_time() - start); "
    heavy = "{'torch', 'numpy', 'pandas', 'sklearn', 'imblearn', 'matplotlib', 'pydantic'}"
    seconds, brought = run(f"{code}import sys; print(sorted({heavy} & {{*sys.modules}}))").splitlines()
    assert brought == "[]"
    assert float(seconds) < COSTS


def test_comparing_classifiers_needs_no_torch() -> None:
    call = "cw.compare_classifiers({'a': [0.1, 0.3], 'b': [0.2, 0.5]}, reference='a')"
    assert run(f"import sys, counterweight as cw; {call}.table(); print('torch' in sys.modules)") == "False"


def test_every_name_is_there_and_a_wrong_one_is_an_attribute_error() -> None:
    assert set(counterweight.__all__) == set(counterweight.PLACES) <= set(dir(counterweight))
    for name in counterweight.__all__:
        assert getattr(counterweight, name).__name__ == name
    with pytest.raises(AttributeError, match="module 'counterweight' has no attribute 'adit'"):
        counterweight.adit  # noqa: B018


EXAMPLES = ["counterweight", "counterweight.api.classifiers", "counterweight.api.resampler"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_in_docstrings(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.slow
def test_type_checkers_know_every_name_and_no_other(tmp_path: Path) -> None:
    mypy = Path(sys.executable).parent / "mypy"
    if not mypy.is_file():
        pytest.skip("mypy is not installed")
    names = [*counterweight.__all__, "adit"]
    lines = ["import counterweight as cw", *(f"reveal_type(cw.{name})" for name in names)]
    (tmp_path / "own.py").write_text("\n".join(lines), encoding="utf-8")
    words = [mypy, "--strict", "--ignore-missing-imports", "--follow-imports=silent", "own.py"]
    environment = {**os.environ, "MYPYPATH": str(Path(counterweight.__file__).parents[1])}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 1, done.stdout
    assert 'Module has no attribute "adit"' in errors[0]
    revealed = [line for line in done.stdout.splitlines() if "Revealed type" in line]
    assert len(revealed) == len(names)
    assert [line for line in revealed[:-1] if line.endswith(('"Any"', '"object"'))] == []
