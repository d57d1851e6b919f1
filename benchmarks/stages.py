"""Seconds of stages of the default table in an earlier version and now.

    python -m benchmarks.stages --before 356fe17 --out metrics/benchmarks/stages.json

The earlier commit and the last one are cloned into new folders. There each makes by its own stages, with its own
settings, what the measured stages read; then these run in turn, some rounds, each as its graph calls it: a process of
its own. Written are medians of the processor's seconds and of the clock's, and their ratios. Other work on the machine
counts less in the former. What the settings of both differ in, of the sections that the stages read, is written, too.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
ITEM = "digits-drop75-smote"
STAGES = ("ingest@digits", f"extract@{ITEM}", f"compare@{ITEM}", f"classify@{ITEM}")
SECTIONS = ("datasets", "extract", "compare", "classify", "classifiers")
LIST = """\
import json
from dvc.repo import Repo
graph = Repo().index.graph
print(json.dumps({each.addressing: [each.cmd, [own.addressing for own in graph.successors(each)]] for each in graph}))
"""


class Checkout(NamedTuple):
    """A version in a folder: the commands of its stages, and which each waits for."""

    folder: Path
    commands: Mapping[str, str]
    earlier: Mapping[str, Sequence[str]]

    def read_settings(self) -> dict[str, object]:
        """Return the settings of the measured stages, section by section, dots in the names of those inside."""
        found = YAML(typ="safe", pure=True).load((self.folder / "params.yaml").read_text(encoding="utf-8"))
        return {
            f"{section}.{name}": value for section in SECTIONS for name, value in (found.get(section) or {}).items()
        }


def check_out(commit: str, folder: Path) -> Checkout:
    """Clone a commit into a folder."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "checkout", "--quiet", commit], cwd=folder, check=True)
    listed = subprocess.run([sys.executable, "-c", LIST], cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(listed.stdout.splitlines()[-1])
    commands, earlier = ({name: own[place] for name, own in found.items()} for place in (0, 1))
    return Checkout(folder, commands, earlier)


def list_needed(checkout: Checkout, stages: Sequence[str]) -> list[str]:
    """Return the stages that some need, and those themselves, in an order in which they can run."""
    needed, waiting = {}, list(stages)
    while waiting:
        name = waiting.pop()
        needed[name] = checkout.earlier[name]
        waiting += checkout.earlier[name]
    return list(TopologicalSorter(needed).static_order())


def run_stage(checkout: Checkout, name: str) -> tuple[float, float]:
    """Run a stage to its end and return the processor's seconds, of user and of system, and the clock's."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PYTHONPATH": str(checkout.folder), "PATH": path}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = ["sh", "-c", checkout.commands[name]]
    done = subprocess.run(command, cwd=checkout.folder, env=variables, capture_output=True, text=True, check=False)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{checkout.folder.name}: {name}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, seconds


def measure(versions: Mapping[str, Checkout], rounds: int) -> dict[str, dict[str, float]]:
    """Return medians and ratios of each stage, whose versions take turns."""
    for checkout in versions.values():
        for name in list_needed(checkout, STAGES):
            run_stage(checkout, name)
    found = {}
    for stage in STAGES:
        taken = [[run_stage(checkout, stage) for checkout in versions.values()] for _ in range(rounds)]
        rows: dict[str, float] = {}
        for place, unit in enumerate(("processor_seconds", "seconds")):
            old, new = (statistics.median(run[side][place] for run in taken) for side in range(2))
            rows |= {f"{unit}_before": round(old, 2), unit: round(new, 2), f"ratio_of_{unit}": round(new / old, 2)}
        found[stage] = rows
        print(stage, rows, file=sys.stderr)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", required=True, help="an earlier commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    with TemporaryDirectory() as text:
        commits = {"before": arguments.before, "now": "HEAD"}
        versions = {name: check_out(commit, Path(text) / name) for name, commit in commits.items()}
        stages = measure(versions, arguments.rounds)
        settings = [checkout.read_settings() for checkout in versions.values()]
    names = dict.fromkeys(name for own in settings for name in own)
    changed = {name: pair for name in names if (pair := [own.get(name) for own in settings])[0] != pair[1]}
    found = {"before": arguments.before, "rounds": arguments.rounds, "stages": stages, "other_settings": changed}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
