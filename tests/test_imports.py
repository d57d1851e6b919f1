"""What stages and commands import: a heavy library that one of them does not need costs seconds before its first line.

Facts are compared, not times. A process forks for each stage and command, having imported what these may import anyhow.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = {
    "imblearn", "jinja2", "matplotlib", "normflows", "pandas", "pytorch_metric_learning", "requests", "scipy",
    "scipy.optimize", "scipy.stats", "skimage", "sklearn", "sympy", "timm", "torch", "torch._dynamo", "torch_fidelity",
    "torchvision",
}  # fmt: skip
"""Each takes a tenth of a second or more, most of them about a second, torch two."""

LEARNING = {"scipy", "scipy.optimize", "scipy.stats", "sklearn", "pandas"}
"""scikit-learn and what it imports by itself."""
STAGES: dict[str, set[str]] = {
    "check": {"torch"},
    "classify": {"torch", *LEARNING},
    "compare": {"matplotlib", "scipy", "skimage"},
    "discriminate": {"torch", "matplotlib", *LEARNING},
    "extract": {"torch"},
    "identify": set(),
    "imbalance": set(),
    "ingest": set(),
    "ingest_pair": set(),
    "latent": {"torch", "matplotlib", *LEARNING},
    "page": {"jinja2", "scipy"},
    "recognize": {"torch", "pytorch_metric_learning", "scipy", "scipy.optimize", "scipy.stats"},
    "report": {"jinja2", "scipy"},
    "report_pair": {"jinja2", "scipy"},
    "report_recognition": {"jinja2", "scipy"},
    "synthesize": {"torch"},
    "train": {"torch"},
    "triplets": {"torch"},
    "vae_experiment": {"torch", "scipy"},
}
"""Heavy libraries that the module of a stage may import; all others are left to functions that need them, or out."""
COMMANDS: dict[str, set[str]] = {
    "--help": set(),
    "describe": set(),
    "describe --help": set(),
    "gallery --help": set(),
    "preset": set(),
    "completion bash": set(),
}
"""The same of commands that only list or explain; they are run."""
MODULES: dict[str, set[str]] = {
    "counterweight": set(),
    "counterweight.cli.add": {"torch"},
    "counterweight.cli.describe": {"torch"},
    "counterweight.cli.doctor": {"torch"},
    "counterweight.cli.export": {"jinja2", "scipy"},
    "counterweight.cli.gallery": {"torch", "jinja2"},
    "counterweight.cli.report": {"jinja2", "scipy"},
    "counterweight.cli.repro": set(),
    "counterweight.cli.schema": {"torch"},
    "counterweight.cli.why": set(),
}
"""The same of modules by which commands do their work, and of the library itself."""
EXPECTED = {f"stages.{name}": found for name, found in STAGES.items()} | COMMANDS | MODULES

LISTING = """
import contextlib, importlib, io, json, os, sys

def do(task):
    if task in json.loads(sys.argv[2]):
        from counterweight.cli.main import cli
        with contextlib.redirect_stdout(io.StringIO()):
            cli.main(task.split(), standalone_mode=False)
    else:
        importlib.import_module(task)

for base, tasks in json.loads(sys.argv[1]):
    for name in base:
        importlib.import_module(name)
    for task in tasks:
        if not (child := os.fork()):
            do(task)
            os.write(1, json.dumps([task, [*sys.modules]]).encode() + b"\\n")
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(1)
"""


def start(*steps: tuple[list[str], set[str]]) -> subprocess.Popen[str]:
    """Start a process that imports a step's modules, then lists what is there after each of its tasks, and so on."""
    words = [json.dumps([(base, sorted(tasks)) for base, tasks in steps]), json.dumps([*COMMANDS])]
    return subprocess.Popen(
        [sys.executable, "-c", LISTING, *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture(scope="module")
def imported() -> dict[str, set[str]]:
    """The heavy libraries that are there after each task; torch and scikit-learn before, for those who may use them."""
    learn = {task for task, allowed in EXPECTED.items() if {"torch", *LEARNING} <= allowed}
    build = {task for task, allowed in EXPECTED.items() if "torch" in allowed} - learn
    processes = [start(([], EXPECTED.keys() - learn - build)), start((["torch"], build), (["sklearn.metrics"], learn))]
    found = {}
    for process in processes:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        found |= {task: HEAVY & {*names} for task, names in map(json.loads, output.splitlines())}
    return found


def test_every_stage_is_listed() -> None:
    assert {path.stem for path in (ROOT / "stages").glob("[!_]*.py")} == {*STAGES}


@pytest.mark.parametrize("task", EXPECTED)
def test_no_heavy_library_is_imported_that_is_not_needed(task: str, imported: dict[str, set[str]]) -> None:
    assert imported[task] - EXPECTED[task] == set()


def test_heavy_libraries_are_seen(imported: dict[str, set[str]]) -> None:
    """What a table allows and nobody imports would hide an import that is added."""
    unused = {task: allowed - imported[task] for task, allowed in EXPECTED.items()}
    assert {task: names for task, names in unused.items() if names} == {}


THREADS = """
import importlib, json, sys
import torch
from counterweight.core.tensors import Labelled
from counterweight.networks.classifiers.base import build_network
from counterweight.recipes.base.recipe import find_recipe
from counterweight.settings.classify import ClassifierConfig

entry = find_recipe(sys.argv[1])
for name in entry.recipe.libraries:
    importlib.import_module(name)
before = {*sys.modules}
labels = torch.arange(16) % 2
images = torch.randint(0, 256, (16, 1, 28, 28), dtype=torch.uint8)
seen = images.flatten(1).float() if sys.argv[1] == "linear_probe" else images
shown = Labelled(seen, labels)
config = ClassifierConfig(network="mnist_cnn", epochs=1, batch_size=8)
recipe = entry.recipe(entry.settings(), torch.tensor([8.0, 8.0]))
recipe.fit(shown, shown, build_network("mnist_cnn", (1, 28, 28), 2), config, 0)
print(json.dumps([*{*sys.modules} - before]))
"""


@pytest.mark.parametrize("recipe", ["plain", "trivial_augment", "linear_probe"])
def test_recipes_say_what_their_threads_import(recipe: str) -> None:
    done = subprocess.run([sys.executable, "-c", THREADS, recipe], cwd=ROOT, text=True, capture_output=True, check=True)
    assert HEAVY & {*json.loads(done.stdout)} == set()
