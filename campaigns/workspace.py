"""A workspace of the tiny project and all that can happen to it; and clean ones, to compare it with."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from campaigns import shell, tiny
from campaigns.failing import FailOnce
from campaigns.outcomes import find_orphans, judge_ending
from campaigns.project import ROOT, Project, environment
from campaigns.tiny import Choice, list_stale, read_metrics, unlike_clean

REPRO = (sys.executable, "-m", "counterweight", "repro", "-j", "2")


class Kind(NamedTuple):
    """A kind of project: how it is made, and what can happen to it."""

    begin: Callable[[Path, Choice], Project]
    render: Callable[[Choice], str]
    code: tuple[str, ...]
    """Files that are edited."""
    seconds: float
    """In which moments of kills lie."""
    calls: int
    """Writes of a run, about."""


KINDS = MappingProxyType(
    {
        "shell": Kind(shell.begin_project, shell.render, ("source.sh", "make.sh", "page.sh"), 6.0, 250),
        "tiny": Kind(
            tiny.begin_project,
            tiny.render,
            (
                "counterweight/data/imbalance.py",
                "counterweight/generators/smote.py",
                "counterweight/statistics/two_sample/frechet.py",
                "counterweight/reporting/verdicts.py",
                "stages/compare.py",
            ),
            60.0,
            2500,
        ),
    }
)
DONE, REFUSED = 0, 2
MADE = ("data", "metrics", "plots")
HELD = 600
"""Seconds that a run may take."""


class Workspace:
    """A workspace; what goes wrong on the way is kept in `wrong`."""

    def __init__(self, kind: Kind, project: Project) -> None:
        """Take a workspace in which the first settings have run."""
        self.kind, self.project, self.choice = kind, project, Choice()
        self.log = project.root.parent / "log"
        self.wrong: list[str] = []

    def start(self, variables: dict[str, str]) -> "subprocess.Popen[bytes]":
        """Begin a run as the leader of a group, as a shell does."""
        with self.log.open("wb") as file:
            return subprocess.Popen(
                REPRO,
                cwd=self.project.root,
                env=environment(self.project.root) | find_code(self.project) | variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def choose(self, choice: Choice) -> None:
        """Write other settings."""
        self.choice = choice
        (self.project / "params.yaml").write_text(self.kind.render(choice), encoding="utf-8")

    def run(self) -> None:
        """Run to the end, which has to be a good one."""
        with self.start({}) as process:
            code = process.wait(HELD)
        if code != DONE:
            self.wrong.append(f"a run fails, exit code {code}: {self.read_log()}")

    def kill(self, moment: float, ending: signal.Signals) -> None:
        """Run, and send the group a signal after so many seconds."""
        with self.start({}) as process:
            time.sleep(moment)
            if process.poll() is None:
                os.killpg(process.pid, ending)
            code = process.wait(HELD)
        self.wrong += judge_ending(ending, code, self.log)
        self.wrong += find_orphans(self.project.root, set())

    def fill_disk(self, call: int) -> None:
        """Run, and let a write fail for want of space: it is refused in one line, or done all the same."""
        scratch = self.project.root.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        with FailOnce(self.project.root, scratch) as failing:
            failing.arm(call, errno.ENOSPC)
            with self.start(failing.variables) as process:
                code = process.wait(HELD)
        if code not in (DONE, REFUSED) or "Traceback" in self.log.read_text(errors="replace"):
            self.wrong.append(f"full disk at write {call}, exit code {code}: {self.read_log()}")
        self.wrong += find_orphans(self.project.root, set())

    def edit(self, name: str) -> None:
        """Add a comment to a file of code."""
        with (self.project / name).open("a", encoding="utf-8") as file:
            file.write(f"# {time.time_ns()}\n")

    def empty_cache(self) -> None:
        """Take the cache away."""
        shutil.rmtree(self.project / ".dvc/cache", ignore_errors=True)

    def damage_cache(self, place: float, look_same: bool) -> None:
        """Damage a file of the cache; where it shall look the same, it is read-only and as old as before."""
        files = sorted(path for path in (self.project / ".dvc/cache/files").rglob("*") if path.is_file())
        flip(files, place, look_same)

    def damage_output(self, place: float) -> None:
        """Damage a file that a stage made."""
        files = [path for name in MADE for path in sorted((self.project / name).rglob("*")) if path.is_file()]
        flip([path for path in files if not path.name.startswith(".")], place, False)

    def finish(self, clean: dict[str, str]) -> list[str]:
        """Run to the end, and return all that was or is wrong."""
        self.run()
        wrong = [f"other bytes: {path}" for path in unlike_clean(read_metrics(self.project), clean)]
        wrong += [f"stale: {stage}" for stage in list_stale(self.project)]
        hidden = [path for name in MADE for path in (self.project / name).rglob(".*.partial")]
        wrong += [f"left behind: {path.relative_to(self.project.root)}" for path in hidden]
        return self.wrong + wrong + find_orphans(self.project.root, set())

    def read_log(self) -> str:
        """Return the end of what the last run said."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-600:]

    def remove(self) -> None:
        """Take all away."""
        shutil.rmtree(self.project.root.parent)


class Clean:
    """Workspaces in which nothing happened but one run, each built when it is first asked for."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        """Prepare.

        Args:
            folder: where they are built.
        """
        self.kind, self.folder = kind, folder
        self.built: dict[Choice, Project] = {}

    def build(self, choice: Choice) -> Project:
        """Return the workspace of some settings."""
        if choice not in self.built:
            project = self.kind.begin(self.folder / str(len(self.built)) / "project", choice)
            workspace = Workspace(self.kind, project)
            workspace.run()
            if workspace.wrong:
                raise SystemExit(f"{choice}: a clean run fails: {workspace.wrong}")
            self.built[choice] = project
        return self.built[choice]

    def copied(self, choice: Choice, target: Path) -> Project:
        """Return a copy of a clean workspace."""
        project = self.build(choice)
        target.parent.mkdir(parents=True)
        return project.copied(target)

    def read(self, choice: Choice) -> dict[str, str]:
        """Return the results of some settings."""
        return read_metrics(self.build(choice))


def find_code(project: Project) -> dict[str, str]:
    """Return the variable that says where the code is, where the workspace has no copy of its own."""
    return {"PYTHONPATH": str(project.root if (project / "counterweight").is_dir() else ROOT)}


def flip(files: list[Path], place: float, look_same: bool) -> None:
    """Flip all bits of a byte in the middle of one of some files, if there are any; `place` from 0 to 1 says which."""
    if not files:
        return
    path = files[min(int(place * len(files)), len(files) - 1)]
    facts, content = path.stat(), bytearray(path.read_bytes())
    if not content:
        return
    content[len(content) // 2] ^= 0xFF
    path.chmod(0o644)
    path.write_bytes(content)
    if look_same:
        path.chmod(facts.st_mode)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
