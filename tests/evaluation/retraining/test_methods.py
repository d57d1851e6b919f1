"""The rows of the table: which there are, and what each adds to the real images."""

from dataclasses import replace

import numpy as np
import pytest

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.evaluation.retraining.methods import list_baselines, list_generator_methods
from tests.stages.made import CLASSES, TRAIN, WANTED, small_draws

DRAWS = small_draws(3)
NOTHING = np.empty((0, 1, 8, 8), dtype=np.uint8), np.empty(0, dtype=np.int64)


def made(count: int, reason: str | None = None) -> list[ImageSet]:
    """Synthetic images of so many draws, or one set that says why there are none."""
    facts = {} if reason is None else {"not_applicable": reason}
    return [ImageSet(*NOTHING, CLASSES, np.empty(0, dtype=np.str_), facts) for _ in range(count)]


def test_recipes_are_rows_beside_what_frames_the_table() -> None:
    methods = list_baselines(["reweighted"], {}, TRAIN, DRAWS, 0)
    assert {name: method.recipe for name, method in methods.items()} == {
        "balanced": "plain",
        "imbalanced": "plain",
        "reweighted": "reweighted",
    }
    assert [name for name, method in methods.items() if method.added is not None] == ["balanced"]
    assert [method.not_applicable for method in methods.values()] == [None] * 3


def test_where_nothing_was_dropped_nothing_is_balanced() -> None:
    roles = np.where(DRAWS.roles == REFERENCE, FITTED, DRAWS.roles)
    methods = list_baselines([], {}, TRAIN, replace(DRAWS, roles=roles), 0)
    assert list(methods) == ["imbalanced"]


def test_balanced_has_as_many_images_of_each_class_as_are_fitted_and_wanted() -> None:
    added = list_baselines([], {}, TRAIN, DRAWS, 0)["balanced"].added
    assert added is not None
    for draw in range(3):
        fitted, back = DRAWS.fitted(TRAIN, draw), added[draw]
        assert (fitted.counts() + back.counts()).tolist() == (fitted.counts() + np.array(WANTED)).tolist() == [20] * 3
        dropped = set(TRAIN.origins[DRAWS.roles[draw] == REFERENCE])
        assert len(set(back.origins)) == sum(WANTED)
        assert set(back.origins) <= dropped
        assert not set(back.origins) & set(TRAIN.origins[DRAWS.roles[draw] == VALIDATION])


def test_what_is_given_back_depends_on_seed_and_draw_alone() -> None:
    def origins(draws: int, seed: int) -> list[list[str]]:
        added = list_baselines([], {}, TRAIN, small_draws(draws), seed)["balanced"].added
        assert added is not None
        return [images.origins.tolist() for images in added]

    assert origins(2, 0) == origins(3, 0)[:2]
    assert origins(2, 0) != origins(2, 1)


def test_a_generator_has_a_row_and_one_more_for_each_recipe() -> None:
    added = made(3)
    methods = list_generator_methods("smote", ["reweighted"], {}, added, DRAWS)
    assert {name: method.recipe for name, method in methods.items()} == {
        "smote": "plain",
        "smote+reweighted": "reweighted",
    }
    assert all(method.added is added for method in methods.values())


def test_of_a_generator_that_is_not_applicable_no_row_is() -> None:
    methods = list_generator_methods("smote", ["reweighted"], {}, made(1, "too few"), DRAWS)
    assert [method.not_applicable for method in methods.values()] == ["too few", "too few"]


@pytest.mark.parametrize("count", [1, 2, 4])
def test_images_of_another_number_of_draws_are_refused(count: int) -> None:
    with pytest.raises(UserError, match=rf"noise/drop/smote: synthetic images of {count} draws; 3 are needed"):
        list_generator_methods("smote", [], {}, made(count), DRAWS)


def test_settings_of_a_recipe_that_it_does_not_have_are_refused() -> None:
    with pytest.raises(UserError, match=r"params\.yaml: recipes\.reweighted\.rate: unknown key"):
        list_baselines(["reweighted"], {"reweighted": {"rate": 1}}, TRAIN, DRAWS, 0)
