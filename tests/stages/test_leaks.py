"""No image that chooses a classifier's epoch or tests it is one that anything was fitted to: real digits, all draws."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from counterweight.core.draws import FITTED, REFERENCE, ROLES, VALIDATION, Draws
from counterweight.core.images import ImageSet
from counterweight.core.seeds import derive_seed
from counterweight.data.decode.pool import Workers
from counterweight.data.imbalance import make_imbalance
from counterweight.data.split.parts import Splitting, split_parts
from counterweight.data.split.reading import read_into_memory
from counterweight.evaluation.retraining.methods import list_baselines
from counterweight.generators.base.saved import build_generator, find_generator_block
from counterweight.generators.base.synthesis import synthesize_pieces
from counterweight.settings.datasets import plan_dataset
from counterweight.settings.params import load_params
from counterweight.settings.scenarios import parse_scenario
from tests.stages.joined_pieces import join_pieces

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
SCENARIOS = ("drop50", "drop75", "longtail")
SEEDS = [derive_seed(PARAMS.seed, "digits", "draw", str(draw)) for draw in range(3)]
CPU = torch.device("cpu")


class Digits(NamedTuple):
    """Both parts, and the draws of each scenario."""

    train: ImageSet
    test: ImageSet
    draws: dict[str, Draws]


@pytest.fixture(scope="module")
def digits() -> Digits:
    plan = plan_dataset(PARAMS.datasets, "digits")
    rng = np.random.default_rng(derive_seed(PARAMS.seed, "digits", "split"))
    found = plan.source.find(plan.settings, "digits")
    with Workers() as workers:
        how = Splitting(plan.common.keep_split, plan.common.test_fraction, True, "here", Path())
        parts = split_parts(found, how, rng, workers)
        train, test = (
            read_into_memory(part, "digits", name, workers) for part, name in zip(parts, ("train", "test"), strict=True)
        )
    draws = {}
    for name in SCENARIOS:
        scenario, fraction = parse_scenario(PARAMS.scenarios, name), PARAMS.table.validation_fraction
        draws[name] = make_imbalance(train, test, scenario, fraction, [4], f"digits/{name}", SEEDS, True).draws
    return Digits(train, test, draws)


def pixels(images: ImageSet) -> list[bytes]:
    return [image.tobytes() for image in images.images]


scenarios = pytest.mark.parametrize("scenario", SCENARIOS)


@scenarios
def test_every_image_has_one_role_in_a_draw(scenario: str, digits: Digits) -> None:
    draws = digits.draws[scenario]
    assert draws.roles.shape == (3, len(digits.train))
    for draw, roles in enumerate(draws.roles):
        fitted, aside = draws.fitted(digits.train, draw), draws.validation(digits.train, draw)
        assert (len(fitted), len(aside)) == ((roles == FITTED).sum(), (roles == VALIDATION).sum())
        assert not set(fitted.origins) & set(aside.origins)
        assert set(roles) <= {*range(len(ROLES))}


def test_the_source_repeats_no_image(digits: Digits) -> None:
    """So that all of the following counts of equal images are to be 0."""
    whole = pixels(digits.train) + pixels(digits.test)
    assert len(set(whole)) == len(whole) == 1797


@scenarios
def test_no_image_that_chooses_or_tests_is_fitted(scenario: str, digits: Digits) -> None:
    draws, tested = digits.draws[scenario], set(pixels(digits.test))
    restored = list_baselines([], {}, digits.train, draws, PARAMS.seed)["balanced"].added
    assert restored is not None
    for draw in range(3):
        kept_out = tested | set(pixels(draws.validation(digits.train, draw)))
        fitted = pixels(draws.fitted(digits.train, draw)) + pixels(restored[draw])
        assert sum(image in kept_out for image in fitted) == 0
        assert len(set(fitted)) == len(fitted)


@scenarios
@pytest.mark.parametrize("name", ["oversample", "geometric", "smote"])
def test_no_image_that_chooses_or_tests_is_a_synthetic_one(name: str, scenario: str, digits: Digits) -> None:
    draws, train = digits.draws[scenario], digits.train
    sets, block = (
        [draws.fitted(train, draw) for draw in range(3)],
        find_generator_block(PARAMS.generators, name, "digits"),
    )
    generators = [build_generator(name, block, images, 0, name) for images in sets]
    made = join_pieces(synthesize_pieces(generators, sets, None, f"digits/{scenario}/{name}", SEEDS, CPU))
    tested = set(pixels(digits.test))
    for draw, images in enumerate(made):
        assert len(images) == sum(draws.wanted)
        kept_out = tested | set(pixels(draws.validation(train, draw))) | set(pixels(dropped(draws, train, draw)))
        assert sum(image in kept_out for image in pixels(images)) == 0
        if name == "oversample":
            assert set(pixels(images)) <= set(pixels(sets[draw]))


def dropped(draws: Draws, train: ImageSet, draw: int) -> ImageSet:
    return train.take(np.flatnonzero(draws.roles[draw] == REFERENCE))


@pytest.mark.parametrize("compared", [1, 3])
@scenarios
def test_no_generator_saw_what_its_images_are_compared_with(scenario: str, compared: int, digits: Digits) -> None:
    draws, train = digits.draws[scenario], digits.train
    reference = set(pixels(draws.reference(train, digits.test, compared)))
    for draw in range(compared):
        assert not reference & set(pixels(draws.fitted(train, draw)))
    assert len(reference) > (digits.test.labels == 4).sum(), "some are from the training part"


def test_what_a_harder_scenario_fits_and_sets_aside_is_part_of_what_an_easier_one_does(digits: Digits) -> None:
    for role in (FITTED, VALIDATION):
        few, many = (digits.draws[name].roles == role for name in ("drop75", "drop50"))
        assert not (few & ~many).any()
        assert few.sum() < many.sum()
