"""What `counterweight doctor` says of machines that are fit or not, and of workspaces that were left in disorder."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from packaging.requirements import Requirement

from campaigns.project import Project, environment
from counterweight.cli.checkup import locks, machine, workspace
from counterweight.cli.checkup.machine import Device, fits, judge_device
from counterweight.cli.checkup.weights import check_weights
from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.core.memory import Memory
from counterweight.evaluation.prechecks import check_classifiers
from counterweight.settings.params import load_params

ROOT = Path(__file__).parents[2]
GIB = 2**30


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The graph and settings of the project, of which nothing has run."""
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def doctor(*words: str) -> tuple[int, list[dict[str, str]]]:
    """Return the exit code and the findings."""
    result = CliRunner().invoke(cli, ["doctor", "--json", *words], standalone_mode=False)
    assert result.exception is None
    found: dict[str, Any] = json.loads(result.stdout)
    return result.return_value or 0, found["findings"]


def of(findings: list[dict[str, str]], topic: str) -> dict[str, str]:
    return next(found for found in findings if found["topic"] == topic)


@pytest.mark.skipif(not shutil.which("dvc"), reason="DVC is not installed")
def test_a_workspace_in_order(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, findings = doctor("--params", str(project / "params.yaml"))
    assert code == 0
    assert [found for found in findings if found["level"] == "problem"] == []
    topics = {"python", "torch", "device", "threads", "load", "memory", "workspace", "disk", "dvc", "cache"}
    assert {"dvc.lock", "locks", "settings", "weights", *topics} <= {found["topic"] for found in findings}
    assert of(findings, "workspace")["text"] == str(project)
    assert of(findings, "settings")["text"].startswith("params.yaml: valid; 5 rows of generators in 8 draws, 9 recipes")
    assert of(findings, "dvc.lock")["text"] == "not there: nothing has run yet"
    assert Path.cwd() == elsewhere


@pytest.mark.skipif(not shutil.which("dvc"), reason="DVC is not installed")
def test_a_workspace_in_disorder(project: Path) -> None:
    (project / "dvc.lock").touch()
    (project / ".dvc/tmp").mkdir()
    (project / ".dvc/tmp/rwlock").touch()
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("mnist_cnn\n    epochs: 7", "mnist_cnn\n    epochs: 0"))
    code, findings = doctor()
    assert code == 2
    assert of(findings, "dvc.lock")["level"] == "problem"
    assert of(findings, "locks")["text"] == ".dvc/tmp/rwlock is damaged, as a killed run leaves it"
    assert of(findings, "settings")["text"].startswith("params.yaml: classifiers.digits.epochs: 0 is not allowed")


def test_outside_a_workspace_the_machine_alone_is_looked_at(tmp_path: Path) -> None:
    """And a problem is told by the exit code of the command itself."""
    words = [sys.executable, "-m", "counterweight", "doctor"]
    own = os.environ | {"OMP_NUM_THREADS": "none", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr  # OpenMP has its word on that variable, too
    lines = done.stdout.splitlines()
    assert any(line.startswith("problem  threads ") and "OMP_NUM_THREADS none" in line for line in lines)
    assert any(line.startswith("warning  workspace ") and "no dvc.yaml here" in line for line in lines)
    assert lines[-1].startswith("1 problem")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mnist_cnn\n    epochs: 7", "mnist_cnn\n    epochs: 0", "own.yaml: classifiers.digits.epochs: 0 is not"),
        ("  ddpm:", "  dppm:", "own.yaml: generators: there is no 'dppm'; did you mean 'ddpm'?"),
        ("device: auto", "device: cuda:99", "own.yaml: device: 'cuda:99' is not there"),
        ("seed: ", "seed: [", "own.yaml: not valid YAML: line "),
        ("seed: 0", "seed: " + "[" * 900, "own.yaml: not valid YAML: line "),
        ("k: mnist_cnn\n", "k: os:system\n", "own.yaml: classifiers.digits.network: os:system cannot be loaded"),
        ("k: mnist_cnn\n", "k: mnist_cmm\n", "own.yaml: classifiers.digits.network: there is no 'mnist_cmm'"),
        ("", "", "own.yaml: valid; 5 rows of generators in 8 draws, 9 recipes, 0 pairs; its images were not looked at"),
    ],
)
def test_settings_are_looked_at_without_a_workspace_too(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "own.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    code, findings = doctor("--params", str(tmp_path / "own.yaml"))
    found = of(findings, "settings")
    assert found["text"].startswith(said)
    assert (code, found["level"]) == ((2, "problem") if new else (0, "ok"))
    assert "images and DVC's state were not looked at" in of(findings, "workspace")["text"]


def test_a_classifier_that_is_not_in_the_workspace_is_one_problem_and_has_no_weights(project: Path) -> None:
    """As the graph's first stage refuses it."""
    text = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(text.replace("k: mnist_cnn\n", "k: os:system\n", 1), encoding="utf-8")
    code, findings = doctor()
    assert code == 2
    (said,) = (found for found in findings if "os:system" in found["text"])
    assert (said["topic"], said["level"]) == ("settings", "problem")
    with pytest.raises(UserError) as refused:
        check_classifiers(load_params(Path("params.yaml")))
    assert said["text"] == str(refused.value)


def test_a_block_alone_is_named_by_its_file_in_a_workspace_too(project: Path) -> None:
    text = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "own.yaml").write_text(text.replace("  ddpm:", "  dppm:", 1), encoding="utf-8")
    code, findings = doctor("--params", "own.yaml")
    assert code == 2
    assert of(findings, "settings")["text"].startswith("own.yaml: generators: there is no 'dppm'")


def test_a_settings_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    for path in (tmp_path / "params.yaml", tmp_path / "nowhere/own.yaml"):
        with pytest.raises(UserError, match=r"^--params: .*\.yaml: no such file$"):
            CliRunner().invoke(cli, ["doctor", "--params", str(path)], standalone_mode=False, catch_exceptions=False)


@pytest.mark.parametrize(
    ("capability", "built_for", "expected"),
    [
        ((8, 6), "sm_80", True),  # code runs on later devices of its major version
        ((8, 0), "sm_86", False),
        ((9, 0), "sm_80", False),
        ((9, 0), "compute_80", True),  # what is compiled on the spot, on all later ones
        ((7, 5), "compute_80", False),
        ((9, 0), "sm_90a", True),
        ((12, 0), "sm_120", True),
        ((10, 0), "sm_120", False),
    ],
)
def test_code_for_a_device(capability: tuple[int, int], built_for: str, expected: bool) -> None:
    assert fits(capability, built_for) == expected


def test_devices() -> None:
    free = Device("A", (8, 0), 70 * GIB, 80 * GIB)
    assert judge_device(0, free, ["sm_80", "sm_90"]).level == "ok"
    assert judge_device(0, free, ["sm_80"]).text == "cuda:0: A, 70.0 GiB of 80.0 GiB free"
    assert judge_device(0, free._replace(free=GIB), ["sm_80"]).level == "warning"
    assert judge_device(0, free, ["gfx90a"]).level == "ok"
    assert judge_device(1, free._replace(capability=(6, 1)), ["sm_80"]).level == "problem"
    assert machine.judge_no_device(True, False, []).level == "ok"
    assert "without CUDA" in machine.judge_no_device(False, True, []).text
    assert "too old" in machine.judge_no_device(True, True, ["The driver is\ntoo old"]).text


def test_threads_load_and_memory() -> None:
    assert machine.judge_threads(None, 8, None).level == "ok"
    assert machine.judge_threads("1", 8, 8.0).level == "ok"
    assert machine.judge_threads("4", 8, None).level == "warning"
    assert machine.judge_threads("0", 8, None).level == "problem"
    assert machine.judge_threads(None, 64, 2.0).advice.startswith("start it with taskset -c 0-1:")
    assert machine.read_quota("150000 100000\n") == 1.5
    assert machine.read_quota("max 100000\n") is None
    assert [machine.judge_load(load, 4).level for load in (1.9, 2.1)] == ["ok", "warning"]
    found = [machine.judge_memory(Memory(free, 8 * GIB)) for free in (4 * GIB, GIB)]
    assert [own.level for own in found] == ["ok", "warning"]
    assert found[1].text == "1.0 GiB of 8.0 GiB free"


def test_memory_is_that_of_a_group_that_limits_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a container: the machine has more."""
    monkeypatch.setattr(machine, "measure_memory", lambda: Memory(GIB // 2, 2 * GIB))
    assert of([found._asdict() for found in machine.check_load()], "memory")["text"] == "512 MiB of 2.0 GiB free"
    monkeypatch.setattr(machine, "measure_memory", lambda: None)
    assert [found.topic for found in machine.check_load()] == ["threads", "load"]


def test_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((3 * GIB, "ok"), (GIB, "warning"), (2**20, "problem")):
        usage = shutil._ntuple_diskusage(4 * GIB, 4 * GIB - free, free)  # type: ignore[attr-defined]
        monkeypatch.setattr(workspace.shutil, "disk_usage", lambda folder, usage=usage: usage)
        assert workspace.check_disk("disk", tmp_path).level == level


def test_the_oldest_dvc_is_that_of_the_package() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = next(line for line in project["optional-dependencies"]["pipeline"] if line.startswith("dvc"))
    assert str(Requirement(wanted).specifier) == f">={'.'.join(map(str, workspace.OLDEST_DVC))}"
    assert project["requires-python"] == f">={'.'.join(map(str, machine.OLDEST))}"


@pytest.mark.parametrize(
    ("text", "level", "said"),
    [
        ("schema: '2.0'\nstages:\n  a: {cmd: x}\n  b: {cmd: [x, y], outs: [{path: c}]}\n", "ok", "2 stages recorded"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x}\n  b:\n    cmd: x\n    deps:\n", "problem", "is cut off in 'b'"),
        ("schema: '2.0'\nstages:\n  a:\n    cm", "problem", "is cut off in 'a'"),
        ("schema: '2.0'\nstages:\n  a: {cmd: x, outs: [{pa: c}]}\n", "problem", "is cut off in 'a'"),
        (" \n", "problem", "empty"),
        ("stages:\n<<<<<<< HEAD\n  a: {}\n=======\n  b: {}\n>>>>>>> other\n", "problem", "conflict markers"),
        ("stages: [\n", "problem", "not valid YAML"),
        ("schema: '2.0'\n", "problem", "no stages"),
    ],
)
def test_records(tmp_path: Path, text: str, level: str, said: str) -> None:
    (tmp_path / "dvc.lock").write_text(text)
    found = workspace.check_record(tmp_path)
    assert (found.level, said in found.text) == (level, True)


@pytest.mark.skipif(not shutil.which("dvc"), reason="DVC is not installed")
def test_what_a_killed_run_left_is_put_right_if_that_is_wanted(project: Path) -> None:
    """A killed write leaves an empty record; settings that somebody changed and staged are no matter."""
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n  a: {cmd: x}\n")
    Project(project).begin_history()
    Project(project).edit("seed: 0", "seed: 500")
    changed = (project / "params.yaml").read_text()
    Project(project).git("add", "params.yaml")
    (project / "dvc.lock").write_text("")
    (project / ".dvc/tmp").mkdir()
    (project / ".dvc/tmp/rwlock").write_text("{")
    code, findings = doctor()
    assert (code, of(findings, "dvc.lock")["level"]) == (2, "problem")
    code, findings = doctor("--mend")
    assert [found["topic"] for found in findings].count("mended") == 2
    assert {found["topic"] for found in findings if found["level"] == "problem"} == set()
    assert (project / "params.yaml").read_text() == changed
    assert of(findings, "dvc.lock")["text"] == "1 stages recorded"


GRAPH = """
stages:
  one:
    cmd: echo one > one && mkdir many && echo a > many/a && echo b > many/b
    outs: [one, many]
"""


@pytest.mark.skipif(not shutil.which("dvc"), reason="DVC is not installed")
def test_bytes_that_changed_are_named_and_removed_from_the_cache(project: Path) -> None:
    """Of a disk that changes them by itself: time, size and rights stay what they were."""

    def change(path: Path) -> None:
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[::-1])
        path.chmod(before.st_mode)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    (project / "dvc.yaml").write_text(GRAPH)
    subprocess.run(["dvc", "config", "cache.type", "copy"], check=True)
    subprocess.run(["dvc", "repro", "--quiet"], check=True, capture_output=True)
    findings = doctor("--hash")[1]
    assert of(findings, "bytes of the cache")["text"] == "4 files are what they are named after"  # a list among them
    assert of(findings, "bytes of outputs")["text"] == "3 files are as dvc.lock records them"
    assert "bytes of the cache" not in {found["topic"] for found in doctor()[1]}
    digest = hashlib.md5(b"one\n").hexdigest()
    kept = project / ".dvc/cache/files/md5" / digest[:2] / digest[2:]
    change(kept)
    change(project / "many/b")
    code, findings = doctor("--hash")
    assert code == 2
    assert of(findings, "bytes of the cache")["text"] == f"1 file is damaged, as {kept}"
    assert of(findings, "bytes of outputs")["text"] == "1 file is unlike what dvc.lock records, as many/b"
    assert doctor("--hash", "--mend")[0] == 0
    assert not kept.exists()
    (project / "many/b").unlink()
    said = "2 files are as dvc.lock records them, 1 not there: counterweight repro brings or makes them"
    assert of(doctor("--hash")[1], "bytes of outputs")["text"] == said
    subprocess.run(["dvc", "repro", "--quiet"], check=True, capture_output=True)
    assert of(doctor("--hash")[1], "bytes of outputs")["level"] == "ok"
    (listed,) = (project / ".dvc/cache/files/md5").glob("??/*.dir")
    change(listed)
    assert of(doctor("--hash")[1], "bytes of outputs")["text"] == "1 file is as dvc.lock records it"
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n  one:\n    cmd: x\n    outs:\n")
    code, findings = doctor("--hash")
    assert (code, of(findings, "dvc.lock")["level"]) == (2, "problem")
    assert "bytes of outputs" not in {found["topic"] for found in findings}


def texts_of(root: Path) -> list[str]:
    return [found.text for found in locks.check_locks(root)]


def test_locks(tmp_path: Path) -> None:
    assert [found.level for found in locks.check_locks(tmp_path)] == ["problem"]
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".dvc/tmp/lock").touch()
    assert [found.text for found in locks.check_locks(tmp_path)] == ["none"]
    with (tmp_path / ".dvc/tmp/lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another command" in next(locks.check_locks(tmp_path)).text
    with subprocess.Popen(["true"]) as ended:
        pass
    infos = [{"pid": os.getpid(), "cmd": "dvc repro"}, {"pid": ended.pid, "cmd": "dvc commit"}]
    table = {"write": {"data": infos[0]}, "read": {"code": [infos[1]]}}
    (tmp_path / ".dvc/tmp/rwlock").write_text(json.dumps(table))
    assert texts_of(tmp_path) == [
        f"process {os.getpid()} is running: dvc repro",
        f"process {ended.pid} was killed and left a lock: dvc commit",
    ]
    os.utime(tmp_path / ".dvc/tmp/rwlock", (0, 0))  # before this process began, which has the number since
    assert f"process {os.getpid()} was killed and left a lock: dvc repro" in texts_of(tmp_path)
    (tmp_path / ".dvc/tmp/rwlock").write_text('{"write": {}}')
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/index.lock").touch()
    assert texts_of(tmp_path)[0] == f"git is at work here, or was killed at it: {tmp_path}/.git/index.lock"
    (tmp_path / ".git/index.lock").unlink()
    (tmp_path / "models/a").mkdir(parents=True)
    (tmp_path / "models/a/.b.partial").mkdir()
    assert "1 unfinished outputs" in next(locks.check_locks(tmp_path)).text


@pytest.mark.skipif(not shutil.which("dvc"), reason="DVC is not installed")
def test_locks_of_killed_processes_are_taken_away_and_no_others(project: Path) -> None:
    """DVC itself leaves those of what nobody writes: two runs later they are still there."""
    (project / "dvc.yaml").write_text("stages:\n  one:\n    cmd: cp word one\n    deps: [word]\n    outs: [one]\n")
    (project / "word").write_text("word")
    path = project / ".dvc/tmp/rwlock"
    path.parent.mkdir()
    with subprocess.Popen(["true"]) as ended:
        pass
    dead, alive = {"pid": ended.pid, "cmd": "dvc repro"}, {"pid": os.getpid(), "cmd": "pytest"}
    word, one, other = (str(project / name) for name in ("word", "one", "other"))
    path.write_text(json.dumps({"read": {word: [dead, alive], one: [dead]}, "write": {one: dead, other: alive}}))
    for _ in range(2):
        subprocess.run(["dvc", "repro", "--force"], check=True, capture_output=True)
    assert locks.read_holders(path) == {ended.pid: "dvc repro", os.getpid(): "pytest"}
    said = f"process {ended.pid} was killed and left a lock: dvc repro"
    assert said in {found["text"] for found in doctor()[1] if found["topic"] == "locks"}
    assert said in {found["text"] for found in doctor("--mend")[1] if found["topic"] == "mended"}
    assert json.loads(path.read_text()) == {"read": {word: [alive]}, "write": {other: alive}}
    assert "mended" not in {found["topic"] for found in doctor("--mend")[1]}
    subprocess.run(["dvc", "repro", "--force"], check=True, capture_output=True)


def test_weights(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded; a file that is there is compared with its checksum."""
    hub = tmp_path / "hub"
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(hub))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *words, **named: pytest.fail("downloads"))
    text = (project / "params.yaml").read_text()
    text = text.replace("  weights: random\n  # The first", "  weights: imagenet\n  # The first")
    (project / "params.yaml").write_text(text)
    found = [*check_weights(load_params(Path("params.yaml")))]
    alexnet = next(own for own in found if "alexnet" in own.text)
    assert alexnet.level == "warning"
    assert alexnet.text == "extract: alexnet: alexnet-owt-7be5be79.pth will be downloaded by the next run"
    assert [own.level for own in found if "efficientnet_lite0" in own.text] == ["ok"]
    assert found[-1].text == "drawn at random, nothing to be read: mnist_cnn"
    (hub / "checkpoints").mkdir(parents=True)
    (hub / "checkpoints/alexnet-owt-7be5be79.pth").write_bytes(b"half")
    found = [*check_weights(load_params(Path("params.yaml")))]
    alexnet = next(own for own in found if "alexnet" in own.text)
    assert alexnet.level == "problem"
    assert "is damaged" in alexnet.text
