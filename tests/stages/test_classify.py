"""Retraining as a stage: scores, predictions and confusions of every row, with synthetic images and without."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.reporting.judging import read_predictions
from counterweight.results.classify import MethodScores, Scores
from counterweight.statistics.classification import classification_scores
from stages.classify import main
from tests.stages.made import CLASSES, TEST, WANTED, digests, lay_out, words
from tests.tables import write_draws

DRAWS = 2
RECIPES = {"classify": {"generator_recipes": ["reweighted"]}, "table": {"recipes": ["reweighted"]}}


def classify(folder: Path, name: str, *added: str) -> None:
    parts = [f"{part}={folder / part}.parquet" for part in ("train", "test", "draws")]
    outs = [f"out={folder / 'out' / name}.json", f"predictions={folder / 'out' / name}.parquet"]
    outs += [f"confusion={folder / 'out' / name}", f"checkpoints={folder / 'checkpoints'}"]
    main(words(folder, "dataset=noise", *parts, *added, *outs))
    assert list((folder / "checkpoints").iterdir()) == []


def add_white(folder: Path, reason: str | None = None, draws: int = DRAWS) -> str:
    """Write white images, as many as are wanted, or a set that says why there are none; return the option."""
    labels = np.repeat(np.arange(3), WANTED if reason is None else [0, 0, 0])
    pixels = np.full((len(labels), 1, 8, 8), 255, dtype=np.uint8)
    facts = {"item": "noise/drop/white"} | ({} if reason is None else {"not_applicable": reason})
    images = ImageSet(pixels, labels, CLASSES, np.array([""] * len(labels), dtype=np.str_), facts)
    write_draws([images] * (draws if reason is None else 1), folder / "white.parquet")
    return f"added={folder / 'white.parquet'}"


def read(folder: Path, name: str) -> dict[str, MethodScores]:
    found = Scores.model_validate_json((folder / f"out/{name}.json").read_text()).root
    return {name: scores for name, scores in found.items() if isinstance(scores, MethodScores)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = lay_out(tmp_path_factory.mktemp("classify"), DRAWS, **RECIPES)
    classify(folder, "baselines")
    classify(folder, "white", add_white(folder))
    return folder


def test_there_is_a_row_for_every_recipe_with_scores_of_each_draw(done: Path) -> None:
    baselines, white = read(done, "baselines"), read(done, "white")
    assert {name: (row.recipe, row.images) for name, row in baselines.items()} == {
        "balanced": ("plain", 60),
        "imbalanced": ("plain", 48),
        "reweighted": ("reweighted", 48),
    }
    assert {name: (row.recipe, row.images) for name, row in white.items()} == {
        "white": ("plain", 60),
        "white+reweighted": ("reweighted", 60),
    }
    assert all(len(row.draws) == len(row.validation) == DRAWS for row in (baselines | white).values())


def test_scores_are_those_of_the_predictions(done: Path) -> None:
    rows = read(done, "baselines") | read(done, "white")
    files = [done / f"out/{name}.parquet" for name in ("baselines", "white")]
    said = read_predictions(files, list(rows), TEST.counts().tolist())
    assert said.actual.tolist() == TEST.labels.tolist()
    assert said.predicted.shape == (len(rows), DRAWS, len(TEST))
    for row, predicted in zip(rows.values(), said.predicted, strict=True):
        assert row.draws == [classification_scores(TEST.labels, labels, [1, 2], 3) for labels in predicted]


def test_confusions_are_the_first_draws(done: Path) -> None:
    assert {path.stem for path in (done / "out/white").iterdir()} == {"white", "white+reweighted"}
    with (done / "out/baselines/balanced.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(TEST)


def test_the_bytes_do_not_depend_on_how_many_train_at_once(
    done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lay_out(tmp_path, DRAWS, **RECIPES)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(5)))
    classify(folder, "baselines")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    classify(folder, "white", add_white(folder))
    assert digests(folder / "out") == digests(done / "out")


def test_a_draw_has_the_same_scores_however_many_there_are(done: Path, tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 1, **RECIPES)
    classify(folder, "baselines")
    assert {name: row.draws[0] for name, row in read(folder, "baselines").items()} == {
        name: row.draws[0] for name, row in read(done, "baselines").items()
    }


def test_of_what_is_not_applicable_every_row_says_so(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, DRAWS, **RECIPES)
    classify(folder, "white", add_white(folder, "too few"))
    reason = {"not_applicable": "too few"}
    assert json.loads((folder / "out/white.json").read_text()) == {"white": reason, "white+reweighted": reason}
    assert list((folder / "out/white").iterdir()) == []
    classify(folder, "baselines")
    files = [folder / f"out/{name}.parquet" for name in ("baselines", "white")]
    said = read_predictions(files, ["imbalanced"], TEST.counts().tolist())
    assert said.predicted.shape == (1, DRAWS, len(TEST))


def test_images_of_fewer_draws_are_refused(tmp_path: Path) -> None:
    folder = lay_out(tmp_path, DRAWS)
    with pytest.raises(UserError, match="noise/drop/white: synthetic images of 1 draws; 2 are needed"):
        classify(folder, "white", add_white(folder, draws=1))
    assert not (folder / "out").exists()
