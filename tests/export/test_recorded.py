"""Images are exported only with the settings that they were made with, where DVC has noted these."""

import json
from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.export.contents import Item
from counterweight.export.reading import read_contents
from tests.export.made import lay_out

ITEM = Item("noise", "drop", "smote", 0)
LOCK = """\
schema: '2.0'
stages:
  ingest@noise:
    cmd: exec python -m stages ingest
    params:
      params.yaml:
        datasets.noise:
          mirror: /home/someone/noise
          size: 8
          source: folder
        seed: {seed}
    outs:
    - path: data/noise/train.parquet
      size: {size}
  imbalance@noise-drop:
    cmd: exec python -m stages imbalance
    params:
      params.yaml:
        scenarios.drop:
          kind: drop
          fraction: 0.3
        table.draws: 3
  train@noise-drop-smote:
    cmd: exec python -m stages train
    params:
      params.yaml:
        generators.smote.noise: {{}}
        device: auto
  synthesize@noise-drop-smote:
    cmd: exec python -m stages synthesize
"""


def lay_out_lock(folder: Path, seed: int = 7, wrong: int = 0) -> Path:
    params = lay_out(folder)
    size = (folder / "data/noise/train.parquet").stat().st_size + wrong
    (folder / "dvc.lock").write_text(LOCK.format(seed=seed, size=size), encoding="utf-8")
    return params


def test_settings_that_agree_are_recorded_ones(tmp_path: Path) -> None:
    assert read_contents(lay_out_lock(tmp_path), ITEM).recorded


def test_without_a_record_of_all_stages_nothing_is_claimed(tmp_path: Path) -> None:
    params = lay_out_lock(tmp_path)
    lock = (tmp_path / "dvc.lock").read_text(encoding="utf-8")
    (tmp_path / "dvc.lock").write_text(lock.split("  synthesize@")[0], encoding="utf-8")
    assert not read_contents(params, ITEM).recorded
    assert read_contents(params, ITEM._replace(method="imbalanced")).recorded
    (tmp_path / "dvc.lock").unlink()
    assert not read_contents(params, ITEM).recorded


def test_another_seed_is_refused(tmp_path: Path) -> None:
    params = lay_out_lock(tmp_path, seed=8)
    message = (
        r"params.yaml: seed: is not what the images were made with; `dvc repro synthesize@noise-drop-smote` makes them"
    )
    with pytest.raises(UserError, match=message):
        read_contents(params, ITEM)


def test_a_changed_setting_of_the_generator_concerns_its_images_alone(tmp_path: Path) -> None:
    params = lay_out_lock(tmp_path)
    values = json.loads(params.read_text(encoding="utf-8"))
    values["generators"]["smote"]["noise"] = {"k_neighbors": 2}
    params.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(UserError, match=r"generators.smote.noise: is not what .* `dvc repro synthesize@noise-drop-smo"):
        read_contents(params, ITEM)
    assert read_contents(params, ITEM._replace(method="balanced")).recorded


def test_another_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train.parquet: not the file that dvc.lock tells of; `dvc repro synthesize"):
        read_contents(lay_out_lock(tmp_path, wrong=1), ITEM)


@pytest.mark.parametrize("text", ["  ingest@noise:\n    a: [", "  ingest@noise:\n"])
def test_a_broken_record_is_told(tmp_path: Path, text: str) -> None:
    params = lay_out(tmp_path)
    (tmp_path / "dvc.lock").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"dvc.lock: ingest@noise: .*`git checkout dvc.lock` mends it"):
        read_contents(params, ITEM)
