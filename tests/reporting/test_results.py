"""What is read of earlier stages: whose predictions are compared, which method without a generator is the best."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, write_images
from counterweight.core.results import NotApplicable, write_result
from counterweight.evaluation.retraining.outcomes import write_predictions
from counterweight.evaluation.retraining.training import Outcome
from counterweight.reporting import judging
from counterweight.reporting.judging import rank_simple, read_predictions, read_results
from counterweight.reporting.results import Judged, read_table
from counterweight.reporting.tables import summarize_table
from counterweight.results.classify import MethodScores, Scores
from counterweight.results.imbalance import Counts
from counterweight.results.ingest import Account
from counterweight.settings.table import Table
from counterweight.statistics.bootstrap_scores import BootstrapScores, bootstrap_scores
from counterweight.statistics.classification import classification_scores
from stages.report import main
from tests.reporting.made import counts, features, latent, method_scores, scores, style

PARAMS = Path(__file__).parents[2] / "params.yaml"
ACTUAL = np.array([0, 0, 0, 1, 1, 2])
SIZES = [3, 2, 1]
NOTHING = np.empty(0, dtype=np.int64)


def images() -> ImageSet:
    pixels = np.zeros((len(ACTUAL), 1, 1, 1), np.uint8)
    return ImageSet(pixels, ACTUAL, ("a", "b", "c"), np.array([""] * len(ACTUAL)), {})


def write(folder: Path, file: str, methods: Mapping[str, Sequence[Sequence[int]]]) -> Path:
    """Write what methods say in each draw."""
    outcomes = {
        name: [Outcome(NOTHING, np.array(labels, dtype=np.int64), 9) for labels in draws]
        for name, draws in methods.items()
    }
    write_predictions(outcomes, images(), folder / f"{file}.parquet")
    return folder / f"{file}.parquet"


RIGHT, WRONG = [0, 0, 0, 1, 1, 2], [1, 1, 1, 0, 0, 0]
HALF = [0, 0, 0, 0, 0, 0]


def test_predictions_are_read_as_they_were_written_whichever_file_has_them(tmp_path: Path) -> None:
    first = write(tmp_path, "baselines", {"imbalanced": [RIGHT, WRONG], "reweighted": [HALF, HALF]})
    second = write(tmp_path, "smote", {"smote": [WRONG, HALF], "smote+reweighted": [RIGHT, RIGHT]})
    none = write(tmp_path, "bagan", {})  # not applicable
    found = read_predictions([first, none, second], ["smote", "imbalanced"], SIZES)
    assert found.actual.tolist() == ACTUAL.tolist()
    assert found.predicted.tolist() == [[WRONG, HALF], [RIGHT, WRONG]]


def test_the_order_of_the_rows_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path, "baselines", {"imbalanced": [RIGHT, WRONG]})
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(0).permutation(len(table))), path)
    assert read_predictions([path], ["imbalanced"], SIZES).predicted.tolist() == [[RIGHT, WRONG]]


def edit(column: str, change: Callable[[list[int]], list[object]]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        table = pq.read_table(path)
        values = pa.array(change(table[column].to_pylist()))
        pq.write_table(table.set_column(table.column_names.index(column), column, values), path)

    return spoil


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "not what the classify stage writes"),
    "text": (lambda path: path.write_text("method,draw\n"), "not what the classify stage writes"),
    "images": (lambda path: write_images(images(), path), "not what the classify stage writes"),
    "another method": (lambda path: write(path.parent, path.stem, {"smoke": [RIGHT, RIGHT]}), "not what the classify"),
    "fewer draws": (lambda path: write(path.parent, path.stem, {"smote": [RIGHT]}), "not what the classify stage"),
    "fewer images": (
        lambda path: pq.write_table(pq.read_table(path).slice(0, 11), path),
        "not what the classify stage",
    ),
    "other labels": (edit("actual", lambda labels: [1, *labels[1:]]), "predictions of other test images"),
    "an unknown class": (edit("predicted", lambda labels: [*labels[1:], 3]), "predictions of other test images"),
    "a class below 0": (edit("predicted", lambda labels: [*labels[1:], -1]), "predictions of other test images"),
    "names of classes": (edit("predicted", lambda labels: ["a"] * len(labels)), "not what the classify stage writes"),
}


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_file_is_told_in_one_line(content: str, tmp_path: Path) -> None:
    first = write(tmp_path, "baselines", {"imbalanced": [RIGHT, WRONG]})
    second = write(tmp_path, "smote", {"smote": [RIGHT, HALF]})
    spoil, message = FOREIGN[content]
    spoil(second)
    with pytest.raises(UserError, match=message) as caught:
        read_predictions([first, second], ["imbalanced", "smote"], SIZES)
    assert str(caught.value).startswith(str(tmp_path))


def test_predictions_of_another_test_part_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "baselines", {"imbalanced": [RIGHT, WRONG]})
    with pytest.raises(UserError, match="predictions of other test images; run `dvc repro`"):
        read_predictions([path], ["imbalanced"], [3, 1, 2])


def test_files_without_any_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not what the classify stage writes"):
        read_predictions([write(tmp_path, "baselines", {})], ["imbalanced"], SIZES)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    first = write(tmp_path, "baselines", {"imbalanced": [RIGHT]})
    with pytest.raises(UserError, match=r"smote\.parquet: no such file; it is a table of predictions"):
        read_predictions([first, tmp_path / "smote.parquet"], ["imbalanced"], SIZES)


# Which method without a generator is the best.


def rated(test: float, *validation: tuple[float, float | None]) -> MethodScores:
    return method_scores([scores(test, test, [test])] * len(validation), list(validation))


def test_methods_are_ranked_by_their_validation_scores_alone() -> None:
    worse, better = rated(0.9, (0.8, 0.5), (0.8, 0.7)), rated(0.1, (0.1, 0.6), (0.1, 0.8))
    assert rank_simple(worse) < rank_simple(better)
    assert rank_simple(better) == (pytest.approx(0.7), pytest.approx(0.1))


def test_of_equal_minority_scores_balanced_accuracy_decides() -> None:
    assert rank_simple(rated(0.5, (0.6, 0.5))) < rank_simple(rated(0.5, (0.7, 0.5)))


def test_draws_without_a_minority_image_aside_do_not_count_and_without_any_balanced_accuracy_decides() -> None:
    assert rank_simple(rated(0.5, (0.5, None), (0.7, 0.4))) == (pytest.approx(0.4), pytest.approx(0.6))
    assert rank_simple(rated(0.5, (0.5, None))) < rank_simple(rated(0.5, (0.6, None)))


# The whole.


def told(labels: Sequence[Sequence[int]], validation: Sequence[tuple[float, float | None]]) -> MethodScores:
    """Scores of a method that says these labels of the test images in each draw."""
    draws = [classification_scores(ACTUAL, np.array(own), [1], 3) for own in labels]
    return method_scores(draws, list(validation))


TABLE = Table(
    draws=2, datasets=["digits"], scenarios=["drop75"], generators=["smote", "bagan"], recipes=["reweighted"], pairs=[]
)


def lay_out(folder: Path, methods: dict[str, tuple[list[list[int]], float]]) -> tuple[Path, Path]:
    """Write results as stages do, given of each method its labels in two draws and its validation F1."""
    metrics, predictions = folder / "metrics", folder / "predictions"
    (predictions / "digits/drop75").mkdir(parents=True)
    table = {"a": counts(9, 0, 3, False), "b": counts(2, 7, 2, True), "c": counts(9, 0, 1, False)}
    found = {name: told(labels, [(0.5, f1)] * 2) for name, (labels, f1) in methods.items()}
    baselines = {name: own for name, own in found.items() if "smote" not in name}
    generated = {name: own for name, own in found.items() if "smote" in name}
    nothing = NotApplicable(not_applicable="too few")
    files: dict[str, BaseModel] = {
        "ingest/digits": Account(found=9, images={"train": {"a": 9}}, broken=[], left_out=None, notes=[]),
        "imbalance/digits/drop75": Counts(table),
        "classify/digits/drop75/baselines": Scores(baselines),
        "classify/digits/drop75/smote": Scores(generated),
        "classify/digits/drop75/bagan": Scores({"bagan": nothing}),
        **{f"{kind}/digits/drop75/bagan": nothing for kind in ("compare", "discriminate", "latent")},
        "compare/digits/drop75/smote": features(0.5),
        "discriminate/digits/drop75/smote": style(),
        "latent/digits/drop75/smote": latent(),
    }
    for path, content in files.items():
        (metrics / f"{path}.json").parent.mkdir(parents=True, exist_ok=True)
        write_result(content, metrics / f"{path}.json")
    place = predictions / "digits/drop75"
    write(place, "baselines", {name: methods[name][0] for name in baselines})
    write(place, "smote", {name: methods[name][0] for name in generated})
    write(place, "bagan", {})
    return metrics, place


GIVEN: dict[str, tuple[list[list[int]], float]] = {
    "balanced": ([RIGHT, RIGHT], 0.9),
    "imbalanced": ([HALF, RIGHT], 0.2),  # on test images better than reweighted
    "reweighted": ([WRONG, HALF], 0.8),
    "smote": ([RIGHT, HALF], 0.1),
    "smote+reweighted": ([RIGHT, RIGHT], 0.3),
}


def test_the_reference_of_generators_is_chosen_without_the_test_images(tmp_path: Path) -> None:
    found = read_results(*lay_out(tmp_path, GIVEN), "digits", "drop75", TABLE, 0)
    assert found.scores["reweighted"].draws[0].minority_f1 == 0
    first, second = found.judged.against_imbalanced, found.judged.against_simple
    assert (first.reference, list(first.minority_f1)) == (
        "imbalanced",
        [name for name in GIVEN if name != "imbalanced"],
    )
    assert second is not None
    assert (second.reference, list(second.minority_f1)) == ("reweighted", ["smote", "smote+reweighted"])
    assert list(second.balanced_accuracy) == ["smote", "smote+reweighted"]
    # Means of draws: smote 1 and 0, imbalanced 0 and 1, smote+reweighted 1 and 1, reweighted 0 and 0.
    assert first.minority_f1["smote"].mean_change == 0
    assert first.minority_f1["smote+reweighted"].mean_change == 0.5
    assert second.minority_f1["smote+reweighted"].mean_change == 1
    assert (first.minority_f1["smote"].family, second.minority_f1["smote"].family) == (4, 2)
    assert all(verdict.draws == 2 for verdict in first.minority_f1.values())
    assert found.not_applicable == {"bagan": "too few"}
    assert list(found.comparisons) == ["smote"]


def test_where_imbalanced_itself_is_the_best_without_a_generator_nothing_is_said_twice(tmp_path: Path) -> None:
    given = GIVEN | {"imbalanced": (GIVEN["imbalanced"][0], 0.85)}
    assert read_results(*lay_out(tmp_path, given), "digits", "drop75", TABLE, 0).judged.against_simple is None


def test_a_verdict_does_not_depend_on_other_rows(tmp_path: Path) -> None:
    whole = read_results(*lay_out(tmp_path / "all", GIVEN), "digits", "drop75", TABLE, 0).judged.against_imbalanced
    few = {name: GIVEN[name] for name in ("imbalanced", "reweighted", "smote")}
    part = read_results(*lay_out(tmp_path / "few", few), "digits", "drop75", TABLE, 0).judged.against_imbalanced
    for name in ("reweighted", "smote"):
        assert part.balanced_accuracy[name].standard_error == whole.balanced_accuracy[name].standard_error
        assert part.balanced_accuracy[name].plain_interval == whole.balanced_accuracy[name].plain_interval


@pytest.mark.parametrize("name", ["imbalanced", "reweighted", "smote"])
def test_scores_that_lack_a_row_of_the_table_are_refused(name: str, tmp_path: Path) -> None:
    given = {own: said for own, said in GIVEN.items() if own != name}
    with pytest.raises(UserError, match=rf"digits/drop75: no scores of '{name}', which stands in the table; run `dvc"):
        read_results(*lay_out(tmp_path, given), "digits", "drop75", TABLE, 0)


def write_test_part(path: Path, names: Sequence[str] | None = None) -> Path:
    """Write the test images, of groups if these are named."""
    groups = None if names is None else np.array(names)
    write_images(replace(images(), group_names=groups), path)
    return path


def report(
    folder: Path, given: dict[str, tuple[list[list[int]], float]] = GIVEN, names: Sequence[str] | None = None
) -> None:
    """Run the stage."""
    metrics, predictions = lay_out(folder, given)
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["table"] = TABLE.model_dump()
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    words = ["--params", folder / "params.yaml", "--metrics", metrics, "--predictions", predictions]
    words += ["--dataset", "digits", "--scenario", "drop75", "--out", metrics / "report/digits/drop75"]
    words += ["--test", write_test_part(folder / "test.parquet", names)]
    main([str(word) for word in words])


def test_test_images_of_a_group_are_resampled_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[int] | None] = []

    def record(*arguments: Any) -> BootstrapScores:  # noqa: ANN401  # as the function it stands for
        given.append(None if arguments[-1] is None else arguments[-1].tolist())
        return bootstrap_scores(*arguments)

    monkeypatch.setattr(judging, "bootstrap_scores", record)
    read = {}
    for way, names in (("alone", None), ("one", [*"xxxyyz"]), ("some", [*"xxyzwv"])):
        (tmp_path / way).mkdir()
        report(tmp_path / way, names=names)
        path = tmp_path / way / "metrics/report/digits/drop75/verdicts.json"
        read[way] = Judged.model_validate_json(path.read_text(encoding="utf-8")).against_imbalanced.balanced_accuracy
    assert given == [None, [0, 0, 0, 1, 1, 2], [2, 2, 3, 4, 1, 0]]
    # Of a class of one group its images are drawn.
    for method, verdict in read["one"].items():
        assert verdict.se_test == pytest.approx(read["alone"][method].se_test)


def test_all_verdicts_are_written_beside_the_report(tmp_path: Path) -> None:
    report(tmp_path)
    folder = tmp_path / "metrics/report/digits/drop75"
    tables = ["scores.csv", "statistics.csv", "tables.tex", "verdicts.csv", "verdicts.json"]
    assert sorted(path.name for path in folder.iterdir()) == ["report.md", *tables]
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "Of the methods that generate nothing `reweighted` is the best by its validation images" in text
    found = Judged.model_validate_json((folder / "verdicts.json").read_text(encoding="utf-8"))
    expected = read_results(
        tmp_path / "metrics", tmp_path / "predictions/digits/drop75", "digits", "drop75", TABLE, 0
    ).judged
    assert found == expected
    lines = summarize_table(read_table(tmp_path / "metrics", TABLE))["digits"]["drop75"]
    assert isinstance(lines, dict)
    assert list(lines) == [*GIVEN, "bagan"]
    assert lines["smote+reweighted"]["gain"] == 0.5
    assert lines["bagan"] == {"verdict": "not applicable"}


def test_a_report_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    given = {name: said for name, said in GIVEN.items() if name != "smote"}
    with pytest.raises(UserError, match="no scores of 'smote'"):
        report(tmp_path, given)
    assert not (tmp_path / "metrics/report/digits/drop75").exists()


def test_a_minority_that_the_test_part_lacks_is_a_dash(tmp_path: Path) -> None:
    metrics, predictions = lay_out(tmp_path, GIVEN)
    table = {"a": counts(9, 0, 3, False), "b": counts(9, 0, 2, False), "c": counts(9, 0, 1, False)}
    write_result(Counts(table | {"d": counts(2, 7, 0, True)}), metrics / "imbalance/digits/drop75.json")
    for name in ("baselines", "smote"):
        path = metrics / f"classify/digits/drop75/{name}.json"
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        for own in content.values():
            for draw in own["draws"]:
                draw |= {"minority_precision": None, "minority_recall": None, "minority_f1": None}
                draw |= {key: [*draw[key], None] for key in ("precision", "recall", "f1")}
            for aside in own["validation"]:
                aside["minority_f1"] = None
        path.write_text(json.dumps(content), encoding="utf-8")
    found = read_results(metrics, predictions, "digits", "drop75", TABLE, 0)
    assert found.judged.against_imbalanced.minority_f1 == {}
    assert len(found.judged.against_imbalanced.balanced_accuracy) == 4
