"""What `counterweight doctor` says of settings that a killed `dvc exp run` left, and that it leaves others alone."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaigns.project import Project, environment
from counterweight.cli.checkup.experiment import check_experiment
from counterweight.cli.checkup.finding import Finding
from counterweight.cli.doctor import put_right
from tests.small_graph import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("dvc"), reason="DVC is not installed")
GRAPH = """\
stages:
  first:
    cmd: for n in $(seq 600); do [ -e hold_first ] || break; touch held; sleep 0.1; done; cp params.yaml one
    params: [seed]
    outs: [one]
  second:
    cmd: for n in $(seq 600); do [ -e hold_second ] || break; touch held; sleep 0.1; done; cp one two
    deps: [one]
    outs: [two]
"""
CONFIG = "[core]\n    analytics = false\n    autostage = true\n"
IGNORED = "/one\n/two\n/held\n/hold_*\n/.dvc/tmp\n/.dvc/cache\n"
PARAMS = "seed: 0  # of all\nclasses:\n- a\n- b\nrate: 0.5\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A workspace of two stages that have run, of which all is committed."""
    project = Project(tmp_path / "project")
    (project / ".dvc").mkdir(parents=True)
    files = {"dvc.yaml": GRAPH, ".dvc/config": CONFIG, ".gitignore": IGNORED, "params.yaml": PARAMS}
    for name, text in files.items():
        (project / name).write_text(text)
    project.git("init", "--quiet", "--initial-branch", "main")
    project.dvc("repro")
    project.begin_history()
    return project


@contextmanager
def running(project: Project, *words: str, stage: str = "first") -> Iterator[int]:
    """Run an experiment until a stage runs, which goes on until the end of the block; yield the group of processes.

    DVC has stages ignore Ctrl-C, and waits for them.
    """
    (project / f"hold_{stage}").touch()
    with subprocess.Popen(
        ["dvc", "exp", "run", *words],
        cwd=project.root,
        env=environment(project.root),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        wait_until((project / "held").exists)
        yield process.pid
        (project / f"hold_{stage}").unlink()
    (project / "held").unlink()


def kill(project: Project, *words: str, stage: str = "first", ending: int = signal.SIGKILL) -> None:
    """Begin an experiment, and end it while a stage runs."""
    with running(project, *words, stage=stage) as group:
        os.killpg(group, ending)


def look(project: Project) -> list[Finding]:
    return [*check_experiment(project.root)]


def mend(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    for found in look(project):
        if found.mend:
            put_right(found)


def changes(project: Project) -> str:
    return project.command("git", "status", "--short", "--branch").stdout


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_settings_of_a_killed_experiment_are_put_back_and_git_is_on_its_branch(
    ending: int, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill(project, "-S", "seed=500", ending=ending)
    assert changes(project) == "## HEAD (no branch)\n M params.yaml\n"
    branch, settings = look(project)
    assert branch.text == "git is on no branch, as a killed dvc exp run leaves it: it was on main"
    assert settings.text == "params.yaml changed by a killed dvc exp run, which set seed"
    mend(project, monkeypatch)
    assert changes(project) == "## main\n"
    assert look(project) == []
    project.git("stash", "pop")
    assert "seed: 500" in (project / "params.yaml").read_text()


def test_stashes_of_somebody_are_no_changes(project: Project) -> None:
    for rate in ("0.6", "0.7"):
        project.edit("rate: 0.5", f"rate: {rate}")
        project.git("stash")
    kill(project, "-S", "seed=500")
    assert look(project)[-1].text == "params.yaml changed by a killed dvc exp run, which set seed"
    project.git("stash", "drop")  # It may be the one that DVC drops, now.
    assert look(project)[-1].mend == ()


def test_so_are_those_that_are_staged_with_the_record(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are once a stage of the experiment has ended."""
    kill(project, "--set-param", "seed=500", stage="second")
    assert changes(project) == "## HEAD (no branch)\nM  dvc.lock\nM  params.yaml\n"
    assert look(project)[1].text == "params.yaml and dvc.lock changed by a killed dvc exp run, which set seed"
    mend(project, monkeypatch)
    assert changes(project) == "## main\n"


@pytest.mark.parametrize("words", [("-S", "seed=500"), ()])
def test_what_was_changed_before_an_experiment_is_not_put_back(
    words: tuple[str, ...], project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.edit("rate: 0.5", "rate: 0.7")
    if not words:
        project.edit("seed: 0", "seed: 3")
    kill(project, *words)
    before = (project / "params.yaml").read_text()
    settings = look(project)[-1]
    assert settings.text == "params.yaml: rate, seed changed, by a killed dvc exp run or by yourself"
    assert settings.advice.endswith("git checkout HEAD -- params.yaml takes them back")
    mend(project, monkeypatch)
    assert (project / "params.yaml").read_text() == before
    project.git("checkout", "HEAD", "--", "params.yaml")
    assert look(project) == []


def test_what_is_changed_after_an_experiment_is_not_put_back(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    kill(project, "-S", "seed=500")
    project.edit("rate: 0.5", "rate: 0.7")
    before = (project / "params.yaml").read_text()
    assert look(project)[-1].text == "params.yaml: seed changed, by a killed dvc exp run or by yourself"
    mend(project, monkeypatch)
    assert (project / "params.yaml").read_text() == before
    project.git("checkout", "HEAD", "--", "params.yaml")
    project.edit("seed: 0", "seed: 500")  # Of all values just this one: who wrote it is seen by when.
    assert look(project)[-1].mend == ()
    project.git("checkout", "HEAD", "--", "params.yaml")
    project.edit("rate: 0.5", "rate: 0.7")
    assert look(project) == []


def test_an_experiment_that_was_interrupted_may_have_left_settings(project: Project) -> None:
    kill(project, "-S", "seed=500", ending=signal.SIGINT)
    assert changes(project) == "## main\n M params.yaml\n"
    (settings,) = look(project)
    assert settings.text.startswith("params.yaml: seed changed, by the experiment ")
    assert settings.text.endswith(", which has no result, or by yourself")
    assert settings.mend == ()


def test_what_nobody_killed_is_left_alone(project: Project) -> None:
    project.dvc("exp", "run", "-S", "seed=500")
    assert "params.yaml" in changes(project)
    assert look(project) == []
    project.edit("rate: 0.5", "rate: 0.7")
    project.git("add", "params.yaml")
    assert look(project) == []


def test_an_experiment_that_runs_is_left_alone(project: Project) -> None:
    with running(project, "-S", "seed=500") as group:
        found = look(project)
        os.killpg(group, signal.SIGKILL)
    assert found == []
    assert len(look(project)) == 2


def test_arguments_of_an_experiment_are_taken_out_of_the_index(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".dvc/tmp/repro.dat").touch()
    project.git("add", "--force", ".dvc/tmp/repro.dat")
    (found,) = look(project)
    assert found.text == ".dvc/tmp/repro.dat is staged, as a killed dvc exp run leaves it"
    mend(project, monkeypatch)
    assert changes(project) == "## main\n"
