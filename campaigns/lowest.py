"""The whole test suite on the lowest versions that pyproject.toml allows of what is installed beside it.

    python -m campaigns.lowest --out metrics/reliability/lowest_versions.json

Bounds that are too low are noticed by nobody whose versions are locked. The versions are installed into an environment
of its own, which may be there already (`--environment`); what is written is which they are, how many tests there were,
failed and were skipped, and which failed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
EXTRAS = ("pipeline", "heif", "explore", "ray", "slurm", "dev")
VERSIONS = (
    "import importlib.metadata, json, sys; print(json.dumps({n: importlib.metadata.version(n) for n in sys.argv[1:]}))"
)
COUNTS = ("tests", "failures", "errors", "skipped")


def list_packages() -> list[str]:
    """Return the names of the packages that pyproject.toml asks for, extras among them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(own for extra in EXTRAS for own in project["optional-dependencies"][extra])]
    return [re.split(r"[<>=!~;\[ ]", own)[0] for own in asked]


def make_environment(folder: Path) -> None:
    """Install the project into a new environment, with the lowest versions of what it asks for itself."""
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    wanted = f"{ROOT}[{','.join(EXTRAS)}]"
    command = [
        "uv",
        "pip",
        "install",
        "--quiet",
        "--resolution",
        "lowest-direct",
        "--python",
        str(folder),
        "pip",  # which tests of the wheel call, and what it builds with
        "setuptools",
        "-e",
        wanted,
    ]
    subprocess.run(command, check=True)


def run_suite(python: Path, words: list[str], folder: Path) -> dict[str, object]:
    """Run the tests and return how many there were, failed and were skipped, and which failed."""
    report = folder / "tests.xml"
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *words]
    found = os.environ | {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=found, check=False)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    wrong = [
        case for case in suite.iter("testcase") if case.find("failure") is not None or case.find("error") is not None
    ]
    names = [f"{case.get('classname')}.{case.get('name')}" for case in wrong]
    return {**{name: int(suite.get(name, 0)) for name in COUNTS}, "wrong": names}


def main() -> None:
    """Install, run, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--environment", type=Path, help="folder of an environment with these versions; else a new one")
    parser.add_argument("--tests", nargs="*", default=["tests", "--numprocesses=2"], help="words for pytest")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    began = time.monotonic()
    with TemporaryDirectory() as text:
        environment = arguments.environment or Path(text) / "environment"
        if arguments.environment is None:
            make_environment(environment)
        python = environment.absolute() / "bin/python"
        told = subprocess.run(
            [str(python), "-c", VERSIONS, *list_packages()], check=True, stdout=subprocess.PIPE, text=True
        )
        counts = run_suite(python, arguments.tests, Path(text))
    found = {"python": sys.version.split()[0], "versions": json.loads(told.stdout), **counts}
    found["seconds"] = round(time.monotonic() - began)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
