"""docs/recipes.md has a line for each recipe, with the settings it has."""

import json
from pathlib import Path

import pytest

from counterweight.core.registry import names_in
from counterweight.recipes.base.recipe import find_recipe

LINES = (Path(__file__).parents[2] / "docs/recipes.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", names_in("recipes"))
def test_a_recipe_is_described_with_its_settings(name: str) -> None:
    (row,) = (line for line in LINES if line.startswith(f"| `{name}` |"))
    values = find_recipe(name).settings().model_dump()
    # As YAML has them: null, true, bare words.
    listed = [f"`{key}: {json.dumps(value).replace(chr(34), '')}`" for key, value in values.items()]
    assert row.split("|")[-2].strip() == ", ".join(listed)
