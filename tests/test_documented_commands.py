"""Every command of README and docs: its words are known to the program, and whatever is quick is run; and links."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from ruamel.yaml import YAML

from counterweight.cli.main import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(?:sh|bash)\n(.*?)^```", re.MULTILINE | re.DOTALL)

NOT_RUN = {
    # The first words of a command, and why it is not run here.
    "counterweight add": "needs images of the reader's; tests/cli/test_add.py runs it",
    "counterweight audit": "needs images of the reader's; tests/cli/test_audit.py runs it",
    "counterweight gallery": "trains generators; tests/cli/test_gallery.py runs it",
    "counterweight export": "needs a finished table; tests/cli/test_export.py runs it",
    "counterweight explore": "serves until it is stopped; tests/explorer runs it",
    "counterweight report": "needs a finished table; tests/cli/test_report.py runs it",
    "counterweight repro": "trains for minutes to days; tests/cli/test_repro.py runs it on a small graph",
    "counterweight why": "needs a workspace of DVC; tests/cli/test_why.py runs it",
    "counterweight doctor": "its answer is the machine's; tests/cli/test_doctor.py runs it",
    "counterweight schema": "writes params.schema.json; tests/cli/test_schema.py runs it",
    "make": "installs, or runs what runs this test",
    "dvc": "trains for minutes to days; tests/pipeline runs repro, exp run, metrics diff on a small project",
    "python -m": "measures for minutes to hours, or is a stage; the module must be there",
    "cat": "shows a report of a finished table",
    ". .venv/bin/activate": "needs the installation that make makes",
    "torchrun": "needs a GPU for each process; tests/stages/test_train_together.py runs it on the CPU",
    "pip": "installs",
    "eval": "changes the shell",
}


class Command(NamedTuple):
    """A line that a page tells its reader to type."""

    page: str
    text: str


def list_commands() -> list[Command]:
    lines = [
        (page.relative_to(ROOT).as_posix(), strip_comment(line))
        for page in PAGES
        for block in FENCE.findall(page.read_text(encoding="utf-8"))
        for line in re.sub(r"\\\n\s*", " ", block).splitlines()
    ]
    return [Command(page, part.strip()) for page, line in lines for part in re.split(r"\s&&\s", line) if part.strip()]


def strip_comment(line: str) -> str:
    return re.sub(r"(^|\s+)#.*$", "", line)


COMMANDS = list_commands()


def name(command: Command) -> str:
    return f"{command.page}: {command.text}"


def of(first: str) -> list[Command]:
    return [command for command in COMMANDS if shlex.split(command.text)[0] == first]


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 60
    assert {command.page for command in COMMANDS} >= {"README.md", "docs/own_images.md", "docs/export.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("command", of("counterweight"), ids=name)
def test_a_command_of_ours_is_understood(command: Command) -> None:
    """Words and options are known; the command itself does not run."""
    _, word, *arguments = shlex.split(command.text)
    arguments = arguments[: arguments.index(">")] if ">" in arguments else arguments
    own = cli.commands[word]
    if "--help" in arguments:
        return
    with own.make_context(word, arguments) as context:
        assert isinstance(context, click.Context)


@pytest.mark.parametrize("command", of("make"), ids=name)
def test_a_target_is_in_the_makefile(command: Command) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    words = [word for word in shlex.split(command.text)[1:] if "=" not in word]
    assert words
    assert set(words) <= set(targets)


@pytest.mark.parametrize("command", of("python"), ids=name)
def test_a_module_is_there(command: Command) -> None:
    words = shlex.split(command.text)
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]) is not None


@pytest.mark.parametrize("command", of("dvc"), ids=name)
def test_a_setting_that_is_changed_is_in_a_section_that_there_is(command: Command) -> None:
    params = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    words = shlex.split(command.text)
    changes = [after for word, after in pairwise(words) if word in ("-S", "--set-param")]
    for change in changes:
        section, *_ = change.lstrip("+").split("=")[0].split(".")
        assert section in params


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_what_is_not_run_has_a_reason(command: Command) -> None:
    if quick(command):
        return
    assert [first for first in NOT_RUN if command.text.startswith(first)], "run it, or say why not"


def test_every_reason_is_of_a_command() -> None:
    long = [command.text for command in COMMANDS if not quick(command)]
    assert [first for first in NOT_RUN if not any(text.startswith(first) for text in long)] == []


def quick(command: Command) -> bool:
    return command.text.startswith(("counterweight describe", "counterweight preset"))


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in COMMANDS if quick(command)], ids=name)
def test_what_is_quick_is_run(command: Command, tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    words = [sys.executable, "-m", "counterweight", *shlex.split(command.text)[1:]]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout
