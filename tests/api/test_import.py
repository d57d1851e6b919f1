"""The library from Python: what importing it costs, and what it brings in."""

import doctest
import importlib
import subprocess
import sys

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
