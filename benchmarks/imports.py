"""CPU seconds until a stage or a command has imported what stands at the top of its files.

    python -m benchmarks.imports --out metrics/benchmarks/imports.json
    python -m benchmarks.imports --before ../earlier --out metrics/benchmarks/imports.json

Seconds of processor, not of the clock: other work on the machine counts less in them. Each is of a process of its own,
the start of Python included; of some runs the middle one. With another checkout both take turns.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
BARE = {"python": "pass", "numpy": "import numpy", "torch": "import torch", "counterweight": "import counterweight"}
"""What is measured beside stages and commands."""
COMMANDS = ("--help", "describe", "preset", "gallery --help")
"""Commands that list or explain; they are run."""
WORKING = ("add", "audit", "describe", "doctor", "export", "gallery", "preset", "report", "repro", "schema", "why")
"""Commands of which the import alone is measured."""

Figures = dict[str, dict[str, dict[str, float]]]


def list_code() -> dict[str, dict[str, str]]:
    """Return what is run, as Python, by group and name."""
    stages = sorted(path.stem for path in (ROOT / "stages").glob("[!_]*.py"))
    run = "from counterweight.cli.main import cli; cli.main({words!r}, standalone_mode=False)"
    return {
        "bare": BARE,
        "stages": {name: f"import stages.{name}" for name in stages},
        "commands": {words: run.format(words=words.split()) for words in COMMANDS},
        "imports_of_commands": {name: f"import counterweight.cli.{name}" for name in WORKING},
    }


def measure(code: str, checkout: Path) -> float:
    """Return the CPU seconds, of user and of system, of a Python that runs some code of a checkout."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    variables = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=checkout, env=variables, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(code: str, checkouts: Mapping[str, Path], runs: int) -> dict[str, float]:
    """Return the middle CPU seconds of some code in each checkout, which take turns."""
    for checkout in checkouts.values():  # Files are compiled and read once.
        measure(code, checkout)
    taken: dict[str, list[float]] = {name: [] for name in checkouts}
    for _ in range(runs):
        for name, checkout in checkouts.items():
            taken[name].append(measure(code, checkout))
    return {name: round(median(each), 2) for name, each in taken.items()}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", type=Path, help="another checkout to compare with")
    parser.add_argument("--runs", type=int, default=5, help="of each, the middle one counts")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    checkouts = {"before": arguments.before.resolve()} if arguments.before else {}
    checkouts["seconds"] = ROOT
    figures: Figures = {
        group: {name: compare(code, checkouts, arguments.runs) for name, code in own.items()}
        for group, own in list_code().items()
    }
    found = {"runs": arguments.runs, **figures}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
