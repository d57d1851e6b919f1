"""What `counterweight repro` costs beside `dvc repro`: on stages that sleep, and where there is nothing to do.

    python -m benchmarks.scheduler --out metrics/benchmarks/scheduler.json
    python -m benchmarks.scheduler --table data/times.jsonl --out metrics/benchmarks/scheduler_table.json

Stages that sleep need no core, so that more of them can run at a time than there are, and the scheduler is what is
measured: the speed-up over the sum of their sleep, and what each stage costs beside it. Without work: seconds of both
commands, and of dvc.lock, by the number of stages; of three runs the middle one.

With `--table`, in a workspace whose table has been built: as many stages as its graph has, that wait for each other as
those do and sleep as long as those took last, a thread each. Nothing can be quicker than the sum of their seconds by
the number of workers, nor than the longest chain. The first run knows nothing of seconds, the others what stages took.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from counterweight.engines.record import Record
from counterweight.engines.schedule import Schedule
from counterweight.reporting.page.times import TIMES, read_times

STAGE = """\
  nap{number}:
    cmd: sleep {seconds} && echo {number} > made/{number}
    deps: [word]
    outs: [made/{number}]
"""
LAST = "  last:\n    cmd: cat made/* > last\n    deps: [made]\n    outs: [last]\n"
ROUNDS = 3
WAYS = (False, True)
"""Whether the command knows what stages will take."""


def make_workspace(folder: Path, stages: int, seconds: float) -> None:
    """Make a graph of so many stages that sleep, and one that waits for all."""
    (folder / "made").mkdir(parents=True)
    (folder / "word").write_text("word")
    (folder / ".gitignore").write_text("/made/**\n/last\n")
    naps = "".join(STAGE.format(number=number, seconds=seconds) for number in range(stages))
    (folder / "dvc.yaml").write_text(f"stages:\n{naps}{LAST}")
    for words in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(words, cwd=folder, check=True)


def make_table(folder: Path, earlier: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> None:
    """Make a graph of stages that sleep as long as those of a table took, and wait for those that these wait for."""
    stages = {
        name: {
            "cmd": f"sleep {seconds[name]} && echo {name} > made/{name}",
            "deps": ["word", *(f"made/{other}" for other in others)],
            "outs": [f"made/{name}"],
        }
        for name, others in earlier.items()
    }
    make_workspace(folder, 0, 0)
    (folder / "dvc.yaml").write_text(json.dumps({"stages": stages}))  # JSON is YAML, too


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


def read_table(path: Path) -> tuple[dict[str, list[str]], dict[str, float]]:
    """Return for each stage of this workspace's table those that it waits for, and the seconds that it took last.

    Raises:
        SystemExit: of a stage nothing is known.
    """
    record, times = Record(Path()), read_times(path)
    graph = record.read_graph([])
    if missing := sorted(graph.keys() - times.keys()):
        raise SystemExit(f"{path}: no seconds of {missing[0]}; build the table first")
    plain = {name: name.replace("@", "-") for name in graph}  # a name with @ is a matrix's
    earlier = {plain[name]: [plain[other] for other in others] for name, others in graph.items()}
    return earlier, {plain[name]: float(times[name]["seconds"]) for name in graph}


def measure_table(
    earlier: Mapping[str, Sequence[str]], seconds: Mapping[str, float], workers: int, known: bool
) -> dict[str, object]:
    """Return the seconds of a table's sleeping stages with so many workers, beside the least that is possible.

    Args:
        known: whether the command knows before what each stage will take.
    """
    with TemporaryDirectory() as text:
        folder = Path(text) / "work"
        make_table(folder, earlier, seconds)
        if known:
            lines = [json.dumps({"stage": name, "seconds": own}) + "\n" for name, own in seconds.items()]
            (folder / TIMES).parent.mkdir()
            (folder / TIMES).write_text("".join(lines))
        whole = measure(folder, ["counterweight", "repro", "-j", str(workers)])
    chain, total = max(Schedule(earlier, seconds).ranks.values()), sum(seconds.values())
    best = max(total / workers, chain)
    return {
        "workers": workers,
        "seconds_known": known,
        "seconds": round(whole, 1),
        "speed_up": round(total / whole, 2),
        "best": round(best, 1),
        "of_the_best": round(best / whole, 3),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", type=int, default=60, help="stages that sleep")
    parser.add_argument("--seconds", type=float, default=4.0, help="of sleep in each")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8], help="stages at a time")
    parser.add_argument("--idle", type=int, nargs="+", default=[35, 150, 400], help="stages of graphs without work")
    parser.add_argument("--table", type=Path, help="seconds of this workspace's table: its graph, and nothing else")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    if arguments.table:
        earlier, seconds = read_table(arguments.table)
        runs = [measure_table(earlier, seconds, workers, known) for workers in arguments.workers for known in WAYS]
        chain = max(Schedule(earlier, seconds).ranks.values())
        write({"stages": len(seconds), "total": sum(seconds.values()), "chain": chain, "runs": runs}, arguments.out)
        return
    found = {
        "stages": arguments.stages,
        "sleep": arguments.seconds,
        "naps": [measure_naps(arguments.stages, arguments.seconds, workers) for workers in arguments.workers],
        "idle": [measure_idle(stages) for stages in arguments.idle],
    }
    write(found, arguments.out)


def write(found: Mapping[str, object], path: Path) -> None:
    """Write figures as JSON and print them."""
    text = json.dumps(found, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
