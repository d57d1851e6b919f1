"""A short part of what `campaigns.states` does for hours, and stages in a place where little is as usual."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns import tiny
from campaigns.failing import find_compiler
from campaigns.project import environment
from campaigns.states import Tally
from campaigns.tiny import Choice, unlike_clean
from campaigns.workspace import KINDS, Clean, Workspace

pytestmark = pytest.mark.slow

SHELL = KINDS["shell"]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Clean:
    return Clean(SHELL, tmp_path_factory.mktemp("clean"))


@pytest.fixture
def workspace(clean: Clean, tmp_path: Path) -> Workspace:
    return Workspace(SHELL, clean.copied(Choice(), tmp_path / "own/project"))


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler, which the library that lets calls fail needs")
def test_whatever_happens_a_run_to_the_end_gives_what_a_clean_one_gives(clean: Clean, workspace: Workspace) -> None:
    workspace.choose(Choice(seed=4))
    workspace.kill(3, signal.SIGKILL)
    workspace.damage_cache(0.5, look_same=True)
    workspace.fill_disk(40)
    workspace.choose(Choice(generators=("oversample", "smote")))
    workspace.run()
    workspace.damage_output(0.3)
    workspace.edit("make.sh")
    workspace.kill(2, signal.SIGINT)
    workspace.choose(Choice())
    assert workspace.finish(clean.read(Choice())) == []


def test_what_is_not_as_in_a_clean_run_is_told(clean: Clean, workspace: Workspace) -> None:
    other = clean.read(Choice()) | {"metrics/summary.txt": "another"}
    assert workspace.finish(other) == ["other bytes: metrics/summary.txt"]
    assert unlike_clean({"a": "1", "of a row that is gone": "2"}, {"a": "1", "b": "3"}) == ["b"]


def test_sequences_are_added_to_those_of_the_file(tmp_path: Path) -> None:
    out = tmp_path / "states.json"
    for seed, wrong in enumerate(([], ["other bytes: a"])):
        tally = Tally("shell", seed, out)
        tally.steps.update(["run", "kill"])
        tally.ends.append({"steps": ["run", "kill SIGINT 1.00"], "wrong": wrong})
        tally.write()
    found = Tally("tiny", 0, out).earlier["shell"]
    assert (found["sequences"], found["wrong"], found["steps"]) == (2, 1, {"kill": 2, "run": 2})
    assert found["first_wrong"] == [{"seed": 1, "steps": ["run", "kill SIGINT 1.00"], "wrong": ["other bytes: a"]}]


def test_stages_run_in_any_folder_without_a_home_and_with_few_files(tmp_path: Path) -> None:
    """A path of blanks, quotes, other letters and 250 characters, a home that nobody can write to, 256 open files."""
    name = """it's "real" Dätä 数据 """
    root = tmp_path / (name + "x" * (255 - len(name.encode())))
    project = tiny.begin_project(root, Choice())
    assert len(str(root).encode()) > 250
    words = (sys.executable, "-m", "counterweight", "repro", "imbalance")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        done = subprocess.run(
            words,
            cwd=root,
            env=environment(root) | {"PYTHONPATH": str(root), "HOME": "/proc"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert (done.returncode, done.stdout) == (0, "3 stages ran.\n"), done.stderr
    assert os.listdir(project / "metrics/imbalance/shapes") == ["drop75.json"]
