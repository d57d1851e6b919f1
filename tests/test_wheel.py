"""The wheel holds the library alone, and works where there is no checkout, no DVC and no params.yaml."""

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, so that nothing is left behind here."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("counterweight", "stages"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    words = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    subprocess.run([*words, "--wheel-dir", str(folder), str(source)], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, beside the libraries that are installed here but for the project itself."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    packages = next((folder / "lib").glob("python*/site-packages"))
    # A path in a .pth file: what .pth files in there say, as an editable installation does, is not followed.
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    words = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--no-deps", "--no-index"]
    subprocess.run([*words, "--quiet", "--force-reinstall", str(wheel)], check=True)
    return folder


def test_the_wheel_holds_the_library_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"counterweight"}
    templates = (
        "reporting/templates/report.md.jinja",
        "reporting/templates/page/page.css",
        "export/templates/card.md.jinja",
        "explorer/page/page.html.jinja",
        "explorer/page/parts.css",
    )
    assert {f"counterweight/{path}" for path in ("py.typed", *templates)} <= {*names}
    here = {path.relative_to(ROOT).as_posix() for path in (ROOT / "counterweight").rglob("*.py")}
    assert here <= set(names)


def drop_python_variables() -> dict[str, str]:
    """Return the environment without what would have Python look elsewhere first."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def test_two_folders_are_audited_from_another_directory(environment: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, level in (("photographs", 100), ("generated", 140)):
        (tmp_path / name).mkdir()
        for number in range(24):
            pixels = rng.normal(level, 30, (20, 20)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    command = [str(environment / "bin/counterweight"), "audit", "photographs", "generated"]
    options = ["--backbone", "mnasnet0_5", "--size", "16", "--out", "found"]
    own = drop_python_variables()
    done = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False, env=own)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("`synthetic` differs from real images: ")
    assert {"audit.json", "report.md", "features.png"} <= {path.name for path in (tmp_path / "found").iterdir()}


def test_the_library_is_imported_from_the_wheel(environment: Path, tmp_path: Path) -> None:
    code = "import counterweight.cli.main, sys; print(counterweight.cli.main.__file__); sys.exit('dvc' in sys.modules)"
    words, own = [str(environment / "bin/python"), "-c", code], drop_python_variables()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, env=own)
    assert Path(done.stdout.strip()).is_relative_to(environment)
