"""Stages that are killed on the way: nothing half-written is ever seen, and the next run gives the same bytes."""

import errno
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import psutil
import pytest

from stages import train
from tests.pipeline.conftest import Built, Project, digest

pytestmark = pytest.mark.slow

# Imports a stage once, which is what takes long, and runs it in a new process for every line it reads. A stage that
# is held never puts an output in its place: however slow this test is, it can kill it before it ends.
FORKS = """
import importlib, os, sys, time
from counterweight.core import outputs
stage = importlib.import_module(f"stages.{sys.argv[1]}")
sys.argv = sys.argv[1:]
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)
        if line == "held\\n":
            outputs.put_in_place = lambda *_: time.sleep(600)
        stage.run(stage.main)
        sys.exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
KILLED = -9
SHAPES, ITEM, MODEL = "data/shapes", "data/shapes/drop75", "models/shapes/drop75/bagan"
CURVES, MADE = "plots/train/shapes/drop75/bagan", "data/shapes/drop75/bagan/synthetic.parquet"
PARTS = f"--train {SHAPES}/train.parquet --test {SHAPES}/test.parquet"
DRAWS = f"--draws {ITEM}/draws.parquet"
RECOGNITION = "data/recognition/shapes"
IDENTIFIED = f"--images {RECOGNITION}/images.parquet --parts {RECOGNITION}/parts.parquet"
FITTED = f"--train {SHAPES}/train.parquet {DRAWS}"


class Stage(NamedTuple):
    """A stage's arguments, its outputs in the order in which it locks them, and about how many seconds it writes."""

    arguments: str
    outputs: list[str]
    seconds: float


def stage(arguments: str, *options: str, seconds: float) -> Stage:
    """Return a stage; `options` are those that name outputs."""
    words = arguments.split()
    return Stage(arguments, [words[words.index(f"--{option}") + 1] for option in options], seconds)


STAGES = {
    "ingest": stage(f"--dataset shapes {PARTS}", "train", "test", seconds=0.002),
    "imbalance": stage(
        f"--dataset shapes --scenario drop75 {PARTS} --out {ITEM}/draws.parquet "
        "--counts metrics/imbalance/shapes/drop75.json",
        *("out", "counts"),
        seconds=0.004,
    ),
    "train": stage(
        f"--dataset shapes --generator bagan {FITTED} --out {MODEL} --curves {CURVES}",
        *("out", "curves"),
        seconds=1,
    ),
    "synthesize": stage(
        f"--generator {MODEL} {FITTED} --out {MADE} --picture plots/samples/shapes/drop75/bagan.png",
        *("out", "picture"),
        seconds=0.002,
    ),
    "extract": stage(f"--images {MADE} --out {ITEM}/bagan/features", "out", seconds=0.5),
    "compare": stage(
        f"{DRAWS} {PARTS} --real-features {ITEM}/features --synthetic {MADE} "
        f"--synthetic-features {ITEM}/bagan/features "
        "--out metrics/compare/shapes/drop75/bagan.json --plots plots/compare/shapes/drop75/bagan",
        *("out", "plots"),
        seconds=0.5,
    ),
    "discriminate": stage(
        f"{DRAWS} {PARTS} --synthetic {MADE} "
        "--out metrics/discriminate/shapes/drop75/bagan.json --plots plots/discriminate/shapes/drop75/bagan",
        *("out", "plots"),
        seconds=0.5,
    ),
    "latent": stage(
        f"{DRAWS} {PARTS} --synthetic {MADE} "
        "--out metrics/latent/shapes/drop75/bagan.json --plots plots/latent/shapes/drop75/bagan",
        *("out", "plots"),
        seconds=0.5,
    ),
    "classify": stage(
        f"--dataset shapes {DRAWS} {PARTS} --added {MADE} --out metrics/classify/shapes/drop75/bagan.json "
        "--predictions data/predictions/shapes/drop75/bagan.parquet --confusion plots/confusion/shapes/drop75/bagan",
        *("out", "predictions", "confusion"),
        seconds=0.001,
    ),
    "report": stage(
        "--dataset shapes --scenario drop75 --metrics metrics --predictions data/predictions/shapes/drop75 "
        "--out metrics/report/shapes/drop75",
        "out",
        seconds=0.05,
    ),
    "page": stage(
        "--metrics metrics --plots plots --summary metrics/summary.json --page metrics/report.html",
        *("summary", "page"),
        seconds=0.05,
    ),
    "identify": stage(f"--dataset shapes {IDENTIFIED}", "images", "parts", seconds=0.005),
    "vae_experiment": stage(
        f"--dataset shapes {IDENTIFIED} --models models/recognition/shapes "
        "--out metrics/recognition/shapes/vae_experiment.json --plots plots/vae_experiment/shapes",
        *("models", "out", "plots"),
        seconds=0.5,
    ),
    "triplets": stage(
        f"--dataset shapes {IDENTIFIED} --models models/recognition/shapes --triplets {RECOGNITION}/triplets "
        "--out metrics/recognition/shapes/triplets.json --plots plots/triplets/shapes",
        *("triplets", "out", "plots"),
        seconds=0.2,
    ),
    "recognize": stage(
        f"--dataset shapes {IDENTIFIED} --models models/recognition/shapes --triplets {RECOGNITION}/triplets "
        f"--out metrics/recognition/shapes/recognize.json --hits {RECOGNITION}/hits.parquet "
        "--plots plots/recognize/shapes",
        *("out", "hits", "plots"),
        seconds=0.5,
    ),
}


class Runs:
    """Runs of one stage, each in a process of its own."""

    def __init__(self, forks: "subprocess.Popen[str]") -> None:
        self.forks = forks

    def answer(self) -> int:
        assert self.forks.stdout is not None
        return int(self.forks.stdout.readline())

    def start(self, held: bool = False) -> psutil.Process:
        assert self.forks.stdin is not None
        self.forks.stdin.write("held\n" if held else "\n")
        self.forks.stdin.flush()
        return psutil.Process(self.answer())

    def whole(self) -> int:
        """Run the stage to its end and return its exit code."""
        self.start()
        return self.answer()

    def killed(self, mark: Callable[[], bool], delay: float = 0, held: bool = False) -> int:
        """Run the stage, kill it a while after `mark` begins to hold, and return its exit code."""
        process = self.start(held)
        end = time.monotonic() + 60
        while not mark() and process.is_running() and time.monotonic() < end:
            time.sleep(0.0005)
        time.sleep(delay)
        if process.is_running():
            process.kill()
        return self.answer()


@contextmanager
def runs_of(project: Project, name: str) -> Iterator[Runs]:
    """Import a stage in a copy of the project, from which its outputs are taken away."""
    for path in STAGES[name].outputs:
        shutil.rmtree(project / path) if (project / path).is_dir() else (project / path).unlink()
    words = (sys.executable, "-c", FORKS, name, *STAGES[name].arguments.split())
    with project.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as forks:
        yield Runs(forks)


def present(project: Project, outputs: Sequence[str]) -> list[str]:
    return [path for path in outputs if (project / path).exists()]


def unlike(project: Project, built: Built, outputs: Sequence[str]) -> list[str]:
    """Return which outputs are neither absent nor what a run makes that is never killed."""
    return [path for path in present(project, outputs) if digest(project / path) != digest(built.project / path)]


def hidden(project: Project, outputs: Sequence[str]) -> list[str]:
    return [file.name for path in outputs for file in (project / path).parent.glob(".*") if file.name != ".gitignore"]


@pytest.mark.parametrize("name", STAGES)
def test_a_killed_stage_leaves_nothing_half_done_and_can_be_repeated(built: Built, copy: Project, name: str) -> None:
    outputs = STAGES[name].outputs
    lock = (copy / outputs[0]).with_name(f".{Path(outputs[0]).name}.lock")
    partial = [(copy / path).with_name(f".{Path(path).name}.partial") for path in outputs]

    def begun() -> bool:
        return any(path.exists() for path in (*partial, *(copy / path for path in outputs)))

    with runs_of(copy, name) as runs:
        assert runs.killed(lock.exists, held=True) == KILLED
        assert present(copy, outputs) == []
        for path in partial:
            shutil.rmtree(path, ignore_errors=True)
        assert runs.killed(begun, Random(name).uniform(0, STAGES[name].seconds)) in (KILLED, 0)
        assert unlike(copy, built, outputs) == []
        assert runs.whole() == 0
    assert present(copy, outputs) == outputs
    assert unlike(copy, built, outputs) == []
    assert hidden(copy, outputs) == []


def test_a_killed_training_goes_on_from_its_checkpoint(built: Built, copy: Project) -> None:
    checkpoints = copy / "checkpoints"
    with runs_of(copy, "train") as runs:
        assert runs.killed(lambda: any(checkpoints.glob("*/epoch_00004.png"))) == KILLED, "ended before it was killed"
        assert present(copy, [MODEL, CURVES]) == []
        # Pictures are the first draw's. A mark in what its checkpoint remembers of the first epoch: only a run that
        # goes on from it can know it.
        (picture,) = checkpoints.glob("*/epoch_00004.png")
        checkpoint = picture.with_name("checkpoint.safetensors")
        content, first, mark = checkpoint.read_bytes(), *(rb"{\"epoch\": %d, \"update\"" % number for number in (1, 9))
        assert content.count(first) == 1
        checkpoint.write_bytes(content.replace(first, mark))
        assert runs.whole() == 0
    assert unlike(copy, built, [MODEL]) == []
    assert list(checkpoints.iterdir()) == []
    names = [path.name for path in sorted((copy / CURVES).iterdir())]
    assert names == ["epoch_00004.png", "epoch_00008.png", "history.csv"]
    assert unlike(copy, built, [f"{CURVES}/{name}" for name in names]) == [f"{CURVES}/history.csv"]
    undisturbed, resumed = ((project / CURVES / "history.csv").read_text() for project in (built.project, copy))
    assert resumed == undisturbed.replace("\n0,1,autoencoder", "\n0,9,autoencoder")


def test_a_training_whose_outputs_cannot_be_written_keeps_checkpoint_and_pictures(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of training are not lost to a disk that is full at the very end."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for path in STAGES["train"].outputs:
        shutil.rmtree(copy / path)
    monkeypatch.chdir(copy.root)
    monkeypatch.setattr(train, "save_generators", full)
    with pytest.raises(OSError, match="No space left"):
        train.main(STAGES["train"].arguments.split())
    assert present(copy, STAGES["train"].outputs) == []
    kept = sorted(path.name for path in (copy / "checkpoints").glob("*/*"))
    assert kept == ["checkpoint.safetensors"] * 2 + ["epoch_00004.png", "epoch_00008.png"]
