r"""How long `counterweight audit` of two folders takes, without and with `--full`.

    python -m benchmarks.audit REAL SYNTHETIC --repeats 3 --out metrics/benchmarks/audit.json

Each time in a folder without a settings file. What is written are the seconds until the verdict is printed, those of
the whole command, and its processor time. `--full`, which takes minutes, is run once.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from counterweight.cli.gallery import name_hardware

COMMAND = [sys.executable, "-m", "counterweight", "audit"]


def measure(real: Path, synthetic: Path, options: list[str]) -> dict[str, float]:
    """Run the command and return the seconds it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with TemporaryDirectory() as folder:
        began = time.monotonic()
        command = [*COMMAND, str(real), str(synthetic), *options]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as auditing:
            assert auditing.stdout is not None
            first = next((time.monotonic() - began for line in auditing.stdout if line.strip()), 0.0)
            auditing.stdout.read()
        if auditing.returncode:
            raise SystemExit(f"counterweight audit failed with {auditing.returncode}")
        total = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"verdict": round(first, 1), "seconds": round(total, 1), "processor_seconds": round(processor, 1)}


def main() -> None:
    """Measure both and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("real", type=Path, help="folder of real images")
    parser.add_argument("synthetic", type=Path, help="folder of images to compare with them")
    parser.add_argument("--repeats", type=int, default=3, help="runs without --full")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    folders = arguments.real.resolve(), arguments.synthetic.resolve()
    found = {
        "images": [sum(path.is_file() for path in folder.rglob("*")) for folder in folders],
        "default": [measure(*folders, []) for _ in range(arguments.repeats)],
        "full": measure(*folders, ["--full"]),
        "on": name_hardware(torch.device("cpu")),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
