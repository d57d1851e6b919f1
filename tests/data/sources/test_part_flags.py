"""Columns of yes and no that say which part a row is in, and those that may do so."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from counterweight.data.sources.base import columns
from tests.data.sources.tables import counts, find


def write_flags(root: Path, name: str, marks: Sequence[str], labels: Sequence[str]) -> None:
    """Write images, and a table of them with a column."""
    lines = [f"path,label,{name}"]
    for number, (mark, label) in enumerate(zip(marks, labels, strict=True)):
        Image.new("L", (4, 4), number).save(root / f"{number}.png")
        lines.append(f"{number}.png,{label},{mark}")
    (root / "a.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("name", "yes", "no"),
    [
        ("is_train", "1.0", "0.0"),
        ("is_train", "Y", "N"),
        ("is_train", "T", "f"),
        ("is_train", "1", "-1"),
        ("is_training_img", "1", "0"),
        ("isTrainingImage", "True", "False"),
        ("in_train", "1", "0"),
        ("used_for_training", "1", "0"),
        ("is_test", "", "1"),
        ("is_val", "nan", "True"),
    ],
)
def test_columns_of_yes_and_no_in_other_words(name: str, yes: str, no: str, tmp_path: Path) -> None:
    """All images were split anew, and nothing was said of it."""
    write_flags(tmp_path, name, [yes, yes, no] * 2, ["cat"] * 3 + ["dog"] * 3)
    wanted = [{"cat": 2, "dog": 2}, {"cat": 1, "dog": 1}]
    found = find(tmp_path)
    assert counts(found) == wanted
    said = " ".join(found.train.provenance["notes"])
    assert f"a.csv: '{name}' of yes and no: taken as the part" in said
    assert ("nothing is taken for no" in said) == (yes in ("", "nan"))
    assert counts(find(tmp_path, split=name)) == wanted


@pytest.mark.parametrize("kind", [pa.bool_(), pa.float64()])
def test_a_column_of_yes_and_no_is_known_by_all_rows(
    kind: pa.DataType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows in the order of their parts: the first ones say yes alone."""
    monkeypatch.setattr(columns, "FIRST", 2)
    write_flags(tmp_path, "is_test", ["0"] * 4, ["cat", "dog"] * 2)
    marks = pa.array([True, True, False, False]).cast(pa.int8()).cast(kind)
    paths = [f"{number}.png" for number in range(4)]
    pq.write_table(pa.table({"path": paths, "label": ["cat", "dog"] * 2, "is_train": marks}), tmp_path / "a.parquet")
    assert counts(find(tmp_path / "a.parquet")) == [{"cat": 1, "dog": 1}] * 2


@pytest.mark.parametrize(
    ("name", "marks", "said", "test"),
    [
        ("is_train", ["1", "1", "0", ""], "('', '0', '1') may say the part and is not heeded; fill in", ["0"]),
        ("is_train", ["1.0", "1.0", "0.0", ""], "set split: is_train and test: [0] tests", [0]),
        ("is_train", ["True", "", "False", "True"], 'and test: ["False"] tests', ["False"]),
        ("is_train", ["1", "1", "0", "-1"], "('-1', '0', '1') may say", ["-1", "0"]),
        ("is_test", ["0", "", "1", "0"], "and test: [1] tests on these rows and trains on all others", ["1"]),
        (
            "covid_test",
            ["0", "0", "1", "0"],
            "of yes and no may say the part and is not heeded; set split: covid_test",
            [],
        ),
        ("is_valid_image", ["1", "1", "0", "1"], "of yes and no may say the part", []),
        ("test", ["", "", "1", ""], "says yes or nothing, and may say the part and is not heeded; set split: test", []),
        ("invalid", ["0", "1", "0", "1"], "", []),
        ("is_validated", ["0", "1", "0", "1"], "", []),
    ],
)
def test_a_column_that_may_say_the_part_in_yes_and_no_is_named(
    name: str, marks: list[str], said: str, test: list[str | int], tmp_path: Path
) -> None:
    both = [mark for mark in marks for _ in range(2)]
    write_flags(tmp_path, name, both, ["cat", "dog"] * 4)
    found = find(tmp_path)
    assert counts(found) == [{"cat": 4, "dog": 4}]
    notes = [note for note in found.train.provenance["notes"] if "the part" in note]
    assert len(notes) == bool(said)
    assert said in " ".join(notes)
    if said:  # the way goes
        assert find(tmp_path, split=name, test=test).test is not None
