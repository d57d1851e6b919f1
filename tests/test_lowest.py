"""The script that runs the suite on the lowest versions: which packages it asks for, and what it counts."""

import json
import sys
from pathlib import Path

import pytest

from campaigns import lowest


def test_all_packages_of_the_project_are_asked_for() -> None:
    found = lowest.list_packages()
    assert {"torch", "pillow", "dvc", "pillow-heif", "panel", "ray", "submitit", "pytest"} <= {*found}
    assert len({*found}) == len(found)


def test_tests_are_counted_with_the_versions_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this environment, which is whole if anything runs here."""
    (tmp_path / "test_one.py").write_text("def test_one(): pass\ndef test_two(): assert False\n", encoding="utf-8")
    out, words = tmp_path / "found.json", ["--tests", str(tmp_path / "test_one.py")]
    monkeypatch.setattr(lowest, "list_packages", lambda: ["pillow", "pytest"])
    monkeypatch.setattr(sys, "argv", ["lowest", "--environment", sys.prefix, "--out", str(out), *words])
    lowest.main()
    found = json.loads(out.read_text(encoding="utf-8"))
    assert [found[name] for name in lowest.COUNTS] == [2, 1, 0, 0]
    assert [name.rpartition(".")[2] for name in found["wrong"]] == ["test_two"]
    assert {*found["versions"]} == {"pillow", "pytest"}
