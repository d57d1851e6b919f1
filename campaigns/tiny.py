"""A project still smaller than the small one: its whole table runs in a minute, again and again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from campaigns.project import Project, digest, draw_shapes, new_project

PER_CLASS = 16
PARAMS = """\
seed: {seed}
device: cpu
table:
  draws: 1
  validation_fraction: 0.25
  compared_draws: 1
  datasets: [{datasets}]
  scenarios: [drop75]
  generators: [{generators}]
  recipes: []
  pairs: []
  recognition: []
  margin: {margin}
datasets:
  shapes: {{source: folder, size: 16, channels: 1, minority: ['no']}}
  spots: {{source: folder, size: 16, channels: 1, minority: ['no']}}
pairs: {{}}
scenarios:
  drop75: {{kind: drop, fraction: 0.75}}
generators:
  oversample: {{shapes: {{}}, spots: {{}}}}
  smote: {{shapes: {{k_neighbors: 2}}, spots: {{k_neighbors: 2}}}}
train: {{previews: 2, preview_columns: 4, checkpoint_seconds: 0.0}}
synthesize: {{per_class: null}}
extract: {{backbones: [mnasnet0_5], input_size: 64}}
compare: {{repeats: 2, ssim_pairs: 4}}
discriminate: {{sizes: [16], steps: 2, seeds: 1}}
latent:
  network: residual_vae
  autoencoders:
    residual_vae: {{block_channels: 2, filters: 2, epochs: 1, batch_size: 8}}
  steps: 2
  backbones: [mnasnet0_5]
classify: {{generator_recipes: []}}
recipes: {{}}
classifiers:
  shapes: {{network: mnist_cnn, epochs: 1}}
  spots: {{network: mnist_cnn, epochs: 1}}
recognition: {{}}
"""


class Choice(NamedTuple):
    """What differs between the settings that a workspace is given."""

    seed: int = 3
    margin: float = 0.01
    datasets: tuple[str, ...] = ("shapes",)
    generators: tuple[str, ...] = ("smote",)


def render(choice: Choice) -> str:
    """Return the settings file."""
    lists = {"datasets": ", ".join(choice.datasets), "generators": ", ".join(choice.generators)}
    return PARAMS.format(seed=choice.seed, margin=choice.margin, **lists)


def begin_project(root: Path, choice: Choice) -> Project:
    """Copy the code, draw the images of both datasets and commit all; nothing has run."""
    project = new_project(root)
    for path in (project / "images/shapes").glob("*/*.png"):
        if int(path.stem) >= PER_CLASS:
            path.unlink()
    draw_shapes(project / "images/spots", count=PER_CLASS)
    (project / "params.yaml").write_text(render(choice), encoding="utf-8")
    project.begin_history()
    return project


def read_metrics(project: Project) -> dict[str, str]:
    """Return the digests of all results, by path."""
    files = [path for path in sorted((project / "metrics").rglob("*")) if path.is_file()]
    return {path.relative_to(project.root).as_posix(): digest(path) for path in files}


def unlike_clean(found: dict[str, str], clean: dict[str, str]) -> Sequence[str]:
    """Return results of a clean run that a workspace has not, or with other bytes; rows no longer in the table stay."""
    return [path for path, own in clean.items() if found.get(path) != own]


def list_stale(project: Project) -> list[str]:
    """Return the stages that DVC would run, or that are not whole in its cache."""
    return [*json.loads(project.dvc("status", "--json"))]
