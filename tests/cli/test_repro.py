"""Many stages at a time: the same as DVC would make one after the other, whatever happens on the way."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from campaigns.project import Project, environment
from counterweight.cli import repro as tool
from counterweight.core.errors import WORKSPACE, UserError
from counterweight.engines.jobs import Job
from counterweight.engines.local import LocalEngine, find_gpus
from tests.small_graph import MAKES, ROOT, SCRIPT, lock, make_project, ran, repro, said, start, wait_until

pytestmark = pytest.mark.skipif(
    not shutil.which("dvc") or not shutil.which("git"), reason="DVC or git is not installed"
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("repro") / "project")


@pytest.fixture
def project(fresh: Project, tmp_path: Path) -> Project:
    return fresh.copied(tmp_path / "project")


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


@pytest.mark.parametrize(
    ("target", "hint"),
    [("mak", "did you mean 'make'?"), ("make@e", "did you mean 'make@"), ("xyz", "allowed: gather, make, source")],
)
def test_a_stage_that_is_not_there_is_refused_with_those_that_are(target: str, hint: str, project: Project) -> None:
    assert repro(project, target, code=2)[1].startswith(f"error: STAGE: there is no '{target}'; {hint}")


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
    assert repro(project, "source")[0] == "1 stage was up to date.\n"
    assert said(project, "make")["ran"] == ["make@a", "make@b", "make@d"]
    assert ran(project) == ["a", "b", "c", "d"]


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


@pytest.mark.parametrize(
    ("depth", "message"),
    [
        (300, "params.yaml or dvc.yaml: nested more deeply than DVC can follow"),
        (900, "params.yaml: not valid YAML: line 1: nested more deeply than 400 levels"),
    ],
)
def test_settings_that_nest_too_deeply_for_dvc_are_one_line(depth: int, message: str, project: Project) -> None:
    (project / "params.yaml").write_text("a: " + "[" * depth + "]" * depth + "\n")
    assert repro(project, code=2)[1] == f"error: {message}\n"


def test_stages_run_side_by_side_as_many_as_wanted(project: Project) -> None:
    """Each of four waits until all four are there; three at a time would wait for ever."""
    (project / "make.sh").write_text(
        "mkdir -p made seen; touch here_$1; while [ $(ls here_* | wc -l) -lt 4 ]; do sleep 0.01; done\n"
        "echo $1 > made/$1; echo > seen/$1\n"
    )
    repro(project, "-j", "4")
    assert (project / "gathered").read_text() == "a\nb\nc\nd\n"


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


def test_stages_share_gpus_as_far_as_they_are_told_to(project: Project) -> None:
    (project / "make.sh").write_text(
        "gpu=$CUDA_VISIBLE_DEVICES; mkdir -p made seen busy/$gpu/$1\n"
        "for _ in $(seq 400); do test $(ls busy/$gpu | wc -l) -lt 2 || break; sleep 0.05; done\n"  # for the other
        "ls busy/$gpu | wc -l > seen/$1; echo $1 > made/$1; echo $gpu >> seen/$1\n"
    )
    repro(project, "-j", "4", "--per-gpu", "2", CUDA_VISIBLE_DEVICES="3,5")
    seen = [(project / f"seen/{row}").read_text().split() for row in "abcd"]
    assert sorted(seen) == [["2", "3"], ["2", "3"], ["2", "5"], ["2", "5"]]


def test_stages_spread_over_gpus_before_they_share_one(project: Project) -> None:
    (project / "make.sh").write_text(
        "mkdir -p made seen; sleep 0.5; echo $1 > made/$1; echo $CUDA_VISIBLE_DEVICES > seen/$1\n"
    )
    repro(project, "-j", "2", "--per-gpu", "2", CUDA_VISIBLE_DEVICES="3,5")
    assert {(project / f"seen/{row}").read_text() for row in "ab"} == {"3\n", "5\n"}


@pytest.mark.parametrize("first", [True, False], ids=["all", "some"])
def test_dvc_sees_in_the_end_what_is_stale_again(project: Project, first: bool) -> None:
    """A stage that changes what it reads, beside one that was up to date."""
    if not first:
        repro(project)
    with (project / "make.sh").open("a") as file:
        file.write("echo : >> make.sh\n")
    assert "DVC ran stages again that had just been run" in repro(project, "-j", "1", code=2)[1]


@pytest.mark.parametrize("share", [1, 2])
def test_as_many_stages_as_told_to_share_the_gpu_that_is_named(project: Project, share: int) -> None:
    """The second; all are visible, of which that is its number."""
    (project / "make.sh").write_text(
        "mkdir -p made seen busy/$1; sleep 0.2\n"
        f"for _ in $(seq 60); do test $(ls busy | wc -l) -lt {share} || break; sleep 0.05; done\n"  # for the other
        "ls busy | wc -l > seen/$1; rmdir busy/$1; echo $1 > made/$1; echo $CUDA_VISIBLE_DEVICES >> seen/$1\n"
    )
    project.edit("device: auto", "device: cuda:1")
    repro(project, "-j", "4", "--per-gpu", str(share), CUDA_VISIBLE_DEVICES="3,5")
    seen = [(project / f"seen/{row}").read_text().split() for row in "abcd"]
    assert {gpu for _, gpu in seen} == {"3,5"}
    assert max(int(count) for count, _ in seen) == share


def test_what_is_not_there_waits_for_nothing(project: Project) -> None:
    """A stage itself says that there is no such GPU."""
    project.edit("device: auto", "device: cuda:7")
    repro(project, CUDA_VISIBLE_DEVICES="3,5")
    assert (project / "seen/a").read_text() == "3,5\n"


@pytest.mark.parametrize("engine", ["ray", "slurm"])
def test_a_cluster_chooses_gpus_itself(project: Project, engine: str) -> None:
    project.edit("device: auto", "device: cuda:1")
    message = repro(project, "--engine", engine, code=2)[1]
    assert f"device: cuda:1 is not allowed with --engine {engine}, which gives each stage a GPU of its own" in message
    assert not (project / "made").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--address", "127.0.0.1:1"], "--address: says nothing to --engine local; with it goes --engine ray"),
        (["--slurm", "a=b"], "--slurm: says nothing to --engine local; with it goes --engine slurm"),
        (["--engine", "ray", "--slurm", "a=b"], "--slurm: says nothing to --engine ray; with it goes --engine slurm"),
    ],
)
def test_options_of_another_engine_are_refused_before_anything_runs(
    project: Project, words: list[str], said: str
) -> None:
    assert said in repro(project, *words, code=2)[1]
    assert not (project / "made").exists()


def test_python_is_the_one_that_runs_the_command(project: Project) -> None:
    (project / "make.sh").write_text("mkdir -p made seen; command -v python > seen/$1; echo $1 > made/$1\n")
    repro(project, PATH="/usr/bin:/bin")
    assert {(project / f"seen/{row}").read_text() for row in "abcd"} == {f"{Path(sys.executable).parent}/python\n"}


@pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")  # of a library of DVC's
def test_a_stage_that_its_engine_refuses_stops_what_needs_it_alone(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Choosy(LocalEngine):
        def start(self, job: Job) -> None:
            if job.stage == "make@b":
                raise UserError("no node is large enough")
            super().start(job)

    monkeypatch.chdir(project.root)
    monkeypatch.setattr(tool, "make_engine", lambda root, wanted: Choosy([]))
    with pytest.raises(UserError, match=r"^failed: make@b; what does not need them was run$"):
        tool.repro(Path(), (), tool.Wanted(2, "local", None, ()), as_json=False)
    assert "make@b: no node is large enough" in capsys.readouterr().err
    assert sorted(path.name for path in (project / "made").iterdir()) == ["a", "c", "d"]
    monkeypatch.undo()
    assert said(project)["ran"] == ["gather", "make@b"]


def test_what_shares_a_gpu_is_not_said_in_vain(project: Project) -> None:
    refusal = "--per-gpu 2: no GPU is seen here; leave it out"
    assert refusal in repro(project, "--per-gpu", "2", code=2, CUDA_VISIBLE_DEVICES="-1")[1]
    assert "--per-gpu 2: not with --engine slurm" in repro(project, "--engine", "slurm", "--per-gpu", "2", code=2)[1]


def test_a_training_of_several_processes_has_as_many_gpus_and_counts_as_many_stages(project: Project) -> None:
    graph = (project / "dvc.yaml").read_text()
    graph = graph.replace("  make:\n", "  train:\n").replace("params: [device,", "params: [device, train,")
    (project / "dvc.yaml").write_text(graph)
    (project / "make.sh").write_text(
        "mkdir -p made seen; mkdir busy || exit 1; sleep 0.1; rmdir busy\n"
        "echo $1 > made/$1; echo $CUDA_VISIBLE_DEVICES > seen/$1\n"
    )
    project.edit("device: auto", "device: auto\ntrain:\n  processes: 2")
    repro(project, "-j", "3", CUDA_VISIBLE_DEVICES="3,5,7")  # Of four stages no two fit into three.
    seen = [(project / f"seen/{row}").read_text() for row in "abcd"]
    assert seen[0] == "3,5\n"
    assert all(len({*each.strip().split(",")} & {"3", "5", "7"}) == 2 for each in seen)
    project.edit("processes: 2", "processes: 9")  # More than there are: all of them, one stage after the other.
    repro(project, "-j", "3", CUDA_VISIBLE_DEVICES="3,5")
    assert {*(project / "seen/a").read_text().strip().split(",")} == {"3", "5"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_stages_and_keeps_what_was_made(project: Project, number: int) -> None:
    repro(project, "source")
    (project / "hold").touch()
    with start(project, "-j", "2") as process:
        wait_until(lambda: len([*project.root.glob("holding_*")]) == 2)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "stopped; what was made is kept, and the same command goes on from there" in err
    assert [*(project / "made").glob("*")] == []
    (project / "hold").unlink()
    assert said(project)["ran"] == ["gather", *MAKES]


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


def test_what_runs_is_left_alone_by_others(project: Project) -> None:
    (project / "hold").touch()
    with start(project) as process:
        wait_until(lambda: [*project.root.glob("holding_*")])
        _, err = repro(project, code=2)
        assert err == "error: .: another `counterweight repro` is running here\n"
        row = min(project.root.glob("holding_*")).name[-1]
        refused = subprocess.run(
            ["dvc", "repro", "--single-item", f"make@{row}"],
            cwd=project.root,
            env={**os.environ, **environment(project.root)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode != 0
        assert "is busy, it is being blocked by" in refused.stderr
        assert f"counterweight repro make@{row}" in refused.stderr
        process.send_signal(signal.SIGINT)


def test_a_list_of_files_in_use_that_is_cut_off_is_mended(project: Project) -> None:
    (project / ".dvc/tmp/rwlock").write_text('{"read": {')
    assert said(project)["ran"] == ["gather", *MAKES, "source"]
    assert json.loads((project / ".dvc/tmp/rwlock").read_text()) in ({}, {"read": {}})


def test_a_folder_without_git_will_do(project: Project) -> None:
    shutil.rmtree(project / ".git")
    project.dvc("config", "core.no_scm", "true")
    assert said(project)["ran"] == ["gather", *MAKES, "source"]
    assert json.loads(project.dvc("status", "--json")) == {}


def test_outside_of_a_workspace_it_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counterweight", "repro"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, f"error: .dvc: no such folder; {WORKSPACE}\n")


def test_gpus_are_those_that_the_environment_leaves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-af")
    assert find_gpus() == ["1", "GPU-af"]
    monkeypatch.setattr("counterweight.engines.local.version", lambda package: "2.9.0")
    for nothing in ("", "-1", "-1,0", "NoDevFiles"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", nothing)
        assert find_gpus() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,-1,0")
    assert find_gpus() == ["2"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpus() == ["0", "1"]
    with monkeypatch.context() as patch:
        patch.setattr("counterweight.engines.local.version", lambda package: "2.9.0+cpu")
        assert find_gpus() == []
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert find_gpus() == []
