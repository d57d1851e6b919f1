"""Several trainings at once on a GPU, and what they give beside what one after another gives.

The same runs on a device that is pretended, where there is no GPU: what a stream reads of another too early is refused
there, and what is computed has the same bytes.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from counterweight.core.errors import UserError
from counterweight.evaluation.recognition.recognition import Material, Outcomes, recognize
from counterweight.evaluation.retraining.methods import Parts, list_baselines
from counterweight.evaluation.retraining.training import Outcomes as Kept
from counterweight.evaluation.retraining.training import retrain_classifiers
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator
from counterweight.recipes.base.recipe import Context
from counterweight.settings.classify import ClassifierConfig
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.train import TrainingConfig
from counterweight.training import loop
from counterweight.training.draws import train_draws
from counterweight.training.history import Row
from counterweight.training.loop import Loop, Watch
from stages import train
from tests.evaluation.recognition.test_learning import SETTINGS, material
from tests.evaluation.test_style import drawn, image_set
from tests.generators.test_contract import SMALL
from tests.pretended import PRETENDED, Device, streams
from tests.stages.made import TEST, TRAIN, lay_out, small_draws, words
from tests.test_gpu import ask_for

__all__ = ["material"]  # a fixture: triplets of things

SEEDS = [5, 6, 7]
DRAWS = small_draws(3)
SETS = [DRAWS.fitted(TRAIN, draw) for draw in range(3)]
CONFIG = TrainingConfig(previews=1, checkpoint_seconds=None)
PATIENCE = 120


def build(name: str, device: Device, **changes: object) -> list[LearnedGenerator]:
    """Return the untrained generators of all draws."""
    built = [
        build_generator(name, SMALL[name] | changes, images, seed, name)
        for images, seed in zip(SETS, SEEDS, strict=True)
    ]
    return [model.to(device.name) for model in built if isinstance(model, LearnedGenerator)]


def learn(name: str, device: Device, folder: Path, count: int) -> tuple[list[list[Row]], list[dict[str, Tensor]]]:
    """Return histories and weights of all draws, trained so many at once."""
    models = build(name, device)
    folders = [folder / f"{count}_{draw}" for draw in range(3)]
    histories = train_draws(models, SETS, SEEDS, CONFIG, folders, streams=count)
    return histories, [{key: value.cpu() for key, value in model.state_dict().items()} for model in models]


@pytest.mark.parametrize("name", ["cvae", "bagan", "cvae_gan", "gan", "ddpm", "glow"])
def test_draws_that_are_trained_at_once_learn_the_same(
    name: str, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, weights = learn(name, device, tmp_path, 1)
    assert streams.opened == []
    together, run = threading.Barrier(3, timeout=PATIENCE), Loop.run

    def run_together(self: Loop) -> list[Row]:
        together.wait()
        return run(self)

    monkeypatch.setattr(Loop, "run", run_together)
    found, others = learn(name, device, tmp_path, 3)
    assert [[row["update"] for row in rows] for rows in found] == [[row["update"] for row in rows] for rows in alone]
    if device.kind == PRETENDED:
        assert found == alone
        for own, other in zip(weights, others, strict=True):
            assert {key: value.numpy().tobytes() for key, value in own.items()} == {
                key: value.numpy().tobytes() for key, value in other.items()
            }
        assert len(streams.opened) == 3
        assert all(len(stream.log) > 100 for stream in streams.opened)
    else:  # whose kernels choose their own orders of sums, on any run
        last = [[float(rows[-1]["loss"]) for rows in own] for own in (found, alone)]
        assert last[0] == pytest.approx(last[1], rel=0.05, abs=0.02)


def test_a_draw_that_fails_ends_the_others(device: Device, tmp_path: Path) -> None:
    """The first would go on for hours."""
    models, begun = build("cvae", device, epochs=10**6), threading.Event()

    def wait_for_the_second() -> dict[str, float]:
        begun.set()
        return {"loss": 0.0}

    def fail() -> dict[str, float]:
        assert begun.wait(PATIENCE)
        raise UserError("training stopped: it is not possible")

    watches: list[Watch] = [wait_for_the_second, fail, wait_for_the_second]
    folders = [tmp_path / str(draw) for draw in range(3)]
    with pytest.raises(UserError) as caught:
        train_draws(models, SETS, SEEDS, CONFIG, folders, watches, streams=2)
    assert str(caught.value) == "draw 2: training stopped: it is not possible"


def test_networks_that_are_compiled_are_trained_one_after_another(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.compile itself is left out: it takes a minute."""

    @contextlib.contextmanager
    def nothing(model: LearnedGenerator, wanted: bool) -> Iterator[None]:
        assert wanted
        assert threading.current_thread() is threading.main_thread()
        yield

    monkeypatch.setattr(loop, "compile_networks", nothing)
    config = CONFIG.model_copy(update={"compile": True})
    folders = [tmp_path / str(draw) for draw in range(3)]
    assert len(train_draws(build("cvae", device), SETS, SEEDS, config, folders, streams=3)) == 3


def test_a_stage_names_the_setting_where_a_gpu_is_full(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid = lay_out(tmp_path, 2)
    ask_for(device, laid / "params.yaml")

    def fill(*given: Any) -> None:  # noqa: ANN401
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(Loop, "take_step", fill)
    parts = [f"{part}={laid / part}.parquet" for part in ("train", "draws")]
    outs = [f"{part}={laid / part}" for part in ("out", "curves", "checkpoints")]
    with pytest.raises(UserError) as caught:
        train.main(words(laid, "dataset=noise", "generator=cvae", *parts, *outs))
    assert str(caught.value) == (
        "params.yaml: generators.cvae.noise: not enough memory on cuda:0 for several items at once"
        " (params.yaml: streams: 2); a lower number needs less"
    )
    assert not (laid / "out").exists()


def compare(run: Callable[[int], Any], device: Device) -> tuple[Any, Any]:
    """Return what is found one after another, and three at once."""
    alone = run(1)
    assert streams.opened == []
    together = run(3)
    if device.kind == PRETENDED:
        assert sum(bool(stream.log) for stream in streams.opened) > 1
    return alone, together


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": ["flip", "crop"]},
        pytest.param(
            {"network": "efficientnet_lite0", "weights": "imagenet", "frozen": True, "input_size": 32, "epochs": 1},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["small", "frozen"],
)
def test_classifiers_that_are_trained_at_once_say_the_same(changes: dict[str, object], device: Device) -> None:
    config = ClassifierConfig.model_validate({"network": "mnist_cnn", "epochs": 2, "batch_size": 16} | changes)
    methods = list_baselines(["ldam_drw", "mixup"], {}, TRAIN, DRAWS, 0)
    parts, context = Parts(TRAIN, TEST, DRAWS), Context(0, device.name)
    alone, together = compare(
        lambda count: retrain_classifiers(methods, parts, SEEDS, config, context, Kept(), count), device
    )
    assert list(together) == list(alone)
    for name, draws in alone.items():
        for own, other in zip(draws, together[name], strict=True):
            assert (len(own.validation), len(own.test), own.fitted) == (15, 18, other.fitted)
            if device.kind == PRETENDED:
                assert np.array_equal(own.validation, other.validation)
                assert np.array_equal(own.test, other.test)


def test_style_classifiers_that_are_trained_at_once_say_the_same(device: Device) -> None:
    real, other = image_set(drawn(60, 0)), image_set(drawn(60, 1) // 2)
    settings = Discriminate(sizes=[16, 32], steps=20, epochs=1, seeds=2, learning_rate=0.003)
    alone, together = compare(
        lambda count: train_style_classifiers(real, other, settings, 0, device.name, count).result, device
    )
    assert together == alone if device.kind == PRETENDED else together.sizes.keys() == alone.sizes.keys()


@pytest.mark.parametrize("frozen", [True, False])
def test_networks_that_learn_to_recognise_at_once_do_the_same(frozen: bool, material: Material, device: Device) -> None:
    settings = SETTINGS.model_copy(update={"frozen": frozen, "views": 2, "epochs": 2})
    alone, together = compare(lambda count: recognize(material, settings, 2, 0, device.name, Outcomes(), count), device)
    for name, draws in alone.items():
        for own, other in zip(draws, together[name], strict=True):
            assert len(own.test.rank1) == len(other.test.rank1)
            if device.kind == PRETENDED:
                assert own.epoch == other.epoch
                assert all(np.array_equal(*pair) for pair in zip(own.test, other.test, strict=True))
