"""A workspace of six stages of shell commands, and `counterweight repro` in it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from campaigns.project import Project, environment

ROOT = Path(__file__).parents[1]
GRAPH = """\
stages:
  source:
    cmd: head -c 3 word > start
    deps: [word]
    outs: [start]
  make:
    matrix:
      row: [a, b, c, d]
    cmd: exec sh make.sh ${item.row}
    deps: [make.sh, start]
    params: [device, "rows.${item.row}"]
    outs:
      - made/${item.row}
      - seen/${item.row}:
          cache: false
  gather:
    cmd: cat made/* > gathered
    deps: [made]
    outs: [gathered]
"""
SCRIPT = """\
mkdir -p made seen
echo $1 >> ran
if [ -e hold ]; then touch holding_$1; sleep 60; fi
if [ -e fail_$1 ]; then echo no luck with $1; exit 3; fi
(cat start; grep "^  $1:" params.yaml) > made/$1
echo "${CUDA_VISIBLE_DEVICES:-none}" > seen/$1
"""
IGNORED = "/made/**\n/seen/**\n/start\n/gathered\n"
"""As in the project: else DVC writes a .gitignore into `made`, whose lines are in the order in which stages end."""
PARAMS = "device: auto\nrows:\n  a: 1\n  b: 2\n  c: 3\n  d: 4\n"


def make_project(root: Path) -> Project:
    """Make a workspace in which nothing has run."""
    root.mkdir()
    files = {"dvc.yaml": GRAPH, "params.yaml": PARAMS, "make.sh": SCRIPT, "word": "begin"}
    files[".gitignore"] = IGNORED
    for name, text in files.items():
        (root / name).write_text(text)
    project = Project(root)
    project.git("init", "--quiet")
    project.dvc("init", "--quiet")
    return project


def start(project: Project, *words: str, **variables: str) -> "subprocess.Popen[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "CUDA_"))}
    own |= environment(project.root) | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "", **variables}
    command = [sys.executable, "-m", "counterweight", "repro", *words]
    return subprocess.Popen(
        command, cwd=project.root, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def repro(project: Project, *words: str, code: int = 0, **variables: str) -> tuple[str, str]:
    """Run the command and return what it prints."""
    with start(project, *words, **variables) as process:
        out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    return out, err


def said(project: Project, *words: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(repro(project, "--json", *words)[0])
    return {what: sorted(names) for what, names in found.items()}


def lock(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((project / "dvc.lock").read_text())["stages"]
    return found


def ran(project: Project) -> list[str]:
    """Return the rows whose command ran, and forget them."""
    found = sorted((project / "ran").read_text().split()) if (project / "ran").exists() else []
    (project / "ran").unlink(missing_ok=True)
    return found


MAKES = [f"make@{row}" for row in "abcd"]


def wait_until(is_so: Callable[[], object]) -> None:
    for _ in range(3000):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it never came to that")
