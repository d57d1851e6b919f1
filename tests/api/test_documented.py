"""The examples of README.md and docs/python.md, each run by itself on small data."""

import re
from pathlib import Path

import pytest

import counterweight
from tests.cli.test_audit import drawn, folder

PAGES = [Path(__file__).parents[2] / name for name in ("README.md", "docs/python.md")]
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = [code for page in PAGES for code in FENCE.findall(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("code", EXAMPLES, ids=[f"example {number + 1}" for number in range(len(EXAMPLES))])
def test_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photographs", "generated")):
        folder(tmp_path / name, drawn(24, seed))
    exec(compile(code, "example", "exec"), {"__name__": "example"})


def test_everything_public_is_shown() -> None:
    functions = [name for name in counterweight.__all__ if name not in ("Audit", "ClassifierComparison")]
    assert len(EXAMPLES) == 6
    assert [name for name in functions if f"cw.{name}(" not in "".join(EXAMPLES)] == []
