"""Training of all draws: the same bytes however many run at once, none trained twice, none left behind by a failure."""

import csv
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from counterweight.core.errors import UserError
from counterweight.core.process import run
from counterweight.generators.base.generator import Update
from counterweight.generators.base.saved import load_generators
from counterweight.training.loop import Loop
from stages.train import main
from tests.stages.made import BLOCKS, digests, lay_out, words

DRAWS = 3
CPU = torch.device("cpu")
ENDLESS = {"cvae": {"noise": BLOCKS["cvae"] | {"epochs": 10**6}}}

Step = Callable[[Loop, Update, Tensor, Tensor], dict[str, Tensor]]


def command(folder: Path, name: str) -> list[str]:
    parts = [f"{part}={folder / part}.parquet" for part in ("train", "draws")]
    outs = [f"{part}={folder / part}" for part in ("out", "curves", "checkpoints")]
    return words(folder, "dataset=noise", f"generator={name}", *parts, *outs)


def cores(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let so many trainings run at once."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(count)))


def steps_of(monkeypatch: pytest.MonkeyPatch, before: Step | None = None) -> Counter[int]:
    """Return a counter of the steps by the seed of their training; `before` is called on each and may fail it."""
    take, steps, lock = Loop.take_step, Counter[int](), threading.Lock()

    def counted(self: Loop, update: Update, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        with lock:
            steps[self.seed] += 1
        changed = {} if before is None else before(self, update, images, labels)
        return take(self, update, images, labels) | changed

    monkeypatch.setattr(Loop, "take_step", counted)
    return steps


def nothing_but(folder: Path, *kept: str) -> None:
    """Check that no output is there, whole or half, nor a lock of one."""
    inputs = {"params.yaml", "train.parquet", "test.parquet", "draws.parquet"}
    assert {path.name for path in folder.iterdir()} == inputs | set(kept)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of a training of which one draw ran after the other."""
    made: dict[str, Path] = {}

    def train(name: str) -> Path:
        if name not in made:
            made[name] = lay_out(tmp_path_factory.mktemp(name), DRAWS)
            with pytest.MonkeyPatch.context() as patch:
                cores(patch, 1)
                main(command(made[name], name))
        return made[name]

    return train


@pytest.mark.parametrize("name", ["cvae", "gan", "bagan"])
def test_the_bytes_do_not_depend_on_how_many_are_trained_at_once(
    name: str, alone: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = digests(alone(name))
    for count in (2, 8):
        folder = lay_out(tmp_path / str(count), DRAWS)
        cores(monkeypatch, count)
        main(command(folder, name))
        assert digests(folder) == expected


def test_each_draw_has_a_generator_of_its_own_and_the_first_has_pictures(alone: Callable[[str], Path]) -> None:
    folder = alone("cvae")
    found = digests(folder / "out")
    assert list(found) == [f"{draw}/{file}" for draw in range(3) for file in ("generator.json", "weights.safetensors")]
    assert len({found[f"{draw}/weights.safetensors"] for draw in range(3)}) == 3
    assert len(load_generators(folder / "out", 3, CPU)) == 3
    assert sorted(path.name for path in (folder / "curves").iterdir()) == [
        "epoch_00002.png",
        "epoch_00003.png",
        "history.csv",
    ]
    with (folder / "curves/history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["draw"], row["epoch"]) for row in rows] == [(str(d), str(e)) for d in range(3) for e in (1, 2, 3)]
    assert len({row["loss"] for row in rows}) == 9
    assert list((folder / "checkpoints").iterdir()) == []


def test_a_draw_is_trained_the_same_however_many_there_are(alone: Callable[[str], Path], tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 1)
    main(command(folder, "cvae"))
    found, expected = digests(folder / "out"), digests(alone("cvae") / "out")
    assert found == {name: digest for name, digest in expected.items() if name.startswith("0/")}


def test_what_learns_nothing_is_written_down_for_each_draw(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 2)
    main(command(folder, "smote"))
    assert list(digests(folder / "out")) == ["0/generator.json", "1/generator.json"]
    assert (folder / "curves/history.csv").read_text() == "draw,epoch,update,loss\n"
    nothing_but(folder, "out", "curves")


# What is stopped on the way.


@pytest.mark.parametrize(
    ("after", "repeated"), [(18, [6, 18, 18]), (19, [0, 18, 18]), (27, [0, 12, 18]), (54, [0, 0, 6])]
)
def test_a_draw_that_was_finished_is_not_trained_again_and_another_goes_on(
    after: int, repeated: list[int], alone: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three draws of 18 steps, six an epoch, one after the other; the process ends in one of them, at a step."""
    folder = lay_out(tmp_path, DRAWS)
    cores(monkeypatch, 1)
    with monkeypatch.context() as patch:

        def ends(*_: object) -> dict[str, Tensor]:
            if sum(steps.values()) == after:
                raise SystemExit(9)
            return {}

        steps = steps_of(patch, ends)
        with pytest.raises(SystemExit):
            main(command(folder, "cvae"))
    nothing_but(folder, "checkpoints")
    again = steps_of(monkeypatch)
    main(command(folder, "cvae"))
    assert list(again.values()) == [count for count in repeated if count]
    assert digests(folder) == digests(alone("cvae"))


def failing(seed_of_draw: list[int], draw: int) -> Step:
    """Return what makes the loss of one draw's second step no number, once all draws have begun."""

    def broken(self: Loop, *_: object) -> dict[str, Tensor]:
        begun.add(self.seed)
        deadline = time.monotonic() + 30
        while len(begun) < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        return {"loss": torch.tensor(float("nan"))} if self.seed == seed_of_draw[draw] else {}

    begun: set[int] = set()
    return broken


def seeds_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the seeds of the draws, in their order, from a training that ends at its first step."""
    with monkeypatch.context() as patch:
        cores(patch, 1)
        init, seeds = Loop.__init__, []

        def noted(self: Loop, *arguments: object) -> None:
            init(self, *arguments)  # type: ignore[arg-type]
            seeds.append(self.seed)

        patch.setattr(Loop, "__init__", noted)
        patch.setattr(Loop, "run", lambda self: [])
        main(command(folder, "cvae"))
    return seeds


@pytest.mark.parametrize("draw", [0, 1])
def test_a_draw_that_fails_ends_the_others_and_is_named(
    draw: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever of two draws side by side it is: the other would go on for hours."""
    seeds = seeds_of(lay_out(tmp_path / "seeds", 2), monkeypatch)
    folder = lay_out(tmp_path / "failing", 2, generators=ENDLESS)
    cores(monkeypatch, 2)
    steps_of(monkeypatch, failing(seeds, draw))
    monkeypatch.setattr(sys, "argv", ["train", *command(folder, "cvae")])
    began = time.monotonic()
    with pytest.raises(SystemExit) as stopped:
        run(main)
    assert time.monotonic() - began < 30
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    settings = f"{folder}/params.yaml: generators.cvae.noise"
    where = f"error: {settings}: draw {draw + 1}: training stopped: 'loss' of update"
    assert message.startswith(where)
    nothing_but(folder, "checkpoints")
    assert [thread.name for thread in threading.enumerate() if "ThreadPool" in thread.name] == []


@pytest.mark.usefixtures("interruptible")
def test_a_user_who_gives_up_ends_all_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lay_out(tmp_path, 2, generators=ENDLESS)
    cores(monkeypatch, 2)
    main_thread, sent = threading.main_thread().ident or 0, list[bool]()

    def interrupted(*_: object) -> dict[str, Tensor]:
        if len(steps) == 2 and min(steps.values()) >= 5 and not sent:
            sent.append(True)
            signal.pthread_kill(main_thread, signal.SIGINT)
        return {}

    steps = steps_of(monkeypatch, interrupted)
    monkeypatch.setattr(sys, "argv", ["train", *command(folder, "cvae")])
    began = time.monotonic()
    with pytest.raises(SystemExit) as stopped:
        run(main)
    assert time.monotonic() - began < 30
    assert stopped.value.code == 128 + signal.SIGINT
    nothing_but(folder, "checkpoints")
    assert [thread.name for thread in threading.enumerate() if "ThreadPool" in thread.name] == []


def test_draws_of_another_training_part_are_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lay_out(tmp_path, 2)
    (folder / "train.parquet").write_bytes((folder / "test.parquet").read_bytes())
    steps = steps_of(monkeypatch)
    with pytest.raises(UserError, match=r"draws\.parquet: of 90 images, but the training part has 18"):
        main(command(folder, "cvae"))
    assert not steps
    nothing_but(folder)
