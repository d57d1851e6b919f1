"""The stages of the small project, each run again and again in new processes that share one import."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from campaigns.project import Built, Project, digest, environment

FORKS = """
import importlib, json, os, sys, time
from counterweight.core import outputs
stage = importlib.import_module(f"stages.{sys.argv[1]}")
sys.argv = sys.argv[1:]
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) if order["log"] else 2, 2)
        os.dup2(2, 1)
        if order["held"]:
            outputs.put_in_place = lambda *_: time.sleep(600)
        stage.run(stage.main)
        sys.exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Imports a stage once, which is what takes long, and runs it in a new process for every line it reads. A stage that is
held never puts an output in its place: however slow a test is, it can kill it before it ends."""
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
    "ingest": stage(
        f"--dataset shapes {PARTS} --account metrics/ingest/shapes.json", *("train", "test", "account"), seconds=0.002
    ),
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
        "--test data/shapes/test.parquet --out metrics/report/shapes/drop75",
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

    def __init__(self, forks: "subprocess.Popen[str]", log: Path | None = None) -> None:
        """Prepare.

        Args:
            log: file that gets what the run under way prints; None: nobody reads it.
        """
        self.forks, self.log = forks, log

    def answer(self) -> int:
        """Return the next number that the process which forks them prints."""
        assert self.forks.stdout is not None
        return int(self.forks.stdout.readline())

    def start(self, held: bool = False) -> psutil.Process:
        """Begin a run."""
        assert self.forks.stdin is not None
        self.forks.stdin.write(json.dumps({"held": held, "log": str(self.log) if self.log else None}) + "\n")
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
def runs_of(
    project: Project, name: str, variables: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[Runs]:
    """Import a stage in a copy of the project, from which its outputs are taken away.

    Args:
        variables: of the environment, beside the usual ones.
        log: as of `Runs`.
    """
    remove_outputs(project, STAGES[name].outputs)
    words = (sys.executable, "-c", FORKS, name, *STAGES[name].arguments.split())
    own = environment(project.root) | dict(variables or {})
    with subprocess.Popen(
        words,
        cwd=project.root,
        env=own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as forks:
        yield Runs(forks, log)


def remove_outputs(project: Project, outputs: Sequence[str]) -> None:
    """Take outputs away, those that are there."""
    for path in present(project, outputs):
        shutil.rmtree(project / path) if (project / path).is_dir() else (project / path).unlink()


def present(project: Project, outputs: Sequence[str]) -> list[str]:
    """Return which outputs are there."""
    return [path for path in outputs if (project / path).exists()]


def unlike(project: Project, built: Built, outputs: Sequence[str]) -> list[str]:
    """Return which outputs are neither absent nor what a run makes that is never killed."""
    return [path for path in present(project, outputs) if digest(project / path) != digest(built.project / path)]


def hidden(project: Project, outputs: Sequence[str]) -> list[str]:
    """Return the names of hidden files and folders beside outputs, of which none may be left."""
    return [file.name for path in outputs for file in (project / path).parent.glob(".*") if file.name != ".gitignore"]
