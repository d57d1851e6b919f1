"""What `counterweight why` says of a small workspace of DVC's, a change at a time and many at once."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from campaigns.project import Project, environment
from counterweight.cli.folder_changes import hash_files, hash_list
from counterweight.cli.main import cli
from counterweight.core.errors import UserError

pytestmark = pytest.mark.skipif(
    not shutil.which("dvc") or not shutil.which("git"), reason="DVC or git is not installed"
)

GRAPH = """\
stages:
  make:
    matrix:
      dataset: ${table.datasets}
    cmd: cat code/a.txt code/b.txt > made_${item.dataset} && echo ${size} ${item.dataset} >> made_${item.dataset}
    deps: [code]
    params: [size, "blocks.${item.dataset}"]
    outs: ["made_${item.dataset}"]
  split:
    cmd: mkdir parts && cp made_one parts/1 && cp made_one parts/2
    deps: [made_one]
    outs: [parts]
  count:
    cmd: cat parts/* | wc -l > counted
    deps: [parts]
    outs: [counted]
"""
PARAMS = """\
size: 3
table:
  datasets: [one, two]
blocks:
  one: {epochs: 4, width: [1, 2]}
  two: {epochs: 5}
"""


def set_environment(patch: pytest.MonkeyPatch, root: Path) -> None:
    """Let DVC and git know nothing of the user's."""
    for name in [*os.environ]:
        if name.startswith(("DVC_", "GIT_")):
            patch.delenv(name)
    for name, value in environment(root).items():
        patch.setenv(name, value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A workspace after its first run, committed."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("why") / "project"
        set_environment(patch, root)
        (root / "code/__pycache__").mkdir(parents=True)
        (root / "code/a.txt").write_text("a\n")
        (root / "code/b.txt").write_text("b\n")
        (root / ".dvcignore").write_text("__pycache__\n")
        (root / ".gitignore").write_text("__pycache__\n")
        (root / "dvc.yaml").write_text(GRAPH)
        (root / "params.yaml").write_text(PARAMS)
        project = Project(root)
        project.git("init", "--quiet")
        project.dvc("init", "--quiet")
        project.dvc("config", "core.autostage", "true")
        project.dvc("repro")
        project.git("add", ".")
        project.git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "Begin")
        yield project


@pytest.fixture
def project(made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy of it to be changed, in which commands are called."""
    copied = made.copied(tmp_path / "project")
    set_environment(monkeypatch, copied.root)
    monkeypatch.chdir(copied.root)
    return copied


def run(*words: str) -> str:
    result = CliRunner().invoke(cli, ["why", *words], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def reasons(*words: str) -> dict[str, list[dict[str, Any]]]:
    return {own["stage"]: own["reasons"] for own in json.loads(run(*words, "--json"))["stages"]}


def test_nothing_would_run(project: Project) -> None:
    assert run() == "nothing would run\n"


def test_files_parameters_and_outputs(project: Project) -> None:
    """One walk through all kinds of changes: DVC takes a second for each question."""
    (project / "code/a.txt").write_text("other\n")
    (project / "code/c.txt").write_text("c\n")
    (project / "code/__pycache__/a.pyc").write_text("ignored\n")
    project.edit("{epochs: 4, width: [1, 2]}", "{width: [1, 3], depth: 2}")
    (project / "counted").unlink()
    (project / "parts/1").chmod(0o644)
    (project / "parts/1").unlink()
    found = reasons()
    folder = {
        "kind": "file",
        "path": "code",
        "change": "changed",
        "files": [{"path": "a.txt", "how": "changed"}, {"path": "c.txt", "how": "added"}],
    }
    assert list(found) == ["make@one", "make@two", "split", "count"]
    assert found["make@two"] == [folder]
    assert found["make@one"] == [
        folder,
        {"kind": "parameter", "key": "blocks.one.epochs", "file": "params.yaml", "old": 4},
        {"kind": "parameter", "key": "blocks.one.width", "file": "params.yaml", "old": [1, 2], "new": [1, 3]},
        {"kind": "parameter", "key": "blocks.one.depth", "file": "params.yaml", "new": 2},
    ]
    parts = {"path": "parts", "change": "changed", "files": [{"path": "1", "how": "removed"}]}
    assert found["split"] == [{"kind": "output", **parts}, {"kind": "waits", "stages": ["make@one"]}]
    # The folder is an output of another stage: DVC's cache has it as it was.
    assert found["count"] == [
        {"kind": "file", **parts},
        {"kind": "output", "path": "counted", "change": "missing", "cached": True},
        {"kind": "waits", "stages": ["split"]},
    ]
    text = run()
    assert text.endswith("\n4 would run\n")
    assert "missing output counted, which DVC's cache has\n" in text
    assert "changed folder code: a.txt, c.txt (added)\n" in text
    assert "changed parameter blocks.one.epochs: 4 -> not set\n" in text
    assert "changed parameter blocks.one.width: [1, 2] -> [1, 3]\n" in text


def test_new_rows_new_commands_and_waiting_stages(project: Project) -> None:
    project.edit("datasets: [one, two]", "datasets: [one, three]")
    project.edit("  two: {epochs: 5}", "  three: {epochs: 5}")
    graph = (project / "dvc.yaml").read_text()
    (project / "dvc.yaml").write_text(graph.replace("echo ${size}", "echo now ${size}"))
    text = run()
    assert "make@three\n  has never run here, or its record is lost\n" in text
    command = "cat code/a.txt code/b.txt > made_one && echo {}3 one >> made_one"
    assert f"  changed command: {command.format('now ')}\n    was: {command.format('')}\n" in text
    assert "split, if what it waits for changes\n  waits for make@one\n" in text
    assert text.endswith("\n2 would run, 2 more only if those write something new\n")


def test_an_earlier_state_that_nobody_has_is_said_to_be_unknown(project: Project) -> None:
    (project / "code/a.txt").write_text("other\n")
    shutil.rmtree(project / ".git")
    project.dvc("config", "core.no_scm", "true")
    assert "changed folder code (which file is not known: " in run("make@two")


def test_outputs_that_the_cache_has_lost(project: Project) -> None:
    """DVC makes them again, also those that are still here."""
    shutil.rmtree(project / ".dvc/cache")
    (project / "counted").unlink()
    found = reasons()
    assert found["split"][0] == {"kind": "output", "path": "parts", "change": "uncached", "cached": False}
    assert found["count"] == [
        {"kind": "output", "path": "counted", "change": "missing", "cached": False},
        {"kind": "waits", "stages": ["split"]},
    ]


def test_mistakes_are_told(project: Project) -> None:
    with pytest.raises(UserError, match="STAGE: there is no 'spilt'; did you mean 'split'"):
        run("spilt")
    (project / "dvc.lock").write_text("<<<<<<< HEAD\na: b\n")
    with pytest.raises(UserError, match=r"^dvc.lock: line 2: not valid YAML; `git checkout dvc.lock`"):
        run()
    (project / "dvc.lock").write_text("a: " + "[" * 900)
    with pytest.raises(UserError, match=r"^dvc.lock: line 1: nested more deeply than 400 levels; `git checkout"):
        run()
    (project / "dvc.lock").write_text("")
    with pytest.raises(UserError, match=r"^dvc.lock: empty"):
        run()
    (project / "dvc.yaml").unlink()
    with pytest.raises(
        UserError, match=r"^dvc.yaml: no such file; call it in a clone of Counterweight \(git clone, then make setup\)$"
    ):
        run()


def test_a_refusal_of_dvc_is_told(project: Project) -> None:
    (project / "dvc.yaml").write_text(GRAPH.replace("${size}", "${no_such_key}"))
    with pytest.raises(UserError, match=r"^dvc dag: .*no_such_key"):
        run()


def test_a_folder_is_hashed_as_dvc_does(made: Project) -> None:
    assert hash_list(hash_files(made / "code")) in (made / "dvc.lock").read_text()
