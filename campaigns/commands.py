"""Commands of the small project that are killed: what each leaves behind, and what it ends with undisturbed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import NamedTuple

from tqdm import tqdm

from campaigns.outcomes import SIGNALS, Kill, find_orphans, judge_ending
from campaigns.project import Built, Project, digest, draw_shapes, environment
from campaigns.stages import STAGES, hidden, present, unlike

SETTINGS, EXPORTED, AUDITED = "params.yaml", "exported", "audited"
LONGEST = 120.0
"""Seconds in which a command ends that was told to."""
SERVED = 8.0
"""Seconds in which moments lie of what ends by no means."""
STEP = 12.0
"""As much of `repro`, which goes on where it was."""


class Command(NamedTuple):
    """Words after `counterweight`, and what of the project they write or change."""

    words: tuple[str, ...]
    output: str | None = None
    ends: bool = True
    """Whether it ends by itself."""


COMMANDS = MappingProxyType(
    {
        "add": Command(("add", "more", "images/more"), SETTINGS),
        "export": Command(("export", "shapes", "drop75", "bagan", "--to", EXPORTED), EXPORTED),
        "audit": Command(("audit", "images/shapes/disc", "images/shapes/square", "--out", AUDITED), AUDITED),
        "explore": Command(("explore", "--no-open", "--port", "5998"), ends=False),
        "repro": Command(("repro", "-j", "2")),
    }
)


def kill_command(built: Built, project: Project, name: str, kills: int, rng: Random, scratch: Path) -> Iterator[Kill]:
    """Yield what came of each kill of a command.

    Args:
        project: a copy of the built one.
        scratch: a folder elsewhere.
    """
    if name == "repro":
        yield from kill_repro(built, project, kills, rng, scratch / "log")
        return
    command, log = COMMANDS[name], scratch / "log"
    if name == "add":
        draw_shapes(project / "images/more")
    shutil.copy(project / SETTINGS, scratch / SETTINGS)
    before = read_output(project, command)
    seconds = finish_command(project, command.words, log) if command.ends else SERVED
    after = read_output(project, command)
    for _ in tqdm(range(kills), desc=name, unit="kill"):
        begin_anew(project, command, scratch)
        moment, ending = rng.uniform(0, seconds), rng.choice(SIGNALS)
        wrong = end_at(project, command.words, moment, ending, log)
        if read_output(project, command) not in (before, after):
            wrong.append(f"half-written: {command.output}")
        yield Kill(name, ending.name, round(moment, 3), "; ".join(wrong))
    if command.output is not None:
        begin_anew(project, command, scratch)  # the last one may have been done before it was killed
        finish_command(project, command.words, log)
        strays = [path for path in list_untracked(project) if path not in {SETTINGS, f"{command.output}/"}]
        if read_output(project, command) != after or strays:
            yield Kill(name, "none", 0, f"other bytes after the last, or left behind: {strays}")


def begin_anew(project: Project, command: Command, scratch: Path) -> None:
    """Take away what a command wrote, and take back the settings that lie in `scratch`."""
    if command.output not in (None, SETTINGS):
        shutil.rmtree(project / str(command.output), ignore_errors=True)
    shutil.copy(scratch / SETTINGS, project / SETTINGS)


def kill_repro(built: Built, project: Project, kills: int, rng: Random, log: Path) -> Iterator[Kill]:
    """Yield what came of each kill of `repro`, which goes on where it was; when it is done, all begins anew."""
    words = COMMANDS["repro"].words
    outputs = [path for stage in STAGES.values() for path in stage.outputs]
    forget_results(project)
    for number in tqdm(range(kills), desc="repro", unit="kill"):
        moment, ending = rng.uniform(0, STEP), rng.choice(SIGNALS)
        wrong = end_at(project, words, moment, ending, log)
        wrong += [f"half-written: {path}" for path in unlike(project, built, outputs)]
        if number == kills - 1:
            finish_command(project, words, log)
        if len(present(project, outputs)) == len(outputs) and "up to date" in project.dvc("status"):
            wrong += [f"other bytes: {path}" for path in unlike(project, built, outputs)]
            wrong += [f"left behind: {name}" for name in hidden(project, outputs)]
            forget_results(project)
        elif number == kills - 1:
            wrong.append("not up to date after a run to the end")
        yield Kill("repro", ending.name, round(moment, 3), "; ".join(wrong))


def forget_results(project: Project) -> None:
    """Take away all that stages have made, and the cache, so that everything has to run again."""
    for path in ("data", "models", "plots", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(project / path, ignore_errors=True)
    project.git("checkout", "--quiet", ".")


def end_at(project: Project, words: tuple[str, ...], moment: float, ending: signal.Signals, log: Path) -> list[str]:
    """Run a command, end it after so many seconds, and return what is wrong with how it ends."""
    with start_command(project, words, log) as process:
        time.sleep(moment)
        if process.poll() is None:
            send_signal(process, ending)
        try:
            code = process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return [f"goes on for {LONGEST:g} s"]
    return judge_ending(ending, code, log) + find_orphans(project.root, set())


def start_command(project: Project, words: tuple[str, ...], log: Path) -> "subprocess.Popen[bytes]":
    """Begin a command as the leader of a group, as a shell does."""
    with log.open("wb") as file:
        return subprocess.Popen(
            (sys.executable, "-m", "counterweight", *words),
            cwd=project.root,
            env=environment(project.root),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish_command(project: Project, words: tuple[str, ...], log: Path) -> float:
    """Run a command to its end, which has to be a good one, and return how many seconds it takes."""
    began = time.monotonic()
    with start_command(project, words, log) as process:
        if process.wait() != 0:
            raise SystemExit(f"{' '.join(words)}: {log.read_text()[-1000:]}")
    return time.monotonic() - began


def send_signal(process: "subprocess.Popen[bytes]", ending: signal.Signals) -> None:
    """End a command: Ctrl-C reaches its group, another signal itself alone."""
    if ending == signal.SIGINT:
        os.killpg(process.pid, ending)
    else:
        process.send_signal(ending)


def read_output(project: Project, command: Command) -> str | None:
    """Return a digest of what a command writes; None if it is not there."""
    if command.output is None or not (project / command.output).exists():
        return None
    return digest(project / command.output)


def list_untracked(project: Project) -> list[str]:
    """Return what git sees that is new or changed."""
    lines = project.command("git", "status", "--porcelain").stdout.splitlines()
    return [line[3:] for line in lines]
