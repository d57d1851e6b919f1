"""The examples of docs/python.md, each run by itself on small data."""

import re
from pathlib import Path

import pytest

import counterweight
from tests.cli.test_audit import drawn, folder

PAGE = Path(__file__).parents[2] / "docs/python.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES, ids=[f"example {number + 1}" for number in range(len(EXAMPLES))])
def test_examples_run(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photographs", "generated")):
        folder(tmp_path / name, drawn(24, seed))
    exec(compile(code, str(PAGE), "exec"), {"__name__": "example"})


def test_everything_public_is_on_the_page() -> None:
    functions = [name for name in counterweight.__all__ if name not in ("Audit", "ClassifierComparison")]
    assert len(EXAMPLES) == 5
    assert [name for name in functions if f"cw.{name}(" not in "".join(EXAMPLES)] == []
