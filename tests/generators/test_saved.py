"""A model of a stranger: what its file of facts says is not believed before its weights agree."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.generators.base.saved import build_generator, load_generator, save_generator


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pixels, labels = np.zeros((4, 1, 16, 16), dtype=np.uint8), np.array([0, 0, 1, 1])
    images = ImageSet(pixels, labels, ("a", "b"), np.array(list("wxyz")), {})
    generator = build_generator("vae", {"latent_dim": 4}, images, 0, "vae")
    save_generator("vae", generator, tmp_path / "model")
    return tmp_path / "model"


def change(folder: Path, changes: dict[str, Any]) -> None:
    path = folder / "generator.json"
    facts = json.loads(path.read_text())
    facts["settings"] |= changes.pop("settings", {})
    path.write_text(json.dumps(facts | changes))


@pytest.mark.parametrize("changes", [{"settings": {"latent_dim": 10**9}}, {"shape": [1, 4096, 4096]}])
def test_what_would_fill_the_memory_is_refused_before_it_is_built(folder: Path, changes: dict[str, Any]) -> None:
    load_generator(folder)
    change(folder, changes)
    with pytest.raises(UserError, match=r"no generator that the train stage wrote: weights.safetensors: .* is wanted"):
        load_generator(folder)


@pytest.mark.parametrize("name", ["van", "base.vae", "../api/audit", "", None, 7])
def test_a_generator_that_there_is_not_is_named(folder: Path, name: object) -> None:
    change(folder, {"generator": name})
    with pytest.raises(UserError, match=r"model/generator\.json") as caught:
        load_generator(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_no_object_is_named(folder: Path) -> None:
    (folder / "generator.json").write_text('["generator"]')
    with pytest.raises(UserError, match="model: no generator that the train stage wrote: "):
        load_generator(folder)
