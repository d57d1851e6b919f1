"""Retraining: all methods of a draw see the same real images, and start from the same weights."""

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from counterweight.core import memory
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.schema import Settings
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import Labelled
from counterweight.evaluation.retraining import training
from counterweight.evaluation.retraining.memory import Layers, foresee_memory, measure_layers
from counterweight.evaluation.retraining.methods import Method, Parts, list_baselines, list_generator_methods
from counterweight.evaluation.retraining.training import Outcome, Outcomes, retrain_classifiers
from counterweight.networks.classifiers.base import Frozen
from counterweight.recipes.base.classifier_network import build_classifier
from counterweight.recipes.base.network_recipe import NetworkRecipe
from counterweight.recipes.base.recipe import Classifier, Context, Entry, Recipe
from counterweight.settings.classify import ClassifierConfig
from tests.stages.made import CLASSES, TEST, TRAIN, WANTED, small_draws

DRAWS = small_draws(3)
PARTS = Parts(TRAIN, TEST, DRAWS)
CONFIG = ClassifierConfig(network="mnist_cnn", epochs=1, batch_size=16)
CONTEXT = Context(0, torch.device("cpu"))
SEEDS = [5, 6, 7]


def synthetic(value: int) -> list[ImageSet]:
    """White or grey images, as many as are wanted, of each draw."""
    labels = np.repeat(np.arange(3), WANTED)
    pixels = np.full((len(labels), 1, 8, 8), value, dtype=np.uint8)
    return [ImageSet(pixels, labels, CLASSES, np.array([""] * len(labels)), {}) for _ in range(3)]


def methods() -> dict[str, Method]:
    generated = [list_generator_methods(name, ["reweighted"], {}, synthetic(255), DRAWS) for name in ("a", "b")]
    return list_baselines(["reweighted"], {}, TRAIN, DRAWS, 0) | generated[0] | generated[1]


class NoSettings(Settings):
    """There is nothing to set."""


class Seen:
    """What recipes were given, by method and draw."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fits: list[tuple[Labelled, Labelled, float, int, list[float]]] = []
        seen = self

        class Recorder(Recipe[NoSettings]):
            def fit(
                self, fitted: Labelled, validation: Labelled, network: nn.Module, config: ClassifierConfig, seed: int
            ) -> Classifier:
                first = float(next(network.parameters()).detach().sum())
                with torch.no_grad():
                    next(network.parameters()).zero_()  # as training would change them
                seen.fits.append((fitted, validation, first, seed, self.counts.tolist()))
                return lambda images: torch.zeros(len(images), 3)

        monkeypatch.setattr(training, "find_recipe", lambda _: Entry(Recorder, NoSettings))  # type: ignore[arg-type]
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # One after the other: in order.

    def run(self, given: Mapping[str, Method]) -> dict[str, list[tuple[Labelled, Labelled, float, int, list[float]]]]:
        """Retrain, and return what the recipes saw by method, draw by draw."""
        retrain_classifiers(given, PARTS, SEEDS, CONFIG, CONTEXT, Outcomes())
        return {name: self.fits[3 * place : 3 * place + 3] for place, name in enumerate(given)}


def numbers(images: Tensor) -> list[bytes]:
    return [image.numpy().tobytes() for image in images]


def test_all_methods_of_a_draw_see_the_same_real_images(monkeypatch: pytest.MonkeyPatch) -> None:
    given = methods()
    seen = Seen(monkeypatch).run(given)
    assert list(seen) == ["balanced", "imbalanced", "reweighted", "a", "a+reweighted", "b", "b+reweighted"]
    for draw in range(3):
        real, aside = DRAWS.fitted(TRAIN, draw), DRAWS.validation(TRAIN, draw)
        for name, fits in seen.items():
            fitted, validation, *_ = fits[draw]
            assert numbers(fitted.images[: len(real)]) == [image.tobytes() for image in real.images], name
            assert fitted.labels[: len(real)].tolist() == real.labels.tolist()
            assert numbers(validation.images) == [image.tobytes() for image in aside.images], name
            assert validation.labels.tolist() == aside.labels.tolist()
            added = given[name].added
            rest = [] if added is None else [image.tobytes() for image in added[draw].images]
            assert numbers(fitted.images[len(real) :]) == rest
    assert seen["imbalanced"][0][0].labels.tolist() != seen["imbalanced"][1][0].labels.tolist()


def test_all_methods_of_a_draw_have_the_same_first_weights_and_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen(monkeypatch).run(methods())
    firsts = [{fits[draw][2] for fits in seen.values()} for draw in range(3)]
    assert [len(first) for first in firsts] == [1, 1, 1]
    assert len(set.union(*firsts)) == 3
    assert [{fits[draw][3] for fits in seen.values()} for draw in range(3)] == [{seed} for seed in SEEDS]


def test_a_recipe_knows_the_sizes_of_what_is_fitted_the_synthetic_images_included(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Seen(monkeypatch).run(methods())
    sizes = {"imbalanced": [20, 15, 13], "reweighted": [20, 15, 13]}
    assert {name: fits[0][4] for name, fits in seen.items()} == {name: sizes.get(name, [20] * 3) for name in seen}


def test_methods_that_are_not_applicable_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = [ImageSet(TRAIN.images[:0], TRAIN.labels[:0], CLASSES, TRAIN.origins[:0], {"not_applicable": "too few"})]
    given = list_generator_methods("a", [], {}, nothing, DRAWS)
    assert retrain_classifiers(given, PARTS, SEEDS, CONFIG, CONTEXT, Outcomes()) == {}


def said(outcomes: dict[str, list[Outcome]]) -> dict[str, list[tuple[list[int], list[int], int]]]:
    return {
        name: [(outcome.validation.tolist(), outcome.test.tolist(), outcome.fitted) for outcome in own]
        for name, own in outcomes.items()
    }


def test_what_is_said_depends_neither_on_other_methods_nor_on_how_many_train_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {}
    for count in (1, 4):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, count=count: set(range(count)))
        found[count] = said(retrain_classifiers(methods(), PARTS, SEEDS, CONFIG, CONTEXT, Outcomes()))
    assert found[1] == found[4]
    few = {name: method for name, method in methods().items() if name in ("imbalanced", "b")}
    assert said(retrain_classifiers(few, PARTS, SEEDS, CONFIG, CONTEXT, Outcomes())) == {
        name: found[1][name] for name in few
    }
    assert found[1]["a"] == found[1]["b"]  # which add the same images
    assert [outcome[2] for outcome in found[1]["imbalanced"]] == [48] * 3
    assert [outcome[2] for outcome in found[1]["balanced"]] == [60] * 3
    assert len(found[1]["imbalanced"][0][0]) == 15
    assert len(found[1]["imbalanced"][0][1]) == len(TEST)


def test_a_frozen_network_sees_images_once_for_all_draws_but_where_a_recipe_changes_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    save_file(build_classifier(CONFIG, (1, 8, 8), 3, 9).state_dict(), tmp_path / "w.safetensors")
    config = CONFIG.model_copy(update={"weights": str(tmp_path / "w.safetensors"), "frozen": True})
    shown: list[int] = []
    represent = training.represent_frozen

    def count(classifier: Frozen, images: Tensor) -> Tensor:
        shown.append(len(images))
        return represent(classifier, images)

    fitted: list[tuple[str, int]] = []
    fit = NetworkRecipe.fit

    def note(
        self: NetworkRecipe[Settings],
        seen: Labelled,
        validation: Labelled,
        network: nn.Module,
        config: ClassifierConfig,
        seed: int,
    ) -> Classifier:
        fitted.append((type(self).__name__, seen.images.dim()))
        return fit(self, seen, validation, network, config, seed)

    monkeypatch.setattr(training, "represent_frozen", count)
    monkeypatch.setattr(NetworkRecipe, "fit", note)
    given = list_baselines(["ldam_drw", "mixup"], {}, TRAIN, DRAWS, 0)
    found = retrain_classifiers(given, PARTS, SEEDS, config, CONTEXT, Outcomes())
    # The training part, the test part, and what `balanced` gets back in each draw.
    assert sorted(shown) == sorted([len(TRAIN), len(TEST), *[sum(WANTED)] * 3])
    assert {*fitted} == {("Plain", 2), ("LdamDrw", 2), ("Mixup", 4)}
    assert all(len(own) == 3 and len(own[0].test) == len(TEST) for own in found.values())


def test_a_recipe_that_needs_a_dense_end_is_refused_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"own_{derive_seed(0, str(tmp_path)) % 10**9}"
    code = (
        "from torch import nn\ndef build(shape, classes):\n"
        "    return nn.Sequential(nn.Conv2d(1, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    config = CONFIG.model_copy(update={"network": f"{name}:build"})
    given = list_baselines(["ldam_drw"], {}, TRAIN, DRAWS, 0)
    with pytest.raises(
        UserError, match=rf"classifiers\.\w+\.network: {name}:build: there is no dense layer; the recipe"
    ):
        retrain_classifiers(given, PARTS, SEEDS, config, CONTEXT, Outcomes())
    assert len(retrain_classifiers(methods(), PARTS, SEEDS, config, CONTEXT, Outcomes())) == 7


# What it takes of memory.


def test_what_layers_take_is_known() -> None:
    """Of 64 pixels 32 values are made, three times, and three logits of these."""
    network = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert measure_layers(network, (1, 8, 8)) == Layers(4 * (64 + 64 + 32), 4 * (64 + 3 * 32 + 3))
    assert network.training
    assert not network[0]._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_all_that_is_held_is_foreseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    every, device, last = methods(), torch.device("cpu"), nn.Linear(64, 3)
    frozen = Frozen(nn.Sequential(nn.Flatten(), last), last)  # its layers see images once
    # 90 images for training and 18 for tests; 12 in each of three draws of `balanced`, `a` and `b`. Two at a time have
    # the 48 that are fitted twice, 12 more, and 15 for validation.
    images = 90 + 18 + 3 * 3 * 12 + 2 * (2 * 48 + 12 + 15)
    layers = 1024 * 4 * 3 * 64 + 2 * 16 * 4 * 2 * 64
    assert foresee_memory(every, PARTS, frozen, 16, device).total(2) == 64 * images
    assert foresee_memory(every, PARTS, nn.Flatten(), 16, device).total(2) == 64 * images + int(1.25 * 2 * layers)
    assert foresee_memory(every, PARTS, frozen, 16, torch.device("cuda")).total(2) == 0


def test_what_does_not_fit_into_memory_is_refused_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    every, fitted = methods(), list[int]()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(memory, "LITTLE", 0)
    monkeypatch.setattr(memory, "measure_free_memory", lambda: memory.RESERVE)
    monkeypatch.setattr(training, "map_in_parallel", lambda *_, **__: fitted.append(1))
    with pytest.raises(UserError, match=r"^noise/drop: classifiers, 1 at a time: 0.01 GiB of memory needed, 0.00 may"):
        retrain_classifiers(every, PARTS, SEEDS, CONFIG, CONTEXT, Outcomes())
    assert fitted == []


@pytest.mark.parametrize(("fit", "said"), [(1, 1), (2, 2), (3, None), (9, None)])
def test_fewer_at_a_time_where_memory_has_no_room_for_more(
    fit: int, said: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And whatever their number, what classifiers say is the same."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2})
    usual = retrain_classifiers(methods(), PARTS, SEEDS, CONFIG, CONTEXT, Outcomes())
    assert "at a time" not in capsys.readouterr().err
    monkeypatch.setattr(memory, "LITTLE", 0)
    needed = foresee_memory(methods(), PARTS, build_classifier(CONFIG, (1, 8, 8), 3, 5, ""), 16, CONTEXT.device)
    monkeypatch.setattr(memory, "measure_free_memory", lambda: memory.RESERVE + needed.total(fit))
    watched = Watched(monkeypatch)
    found = retrain_classifiers(methods(), PARTS, SEEDS, CONFIG, CONTEXT, Outcomes())
    line = "noise/drop: classifiers, {} at a time, not 3: there is memory for no more; results stay the same"
    shown = [own for own in capsys.readouterr().err.splitlines() if "at a time" in own]
    assert shown == ([] if said is None else [line.format(said)])
    assert watched.most <= (said or 3)
    assert list(found) == list(usual)
    for name, outcomes in found.items():
        for own, other in zip(outcomes, usual[name], strict=True):
            assert own.validation.tobytes() == other.validation.tobytes()
            assert own.test.tobytes() == other.test.tobytes()


class Watched:
    """How many classifiers are fitted at once, at most: it can be no more than there are workers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most, self.now, self.lock, usual = 0, 0, Lock(), NetworkRecipe.fit

        def fit(
            recipe: NetworkRecipe[Settings],
            fitted: Labelled,
            validation: Labelled,
            network: nn.Module,
            config: ClassifierConfig,
            seed: int,
        ) -> Classifier:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            try:
                return usual(recipe, fitted, validation, network, config, seed)
            finally:
                with self.lock:
                    self.now -= 1

        monkeypatch.setattr(NetworkRecipe, "fit", fit)
