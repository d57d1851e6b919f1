"""What all commands have in common: help with examples, JSON where there is a result, a section of docs/commands.md."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from counterweight.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
COMMANDS = sorted(cli.commands)
OF_A_KIND = {"completion", "explore", "schema"}
"""What they print is a script, a page, or JSON anyway."""


def help_of(name: str) -> str:
    command = cli.commands[name]
    return command.get_help(click.Context(command, info_name=f"counterweight {name}"))


def examples_of(text: str) -> list[str]:
    """Return the command lines of a help's examples."""
    return [line.strip() for line in text.partition("Examples:\n")[2].splitlines() if "counterweight" in line]


def check_line(line: str) -> None:
    """Check that the words of a command line are those of a command, its options and arguments."""
    found = re.search(r"counterweight ([^>)]+)", line)
    assert found, line
    name, *words = shlex.split(found[1])
    command = cli.commands[name]
    context = click.Context(command, resilient_parsing=False)
    _, left, _ = command.make_parser(context).parse_args(words)
    assert left == [], line


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_that_can_be_typed(name: str) -> None:
    text = help_of(name)
    lines = examples_of(text)
    assert lines != []
    for line in lines:
        assert f"counterweight {name}" in line
        check_line(line)
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("name", sorted({*COMMANDS} - OF_A_KIND))
def test_results_are_printed_as_json_if_wanted(name: str) -> None:
    options = {word: own for own in cli.commands[name].params for word in own.opts}
    assert "--json" in options
    assert any("--json" in line for line in examples_of(help_of(name)))


def test_the_page_has_a_section_for_every_command() -> None:
    assert re.findall(r"^## (\S+)$", PAGE, re.MULTILINE) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_section_is_two_lines_and_an_example(name: str) -> None:
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    text, _, example = section.strip().partition("\n\n```sh\n")
    assert len(text.splitlines()) == 2
    (line,) = example.removesuffix("\n```").splitlines()
    assert f"counterweight {name}" in line
    check_line(line)


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    own = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "counterweight", *words], env=own, capture_output=True, text=True, check=False
    )


def test_the_module_is_the_command_line() -> None:
    done = run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", done.stdout, re.MULTILINE)] == []


@pytest.mark.parametrize("words", [["descibe"], ["describe", "--shpae", "1"], ["why", "a", "b"], ["completion", "csh"]])
def test_a_mistake_is_one_line_and_exit_code_2(words: list[str]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"error: .+\n", done.stderr)


def test_help_is_quick_as_nothing_that_computes_is_imported() -> None:
    code = "import sys, counterweight.cli.main; print({'torch', 'pydantic', 'matplotlib'} & {*sys.modules})"
    own = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("repot", "error: COMMAND: there is no 'repot'; did you mean 'report'?\n"),
        ("nosuch", f"error: COMMAND: there is no 'nosuch'; allowed: {', '.join(COMMANDS)}\n"),
        ("--nosuch", "error: No such option '--nosuch'.\n"),
    ],
)
def test_a_command_that_there_is_not(word: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counterweight", word], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
