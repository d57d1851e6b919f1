"""The training loop: order of its steps, resuming to the same bits, refusing what is not a number."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn
from torch._dynamo.utils import counters

from counterweight.core import schema
from counterweight.core.batches import draw_batches
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.generators.base.saved import build_generator
from counterweight.networks.layers import Dropout
from counterweight.settings.train import TrainingConfig
from counterweight.training.checkpoint import FILE
from counterweight.training.loop import Loop, Row, fit

CLASSES = ("a", "b", "c")
SHAPE = (1, 10, 7)
QUIET = TrainingConfig(previews=0)
EVERY_EPOCH = TrainingConfig(previews=0, checkpoint_seconds=0)

Model = Callable[[int], LearnedGenerator]


class NoSettings(schema.Settings):
    """The toy has none."""


def two_acts() -> tuple[Phase, ...]:
    return Phase("first", 2, 4, ()), Phase("second", 1, 4, (), balanced=True)


class Toy(LearnedGenerator):
    """Two networks of one layer that learn in two phases, and a log of what the loop asked for."""

    def __init__(self, plan: tuple[Phase, ...] | None = None, every: int = 3) -> None:
        super().__init__(SHAPE, CLASSES, NoSettings())
        self.left, self.right = nn.Linear(70, 1), nn.Sequential(nn.Linear(70, 2), Dropout(0.5))
        self.plan, self.every = plan or two_acts(), every
        self.log: list[tuple[object, ...]] = []

    def phases(self) -> list[Phase]:
        momentum = partial(torch.optim.SGD, lr=0.1, momentum=0.9)
        left = Update("left", (self.left,), momentum)
        right = Update("right", (self.right,), partial(torch.optim.RMSprop, lr=0.1), every=self.every)
        both = Update("both", (self.left, self.right), partial(torch.optim.Adam, lr=0.1, fused=True))
        return [
            Phase(phase.name, phase.epochs, phase.batch_size, (left, right) if number == 0 else (both,), phase.balanced)
            for number, phase in enumerate(self.plan)
        ]

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        self.log.append(("begin", phase, len(real.labels)))

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        grads = [next(part.parameters()).requires_grad for part in (self.left, self.right)]
        self.log.append((update, len(labels), self.training, *grads))
        noise = torch.rand((), generator=rng)
        parts = {"left": self.left(images.flatten(1)), "right": self.right(images.flatten(1))}
        chosen = parts.values() if update == "both" else [parts[update]]
        return {"loss": sum((noise - part).square().mean() for part in chosen), "noise": noise}

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        return torch.rand((len(labels), *SHAPE), generator=rng)


def toy(seed: int = 0) -> Toy:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Toy()


def real(count: int = 10) -> Labelled:
    rng = torch.Generator().manual_seed(0)
    return Labelled(
        torch.randint(0, 256, (count, *SHAPE), generator=rng, dtype=torch.uint8), torch.arange(count) ** 2 % 3
    )


def generator(name: str, **settings: object) -> Model:
    set_ = ImageSet(real().images.numpy(), real().labels.numpy(), CLASSES, np.array([""] * 10), {})

    def make(seed: int) -> LearnedGenerator:
        model = build_generator(name, {"batch_size": 4, "latent_dim": 3, **settings}, set_, seed, name)
        assert isinstance(model, LearnedGenerator)
        return model

    return make


MODELS: dict[str, Model] = {
    "bagan": generator("bagan", autoencoder_epochs=2, epochs=2, learning_rate=0.01, autoencoder_learning_rate=0.01),
    "bagan with rmsprop": generator("bagan", autoencoder_epochs=2, epochs=2, optimizer="rmsprop"),
    "cvae": generator("cvae", epochs=4, filters=4, hidden=8),
    "toy": toy,
    "toy with schedules": lambda seed: scheduled(seed),
}
EPOCHS = {"bagan": 4, "bagan with rmsprop": 4, "cvae": 4, "toy": 3, "toy with schedules": 3}


def state(model: LearnedGenerator) -> dict[str, list[float]]:
    """Weights and buffers as numbers, so that a failure shows the difference."""
    return {key: value.flatten().tolist() for key, value in model.state_dict().items()}


def stop_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    save = Loop.save

    def save_and_stop(self: Loop) -> None:
        save(self)
        if self.total_epochs() == epoch:
            raise KeyboardInterrupt

    monkeypatch.setattr(Loop, "save", save_and_stop)


@pytest.mark.parametrize(
    ("name", "epoch"), [(name, epoch) for name, epochs in EPOCHS.items() for epoch in range(1, epochs + 1)]
)
def test_a_resumed_training_ends_in_the_same_bits(
    name: str, epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = MODELS[name](0)
    history = fit(whole, real(), 5, EVERY_EPOCH, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(epoch, patch)
        with pytest.raises(KeyboardInterrupt):
            fit(MODELS[name](0), real(), 5, EVERY_EPOCH, tmp_path / "stopped")
    resumed = MODELS[name](1)  # other first weights: everything must come from the checkpoint
    assert fit(resumed, real(), 5, EVERY_EPOCH, tmp_path / "stopped") == history
    assert state(resumed) == state(whole)


@pytest.mark.parametrize("name", ["bagan", "cvae", "toy"])
def test_the_seed_decides_everything(name: str, tmp_path: Path) -> None:
    models = [MODELS[name](0) for _ in range(3)]
    histories = [
        fit(model, real(), seed, QUIET, tmp_path / str(number))
        for number, (model, seed) in enumerate(zip(models, (5, 5, 6), strict=True))
    ]
    assert histories[0] == histories[1] != histories[2]
    assert state(models[0]) == state(models[1]) != state(models[2])


@pytest.mark.parametrize("name", ["bagan", "cvae", "toy"])
def test_previews_and_checkpoints_change_nothing_and_torchs_global_generator_stays(name: str, tmp_path: Path) -> None:
    plain, watched = MODELS[name](0), MODELS[name](0)
    before = torch.get_rng_state()
    history = fit(plain, real(), 5, QUIET, tmp_path / "plain")
    assert fit(watched, real(), 5, TrainingConfig(previews=9, checkpoint_seconds=0), tmp_path / "watched") == history
    assert state(plain) == state(watched)
    assert torch.equal(torch.get_rng_state(), before)


def test_acts_phases_and_modes_come_in_the_order_that_was_planned(tmp_path: Path) -> None:
    model = toy()
    fit(model, real(), 0, TrainingConfig(previews=3), tmp_path)
    left, right, both = (
        ("left", 4, True, True, False),
        ("right", 4, True, False, True),
        ("both", 4, True, True, True),
    )
    # Ten images make two batches of four; the right network learns on every third of the phase's four.
    assert model.log == [("begin", "first", 10), left, left, left, right, left, ("begin", "second", 10), both, both]


@pytest.mark.parametrize(("every", "steps"), [(1, 12), (2, 6), (5, 2), (13, 0)])
def test_a_phase_with_every_k_learns_on_every_kth_batch_over_all_epochs(every: int, steps: int, tmp_path: Path) -> None:
    model = Toy((Phase("only", 6, 4, ()),), every)
    fit(model, real(), 0, QUIET, tmp_path)
    updates = [entry[0] for entry in model.log]
    assert (updates.count("left"), updates.count("right")) == (12, steps)


class Scheduled(Toy):
    """The toy with a learning rate that falls and rises every three steps of an update."""

    def phases(self) -> list[Phase]:
        return [
            replace(
                phase, updates=[replace(update, schedule=lambda step: (step % 3 + 1) / 4) for update in phase.updates]
            )
            for phase in super().phases()
        ]


def scheduled(seed: int, every: int = 3) -> Scheduled:
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        return Scheduled(every=every)


def rates(log: list[tuple[str, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    step = Loop.take_step

    def logged(self: Loop, update: Update, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        losses = step(self, update, images, labels)
        log.append((update.name, self.optimizers[update.name].param_groups[0]["lr"]))
        return losses

    monkeypatch.setattr(Loop, "take_step", logged)


def test_a_schedule_counts_the_steps_of_its_phase_in_its_act(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[str, float]] = []
    rates(log, monkeypatch)
    fit(scheduled(0, every=2), real(), 5, QUIET, tmp_path)
    steps = {name: [rate for update, rate in log if update == name] for name in ("left", "right", "both")}
    assert steps["left"] == pytest.approx([0.025, 0.05, 0.075, 0.025])
    assert steps["right"] == pytest.approx([0.025, 0.05])
    assert steps["both"] == pytest.approx([0.025, 0.05])


def test_the_history_holds_the_means_of_an_epochs_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = iter(range(100))
    monkeypatch.setattr(Toy, "losses", lambda self, *_: {"loss": self.left.weight.sum() * 0 + next(values)})
    model = Toy((Phase("only", 2, 4, ()),), every=100)
    assert fit(model, real(), 0, QUIET, tmp_path) == [
        {"epoch": 1, "update": "left", "loss": 0.5},
        {"epoch": 2, "update": "left", "loss": 2.5},
    ]


def test_epochs_are_counted_over_all_acts(tmp_path: Path) -> None:
    history = fit(toy(), real(), 0, QUIET, tmp_path)
    assert [(row["epoch"], row["update"]) for row in history] == [(1, "left"), (2, "left"), (2, "right"), (3, "both")]


def rows_of(history: list[Row], update: str) -> list[float]:
    return [float(row["loss"]) for row in history if row["update"] == update]


def test_training_makes_the_loss_smaller(tmp_path: Path) -> None:
    images = real().images // 4
    images[..., : images.shape[-1] // 2] += 190
    history = fit(
        generator("cvae", epochs=30, filters=8, hidden=16, learning_rate=0.01)(0),
        Labelled(images, real().labels),
        0,
        QUIET,
        tmp_path,
    )
    losses = rows_of(history, "autoencoder")
    assert len(losses) == 30
    assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("update", "call", "place"),
    [
        ("left", 1, "epoch 1 of phase 'first', step 1;"),
        ("left", 4, "epoch 2 of phase 'first', step 2;"),
        ("right", 1, "epoch 2 of phase 'first', step 1;"),
        ("both", 2, "epoch 1 of phase 'second', step 2;"),
    ],
)
def test_a_loss_that_is_no_number_stops_the_training_and_says_where(
    value: float, update: str, call: int, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, calls = Toy.losses, []

    def broken(self: Toy, name: str, *rest: Tensor) -> dict[str, Tensor]:
        found = losses(self, name, *rest)  # type: ignore[arg-type]
        calls.append(name)
        return {**found, "noise": torch.tensor(value)} if (name, calls.count(update)) == (update, call) else found

    monkeypatch.setattr(Toy, "losses", broken)
    with pytest.raises(UserError) as caught:
        fit(toy(), real(), 0, EVERY_EPOCH, tmp_path)
    assert f"'noise' of update '{update}' is {value} in {place}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_is_found_within_a_long_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("counterweight.training.loop.FLUSH_STEPS", 3)
    monkeypatch.setattr(Toy, "losses", lambda self, *_: {"loss": self.left.weight.sum() * float("nan")})
    steps: list[int] = []
    monkeypatch.setattr(Loop, "take_step", counted(Loop.take_step, steps))
    with pytest.raises(UserError, match="step 1;"):
        fit(Toy((Phase("only", 1, 1, ()),), every=100), real(), 0, QUIET, tmp_path)
    assert len(steps) == 3


def counted(step: Callable[..., dict[str, Tensor]], steps: list[int]) -> Callable[..., dict[str, Tensor]]:
    def wrapped(*arguments: object) -> dict[str, Tensor]:
        steps.append(1)
        return step(*arguments)

    return wrapped


@pytest.mark.parametrize(
    ("previews", "epochs", "expected"),
    [(0, (2, 1), []), (1, (2, 1), [3]), (3, (2, 1), [1, 2, 3]), (99, (2, 1), [1, 2, 3]), (4, (8, 4), [3, 6, 9, 12])],
)
def test_previews_are_drawn_evenly_and_the_last_epoch_has_one(
    previews: int, epochs: tuple[int, int], expected: list[int], tmp_path: Path
) -> None:
    plan = tuple(Phase(name, count, 4, ()) for name, count in zip("ab", epochs, strict=True))
    fit(Toy(plan), real(), 0, TrainingConfig(previews=previews), tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [f"epoch_{epoch:05d}.png" for epoch in expected]


def test_a_preview_has_a_row_for_each_class(tmp_path: Path) -> None:
    fit(toy(), real(), 0, TrainingConfig(previews=1, preview_columns=5), tmp_path)
    with Image.open(tmp_path / "epoch_00003.png") as picture:
        assert picture.size == (5 * (5 * (7 + 1) + 1), 5 * (3 * (10 + 1) + 1))  # enlarged five times


def saved_at(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list that gets phase and epoch of every checkpoint."""
    saved: list[tuple[int, int]] = []
    save = Loop.save

    def noted(self: Loop) -> None:
        saved.append((self.phase, self.epoch))
        save(self)

    monkeypatch.setattr(Loop, "save", noted)
    return saved


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, [(0, 1), (0, 2), (1, 1), (2, 0)]), (3600, [(2, 0)]), (None, [])],
)
def test_a_checkpoint_waits_for_its_time_and_the_end_has_one(
    seconds: float | None, expected: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = saved_at(monkeypatch)
    fit(toy(), real(), 0, TrainingConfig(previews=0, checkpoint_seconds=seconds), tmp_path)
    assert saved == expected
    assert [path.name for path in tmp_path.iterdir()] == ([FILE] if expected else [])


@pytest.mark.parametrize("name", MODELS)
def test_a_finished_training_is_restored_without_a_step(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, restored = MODELS[name](0), MODELS[name](1)
    history = fit(whole, real(), 5, QUIET, tmp_path)
    steps: list[int] = []
    monkeypatch.setattr(Loop, "take_step", counted(Loop.take_step, steps))
    saved = saved_at(monkeypatch)
    assert fit(restored, real(), 5, QUIET, tmp_path) == history
    assert (steps, saved) == ([], [])
    assert state(restored) == state(whole)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"x" * 100,
        lambda data: data[: len(data) // 2],
        lambda data: save({"someone's": torch.zeros(3)}),
        lambda data: save({"someone's": torch.zeros(3)}, metadata={"progress": "{", "groups": "{}"}),
    ],
)
def test_a_damaged_checkpoint_is_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    fit(toy(), real(), 0, EVERY_EPOCH, tmp_path)
    path = tmp_path / FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="unreadable checkpoint") as caught:
        fit(toy(), real(), 0, EVERY_EPOCH, tmp_path)
    assert str(path) in str(caught.value)
    assert "delete it" in str(caught.value)


def test_a_half_written_checkpoint_does_not_replace_the_last_one(tmp_path: Path) -> None:
    whole, resumed = toy(), toy(1)
    fit(whole, real(), 0, EVERY_EPOCH, tmp_path)
    (tmp_path / f"{FILE}.partial").write_bytes(b"half")
    fit(resumed, real(), 0, EVERY_EPOCH, tmp_path)
    assert resumed.log == []
    assert state(resumed) == state(whole)


def test_shuffled_batches_walk_through_the_set_once() -> None:
    parts = draw_batches(torch.zeros(11), 3, False, torch.Generator().manual_seed(0))
    assert [len(part) for part in parts] == [3, 3, 3]
    assert len(set(torch.cat(parts).tolist())) == 9
    assert torch.cat(parts).tolist() != sorted(torch.cat(parts).tolist())


@pytest.mark.parametrize("balanced", [False, True])
def test_a_set_smaller_than_a_batch_is_one_batch(balanced: bool) -> None:
    (only,) = draw_batches(torch.arange(5), 64, balanced, torch.Generator().manual_seed(0))
    assert sorted(only.tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("size", "counts"), [(9, [3, 3, 3]), (10, [3, 3, 4]), (11, [3, 4, 4]), (2, [0, 1, 1])])
def test_balanced_batches_have_every_class_equally_often(size: int, counts: list[int]) -> None:
    labels = torch.tensor([0] * 30 + [1] * 3 + [2])
    parts = draw_batches(labels, size, True, torch.Generator().manual_seed(0))
    assert len(parts) == 34 // size
    assert all(sorted(torch.bincount(labels[part], minlength=3).tolist()) == counts for part in parts)


def test_the_remainder_of_balanced_batches_goes_to_all_classes_in_turn() -> None:
    labels = torch.arange(400) % 3
    parts = draw_batches(labels, 4, True, torch.Generator().manual_seed(0))
    total = torch.bincount(labels[torch.cat(parts)]).tolist()
    assert max(total) - min(total) < 40
    assert len(set(torch.cat(parts).tolist())) > 200


def flow(seed: int) -> LearnedGenerator:
    set_ = ImageSet(real().images.numpy(), real().labels.numpy(), CLASSES, np.array([""] * 10), {})
    model = build_generator(
        "glow", {"levels": 1, "depth": 1, "width": 4, "epochs": 2, "batch_size": 4}, set_, seed, "glow"
    )
    assert isinstance(model, LearnedGenerator)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("make", [generator("cvae", epochs=2, filters=4, hidden=8), flow], ids=["cvae", "glow"])
def test_compiled_networks_learn_the_same_but_for_rounding(make: Model, tmp_path: Path) -> None:
    plain, translated = make(0), make(0)
    counters.clear()
    history = fit(plain, real(), 0, QUIET, tmp_path / "plain")
    compiled = fit(translated, real(), 0, TrainingConfig(previews=0, compile=True), tmp_path / "compiled")
    assert [row["loss"] for row in compiled] == pytest.approx([row["loss"] for row in history], rel=1e-4)
    assert state(translated).keys() == state(plain).keys()
    assert counters["stats"]["unique_graphs"] > 0


def test_a_phase_that_never_has_a_turn_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(Toy((Phase("only", 2, 4, ()),), every=5), real(), 0, QUIET, tmp_path)
    expected = "'only': update 'right' never has a turn: its first is on batch 5, and all epochs have 4\n"
    assert capsys.readouterr().err == expected
    fit(Toy((Phase("only", 2, 4, ()),), every=4), real(), 0, QUIET, tmp_path)
    assert capsys.readouterr().err == ""


def test_an_act_without_images_is_refused(tmp_path: Path) -> None:
    model = toy()
    model.phases = lambda: [Phase("fours", 1, 4, (), label=7)]  # type: ignore[method-assign]
    with pytest.raises(UserError, match="there is no image for 'fours'"):
        fit(model, real(), 0, QUIET, tmp_path)


def test_a_single_value_for_batch_normalisation_is_told_in_one_line(tmp_path: Path) -> None:
    images = Labelled(torch.zeros((1, 1, 2, 2), dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    set_ = ImageSet(images.images.numpy(), images.labels.numpy(), ("a",), np.array([""]), {})
    model = build_generator("gan", {"latent_dim": 2, "width": 2, "epochs": 1, "batch_size": 2}, set_, 0, "gan")
    assert isinstance(model, LearnedGenerator)
    with pytest.raises(UserError, match="batch normalisation got one value"):
        fit(model, images, 0, QUIET, tmp_path)


def test_half_of_a_balanced_batch_has_nearly_all_classes() -> None:
    labels = torch.arange(1000) % 10
    halves = [labels[part[:32]] for part in draw_batches(labels, 64, True, torch.Generator().manual_seed(0))]
    # 32 of 64 with six or seven of each of ten classes: one is missing with a probability below 10 * 2^-6.
    assert np.mean([len(half.unique()) for half in halves]) > 9.7
