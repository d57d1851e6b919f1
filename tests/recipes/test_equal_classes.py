"""Where all classes are equally large there is nothing to correct: recipes that correct for that train plainly."""

import pytest
import torch
from torch import Tensor

from tests.recipes.made import CONFIG, build, fit, make_toy, show

SIZES = [21, 21, 21, 21]


def fit_equal_classes(name: str, values: dict[str, object] | None = None) -> Tensor:
    fitted, validation, test = (show("plain", make_toy(SIZES, 1, seed)) for seed in range(3))
    return fit(build(name, SIZES, values), fitted, validation, test.images, 0, CONFIG.model_copy(update={"epochs": 3}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("undersampled", None),
        ("balanced_softmax", None),
        ("logit_adjusted", None),
        ("logit_adjusted", {"tau": 2.5}),
        ("mixup", {"alpha": 0.0}),
    ],
)
def test_to_the_bit(name: str, values: dict[str, object] | None) -> None:
    assert torch.equal(fit_equal_classes(name, values), fit_equal_classes("plain"))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("reweighted", None),
        ("class_balanced", None),
        ("class_balanced", {"beta": 0.5}),
        ("focal", {"gamma": 0.0}),
        ("focal", {"gamma": 0.0, "alpha": True}),
        ("mixup", {"alpha": 0.0, "deferred": 0.1}),
    ],
)
def test_to_rounding(name: str, values: dict[str, object] | None) -> None:
    """Sums in another order, and Adam's first steps, which are by the sign of a gradient, make of 1e-7 some more."""
    plain = fit_equal_classes("plain")
    assert float((fit_equal_classes(name, values) - plain).abs().max()) < 1e-3 * float(plain.std())


@pytest.mark.parametrize("name", ["focal", "ldam_drw", "mixup", "trivial_augment"])
def test_others_change_the_training_still(name: str) -> None:
    plain = fit_equal_classes("plain")
    assert float((fit_equal_classes(name) - plain).abs().max()) > 0.1 * float(plain.std())
