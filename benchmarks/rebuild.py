r"""How long the whole table takes from nothing, on idle cores and beside processes that keep some busy.

    python -m benchmarks.rebuild --busy 0 1 --out metrics/benchmarks/rebuild.json

Each time the last commit is cloned into a new folder without a cache, and `make repro` installs what it needs there,
from packages that were downloaded before, and builds it, a stage on each core. What is written are the seconds of each
run, of its installation and of each stage, and the ratio of every run to the first.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
ENDED = re.compile(r"done: (\S+), ([0-9.]+) s")
INSTALLED = "counterweight repro"
"""What make says when it calls that."""
OWN = {
    "VIRTUAL_ENV",
    "OMP_NUM_THREADS",
    "MAKEFLAGS",
    "MAKELEVEL",
    "PYTHONPATH",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
}
"""What this process's environment may have that a new user's has not."""
SPIN = "while True: pass"


def rebuild(busy: int) -> dict[str, object]:
    """Build the last commit's table beside so many busy processes, and return the seconds it took."""
    with TemporaryDirectory() as text, ExitStack() as stack:
        folder = Path(text) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        for _ in range(busy):
            spinning = stack.enter_context(subprocess.Popen([sys.executable, "-c", SPIN]))
            stack.callback(spinning.kill)
        began, stages, installed = time.monotonic(), dict[str, float](), 0.0
        with subprocess.Popen(
            ["make", "repro"],
            cwd=folder,
            env={name: value for name, value in os.environ.items() if name not in OWN},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as building:
            assert building.stdout is not None
            for line in building.stdout:
                if line.strip() == INSTALLED:
                    installed = time.monotonic() - began
                for match in ENDED.finditer(line):
                    stages[match[1]] = float(match[2])
        if building.returncode:
            raise SystemExit(f"make repro failed with {building.returncode}")
        total = time.monotonic() - began
    return {
        "busy_processes": busy,
        "cores": os.cpu_count(),
        "seconds": round(total, 1),
        "installation": round(installed, 1),
        "stages": stages,
    }


def main() -> None:
    """Build as often as is wanted and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1], help="busy processes beside each run")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    runs = [rebuild(busy) for busy in arguments.busy]
    first = float(str(runs[0]["seconds"]))
    found = [{**run, "ratio": round(float(str(run["seconds"])) / first, 2)} for run in runs]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps([{key: run[key] for key in ("busy_processes", "seconds", "ratio")} for run in found], indent=1))


if __name__ == "__main__":
    main()
