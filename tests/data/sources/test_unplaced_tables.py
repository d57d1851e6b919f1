"""Tables that label images in no folder of a class: what is said of them, and that the setting named reads them."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from counterweight.cli.main import cli
from counterweight.data.labelled_texts import LabelsError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources.base.labels import match_numbers
from tests.data.sources.test_layout import counts, find
from tests.data.sources.test_public_layouts import write_images, write_table

COMMITTED = Path(__file__).parents[3] / "params.yaml"
CLASSES = ("cat", "dog")


def write_signs(root: Path, folder: str, label: str, shift: int = 0) -> None:
    """Write traffic signs as they are published: folders of numbers, and tables of each part and of icons.

    Args:
        folder, label: formats of a class's number in folders and in tables.
        shift: added to each number in tables.
    """
    head = "Width,Height,Roi.X1,Roi.Y1,Roi.X2,Roi.Y2,ClassId,Path"
    trained = [(n, f"Train/{folder.format(n)}/{n:05}_{k:05}.png") for n in range(12) for k in range(3)]
    tested = [(k * 5 % 12, f"Test/{k:05}.png") for k in range(24)]
    icons = [(n, f"Meta/{n}.png") for n in range(12)]
    write_images(root, *(path for _, path in (*trained, *tested, *icons)))
    for name, rows in (("Train", trained), ("Test", tested)):
        lines = (
            f"{30 + k % 9},{30 + k % 7},5,5,25,25,{label.format(n + shift)},{path}" for k, (n, path) in enumerate(rows)
        )
        write_table(root / f"{name}.csv", head, *lines)
    write_table(root / "Meta.csv", "Path,ClassId,ShapeId", *(f"{path},{label.format(n)},{n % 4}" for n, path in icons))


@pytest.mark.parametrize("layout", ["auto", "parts"])
@pytest.mark.parametrize("folder", ["{}", "{:05}"])
@pytest.mark.parametrize("trained", [True, False])
def test_signs_are_told_of_with_the_setting_that_tests_on_them(
    trained: bool, folder: str, layout: str, tmp_path: Path
) -> None:
    """The table of test images alone was offered as all tables: none was trained on in folders then."""
    write_signs(tmp_path, folder, "{}")
    if not trained:
        (tmp_path / "Train.csv").unlink()
    notes = find(tmp_path, layout=layout).train.provenance["notes"]
    said = "Test.csv labels 24 images that are in no folder of a class (0, 1, 2, 3, 4 and 7 more)"
    assert notes == [
        "12 images in 'Meta' are in no part",
        f"{said}: set test_tables: [Test.csv] trains on those in folders and tests on these",
    ]
    found = find(tmp_path, test_tables=["Test.csv"])
    assert counts(found) == [{folder.format(n): count for n in range(12)} for count in (3, 2)]


@pytest.mark.parametrize(("folder", "label"), [("{}", "{}"), ("{:05}", "{}"), ("{}", "{:02}"), ("{:05}", "{:02}")])
def test_the_same_numbers_are_the_same_classes_whatever_zeros_lead(folder: str, label: str, tmp_path: Path) -> None:
    write_signs(tmp_path, folder, label)
    for name in ("Train.csv", "Meta.csv"):
        (tmp_path / name).unlink()
    with pytest.raises(LabelsError, match=r"or 24 others that Test.csv has of these\? set test_tables: \[Test.csv\]"):
        detect_source(tmp_path)


@pytest.mark.parametrize("folder", ["{}", "{:05}"])
@pytest.mark.parametrize("tables", [1, 3])
def test_tables_of_images_in_folders_of_classes_are_not_offered(tables: int, folder: str, tmp_path: Path) -> None:
    """They were, beside that of test images: then no image was left to be trained on."""
    for n in range(3):
        rows = [(f"train/{folder.format(n)}/{k}_{n}.png", n) for k in range(4)]
        write_images(tmp_path, *(path for path, _ in rows))
        if tables == 3:  # one beside the images of each class
            lines = (f"{Path(path).name},{label}" for path, label in rows)
            write_table(tmp_path / f"train/{folder.format(n)}/GT-{n}.csv", "Filename,ClassId", *lines)
    trained = [f"train/{folder.format(n)}/{k}_{n}.png,{n}" for n in range(3) for k in range(4)]
    if tables == 1:
        write_table(tmp_path / "train.csv", "path,label", *trained)
    write_images(tmp_path, *(f"test/{k:05}.png" for k in range(6)))
    write_table(tmp_path / "test/GT-test.csv", "Filename,ClassId", *(f"{k:05}.png,{k % 3}" for k in range(6)))
    message = r"or 6 others that test/GT-test.csv has of these\? set test_tables: \[test/GT-test.csv\] trains"
    with pytest.raises(LabelsError, match=message):
        detect_source(tmp_path)
    found = find(tmp_path, test_tables=["test/GT-test.csv"])
    assert counts(found) == [{folder.format(n): count for n in range(3)} for count in (4, 2)]


def test_a_table_of_images_in_folders_and_elsewhere_is_not_offered(tmp_path: Path) -> None:
    trained = [f"train/{name}/{name}{k}.png,{name}" for name in CLASSES for k in range(4)]
    tested = [f"test/{k}.png,{CLASSES[k % 2]}" for k in range(4)]
    write_images(tmp_path, *(line.split(",")[0] for line in (*trained, *tested)))
    write_table(tmp_path / "labels.csv", "path,label", *trained, *tested)
    with pytest.raises(LabelsError) as caught:
        detect_source(tmp_path)
    assert "test_tables" not in str(caught.value)


def test_numbers_that_are_others_are_not_offered_and_those_are_named(tmp_path: Path) -> None:
    """From 1 in the table and from 0 in folders: which are the same classes, nobody knows."""
    write_signs(tmp_path, "{:05}", "{}", shift=1)
    for name in ("Train.csv", "Meta.csv"):
        (tmp_path / name).unlink()
    with pytest.raises(LabelsError, match=r"or 1, 2, 3, 4, 5 and 7 more by Test\.csv") as caught:
        detect_source(tmp_path)
    assert "test_tables" not in str(caught.value)
    message = r"test lacks 00000 \(3 images in train\); train lacks 12 \(2 images in test\); set missing_classes"
    with pytest.raises(Exception, match=message):
        find(tmp_path, test_tables=["Test.csv"])


TRAINED = [f"train/{name}/{n}.png" for name in CLASSES for n in range(4)]


@pytest.mark.parametrize("numbers", [range(4), range(4, 8)], ids=["names of others", "names of their own"])
@pytest.mark.parametrize(
    ("file", "head", "line"),
    [
        ("test.csv", "path,label", "test/{n}.png,{name}"),
        ("labels.csv", "path,label", "test/{n}.png,{name}"),
        ("meta/test_labels.csv", "id,breed", "test/{n},{name}"),
        ("test.txt", "", "test/{n}.png {name}"),
    ],
)
def test_labels_of_a_part_without_classes_are_offered_as_such(
    file: str, head: str, line: str, numbers: range, tmp_path: Path
) -> None:
    """They were offered as lists of the images in folders, or all tables, or to be sorted by hand."""
    write_images(tmp_path, *TRAINED, *(f"test/{n}.png" for n in numbers))
    rows = [line.format(n=n, name=CLASSES[n % 2]) for n in numbers]
    write_table(tmp_path / file, *([head] if head else []), *rows)
    said = f"{file} labels 4 images that are in no folder of a class (cat, dog)"
    (note,) = find(tmp_path).train.provenance["notes"]
    assert note == f"{said}: set test_tables: [{file}] trains on those in folders and tests on these"
    assert counts(find(tmp_path, test_tables=[file])) == [{"cat": 4, "dog": 4}, {"cat": 2, "dog": 2}]


def test_a_table_of_validation_beside_one_of_test_images_is_named(tmp_path: Path) -> None:
    """That of test images alone was: the other was passed over."""
    write_images(tmp_path, *(f"train/{name}/{n}.png" for name in CLASSES for n in range(4)))
    for part in ("val", "test"):
        write_images(tmp_path, *(f"{part}/{part}{n}.png" for n in range(4)))
        write_table(tmp_path / f"{part}.csv", "file,label", *(f"{part}{n}.png,{CLASSES[n % 2]}" for n in range(4)))
    said = "labels 4 images that are in no folder of a class (cat, dog)"
    assert find(tmp_path).train.provenance["notes"] == [
        f"test.csv {said}: set test_tables: [test.csv] trains on those in folders and tests on these",
        f"val.csv {said}, and is not read: set test_tables: [val.csv] tests on these instead; folders of classes have "
        "them trained on",
    ]
    found = find(tmp_path, test_tables=["val.csv"])
    assert found.test is not None
    assert [*found.test.origins] == [f"val/val{n}.png" for n in range(4)]


def test_labels_that_are_told_of_twice_are_told_of_once(tmp_path: Path) -> None:
    """By what reads folders, with the setting, and by what looks for texts that label images."""
    write_images(tmp_path, *TRAINED, *(f"test/{n}.png" for n in range(4)))
    write_table(tmp_path / "test.txt", *(f"test/{n}.png {CLASSES[n % 2]}" for n in range(4)))
    words = ["add", "pets", str(tmp_path), "--dry-run", "--params", str(COMMITTED)]
    printed = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False).stdout
    assert printed.count("in no folder of a class (") == 1
    assert "--set 'test_tables=[test.txt]' trains on those in folders and tests on these" in printed


def test_a_bare_list_is_offered_as_one_where_it_names_images_of_classes(tmp_path: Path) -> None:
    write_images(tmp_path, *TRAINED, "test/0.png", "test/1.png")
    write_table(tmp_path / "test.csv", "path", "test/0.png", "test/1.png")
    notes = find(tmp_path).train.provenance["notes"]
    assert notes == ["test.csv: images in no folder of a class, without labels: nothing of that is read"]
    write_table(tmp_path / "test.csv", "path", "train/cat/0.png", "train/dog/1.png")
    (note,) = find(tmp_path).train.provenance["notes"]
    assert note.endswith("set test_lists: [test.csv] tests on its images and trains on the others")
    assert counts(find(tmp_path, test_lists=["test.csv"])) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]


def test_other_labels_are_offered_alone(tmp_path: Path) -> None:
    write_images(tmp_path, *TRAINED, *(f"test/{n}.png" for n in range(4)))
    write_table(tmp_path / "test.csv", "path,label", *(f"test/{n}.png,{'xy'[n % 2]}" for n in range(4)))
    (note,) = find(tmp_path).train.provenance["notes"]
    said = "test.csv labels 4 images that are in no folder of a class (x, y)"
    assert note == f"{said}: set tables: [test.csv] takes these alone"


def test_tables_of_which_half_is_not_there_are_none(tmp_path: Path) -> None:
    write_images(tmp_path, *TRAINED, "test/0.png")
    write_table(tmp_path / "more.csv", "path,label", *(f"test/{n}.png,{CLASSES[n % 2]}" for n in range(4)))
    assert find(tmp_path).train.provenance["notes"] == []


@given(
    st.lists(st.integers(0, 30), unique=True, min_size=1), st.lists(st.text("01239a²", max_size=4)), st.integers(1, 4)
)
def test_labels_mean_folders_of_their_number_alone(numbers: list[int], labels: list[str], width: int) -> None:
    folders = [f"{number:0{width}}" for number in numbers]
    found = match_numbers(labels, folders)
    assert all(int(label) == int(name) and label != name and name in folders for label, name in found.items())
    rest = {label for label in labels if label.isdecimal() and label not in folders} - {*found}
    assert {*map(int, rest)}.isdisjoint(numbers)
    assert match_numbers(labels, [*folders, f"0{folders[0]}"]) == match_numbers(labels, [*folders, "background"]) == {}
