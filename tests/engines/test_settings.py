"""Settings files that look as they did are not parsed again, and whatever changes is noticed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counterweight.engines.settings import watch_settings

param = pytest.importorskip("dvc.dependency.param")


@pytest.fixture
def dependency(tmp_path: Path) -> Any:  # noqa: ANN401  # DVC has no annotations
    """DVC's own dependency on two settings, of which one is missing; it is watched."""
    from dvc.dependency import ParamsDependency
    from dvc.repo import Repo

    (tmp_path / "params.yaml").write_text("seed: 1\ntrain: {epochs: 7}\n")
    repo = Repo.init(str(tmp_path), no_scm=True)
    made = ParamsDependency(None, str(tmp_path / "params.yaml"), ["train.epochs", "lost"], repo=repo)
    watch_settings(made)
    return made


def edit(path: Path) -> None:
    """Change a file, its size and its time of change not, as editors do that put another in its place."""
    before = path.stat()
    path.with_suffix(".new").write_text(path.read_text().replace("7", "8"))
    os.utime(path.with_suffix(".new"), ns=(before.st_atime_ns, before.st_mtime_ns))
    path.with_suffix(".new").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "other file": edit,
    "written again": lambda path: path.write_text("train: {epochs: 8}\n"),
    "gone": Path.unlink,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_noticed(dependency: Any, change: str) -> None:  # noqa: ANN401
    assert dependency.read_params() == {"train.epochs": 7}
    CHANGES[change](Path(dependency.fs_path))
    assert dependency.read_params() == ({} if change == "gone" else {"train.epochs": 8})


def test_a_file_is_parsed_once(dependency: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    parsed: list[str] = []
    read = param.load_path
    monkeypatch.setattr("dvc.dependency.param.load_path", lambda path, *rest: parsed.append(path) or read(path, *rest))
    assert [dependency.read_params() for _ in range(3)] == [{"train.epochs": 7}] * 3
    assert dependency.read_params(flatten=False) == {"train": {"epochs": 7}}
    assert len(parsed) == 2


def test_what_is_done_to_an_answer_changes_no_other(dependency: Any) -> None:  # noqa: ANN401
    dependency.read_params().clear()
    assert dependency.read_params() == {"train.epochs": 7}


def test_other_dependencies_are_left_alone(tmp_path: Path) -> None:
    from dvc.dependency import Dependency
    from dvc.repo import Repo

    made = Dependency(None, str(tmp_path / "file"), repo=Repo.init(str(tmp_path), no_scm=True))
    watch_settings(made)
    assert "read_params" not in vars(made)
