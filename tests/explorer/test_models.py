"""Which models are found, and what is no model."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from counterweight.core.errors import UserError
from counterweight.explorer.folders import Model, find_models
from counterweight.explorer.models import read_model
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator, save_generators
from tests.explorer.made import TRAIN

SMALL: dict[str, object] = {"latent_dim": 2, "filters": 2, "hidden": 4}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two generators of eleven draws, beside what is none."""
    row = tmp_path / "models/digits/drop"
    row.mkdir(parents=True)
    save_generators("cvae", [build_generator("cvae", SMALL, TRAIN, draw, "") for draw in range(11)], row / "cvae")
    save_generators("smote", [build_generator("smote", {}, TRAIN, 0, "")], row / "smote")
    (row / "nothing/0").mkdir(parents=True)
    return tmp_path


def test_models_are_found_in_order(root: Path) -> None:
    found = find_models(root, None)
    assert [model.draw for model in found if model.generator == "cvae"] == [*range(11)]
    assert {(model.dataset, model.scenario, model.generator) for model in found} == {
        ("digits", "drop", "cvae"),
        ("digits", "drop", "smote"),
    }
    assert found[0].data == root / "data/digits"
    assert found[0].item == "digits / drop / cvae, draw 1"


def test_a_path_is_a_draw_or_all_draws(root: Path, tmp_path: Path) -> None:
    folder = root / "models/digits/drop/cvae"
    assert len(find_models(Path("elsewhere"), folder)) == 11
    (one,) = find_models(Path("elsewhere"), folder / "3")
    assert (one.generator, one.draw, one.data) == ("cvae", 3, root / "data/digits")
    alone = tmp_path / "alone"
    (folder / "3").rename(alone)
    assert find_models(root, alone) == [Model(alone, "", "", "alone", 0, None)]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, "models: no trained model; `dvc repro` makes those of the table"),
        ("missing", "missing: no such folder"),
        ("", "no generator.json in it"),
    ],
)
def test_no_model_is_said(tmp_path: Path, path: str | None, message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        find_models(tmp_path, None if path is None else tmp_path / path)


def test_a_model_is_ready_to_make_images(root: Path) -> None:
    model = read_model(root / "models/digits/drop/cvae/0")
    assert isinstance(model, LearnedGenerator)
    assert not model.training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("generator", "os", "there is no 'os'"),
        ("generator", "../cvae", "there is no '../cvae'"),
        ("generator", 3, "generator: Input should be a valid string"),
        ("shape", [1, 8], "shape: List should have at least 3 items"),
        ("shape", [4, 8, 8], "1 or 3 channels"),
        ("class_names", [], "class_names"),
        ("labels", [0, 10], "labels: 10 is not allowed: there are 10 class names"),
        ("settings", {"latents": 3}, "latents"),
        ("settings", {**SMALL, "latent_dim": 5}, "no generator that the train stage wrote"),
        ("strange", 1, "strange"),
    ],
)
def test_a_foreign_model_is_said(root: Path, key: str, value: object, message: str) -> None:
    folder = root / "models/digits/drop/cvae/0"
    facts: dict[str, Any] = json.loads((folder / "generator.json").read_text())
    (folder / "generator.json").write_text(json.dumps({**facts, key: value}))
    with pytest.raises(UserError, match=re.escape(message)):
        read_model(folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"generator": "cvae"}'])
def test_a_file_that_is_no_model_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "generator.json").write_text(content)
    with pytest.raises(UserError, match=r"generator\.json"):
        read_model(tmp_path)


def test_missing_weights_are_said(root: Path) -> None:
    folder = root / "models/digits/drop/cvae/0"
    (folder / "weights.safetensors").unlink()
    with pytest.raises(UserError, match="no generator that the train stage wrote"):
        read_model(folder)
