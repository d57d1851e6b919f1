"""A stage that is killed while classifiers are trained: what it had already is not trained again."""

from pathlib import Path

import numpy as np
import pytest
import torch

from counterweight.core.draws import Draws
from counterweight.core.images import ImageSet
from counterweight.evaluation.retraining import training
from counterweight.evaluation.retraining.methods import Method, Parts, build_method
from counterweight.evaluation.retraining.training import Outcome, retrain_classifiers
from counterweight.evaluation.retraining.unfinished import keep_outcomes
from counterweight.recipes.base.recipe import Context
from counterweight.settings.classify import ClassifierConfig

CPU = torch.device("cpu")
CONFIG = ClassifierConfig(network="mnist_cnn", epochs=1, batch_size=8)
SEEDS = [1, 2]


def images(count: int, seed: int) -> ImageSet:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (count, 1, 12, 12), dtype=np.uint8)
    return ImageSet(pixels, np.arange(count) % 2, ("a", "b"), np.array([""] * count), {})


def parts() -> Parts:
    roles = np.stack([np.random.default_rng(draw).permutation([0] * 16 + [1] * 8) for draw in range(2)])
    return Parts(images(24, 0), images(10, 1), Draws(roles.astype(np.uint8), "toy/drop", [0, 4], [1]))


def methods() -> dict[str, Method]:
    return {"imbalanced": build_method("plain", {}), "reweighted": build_method("reweighted", {})}


def retrain(folder: Path, config: ClassifierConfig = CONFIG) -> dict[str, list[Outcome]]:
    with keep_outcomes(folder, methods(), parts(), SEEDS, config, CPU) as kept:
        return retrain_classifiers(methods(), parts(), SEEDS, config, Context(0, CPU), kept)


class Counter:
    """Counts classifiers that are trained, and breaks off where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
        self.trained, self.make = 0, training.make_trainer
        self.most = most
        monkeypatch.setattr(training, "make_trainer", self.make_counting)
        monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})  # one after another

    def make_counting(self, *arguments: object) -> tuple[object, int | None]:
        train, most = self.make(*arguments)  # type: ignore[arg-type]

        def count(name: str, draw: int) -> Outcome:
            if self.trained == self.most:
                raise KeyboardInterrupt
            self.trained += 1
            return train(name, draw)

        return count, most


def test_what_was_trained_before_a_kill_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = retrain(tmp_path / "whole")
    counter = Counter(monkeypatch, most=3)
    with pytest.raises(KeyboardInterrupt):
        retrain(tmp_path / "killed")
    counter.trained, counter.most = 0, 100
    again = retrain(tmp_path / "killed")
    assert counter.trained == 1
    for name in methods():
        for one, other in zip(whole[name], again[name], strict=True):
            assert (one.validation == other.validation).all()
            assert (one.test == other.test).all()
            assert one.fitted == other.fitted


def test_nothing_is_left_of_work_that_is_done(tmp_path: Path) -> None:
    retrain(tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_settings_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch, most=3)
    with pytest.raises(KeyboardInterrupt):
        retrain(tmp_path)
    counter.trained, counter.most = 0, 100
    retrain(tmp_path, CONFIG.model_copy(update={"batch_size": 4}))
    assert counter.trained == 4
