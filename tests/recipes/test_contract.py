"""What every recipe of the folder has to do, whatever it changes of plain training."""

from functools import cache

import pytest
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.registry import names_in
from counterweight.core.tensors import Labelled
from counterweight.recipes.base.network_recipe import NetworkRecipe
from counterweight.recipes.base.recipe import find_recipe
from tests.pretended import Device
from tests.recipes.made import CONFIG, CPU, QUICK, build, fit, make_toy, show

RECIPES = names_in("recipes")
NETWORKS = [name for name in RECIPES if issubclass(find_recipe(name).recipe, NetworkRecipe)]
SIZES = {2: [60, 15], 10: [44, 38, 32, 28, 24, 20, 17, 14, 12, 10]}
FEW = CONFIG.model_copy(update={"epochs": 2})


@cache
def toy(name: str, channels: int, classes: int) -> tuple[Labelled, Labelled, Labelled]:
    """Return images for fitting, validation and testing."""
    sizes = [SIZES[classes], [10] * classes, [200 // classes] * classes]
    fitted, validation, test = (show(name, make_toy(own, channels, seed)) for seed, own in enumerate(sizes))
    return fitted, validation, test


def fit_toy(name: str, seed: int) -> Tensor:
    fitted, validation, test = toy(name, 1, 10)
    return fit(build(name, SIZES[10]), fitted, validation, test.images, seed, FEW)


def test_the_recipes_are_found() -> None:
    assert {"plain", "reweighted"} < {*RECIPES}
    assert {*QUICK} <= {*RECIPES}


@pytest.mark.parametrize("name", RECIPES)
def test_settings_are_described_and_have_defaults(name: str) -> None:
    settings = find_recipe(name).settings
    settings()
    assert [key for key, field in settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("classes", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", RECIPES)
def test_what_can_be_learned_is_learned(name: str, channels: int, classes: int) -> None:
    fitted, validation, test = toy(name, channels, classes)
    logits = fit(build(name, SIZES[classes]), fitted, validation, test.images, 0)
    assert logits.shape == (200, classes)
    assert logits.isfinite().all()
    accuracy, chance = float((logits.argmax(dim=1) == test.labels).float().mean()), 1 / classes
    # Five standard deviations of what guesses get of 200 images.
    assert accuracy > chance + 5 * (chance * (1 - chance) / 200) ** 0.5


@pytest.mark.parametrize("name", RECIPES)
def test_a_seed_gives_the_same_bytes_alone_and_side_by_side_and_another_seed_others(name: str) -> None:
    toy(name, 1, 10)  # before the threads, which would all make it
    before = torch.get_rng_state()
    with threadpool_limits(1, "blas"):  # as in a stage
        alone = [fit_toy(name, seed) for seed in (0, 1)]
        beside = map_in_parallel(lambda seed: fit_toy(name, seed), [0, 1, 0, 1], CPU, "")
    assert all(torch.equal(one, other) for one, other in zip(alone * 2, beside, strict=True))
    # Nothing about convex problems is random.
    assert torch.equal(*alone) == (name not in NETWORKS)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_given_stays_as_it_is(name: str) -> None:
    fitted, validation, test = toy(name, 3, 2)
    given = [fitted.images, fitted.labels, validation.images, validation.labels, test.images]
    copies = [tensor.clone() for tensor in given]
    recipe = build(name, SIZES[2])
    fit(recipe, fitted, validation, test.images, 0, FEW)
    assert all(torch.equal(own, copy) for own, copy in zip(given, copies, strict=True))
    assert recipe.counts.tolist() == SIZES[2]


@pytest.mark.parametrize("name", RECIPES)
def test_a_class_may_have_a_single_image(name: str) -> None:
    fitted, validation, test = (show(name, make_toy([30, 1], 1, seed)) for seed in range(3))
    assert fit(build(name, [30, 1]), fitted, validation, test.images, 0, FEW).isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_may_be_larger_than_the_set(name: str) -> None:
    fitted, validation, test = toy(name, 1, 2)
    config = FEW.model_copy(update={"batch_size": 500})
    assert fit(build(name, SIZES[2]), fitted, validation, test.images, 0, config).isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_loss_that_is_no_number_stops_the_training(name: str) -> None:
    fitted, validation, test = toy(name, 1, 2)
    config = FEW.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"the loss is nan after epoch 1; a lower learning rate may help\Z"):
        fit(build(name, SIZES[2]), fitted, validation, test.images, 0, config)


@pytest.mark.parametrize("name", RECIPES)
def test_images_may_be_on_a_gpu(name: str, device: Device) -> None:
    fitted, validation, test = (part.to(device.name) for part in toy(name, 1, 10))
    recipe = build(name, SIZES[10])
    recipe.counts = recipe.counts.to(device.name)
    logits = fit(recipe, fitted, validation, test.images, 0, FEW)
    assert logits.device.type == device.name.type
    assert logits.isfinite().all()
