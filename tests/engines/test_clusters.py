"""A graph on a real Ray cluster of three nodes on this machine, and as jobs of submitit."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.project import Project
from counterweight.core.errors import UserError
from counterweight.engines.jobs import Ended, Job
from counterweight.engines.ray import RayEngine
from counterweight.engines.slurm import SlurmEngine
from tests.small_graph import MAKES, lock, make_project, repro, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one core each."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    for _ in range(2):
        found.add_node(num_cpus=1)
    yield found
    found.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a workspace to an engine."""
    (tmp_path / ".dvc/tmp/counterweight").mkdir(parents=True)
    return tmp_path


def job(folder: Path, name: str, command: str, **facts: Any) -> Job:  # noqa: ANN401
    shell = ["/bin/sh", "-c", command]
    return Job(name, shell, folder, {**os.environ, "DVC_STAGE": name}, folder / f"{name}.log", **facts)


def wait_for_all(engine: RayEngine | SlurmEngine) -> list[Ended]:
    found: list[Ended] = []
    while engine.running:
        found += engine.wait(5.0)
    return sorted(found)


@pytest.mark.skipif(not shutil.which("dvc") or not shutil.which("git"), reason="DVC or git is not installed")
def test_a_graph_on_three_nodes_is_as_dvc_makes_it(cluster: Any, tmp_path: Path) -> None:  # noqa: ANN401
    project: Project = make_project(tmp_path / "project")
    other = project.copied(tmp_path / "other")
    repro(project, "--engine", "ray", "--address", cluster.address)
    other.dvc("repro")
    assert lock(project) == lock(other)
    assert (project / "gathered").read_bytes() == (other / "gathered").read_bytes()
    (project / "fail_b").touch()
    project.edit("  b: 2", "  b: 7")
    _, err = repro(project, "--engine", "ray", "--address", cluster.address, code=2)
    assert "make@b: exit code 3" in err
    assert "  no luck with b" in err
    assert sorted(lock(project)) == ["gather", *MAKES, "source"]


def test_where_the_workspace_is_not_seen_what_is_read_and_written_travels(
    cluster: Any,  # noqa: ANN401
    folder: Path,
) -> None:
    for name in ("counterweight", "stages", "here"):
        (folder / name).mkdir()
    (folder / "params.yaml").write_text("a: 1\n")
    (folder / "here/linked").symlink_to(folder / "params.yaml")
    engine = RayEngine(folder, cluster.address)
    try:
        assert engine.shared
        engine.shared = False
        (folder / "data").mkdir()
        (folder / "data/times.jsonl").write_text("before\n")
        command = "echo $DVC_STAGE | tee data/times.jsonl; test ! -e secret || exit 1; cat here/linked > made/out"
        (folder / "secret").touch()
        engine.start(job(folder, "one", command, reads=[Path("here")], writes=[Path("made/out")]))
        failing = "echo two > data/times.jsonl; touch made/other; exit 4"
        engine.start(job(folder, "two", failing, writes=[Path("made/other")]))
        assert wait_for_all(engine) == [Ended("one", 0), Ended("two", 4)]
    finally:
        engine.stop()
    assert (folder / "made/out").read_text() == "a: 1\n"
    assert not (folder / "made/other").exists()
    assert (folder / "data/times.jsonl").read_text() == "before\none\n"
    assert (folder / "one.log").read_text() == "one\n"


def test_a_job_of_a_node_that_leaves_is_run_again_elsewhere(cluster: Any, folder: Path) -> None:  # noqa: ANN401
    leaver = cluster.add_node(num_cpus=1, resources={"leaver": 1})
    engine = RayEngine(folder, cluster.address)
    try:
        held = "echo $PPID >> began; while [ ! -e go ]; do sleep 0.05; done; echo done"
        for number in range(4):
            engine.start(job(folder, f"job{number}", held))
        wait_until(lambda: (folder / "began").exists() and len((folder / "began").read_text().split()) == 4)
        cluster.remove_node(leaver, allow_graceful=False)
        wait_until(lambda: len(engine.ray.nodes()) >= 4 and sum(node["Alive"] for node in engine.ray.nodes()) == 3)
        (folder / "go").touch()
        assert wait_for_all(engine) == [Ended(f"job{number}", 0) for number in range(4)]
    finally:
        engine.stop()
    assert len((folder / "began").read_text().split()) == 5


def test_jobs_share_a_gpu_of_a_cluster(folder: Path) -> None:
    """One that Ray is told of and that no process uses: what is tried is who has it when."""
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 3, "num_gpus": 1})
    engine = RayEngine(folder, found.address, per_gpu=2)
    try:
        for name in "abc":
            waits = f"touch has_{name}; until [ -e go ]; do sleep 0.1; done; echo $CUDA_VISIBLE_DEVICES; rm has_{name}"
            engine.start(job(folder, name, waits, gpu=True))
        wait_until(lambda: len([*folder.glob("has_*")]) == 2)
        time.sleep(1)
        assert len([*folder.glob("has_*")]) == 2  # the third waits
        (folder / "go").touch()
        assert wait_for_all(engine) == [Ended(name, 0) for name in "abc"]
        assert {(folder / f"{name}.log").read_text() for name in "abc"} == {"0\n"}
    finally:
        engine.stop()
        found.shutdown()


def test_a_cluster_that_is_not_there_is_one_line(folder: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(UserError, match=r"^--address 127\.0\.0\.1:1: no Ray cluster there: "):
        RayEngine(folder, "127.0.0.1:1")


def test_jobs_of_submitit_end_with_their_codes(folder: Path) -> None:
    """Its executor for processes of this machine, which takes the same calls as Slurm's."""
    pytest.importorskip("submitit", reason="submitit is not installed")
    engine = SlurmEngine(folder / "sent", "local", {"timeout_min": "5"})
    engine.start(job(folder, "good", "echo $DVC_STAGE; pwd; touch made"))
    engine.start(job(folder, "bad", "echo no; exit 3"))
    assert wait_for_all(engine) == [Ended("bad", 3), Ended("good", 0)]
    assert (folder / "good.log").read_text() == f"good\n{folder}\n"
    assert (folder / "made").exists()
    engine.start(job(folder, "slow", "echo begun; sleep 60"))
    wait_until(lambda: (folder / "slow.log").exists())
    began = time.monotonic()
    engine.stop()
    assert time.monotonic() - began < 30
    assert engine.running == {}


def test_a_graph_by_slurm_is_as_dvc_makes_it(tmp_path: Path) -> None:
    """A real one, of one machine at least, whose nodes see the folder of temporary files."""
    pytest.importorskip("submitit", reason="submitit is not installed")
    if (
        not shutil.which("sinfo")
        or "idle"
        not in subprocess.run(
            ["timeout", "5", "sinfo", "--noheader"], capture_output=True, text=True, check=False
        ).stdout
    ):
        pytest.skip("no Slurm is running here")
    project: Project = make_project(tmp_path / "project")
    other = project.copied(tmp_path / "other")
    repro(project, "--engine", "slurm", "--slurm", "timeout_min=5")
    other.dvc("repro")
    assert lock(project) == lock(other)
    (project / "fail_b").touch()
    project.edit("  b: 2", "  b: 7")
    _, err = repro(project, "--engine", "slurm", code=2)
    assert "make@b: exit code 3" in err
    assert "  no luck with b" in err


def test_a_wrong_option_of_submitit_is_one_line(folder: Path) -> None:
    pytest.importorskip("submitit", reason="submitit is not installed")
    with pytest.raises(UserError, match=r"^--engine slurm: Unknown argument 'partitoin'"):
        SlurmEngine(folder / "sent", "local", {"slurm_partitoin": "gpu", "nonsense": "1"})
