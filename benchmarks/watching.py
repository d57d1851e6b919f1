"""What it costs to see that nothing has changed in a dataset of many files, and where it is one file instead.

    python -m benchmarks.watching --out metrics/benchmarks/watching.json

A graph of one stage that reads `images/pets`, a link to a folder of small files in ten folders, or to one file, and of
another that reads a file of its own. For each command its seconds and those of processor time: the first time, when all
files are hashed, with nothing to do, and where the other stage alone has to run.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

GRAPH = """
stages:
  read:
    cmd: echo done > out
    deps: [images/pets]
    outs: [out]
  other:
    cmd: cp stamp other
    deps: [stamp]
    outs: [other]
"""
CLASSES = 10
BYTES = 100
DVC, OURS = ["dvc", "repro"], ["counterweight", "repro"]
COMMANDS = {
    "dvc repro, the first": DVC,
    "dvc repro": DVC,
    "dvc status": ["dvc", "status"],
    "counterweight repro, the first": OURS,
    "counterweight repro": OURS,
}


def make_files(folder: Path, count: int) -> None:
    """Write so many files into folders of classes."""
    for number in range(count):
        path = folder / f"class{number % CLASSES}" / f"{number}.png"
        if number < CLASSES:
            path.parent.mkdir(parents=True)
        path.write_bytes(f"{number:0{BYTES}d}".encode())


def measure(folder: Path, words: Sequence[str]) -> dict[str, float]:
    """Return the seconds of a command, by the clock and of the processor."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True, capture_output=True)
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - began
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(seconds, 2), "processor_seconds": round(processor, 2)}


def measure_dataset(folder: Path, dataset: Path) -> dict[str, dict[str, float]]:
    """Return what each command takes in a new workspace with a link to a dataset."""
    (folder / "images").mkdir(parents=True)
    (folder / "images/pets").symlink_to(dataset)
    (folder / "dvc.yaml").write_text(GRAPH)
    for words in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(words, cwd=folder, check=True)
    stamp = folder / "stamp"
    stamp.write_text("first")
    found = {name: measure(folder, words) for name, words in COMMANDS.items()}
    for name, words in (("dvc repro, another stage", DVC), ("counterweight repro, another stage", OURS)):
        stamp.write_text(name)
        found[name] = measure(folder, words)
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=200_000, help="of the dataset")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    with TemporaryDirectory() as text:
        make_files(Path(text) / "files", arguments.files)
        (Path(text) / "one").write_bytes(bytes(arguments.files * BYTES))
        found = {
            "files": arguments.files,
            "of_many_files": measure_dataset(Path(text) / "many", Path(text) / "files"),
            "of_one_file": measure_dataset(Path(text) / "single", Path(text) / "one"),
        }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
