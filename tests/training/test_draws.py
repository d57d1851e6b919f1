"""Trainings of several draws: their folders, their previews, their order where networks are compiled."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterweight.core.images import ImageSet
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator
from counterweight.settings.train import TrainingConfig
from counterweight.training import loop
from counterweight.training.draws import find_folders, train_draws
from counterweight.training.loop import Loop
from counterweight.training.progress import Progress, Stopped
from tests.stages.made import BLOCKS, TRAIN, small_draws

CONFIG = TrainingConfig(previews=2, checkpoint_seconds=None)
SEEDS = [5, 6, 7]
DRAWS = small_draws(3)
SETS = [DRAWS.fitted(TRAIN, draw) for draw in range(3)]


def generators() -> list[LearnedGenerator]:
    built = [
        build_generator("cvae", BLOCKS["cvae"], images, seed, "here") for images, seed in zip(SETS, SEEDS, strict=True)
    ]
    return [model for model in built if isinstance(model, LearnedGenerator)]


def test_every_draw_has_a_folder_of_its_own_whatever_others_there_are(tmp_path: Path) -> None:
    folders = find_folders(generators(), SETS, SEEDS, CONFIG, tmp_path)
    assert len(set(folders)) == 3
    assert find_folders(generators()[1:2], SETS[1:2], SEEDS[1:2], CONFIG, tmp_path) == folders[1:2]
    changed: list[ImageSet] = [SETS[0], SETS[0], SETS[2]]
    assert [
        old == new
        for old, new in zip(folders, find_folders(generators(), changed, SEEDS, CONFIG, tmp_path), strict=True)
    ] == [True, False, True]


def test_only_the_first_draw_has_pictures(tmp_path: Path) -> None:
    folders = [tmp_path / str(draw) for draw in range(3)]
    train_draws(generators(), SETS, SEEDS, CONFIG, folders)
    assert [len(list(folder.glob("*.png"))) for folder in folders] == [2, 0, 0]


def test_compiled_networks_are_trained_one_after_another_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch.compile itself is left out: it takes a minute."""
    expected = train_draws(generators(), SETS, SEEDS, CONFIG, [tmp_path / f"plain{draw}" for draw in range(3)])
    running: list[int] = []
    run = Loop.run

    def alone(self: Loop) -> list[loop.Row]:
        assert not running
        running.append(self.seed)
        history = run(self)
        running.clear()
        return history

    @contextlib.contextmanager
    def nothing(model: LearnedGenerator, wanted: bool) -> Iterator[None]:
        assert wanted
        yield

    monkeypatch.setattr(Loop, "run", alone)
    monkeypatch.setattr(loop, "compile_networks", nothing)
    config = CONFIG.model_copy(update={"compile": True})
    folders = [tmp_path / f"compiled{draw}" for draw in range(3)]
    assert train_draws(generators(), SETS, SEEDS, config, folders) == expected


def test_a_bar_counts_the_steps_of_all_trainings_those_done_before_included() -> None:
    with Progress() as progress:
        progress.begin(10, 4)
        progress.begin(5, 0)
        progress.advance()
        assert progress.bar.total == 15
        progress.stop.set()
        with pytest.raises(Stopped):
            progress.advance()
