"""What `counterweight repro` costs beside `dvc repro`: on stages that sleep, and where there is nothing to do.

    python -m benchmarks.scheduler --out metrics/benchmarks/scheduler.json

Stages that sleep need no core, so that more of them can run at a time than there are, and the scheduler is what is
measured: the speed-up over the sum of their sleep, and what each stage costs beside it. Without work: seconds of both
commands, and of dvc.lock, by the number of stages; of three runs the middle one.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from counterweight.engines.record import Record

STAGE = """\
  nap{number}:
    cmd: sleep {seconds} && echo {number} > made/{number}
    deps: [word]
    outs: [made/{number}]
"""
LAST = "  last:\n    cmd: cat made/* > last\n    deps: [made]\n    outs: [last]\n"
ROUNDS = 3


def make_workspace(folder: Path, stages: int, seconds: float) -> None:
    """Make a graph of so many stages that sleep, and one that waits for all."""
    (folder / "made").mkdir(parents=True)
    (folder / "word").write_text("word")
    (folder / ".gitignore").write_text("/made/**\n/last\n")
    naps = "".join(STAGE.format(number=number, seconds=seconds) for number in range(stages))
    (folder / "dvc.yaml").write_text(f"stages:\n{naps}{LAST}")
    for words in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(words, cwd=folder, check=True)


def measure(folder: Path, words: Sequence[str]) -> float:
    """Return the seconds of a command."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True, capture_output=True)
    return time.monotonic() - began


def measure_naps(stages: int, seconds: float, workers: int) -> dict[str, float]:
    """Return the speed-up with so many workers, and what a stage costs beside its sleep.

    The start of the command and the look of `dvc repro` at the end are in the whole, not in the cost of a stage.
    """
    with TemporaryDirectory() as text:
        folder = Path(text) / "work"
        make_workspace(folder, stages, seconds)
        whole = measure(folder, ["counterweight", "repro", "-j", str(workers)])
        idle = measure(folder, ["counterweight", "repro"]) + measure(folder, ["dvc", "repro"])
    naps = -(-stages // workers) * seconds
    return {
        "workers": workers,
        "seconds": round(whole, 2),
        "speed_up": round(stages * seconds / whole, 2),
        "of_the_possible": round(stages * seconds / whole / workers, 3),
        "of_the_possible_without_start_and_check": round(stages * seconds / (whole - idle) / workers, 3),
        "overhead_of_a_stage": round((whole - idle - naps) / stages, 3),
    }


def measure_idle(stages: int) -> dict[str, float]:
    """Return the seconds of both commands where nothing is to be done, and of writing one stage into dvc.lock."""
    with TemporaryDirectory() as text:
        folder = Path(text) / "work"
        make_workspace(folder, stages, 0)
        measure(folder, ["counterweight", "repro"])
        ours, dvcs = (
            median(measure(folder, words) for _ in range(ROUNDS))
            for words in (["counterweight", "repro"], ["dvc", "repro"])
        )
        lock = median(measure_writing(folder) for _ in range(ROUNDS))
    return {"stages": stages + 1, "ours": round(ours, 2), "dvc": round(dvcs, 2), "writing_dvc_lock": round(lock, 3)}


def measure_writing(folder: Path) -> float:
    """Return the seconds of writing one stage into dvc.lock."""
    with chdir(folder):  # DVC names stages as they are called from here.
        record = Record(Path())
        record.read_graph([])
        record.finish("nap0")
        began = time.monotonic()
        record.write()
        return time.monotonic() - began


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", type=int, default=60, help="stages that sleep")
    parser.add_argument("--seconds", type=float, default=4.0, help="of sleep in each")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8], help="stages at a time")
    parser.add_argument("--idle", type=int, nargs="+", default=[35, 150, 400], help="stages of graphs without work")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    found = {
        "stages": arguments.stages,
        "sleep": arguments.seconds,
        "naps": [measure_naps(arguments.stages, arguments.seconds, workers) for workers in arguments.workers],
        "idle": [measure_idle(stages) for stages in arguments.idle],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
