"""The shape of the code: which way imports go, what the graph lists of them, and how long things may be."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from stages.check import AWAITED

ROOT = Path(__file__).parents[1]
STAGES, LIBRARY = ROOT / "stages", ROOT / "counterweight"
FILES = sorted([*STAGES.rglob("*.py"), *LIBRARY.rglob("*.py")])
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}

# What the innermost rooms may import from outside.
STANDARD = sys.stdlib_module_names
OUTSIDE = {
    "statistics": {"numpy", "scipy", "skimage", "sklearn"},
    "networks": {"normflows", "timm", "torch", "torch_fidelity", "torchvision"},
    "generators": {"annotated_types", "imblearn", "numpy", "pydantic", "safetensors", "scipy", "sklearn", "torch"}
    | {"torchvision"},
    "settings": {"annotated_types", "pydantic", "ruamel"},
}
# Rooms that settings, or stages which need no network, import: torch would cost them seconds.
WITHOUT_TORCH = ("data", "plots", "reporting", "settings", "statistics")
WITH_TORCH = {"counterweight.core." + name for name in ("batches", "devices", "tensors", "weight_files")}


@cache
def graph() -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    return stages


def module_of(stage: str) -> str:
    """Return the module that a stage of the graph calls."""
    words = graph()[stage]["cmd"].split()
    assert words[:4] == ["exec", "python", "-m", "stages"], "DVC's own child, tied to it"
    return f"stages.{words[4]}"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def room_of(module: str) -> str:
    """Return the folder of the library in which a module lies; of a stage, `stages`."""
    first, *rest = module.split(".")
    return rest[0] if first == "counterweight" and len(rest) > 1 else first


def imported(path: Path, top_level: bool = False) -> Iterator[str]:
    """Yield the full names that a file imports, anywhere or, if so wanted, only when it is itself imported."""
    tree = tree_of(path)
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def own_imports(path: Path) -> set[str]:
    """Return the modules of the project that a file imports."""
    return {name for name in imported(path) if name in MODULES}


def outside_imports(path: Path, top_level: bool = False) -> set[str]:
    """Return the packages outside the project and Python that a file imports."""
    return {name.split(".")[0] for name in imported(path, top_level)} - STANDARD - {"counterweight", "stages"}


def closure(modules: set[str], without: frozenset[tuple[str, str]] = frozenset()) -> set[str]:
    """Return the modules together with everything of the project that they import, directly or not.

    Args:
        without: imports that do not count, as (module, what it imports).
    """
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= {name for name in own_imports(MODULES[module]) if (module, name) not in without} - found
    return {module for module in found if MODULES[module].name != "__init__.py"}


def members(folder: str) -> set[str]:
    """Return the modules of a folder that the registry finds there by their names, and those they are built upon."""
    prefix = f"counterweight.{folder.replace('/', '.')}."
    inside = {name for name in MODULES if name.startswith(prefix) and name.count(".") == prefix.count(".")}
    return {name for name in inside if MODULES[name].name != "__init__.py"}


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


code = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())


# Imports.


def test_the_files_are_found() -> None:
    assert {"stages", "stages.train", "counterweight.generators.base.generator"} <= set(MODULES)
    assert own_imports(LIBRARY / "training/checkpoint.py") == {"counterweight.core.errors"}
    assert "counterweight.networks.layers" in own_imports(LIBRARY / "generators/bagan.py")
    assert "counterweight.networks.layers" in closure({"stages.classify"})


def test_imports_go_one_way() -> None:
    """The layers stand in pyproject.toml."""
    lint = Path(sys.executable).parent / "lint-imports"
    if not lint.is_file():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_no_generator_imports_another() -> None:
    generators = members("generators")
    assert len(generators) > 20
    assert {name: found for name in generators if (found := own_imports(MODULES[name]) & generators)} == {}


@code
def test_no_module_imports_dvc(path: Path) -> None:
    # They ask DVC instead of starting it.
    names = ("record.py", "refusals.py", "folders.py", "objects.py", "settings.py")
    knows_dvc = {LIBRARY / "engines" / name for name in names}
    allowed = {"dvc"} if path in knows_dvc else set()
    assert not outside_imports(path) & {"dvc", "dvclive"} - allowed


@pytest.mark.parametrize("room", OUTSIDE)
def test_inner_rooms_know_few_libraries(room: str) -> None:
    own = {name: path for name, path in MODULES.items() if room_of(name) == room}
    assert own
    found = {name: outside_imports(path) - OUTSIDE[room] for name, path in own.items()}
    assert {name: extra for name, extra in found.items() if extra} == {}


def test_settings_are_read_without_torch() -> None:
    rooms = {name: path for name, path in MODULES.items() if room_of(name) in WITHOUT_TORCH}
    core = {name: path for name, path in MODULES.items() if room_of(name) == "core" and name not in WITH_TORCH}
    assert len(rooms) > 40
    heavy = {"torch", "torchvision", "safetensors"}
    assert [name for name, path in (rooms | core).items() if outside_imports(path, top_level=True) & heavy] == []


def test_only_training_knows_optimisers() -> None:
    """Generators name the optimisers of their updates; networks know none."""
    networks = [path for path in FILES if "networks" in path.parts]
    assert networks
    assert [path.name for path in networks if "optim" in path.read_text(encoding="utf-8")] == []


# The graph's lists.

# What a stage finds by a name in params.yaml, beside what it imports.
BY_NAME = {
    "identify": ("data/sources",),
    "ingest": ("data/sources",),
    "ingest_pair": ("data/pairs",),
    "extract": ("networks/backbones",),
    "latent": ("networks/backbones", "statistics/two_sample"),
    "compare": ("statistics/two_sample",),
    "classify": ("networks/backbones", "networks/classifiers", "recipes"),
    "recognize": ("networks/backbones",),
}
# What it reads without importing it: what files say that they are.
READ = {"page": ("generators", "recipes")}
# Imports that cannot change what a stage writes.
WITHOUT: dict[str, frozenset[tuple[str, str]]] = {
    # Training builds `collected`, which learns nothing, and lets it read no image.
    "train": frozenset(
        ("counterweight.generators.collected", f"counterweight.data.decode.{name}") for name in ("images", "pool")
    ),
}


def called(stage: str) -> str:
    """Return the name of the module that a stage calls."""
    return module_of(stage).removeprefix("stages.")


def listed(stage: str, generator: str) -> dict[str, set[str]]:
    """Return the paths of the code in a stage's list of dependencies, each with the modules it stands for."""
    names = {"${item.generator}": generator, "${latent.network}": "residual_vae"}
    modules, found = {path: name for name, path in MODULES.items()}, {}
    for path in graph()[stage]["deps"]:
        for variable, name in names.items():
            path = path.replace(variable, name)
        if path.startswith(("stages/", "counterweight/")):
            assert (ROOT / path).exists(), f"{path}: no such file"
            files = sorted((ROOT / path).rglob("*.py")) if (ROOT / path).is_dir() else [ROOT / path]
            found[path] = {modules[file] for file in files if file.name != "__init__.py"}
    return found


def needed(stage: str, generator: str) -> set[str]:
    """Return the modules whose change can change what a stage writes."""
    name = called(stage)
    own = {module for folder in BY_NAME.get(name, ()) for module in members(folder)}
    if name in ("vae_experiment", "triplets", "recognize"):
        own |= {f"counterweight.generators.{kind}" for kind in ("vanilla_vae", "variant_vae")}
    if name in ("train", "synthesize"):
        own.add(f"counterweight.generators.{generator}")
    if name == "latent":
        own.add("counterweight.generators.residual_vae")
    read = {module for folder in READ.get(name, ()) for module in members(folder)}
    return closure({module_of(stage), *own}, WITHOUT.get(name, frozenset())) | read


GENERATORS = sorted(name.rsplit(".", 1)[1] for name in members("generators"))
LISTS = [
    (stage, generator)
    for stage in graph()
    if stage != "check"
    for generator in (GENERATORS if called(stage) in ("train", "synthesize") else GENERATORS[:1])
]


@pytest.mark.parametrize(("stage", "generator"), LISTS)
def test_a_stage_lists_the_rooms_it_stands_on(stage: str, generator: str) -> None:
    rooms, imports = listed(stage, generator), needed(stage, generator)
    assert sorted(imports - set().union(*rooms.values())) == []
    # One list serves all generators: what any of them imports may stand there.
    allowed = set().union(*(needed(stage, other) for other in GENERATORS))
    assert [path for path, modules in rooms.items() if not modules & allowed] == []


def test_the_first_stage_waits_for_settings_alone() -> None:
    """Its output never changes: were it made again whenever a generator is edited, that would be for nothing."""
    assert list(listed("check", "")) == ["stages/check.py", "counterweight/core", "counterweight/settings"]


def test_the_lists_are_short() -> None:
    assert sum(len(listed(stage, GENERATORS[0])) for stage in graph()) <= 270


@pytest.mark.parametrize("stage", graph())
def test_a_stage_lists_every_path_on_its_command_line(stage: str) -> None:
    entry = graph()[stage]
    written = [*entry["outs"], *entry.get("metrics", [])]
    outs = [out if isinstance(out, str) else next(iter(out)) for out in written]
    words = [word for word in entry["cmd"].split()[5:] if "/" in word]
    missing = [word for word in words if word not in (*outs, *entry["deps"])]
    assert missing == []
    assert [out for out in outs if out not in words] == []


def dvc(root: Path, *arguments: str) -> str:
    """Run DVC in a folder and return what it printed."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    if shutil.which("dvc", path=environment["PATH"]) is None:
        pytest.skip("DVC is not installed")
    done = subprocess.run(
        ["dvc", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_graph_has_a_stage_for_every_row_of_the_table(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    yaml = YAML()
    params = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    axes = {
        "dataset": ["digits", "mnist"],
        "scenario": ["drop50", "longtail"],
        "generator": list(params["generators"]),
        "pair": ["city", "village"],
    }
    params["table"] = {f"{axis}s": names for axis, names in axes.items()}
    params["table"]["recognition"] = axes["dataset"]
    params["pairs"] = {name: {"source": "folders", "size": 64} for name in axes["pair"]}
    for blocks in [params["datasets"], params["classifiers"], *params["generators"].values()]:
        blocks["mnist"] = blocks["digits"]
    with (tmp_path / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(params, file)
    expected = []
    for stage, entry in graph().items():
        matrix = entry.get("matrix", {})
        rows = ["-".join(row) for row in product(*(axes.get(axis) or matrix[axis] for axis in matrix))]
        expected += [f"{stage}@{row}" if row else stage for row in rows]
    assert len(expected) > 4 * len(axes["generator"])
    assert sorted(dvc(tmp_path, "stage", "list", "--name-only").split()) == sorted(expected)


def test_every_folder_of_plots_is_there_from_the_start() -> None:
    """`dvc plots show` complains of those that are not."""
    plots = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    names = {each if isinstance(each, str) else next(iter(each)) for each in plots}
    assert names <= {*AWAITED}


# Style.


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.name == "__init__.py" and path.parent != LIBRARY],
    ids=lambda path: path.parent.name,
)
def test_packages_are_empty(path: Path) -> None:
    """But for the library itself, which names what is used from Python."""
    assert path.read_bytes() == b""


@code
def test_names_are_imported_one_by_one(path: Path) -> None:
    nodes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom)]
    assert not any(alias.name == "*" for node in nodes for alias in node.names)


KEYWORDS = {"counterweight/api/resampler.py": ("__init__", "set_params")}
"""Functions that take any keywords: an interface of scikit-learn's, where a generator's settings are arguments."""


@code
def test_arguments_are_named_and_annotated(path: Path) -> None:
    for function in functions(path):
        taken = KEYWORDS.get(str(path.relative_to(ROOT)), ())
        assert function.args.kwarg is None or function.name in taken, f"{function.name} passes keywords on"
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        bare = [item.arg for item in arguments if item.annotation is None and item.arg not in ("self", "cls")]
        assert bare == [], function.name
        assert function.returns is not None, function.name


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring not counted."""
    docstring = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (len(docstring.splitlines()) if docstring else 0)


@code
def test_functions_are_short(path: Path) -> None:
    lengths = {function.name: length(function) for function in functions(path)}
    assert {name: lines for name, lines in lengths.items() if lines > 40} == {}


@code
def test_files_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if path.parent == STAGES:
        assert lines <= 60
    if path.parent.name == "generators":
        assert lines <= 250


@code
def test_everything_public_is_described(path: Path) -> None:
    if path.name == "__init__.py":
        return
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    tree = tree_of(path)
    public = [node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    for owner in [node for node in public if isinstance(node, ast.ClassDef)]:
        public += [node for node in owner.body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert ast.get_docstring(tree)
    assert [node.name for node in public if not ast.get_docstring(node)] == []


# Dependencies and results.


def locked_versions() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.rstrip("\\ ")) for line in lines if line and not line.startswith((" ", "#"))]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in pins}


def test_the_lock_pins_whatever_is_asked_for() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [line for lines in project["optional-dependencies"].values() for line in lines]
    wanted = [Requirement(line) for line in [*project["dependencies"], *optional]]
    versions = locked_versions()
    assert len(wanted) > 10
    assert [str(item) for item in wanted if versions.get(canonicalize_name(item.name), "") not in item.specifier] == []


def test_the_lock_has_a_hash_for_everything_and_no_addresses() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    blocks = text.replace("\\\n", " ").splitlines()
    pins = [line for line in blocks if line and not line.startswith("#")]
    assert len(pins) >= len(locked_versions()) > 50
    assert [line.split()[0] for line in pins if "--hash=sha256:" not in line] == []


def test_what_is_imported_is_asked_for() -> None:
    """A library that is installed only because another one needs it may vanish."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # What a page alone needs comes with the pipeline, whose last stage makes it, and what the explorer does with that.
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["pipeline"], *extras["explore"], *extras["ray"], *extras["slurm"]]
    lines += extras["heif"]
    asked = {canonicalize_name(Requirement(line).name) for line in lines}
    called_otherwise = {
        "vl_convert": "vl-convert-python",
        "PIL": "pillow",
        "imblearn": "imbalanced-learn",
        "skimage": "scikit-image",
    }
    called_otherwise |= {"sklearn": "scikit-learn", "ruamel": "ruamel-yaml"}
    used = {called_otherwise.get(name, canonicalize_name(name)) for path in FILES for name in outside_imports(path)}
    assert used - asked == set()


def git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"git {arguments[0]}: {done.stderr.strip() or 'failed'}")
    return done.stdout


def test_a_fresh_clone_has_nothing_to_do(tmp_path: Path) -> None:
    """The committed results are those of the committed code and settings."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git repository")
    if not git("ls-files", "dvc.lock"):
        pytest.skip("dvc.lock is not committed")
    if git("status", "--porcelain", "counterweight", "stages", "params.yaml", "dvc.yaml", "dvc.lock", "metrics"):
        pytest.skip("stages, settings or graph have changes that are not committed")
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(tmp_path / "clone"))
    output = dvc(tmp_path / "clone", "repro", "--allow-missing", "--dry")
    assert "didn't change, skipping" in output
    assert [line for line in output.splitlines() if line.startswith("Running stage")] == []


def test_each_promise_of_security_names_tests_that_are_there() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert len(set(named)) > 5
    assert [path for path in named if not (ROOT / path).is_file()] == []
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert [row for row in rows if "tests/" not in row and "checked by hand" not in row] == []
