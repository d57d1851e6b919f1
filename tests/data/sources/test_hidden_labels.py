"""Tests whose labels are not told: left out and counted, whatever stands for them, and nothing else is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.data.sources.base.lazy_images import DatasetSplits
from tests.data.sources.test_layout import counts
from tests.data.sources.test_table import find, struct, write_csv, write_hugging_face, write_images

COMMITTED = Path(__file__).parents[3] / "params.yaml"


def left_out(found: DatasetSplits) -> list[tuple[str, str, str, int]]:
    """Return what is left out, each reason with the ending, the place and how many."""
    groups = found.train.provenance["left_out"]
    return [(group["reason"], group["ending"], group["place"], group["files"]) for group in groups]


def notes(found: DatasetSplits) -> str:
    return "\n".join(found.train.provenance["notes"])


def write_parts(root: Path, **labels: list[int]) -> Path:
    """Write a table of `datasets` for each part."""
    for place, (part, own) in enumerate(labels.items()):
        rows = [(struct(20 * place + number), label) for number, label in enumerate(own)]
        write_hugging_face(root / f"{part}-00000-of-00001.parquet", rows)
    return root


@pytest.mark.parametrize("hidden", [-1, None])
def test_a_test_without_labels_is_left_out_of_tables_of_datasets(hidden: int, tmp_path: Path) -> None:
    found = find(write_parts(tmp_path, train=[0, 1] * 4, test=[hidden] * 5))
    assert counts(found) == [{"cat": 4, "dog": 4}]
    test = "test-00000-of-00001.parquet"
    assert left_out(found) == [("a row without a label", ".parquet", test, 5)]
    assert f"{test}: none of its 5 rows has a label: left out" in notes(found)


@pytest.mark.parametrize("hidden", [-1, None])
def test_validation_is_tested_on_in_its_place(hidden: int, tmp_path: Path) -> None:
    found = find(write_parts(tmp_path, train=[0, 1] * 4, validation=[0, 1] * 2, test=[hidden] * 5))
    assert counts(found) == [{"cat": 4, "dog": 4}, {"cat": 2, "dog": 2}]


def test_single_images_without_a_label_are_left_out_of_any_part(tmp_path: Path) -> None:
    found = find(write_parts(tmp_path, train=[0, 1] * 4 + [-1], test=[0, -1, 1]))
    assert counts(found) == [{"cat": 4, "dog": 4}, {"cat": 1, "dog": 1}]
    assert sum(files for _, _, _, files in left_out(found)) == 2
    assert "none of its" not in notes(found)


def test_labels_that_are_kept_must_be_there(tmp_path: Path) -> None:
    write_parts(tmp_path, train=[0, 1] * 4, test=[-1] * 5)
    with pytest.raises(UserError, match=r"test-00000-of-00001.parquet: row 1: 'label' is empty"):
        find(tmp_path, missing_labels="keep")


@pytest.mark.parametrize("hidden", ["-1", "-1.0", "?", "Unknown", "hidden", "unlabeled", ""])
@pytest.mark.parametrize("whole", [True, False])
def test_a_word_for_none_is_no_class_where_a_whole_part_has_it_and_no_other(
    hidden: str, whole: bool, tmp_path: Path
) -> None:
    """In a table of each part, or one of all with a column that says the part."""
    write_images(tmp_path, 20)
    known = [f"{number}.png,{number % 2}" for number in range(12)]
    kept = [f"{number}.png,{hidden}" for number in range(12, 20)]
    if whole:
        write_csv(tmp_path / "train.csv", known)
        write_csv(tmp_path / "test.csv", kept)
    else:
        rows = [f"{row},train" for row in known] + [f"{row},test" for row in kept]
        write_csv(tmp_path / "all.csv", rows, "path,label,split")
    found = find(tmp_path)
    assert counts(found) == [{"0": 6, "1": 6}]
    assert left_out(found) == [("a row without a label", ".png", "test.csv" if whole else "all.csv", 8)]
    if hidden:
        word = "-1" if hidden == "-1.0" else hidden
        assert f"all 8 labels of part test are '{word}', which no other has: taken for hidden, and left out" in notes(
            found
        )


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (["0", "1", "-1"], ["-1"], "test lacks 0"),  # of which a training image is, too
        (["0", "1"], ["-1", "0"], "train lacks -1"),
        (["0", "1"], ["-1", "?"], "train and test differ"),
        (["0", "1"], ["cat"], "train lacks cat"),  # a word for something
        (["1"], ["-1"], "train and test differ"),  # yes and no, as some write them
    ],
)
def test_what_may_be_a_class_is_asked_about(train: list[str], test: list[str], said: str, tmp_path: Path) -> None:
    write_images(tmp_path, 20)
    write_csv(tmp_path / "train.csv", [f"{number}.png,{train[number % len(train)]}" for number in range(12)])
    write_csv(tmp_path / "test.csv", [f"{number}.png,{test[number % len(test)]}" for number in range(12, 20)])
    with pytest.raises(UserError, match=said):
        find(tmp_path)


def test_numbers_of_yes_and_no_in_both_parts_are_classes(tmp_path: Path) -> None:
    write_images(tmp_path, 20)
    for part, numbers in (("train", range(12)), ("test", range(12, 20))):
        write_csv(tmp_path / f"{part}.csv", [f"{number}.png,{2 * (number % 2) - 1}" for number in numbers])
    assert counts(find(tmp_path)) == [{"-1": 6, "1": 6}, {"-1": 4, "1": 4}]


def test_a_table_without_any_label_is_one_line(tmp_path: Path) -> None:
    write_parts(tmp_path, test=[-1] * 5)
    with pytest.raises(UserError, match=r"no row has a label; .*: no label in 5 rows: nothing; expected images and"):
        find(tmp_path)


def test_the_command_counts_the_images_in_one_line(tmp_path: Path) -> None:
    write_parts(tmp_path, train=[0, 1] * 4, test=[-1] * 5)
    words = ["add", "mine", str(tmp_path), "--params", str(COMMITTED), "--dry-run"]
    said = CliRunner().invoke(cli, words).output
    assert "files: 13 found = 8 images + 5 left out" in said
    assert "left out: 5 .parquet in test-00000-of-00001.parquet: a row without a label\n" in said
