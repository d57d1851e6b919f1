"""Many stages at a time: the same as DVC would make one after the other, whatever happens on the way."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from counterweight.cli.repro import find_gpus
from tests.pipeline.conftest import Project, environment

pytestmark = pytest.mark.skipif(
    not shutil.which("dvc") or not shutil.which("git"), reason="DVC or git is not installed"
)
ROOT = Path(__file__).parents[2]
GRAPH = """\
stages:
  source:
    cmd: head -c 3 word > start
    deps: [word]
    outs: [start]
  make:
    matrix:
      row: [a, b, c, d]
    cmd: exec sh make.sh ${item.row}
    deps: [make.sh, start]
    params: [device, "rows.${item.row}"]
    outs:
      - made/${item.row}
      - seen/${item.row}:
          cache: false
  gather:
    cmd: cat made/* > gathered
    deps: [made]
    outs: [gathered]
"""
SCRIPT = """\
mkdir -p made seen
echo $1 >> ran
if [ -e hold ]; then touch holding_$1; sleep 60; fi
if [ -e fail_$1 ]; then echo no luck with $1; exit 3; fi
(cat start; grep "^  $1:" params.yaml) > made/$1
echo "${CUDA_VISIBLE_DEVICES:-none}" > seen/$1
"""
PARAMS = "device: auto\nrows:\n  a: 1\n  b: 2\n  c: 3\n  d: 4\n"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A workspace in which nothing has run."""
    root = tmp_path_factory.mktemp("repro") / "project"
    root.mkdir()
    files = {"dvc.yaml": GRAPH, "params.yaml": PARAMS, "make.sh": SCRIPT, "word": "begin"}
    for name, text in files.items():
        (root / name).write_text(text)
    project = Project(root)
    project.git("init", "--quiet")
    project.dvc("init", "--quiet")
    return project


@pytest.fixture
def project(fresh: Project, tmp_path: Path) -> Project:
    return fresh.copied(tmp_path / "project")


def start(project: Project, *words: str, **variables: str) -> "subprocess.Popen[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "CUDA_"))}
    own |= environment(project.root) | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", **variables}
    command = [sys.executable, "-m", "counterweight", "repro", *words]
    return subprocess.Popen(
        command, cwd=project.root, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def repro(project: Project, *words: str, code: int = 0, **variables: str) -> tuple[str, str]:
    """Run the command and return what it prints."""
    with start(project, *words, **variables) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out, err


def said(project: Project, *words: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(repro(project, "--json", *words)[0])
    return {what: sorted(names) for what, names in found.items()}


def lock(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((project / "dvc.lock").read_text())["stages"]
    return found


def ran(project: Project) -> list[str]:
    """Return the rows whose command ran, and forget them."""
    found = sorted((project / "ran").read_text().split()) if (project / "ran").exists() else []
    (project / "ran").unlink(missing_ok=True)
    return found


MAKES = [f"make@{row}" for row in "abcd"]


def test_it_makes_what_dvc_makes(project: Project, tmp_path: Path) -> None:
    other = project.copied(tmp_path / "other")
    assert said(project) == {"ran": ["gather", *MAKES, "source"], "restored": [], "unchanged": []}
    assert ran(project) == ["a", "b", "c", "d"]
    other.dvc("repro")
    assert lock(project) == lock(other)
    assert (project / "gathered").read_text() == (other / "gathered").read_text()
    assert json.loads(project.dvc("status", "--json")) == {}
    assert said(project) == {"ran": [], "restored": [], "unchanged": ["gather", *MAKES, "source"]}
    assert ran(project) == []


def test_only_what_changed_runs_and_what_was_made_before_is_restored(project: Project) -> None:
    repro(project)
    ran(project)
    project.edit("  b: 2", "  b: 5")
    assert said(project)["ran"] == ["gather", "make@b"]
    (project / "word").write_text("begins")  # Its first three letters are the same.
    found = said(project)
    assert (found["ran"], found["unchanged"]) == (["source"], ["gather", *MAKES])
    shutil.rmtree(project / "made")
    assert said(project)["restored"] == MAKES
    assert ran(project) == ["b"]


def test_targets_bring_what_they_need_and_no_more(project: Project) -> None:
    assert said(project, "make@c")["ran"] == ["make@c", "source"]
    assert said(project, "make")["ran"] == ["make@a", "make@b", "make@d"]
    assert ran(project) == ["a", "b", "c", "d"]
    _, err = repro(project, "mak", code=2)
    assert err.startswith("error: DVC: ")


def test_a_failed_stage_stops_what_needs_it_alone(project: Project) -> None:
    (project / "fail_b").touch()
    _, err = repro(project, "-j", "1", code=2)
    assert "make@b: exit code 3; all that it printed: .dvc/tmp/counterweight/make@b.log\n  no luck with b" in err
    assert "Left out, as they need what failed: gather" in err
    assert sorted(lock(project)) == ["make@a", "make@c", "make@d", "source"]
    assert not (project / "made/b").exists()
    (project / "fail_b").unlink()
    ran(project)
    assert said(project)["ran"] == ["gather", "make@b"]
    assert ran(project) == ["b"]


def test_a_missing_dependency_is_one_line(project: Project) -> None:
    (project / "word").unlink()
    _, err = repro(project, code=2)
    assert re.search(r"\nsource: \S*/word: no such file or folder\n\nLeft out, as they need what failed: gather,", err)
    assert err.endswith("\nerror: failed: source; what does not need them was run\n")


def test_stages_run_side_by_side_as_many_as_wanted(project: Project) -> None:
    """Each of four waits until all four are there; three at a time would wait for ever."""
    (project / "make.sh").write_text(
        "mkdir -p made seen; touch here_$1; while [ $(ls here_* | wc -l) -lt 4 ]; do sleep 0.01; done\n"
        "echo $1 > made/$1; echo > seen/$1\n"
    )
    repro(project, "-j", "4")


def test_each_stage_that_computes_on_a_gpu_has_one_to_itself(project: Project) -> None:
    (project / "make.sh").write_text(
        "mkdir -p made seen; mkdir gpu_$CUDA_VISIBLE_DEVICES || exit 1; sleep 0.2; rmdir gpu_$CUDA_VISIBLE_DEVICES\n"
        "echo $1 > made/$1; echo $CUDA_VISIBLE_DEVICES > seen/$1\n"
    )
    repro(project, "-j", "4", CUDA_VISIBLE_DEVICES="3,5")
    assert {(project / f"seen/{row}").read_text() for row in "abcd"} == {"3\n", "5\n"}
    project.edit("device: auto", "device: cpu")
    (project / "make.sh").write_text(SCRIPT)
    repro(project, CUDA_VISIBLE_DEVICES="3,5")
    assert (project / "seen/a").read_text() == "3,5\n"  # as they are: it computes on none


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_stages_and_keeps_what_was_made(project: Project, number: int) -> None:
    repro(project, "source")
    (project / "hold").touch()
    with start(project, "-j", "2") as process:
        wait_until(lambda: len([*project.root.glob("holding_*")]) == 2)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; what was made is kept, and the same command goes on from there" in err
    assert [*(project / "made").glob("*")] == []
    (project / "hold").unlink()
    assert said(project)["ran"] == ["gather", *MAKES]


def wait_until(is_so: Callable[[], object]) -> None:
    for _ in range(3000):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it never came to that")


def test_a_driver_that_was_killed_goes_on_where_it_was(project: Project) -> None:
    (project / "fail_b").touch()
    repro(project, code=2)
    (project / "fail_b").unlink()
    (project / "hold").touch()
    ran(project)
    with start(project) as process:
        wait_until(lambda: (project / "holding_b").exists())
        process.kill()
    (project / "hold").unlink()
    assert said(project)["ran"] == ["gather", "make@b"]
    assert json.loads(project.dvc("status", "--json")) == {}


def test_two_at_once_are_refused_and_dvc_waits(project: Project) -> None:
    (project / "hold").touch()
    with start(project) as process:
        wait_until(lambda: [*project.root.glob("holding_*")])
        _, err = repro(project, code=2)
        assert err == "error: .: another `counterweight repro` is running here\n"
        process.send_signal(signal.SIGINT)


def test_outside_of_a_workspace_it_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counterweight", "repro"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "error: .dvc: no such folder; call it in the folder of the project\n")


def test_gpus_are_those_that_the_environment_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-af")
    assert find_gpus() == ["1", "GPU-af"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == ["0", "1"]
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert find_gpus() == []
