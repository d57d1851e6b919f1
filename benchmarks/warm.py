"""What a stage costs that starts by itself, and one that is forked of a process that has imported its libraries.

    python -m benchmarks.warm --rounds 3 --out metrics/benchmarks/warm.json

In a workspace whose table is up to date. Stages run in a copy of it, one after the other, each in both ways in turn;
told are the medians of the processor's seconds, as the stages themselves write them down, and the seconds that the
process takes to import all once.
"""

import argparse
import json
import shutil
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from counterweight.engines.jobs import Job
from counterweight.engines.local import MANY, LocalEngine
from counterweight.engines.record import Record
from counterweight.reporting.page.times import TIMES

ITEM = "digits-drop75"
STAGES = (
    "check",
    f"imbalance@{ITEM}",
    *(f"{stage}@{ITEM}-smote" for stage in ("train", "synthesize", "extract", "compare", "discriminate", "latent")),
    f"train@{ITEM}-cvae",
    f"classify@{ITEM}-smote",
    f"report@{ITEM}",
    "page",
)
COPIED = ("counterweight", "stages", "data", "models", "metrics", "plots", "collected", "images", "params.yaml")


def run_job(engine: LocalEngine, job: Job) -> float:
    """Run a job in a copy of the workspace to its end and return the seconds of processor that it took."""
    engine.start(job)
    while engine.running:
        for ended in engine.wait(60):
            if ended.code != 0:
                raise SystemExit(f"{job.stage}: {job.log.read_text(encoding='utf-8')}")
    *_, last = (job.folder / TIMES).read_text(encoding="utf-8").splitlines()
    seconds: float = json.loads(last)["cpu_seconds"]
    return seconds


def warm_up(engine: LocalEngine, job: Job) -> float:
    """Run so many jobs that libraries are imported, wait for that and return how long it took."""
    for _ in range(MANY):
        run_job(engine, job)
    began = time.monotonic()
    while engine.warm is not None and not engine.warm.ready:
        time.sleep(0.01)
    return time.monotonic() - began


def measure(jobs: Sequence[Job], rounds: int) -> dict[str, object]:
    """Run jobs in both ways, in turn."""
    forking = LocalEngine([])
    table: dict[str, list[list[float]]] = {}
    try:
        waited = warm_up(forking, jobs[0])
        for job in [each for each in jobs for _ in range(rounds)]:
            pair = [run_job(LocalEngine([]), job), run_job(forking, job)]
            table.setdefault(job.stage, []).append(pair)
            print(job.stage, pair, flush=True)
    finally:
        forking.stop()
    stages: dict[str, object] = {}
    for stage, pairs in table.items():
        alone, forked = (statistics.median(column) for column in zip(*pairs, strict=True))
        stages[stage] = {"alone": alone, "forked": forked, "ratio": round(forked / alone, 2)}
    return {"rounds": rounds, "seconds_until_ready": round(waited, 1), "stages": stages}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", nargs="*", default=STAGES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    record = Record(Path())
    record.read_graph(arguments.stages)
    with TemporaryDirectory() as text:
        folder = Path(text)
        for name in COPIED:
            if (source := Path(name)).is_dir():
                shutil.copytree(source, folder / name)
            elif source.exists():
                shutil.copy(source, folder / name)
        jobs = [record.make_job(name)._replace(folder=folder, log=folder / "log") for name in arguments.stages]
        facts = measure(jobs, arguments.rounds)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
