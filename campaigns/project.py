"""A project of the smallest size at which everything still happens: what campaigns and tests run."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[1]
COPIED = (
    "counterweight",
    "stages",
    "dvc.yaml",
    ".dvc/config",
    ".dvc/plots",
    ".dvc/plots_page.html",
    ".dvc/.gitignore",
    ".dvcignore",
    ".gitignore",
    "collected",
    "images",
)
CLASSES = ("disc", "no", "square")  # YAML 1.1 takes `no` for false
PER_CLASS = 40
SIDE = 16

PARAMS = """\
seed: 3
device: cpu
table:
  draws: 2
  validation_fraction: 0.25
  compared_draws: 1
  datasets:
    - shapes
  scenarios:
    - drop75
  generators:
    - smote
    - bagan
  recipes:
    - reweighted
  pairs: []
  recognition:
    - shapes
  margin: 0.01
datasets:
  shapes:
    source: folder
    size: 16
    channels: 1
    minority:
      - no
pairs: {}
scenarios:
  drop75: {kind: drop, fraction: 0.75}
generators:
  smote:
    shapes: {}
  bagan:
    shapes:  # small batches make the training long enough to be killed
      latent_dim: 4
      autoencoder_epochs: 3
      epochs: 5
      batch_size: 8
train:
  previews: 2
  preview_columns: 4
  checkpoint_seconds: 0.0
synthesize: {per_class: null}
extract:
  backbones:
    - mnasnet0_5
  input_size: 64
compare: {repeats: 2, ssim_pairs: 20}
discriminate: {sizes: [16], steps: 20, seeds: 1}
latent:
  network: residual_vae
  autoencoders:
    residual_vae: {block_channels: 2, filters: 2, epochs: 1, batch_size: 8}
  steps: 5
  backbones: [mnasnet0_5]
classify: {generator_recipes: []}
recipes: {reweighted: {}}
classifiers:
  shapes: {network: mnist_cnn, epochs: 1}
recognition:
  shapes:
    identities: {by: image, draws: 3, real_triplets: 14}
    vae_experiment:
      runs:
        vanilla: {autoencoder: vanilla_vae, images: 80, settings: {latent_dim: 4, filters: 2, epochs: 2}}
        variant: {autoencoder: variant_vae, images: 80, settings: {latent_dim: 4, filters: 2, epochs: 2}}
    triplets:
      sets:
        real: {kind: real}
        sampled: {kind: sampled, autoencoder: variant, count: 14}
    recognize: {backbone: small_cnn, input_size: null, frozen: false, epochs: 2, embedding_dim: 8}
"""


@dataclass(frozen=True)
class Project:
    """A folder with a copy of the code, and the commands people type there."""

    root: Path

    def __truediv__(self, path: str) -> Path:
        return self.root / path

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            words, cwd=self.root, env=environment(self.root), capture_output=True, text=True, check=False
        )

    def stage(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a stage to its end."""
        return self.command(sys.executable, "-m", f"stages.{name}", *arguments)

    def start(
        self, *words: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[str]":
        """Begin a command, whose errors nobody reads."""
        return subprocess.Popen(
            words,
            cwd=self.root,
            env=environment(self.root),
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def dvc(self, *arguments: str, succeeds: bool = True) -> str:
        """Run a DVC command and return what it printed."""
        done = self.command("dvc", *arguments)
        text = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, text
        return text

    def repro(self) -> list[str]:
        """Run all that is stale, a stage after the other but forked of one process, and return the stages that ran."""
        done = self.command(sys.executable, "-m", "counterweight", "repro", "--jobs", "1", "--json")
        assert done.returncode == 0, done.stderr
        found: list[str] = json.loads(done.stdout)["ran"]
        return found

    def git(self, *arguments: str) -> None:
        """Run a git command, which has to succeed."""
        done = self.command("git", *arguments)
        assert done.returncode == 0, done.stderr

    def begin_history(self) -> None:
        """Make a git repository of the folder, and commit all that is in it."""
        self.git("init", "--quiet")
        self.git("config", "user.name", "Somebody")
        self.git("config", "user.email", "somebody@example.org")
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "Begin")

    def edit(self, old: str, new: str) -> None:
        """Change the settings file by hand."""
        text = (self / "params.yaml").read_text(encoding="utf-8")
        assert text.count(old) == 1
        (self / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")

    def edit_list(self, old: str) -> None:
        """Take an item out of a list of the settings file by hand."""
        self.edit(f"    - {old}\n", "")

    def copied(self, target: Path) -> "Project":
        """Return a copy of this project, DVC's cache and git's history included."""
        shutil.copytree(self.root, target, symlinks=True)
        return Project(target)


def environment(home: Path) -> dict[str, str]:
    """Return an environment in which this Python comes first and no settings of the user's count."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "PYTHONDONT"))}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_GLOBAL_CONFIG_DIR": str(home.parent / "no_config"),
        "DVC_SYSTEM_CONFIG_DIR": str(home.parent / "no_config"),
        "DVC_SITE_CACHE_DIR": str(home.parent / "site"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "COLUMNS": "200",
        "SHELL": "/bin/sh",  # DVC runs stages in it; some do not make way for their only command
        "OMP_NUM_THREADS": "1",  # threads that wait for each other take most of the time where others compute, too
    }


def stages_run(output: str) -> list[str]:
    """Return the names of the stages that DVC says it ran, in their order."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")]


def digest(path: Path) -> str:
    """Return the MD5 of a file, or of the names and contents of all files of a folder.

    Of a page all but where its numbers come from: that says how long stages took, which no two runs have in common.
    """
    digest = hashlib.md5(usedforsecurity=False)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            content = file.read_bytes().partition(b'<section id="provenance"')[0]
            digest.update(file.relative_to(path).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()


def draw_shapes(folder: Path, classes: Sequence[str] = CLASSES, count: int = PER_CLASS) -> None:
    """Fill a folder with noisy grey images of discs, crosses and squares at random places."""
    rng = np.random.default_rng(0)
    for kind, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            left, top, width = rng.integers((1, 1, 6), (6, 6, 9)).tolist()
            image = Image.fromarray(rng.integers(0, 60, (SIDE, SIDE), dtype=np.uint8))
            pen, box = ImageDraw.Draw(image), (left, top, left + width, top + width)
            if kind == 0:
                pen.ellipse(box, fill=220)
            elif kind == 1:
                pen.line(box, fill=220, width=2)
                pen.line((box[0], box[3], box[2], box[1]), fill=220, width=2)
            else:
                pen.rectangle(box, fill=220)
            image.save(folder / name / f"{number:02d}.png")


def new_project(root: Path) -> Project:
    """Copy the code and write images and settings; nothing has run."""
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    draw_shapes(root / "images/shapes")
    (root / "params.yaml").write_text(PARAMS, encoding="utf-8")
    return Project(root)


@dataclass(frozen=True)
class Built:
    """A project after its first `dvc repro`, which no test may change, and what that printed."""

    project: Project
    output: str


def build(root: Path) -> Built:
    """Run the whole pipeline once in a new folder, and commit it."""
    project = new_project(root / "project")
    project.begin_history()
    output = project.dvc("repro")
    project.git("add", ".")
    project.git("commit", "--quiet", "--message", "First results")
    return Built(project, output)
