"""What shells are told: by click's own protocol in a process of its own, and by bash itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from counterweight.core.registry import names_in

ROOT = Path(__file__).parents[2]
ROWS = ("oversample", "geometric", "smote", "cvae", "bagan")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Graph, settings and presets, and a command on the path."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/counterweight"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m counterweight "$@"\n')
    command.chmod(0o755)
    return tmp_path


def call(project: Path, *words: str, **own: str) -> str:
    path = f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words,
        cwd=project,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)} | own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def complete(project: Path, line: str) -> list[str]:
    """Return what bash is offered for the last word of a line."""
    own = {
        "_COUNTERWEIGHT_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    return [word.removeprefix("plain,") for word in call(project, "counterweight", **own).split()]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("counterweight des", ["describe"]),
        ("counterweight describe bag", ["bagan", "bagan_gp"]),
        ("counterweight gallery dig", ["digits"]),
        ("counterweight gallery digits cgan cva", ["cvae", "cvae_gan"]),
        ("counterweight gallery digits cvae cva", ["cvae_gan"]),
        ("counterweight preset mnist", ["mnist", "mnist_cpu", "mnist_triplets"]),
        ("counterweight export digits drop", ["drop50", "drop75"]),
        ("counterweight export digits drop75 imb", ["imbalanced"]),
        ("counterweight export digits drop75 smote --format par", ["parquet"]),
        ("counterweight audit a b --backbone mob", ["mobilenet_v2"]),
        ("counterweight why chec", ["check"]),
        ("counterweight why synthesize@digits-drop75-", [f"synthesize@digits-drop75-{name}" for name in ROWS]),
        ("counterweight why synthesi", ["synthesize", *(f"synthesize@digits-drop75-{name}" for name in ROWS)]),
        ("counterweight why train@digits-drop75-b", ["train@digits-drop75-bagan"]),
        ("counterweight doctor --par", ["--params"]),
        ("counterweight completion f", ["fish"]),
        ("counterweight export --params nowhere.yaml dig", []),
    ],
)
def test_names(project: Path, line: str, expected: list[str]) -> None:
    assert complete(project, line) == expected


def test_all_generators_are_offered(project: Path) -> None:
    assert complete(project, "counterweight describe ") == names_in("generators")


def test_what_cannot_be_read_has_no_names(project: Path) -> None:
    (project / "params.yaml").write_text("datasets: [\n")
    assert complete(project, "counterweight gallery ") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(project: Path, shell: str) -> None:
    own = {"_COUNTERWEIGHT_COMPLETE": f"{shell}_complete", "COMP_WORDS": "counterweight describe acg"}
    own["COMP_CWORD"] = "acg" if shell == "fish" else "2"
    assert "acgan" in call(project, "counterweight", **own)


@pytest.mark.parametrize(
    ("shell", "said"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef counterweight"), ("fish", "complete --no-files --command")],
)
def test_scripts(project: Path, shell: str, said: str) -> None:
    script = call(project, "counterweight", "completion", shell)
    assert said in script
    assert "_COUNTERWEIGHT_COMPLETE" in script


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_bash_takes_the_script(project: Path) -> None:
    lines = [
        'eval "$(counterweight completion bash)"',
        "COMP_WORDS=(counterweight why train@digits-drop75-c) COMP_CWORD=2",
        "_counterweight_completion counterweight",
        'echo "${COMPREPLY[@]}"',
        '[[ $COMP_WORDBREAKS == *@* ]] || echo "whole words"',
    ]
    assert call(project, "bash", "-c", "\n".join(lines)) == "train@digits-drop75-cvae\nwhole words\n"
