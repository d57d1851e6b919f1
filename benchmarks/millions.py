"""Memory, time and disk of 10^4, 10^5 and 10^6 images: made, turned into features, compared.

    python -m benchmarks.millions --out metrics/benchmarks/millions.json

Images of 28 x 28 pixels, by the CVAE of the default table; features of mnasnet0_5 at 64 pixels, of all of them;
compared with as many images, 10^5 at most, of the same CVAE from another seed, which stand in for real ones. A stage is
a process of its own, as in `dvc repro`; its memory is the kernel's account of its peak, libraries included.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
BACKBONE = "mnasnet0_5"
MOST_REAL = 10**5
DATA = ("--train", "train.parquet", "--draws", "draws.parquet")

Figures = dict[str, float]


def write_settings(folder: Path, images: int, seed: int) -> None:
    """Write params.yaml for so many images of the class that has too few."""
    params: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["seed"] = seed
    params["table"]["draws"] = 1
    params["synthesize"]["per_class"] = images
    params["extract"] |= {"backbones": [BACKBONE], "images": None}
    params["compare"]["headline"] = BACKBONE
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")


def run(folder: Path, stage: str, words: Sequence[str]) -> Figures:
    """Run a stage and return its seconds, its processor's seconds, and the MiB of its peak of memory."""
    command = [sys.executable, "-m", f"stages.{stage}", *words]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    if process.returncode:
        raise SystemExit(f"{stage} failed with {process.returncode}")
    return {
        "seconds": round(time.monotonic() - began, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


def measure_disk(path: Path) -> float:
    """Return the MiB of a file or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return round(sum(file.stat().st_size for file in files) / 2**20, 1)


def measure(folder: Path, images: int) -> dict[str, Figures]:
    """Return what each stage takes for so many images of either side."""
    found: dict[str, Figures] = {}
    for seed, (side, count) in enumerate((("real", min(images, MOST_REAL)), ("made", images))):
        write_settings(folder, count, seed)
        to = ("--out", f"{side}.parquet", "--picture", f"{side}.png")
        found["synthesize"] = run(folder, "synthesize", ("--generator", "models", *DATA, *to))
        write_settings(folder, count, 0)  # both sides are seen by the same random network
        found["extract"] = run(folder, "extract", ("--images", f"{side}.parquet", "--out", f"{side}_features"))
    found["synthesize"]["disk_mib"] = measure_disk(folder / "made.parquet")
    found["extract"]["disk_mib"] = measure_disk(folder / "made_features")
    sides = ("--real", "real.parquet", "--real-features", "real_features", "--synthetic", "made.parquet")
    outputs = ("--synthetic-features", "made_features", "--out", "compare.json", "--plots", "plots")
    found["compare"] = run(folder, "compare", (*sides, *outputs))
    result = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    statistics = result["backbones"][BACKBONE]["statistics"]
    found["images_of_a_half"] = {name: statistics[name]["n"] for name in ("ttest", "frechet", "kid", "prdc")}
    return found


def main() -> None:
    """Train once, measure each number of images, and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, nargs="+", default=[10**4, 10**5, 10**6], help="of either side")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    with TemporaryDirectory() as text:
        folder = Path(text)
        write_settings(folder, 1, 0)
        outputs = ("--train", "train.parquet", "--test", "test.parquet", "--account", "account.json")
        run(folder, "ingest", ("--dataset", "digits", *outputs))
        scenario = ("--dataset", "digits", "--scenario", "drop75", "--train", "train.parquet", "--test", "test.parquet")
        run(folder, "imbalance", (*scenario, "--out", "draws.parquet", "--counts", "counts.json"))
        model = ("--dataset", "digits", "--generator", "cvae", *DATA, "--out", "models", "--curves", "curves")
        run(folder, "train", model)
        found = {str(images): measure(folder, images) for images in arguments.images}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
