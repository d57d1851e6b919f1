"""The train stage in two processes of this machine: what they write, and how they end."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from stages.train import main
from tests.stages.made import BLOCKS, digests, lay_out, words

ROOT = Path(__file__).parents[2]
LONG = {"cvae": {"noise": BLOCKS["cvae"] | {"epochs": 30}}}
DIVERGING = {"cvae": {"noise": BLOCKS["cvae"] | {"epochs": 60, "learning_rate": 1e30}}}
ONE, TWO = {"processes": 1}, {"processes": 2}
PATIENCE = 100.0


def command(folder: Path, name: str = "cvae") -> list[str]:
    parts = [f"{part}={folder / part}.parquet" for part in ("train", "draws")]
    outs = [f"{part}={folder / part}" for part in ("out", "curves", "checkpoints")]
    return words(folder, "dataset=noise", f"generator={name}", *parts, *outs)


def start(folder: Path, *launcher: str) -> "subprocess.Popen[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    own |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    call = [sys.executable, *launcher, "-m", "stages", "train", *command(folder)]
    return subprocess.Popen(call, cwd=ROOT, env=own, stderr=subprocess.PIPE, text=True)


def children(process: "subprocess.Popen[str]") -> list[int]:
    return [*map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]


def read_losses(folder: Path) -> list[float]:
    rows = csv.DictReader((folder / "curves/history.csv").read_text().splitlines())
    return [float(row["loss"]) for row in rows]


def wait_for_checkpoint(folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not list(folder.glob("checkpoints/*/checkpoint.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_for_signal(pid: int, number: signal.Signals) -> None:
    """Wait until a stopped process has been sent a signal."""
    deadline = time.monotonic() + PATIENCE
    while not pending(pid) >> (number - 1) & 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pending(pid: int) -> int:
    """Return the signals that await a process, a bit each."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("ShdPnd:")), 16)


def nothing_but(folder: Path, *kept: str) -> None:
    """Check that no output is there, whole or half, nor a lock of one."""
    inputs = {"params.yaml", "train.parquet", "test.parquet", "draws.parquet"}
    assert {path.name for path in folder.iterdir()} == inputs | set(kept)


def gone(pids: list[int]) -> bool:
    """Say whether processes have ended; the dead that nobody asked after count."""
    states = [Path(f"/proc/{pid}/stat") for pid in pids]
    return all(not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z" for state in states)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training by two processes that `torchrun` started."""
    folder = lay_out(tmp_path_factory.mktemp("undisturbed"), 2, generators=LONG, train=TWO)
    with start(folder, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2") as process:
        assert process.wait(PATIENCE) == 0
    return folder


@pytest.mark.slow
def test_two_processes_write_what_one_writes_to_rounding(undisturbed: Path, tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 2, generators=LONG, train=ONE)
    main(command(folder))
    assert digests(folder).keys() == digests(undisturbed).keys()
    alone, together = read_losses(folder), read_losses(undisturbed)
    assert len(alone) == 60
    # Single precision: 2^-24 for each of some hundred sums in a row. What steps make of that grows from one to the
    # next, to hundreds of times as much after 180; tests/training/test_parallel.py compares in double precision.
    assert together[0] == pytest.approx(alone[0], rel=1e-5)
    assert together == pytest.approx(alone, rel=1e-3)
    for draw in range(2):
        weights = [load_file(each / f"out/{draw}/weights.safetensors") for each in (folder, undisturbed)]
        for key, value in weights[0].items():
            assert torch.allclose(value, weights[1][key], rtol=1e-2, atol=1e-2), key


@pytest.mark.slow
@pytest.mark.parametrize("asked", [False, True])
def test_a_killed_process_ends_all_and_a_new_start_goes_on_to_the_same_bytes(
    asked: bool, undisturbed: Path, tmp_path: Path
) -> None:
    folder = lay_out(tmp_path, 2, generators=LONG, train=TWO)
    with start(folder) as process:
        wait_for_checkpoint(folder)
        found = children(process)
        assert len(found) == 2
        if asked:  # The other one is asked to end before it can see that its fellow is gone.
            os.kill(found[0], signal.SIGSTOP)
        os.kill(found[1], signal.SIGKILL)
        if asked:
            wait_for_signal(found[0], signal.SIGTERM)
            os.kill(found[0], signal.SIGCONT)
        message = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 2
    assert message == "error: training stopped: process 1 was killed by SIGKILL\n"
    assert gone(found)
    nothing_but(folder, "checkpoints")
    with start(folder) as process:
        assert process.wait(PATIENCE) == 0
    assert digests(folder / "out") == digests(undisturbed / "out")
    assert digests(folder / "curves") == digests(undisturbed / "curves")
    assert list((folder / "checkpoints").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_ends_the_launcher_ends_all(number: signal.Signals, code: int, tmp_path: Path) -> None:
    endless = {"cvae": {"noise": BLOCKS["cvae"] | {"epochs": 10**6}}}
    folder = lay_out(tmp_path, 1, generators=endless, train=TWO)
    with start(folder) as process:
        wait_for_checkpoint(folder)
        found = children(process)
        process.send_signal(number)
        message = process.communicate(timeout=PATIENCE)[1]
    assert (process.returncode, message) == (code, "")
    deadline = time.monotonic() + PATIENCE
    while not gone(found):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not {"out", "curves"} & {path.name for path in folder.iterdir()}


@pytest.mark.slow
def test_a_loss_that_is_no_number_is_said_once(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 1, generators=DIVERGING, train=TWO)
    with start(folder) as process:
        message = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode == 2
    assert message.count("\n") == 1
    assert message.startswith(f"error: {folder}/params.yaml: generators.cvae.noise: draw 1: training stopped: 'loss'")
    nothing_but(folder, "checkpoints")


@pytest.mark.slow
@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="no two CUDA devices")
def test_two_gpus_learn_what_one_learns(tmp_path: Path) -> None:
    losses = []
    for name, train in (("one", ONE), ("two", TWO)):
        folder = lay_out(tmp_path / name, 1, generators=LONG, train=train)
        (folder / "params.yaml").write_text((folder / "params.yaml").read_text().replace('"cpu"', '"cuda"'))
        with start(folder) as process:
            assert process.wait(PATIENCE) == 0
        losses.append(read_losses(folder))
    # Convolutions in TF32 keep 11 bits, and two devices choose other algorithms than one.
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)


def test_what_learns_nothing_needs_one_process(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 1, train=TWO)
    main(command(folder, "smote"))
    assert list(digests(folder / "out")) == ["0/generator.json"]
