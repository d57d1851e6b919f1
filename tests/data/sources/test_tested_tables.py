"""Training images in folders of classes, and tables that label the images that are tested on."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterweight.data.labelled_texts import LabelsError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import table
from counterweight.data.sources.base.lazy_images import DatasetSplits
from tests.data.sources.test_layout import counts, find, refused
from tests.data.sources.test_public_layouts import write_images, write_table

CLASSES = ("cat", "dog")
TRAINED = [f"train/{name}/{n}.png" for name in CLASSES for n in range(3)]
TESTED = [f"test/{n}.png" for n in range(4)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_images(tmp_path, *TRAINED, *TESTED)
    write_table(tmp_path / "test.csv", "path,label", *(f"{file},{CLASSES[n % 2]}" for n, file in enumerate(TESTED)))
    return tmp_path


def check_sum(root: Path, found: DatasetSplits) -> dict[tuple[str, str], int]:
    """Check that the account adds up to all files but the table, and return what is left out by reason and place."""
    groups = found.train.provenance["left_out"]
    taken = sum(len(part) for part in found if part is not None)
    assert taken + sum(group["files"] for group in groups) == sum(file.is_file() for file in root.rglob("*")) - 1
    return {(group["reason"], group["place"]): group["files"] for group in groups}


def test_a_table_labels_what_is_tested_on(root: Path) -> None:
    (root / "about.md").touch()
    found = find(root, test_tables=["test.csv"])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 2, "dog": 2}]
    assert found.test is not None
    assert found.test.origins == TESTED
    assert found.train.origins == TRAINED
    assert check_sum(root, found) == {("beside the folders of parts", "."): 1}
    assert "tested on are the images of test.csv" in found.train.provenance["notes"]


def test_pictures_of_the_classes_beside_the_part_that_is_trained_on_are_left_out(root: Path) -> None:
    """As GTSRB's signs: a folder of images beside one of folders could be a class beside it."""
    write_images(root, "meta/cat.png", "meta/dog.png")
    found = find(root, test_tables=["test.csv"])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 2, "dog": 2}]
    assert sum(check_sum(root, found).values()) == 2


def test_it_is_offered_where_folders_and_a_table_have_the_same_classes(root: Path) -> None:
    message = r"or 4 others that test.csv has of these\? set test_tables: \[test.csv\] trains on the first and tests on"
    with pytest.raises(LabelsError, match=message):
        detect_source(root)


@pytest.mark.parametrize("above", ["", "images/"])
def test_folders_of_classes_beside_that_of_the_images_of_a_table(above: str, tmp_path: Path) -> None:
    write_images(
        tmp_path, *(f"{above}{name}/{n}.png" for name in CLASSES for n in range(3)), "unseen/7.png", "unseen/8.png"
    )
    write_table(tmp_path / "meta/a.csv", "file,label", "7.png,cat", "8.png,dog")
    found = find(tmp_path, test_tables=["meta/a.csv"])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 1, "dog": 1}]
    assert check_sum(tmp_path, found) == {}


def test_rows_without_a_label_and_images_without_a_row_are_left_out(root: Path) -> None:
    write_table(root / "test.csv", "path,label", "test/0.png,cat", "test/0.png,cat", "test/1.png,dog", "test/2.png,")
    found = find(root, test_tables=["test.csv"])
    assert counts(found)[1] == {"cat": 1, "dog": 1}
    left = {("a row without a label", "test.csv"): 1, ("a part without folders of classes", "test"): 1}
    assert check_sum(root, found) == left
    notes = found.train.provenance["notes"]
    assert any("1 rows repeat a path with the same label and count once" in note for note in notes)


def test_validation_is_trained_on_and_a_second_test_part_refused(root: Path) -> None:
    write_images(root, *(f"val/{name}/9.png" for name in CLASSES))
    found = find(root, test_tables=["test.csv"])
    assert counts(found) == [{"cat": 4, "dog": 4}, {"cat": 2, "dog": 2}]
    assert "images of val join the training part" in " ".join(found.train.provenance["notes"])
    assert counts(find(root, test_tables=["test.csv"], validation="leave_out"))[0] == {"cat": 3, "dog": 3}
    write_images(root, *(f"test/{name}/9.png" for name in CLASSES))
    refused(root, r"folders of classes in test, which are tested on, too; set leave_out", test_tables=["test.csv"])


def test_what_is_hidden_or_left_out_by_its_name_is_not_tested_on(root: Path) -> None:
    write_images(root, ".more/4.png", "test/.5.png", "test/6_mask.png", "test/7.png")
    rows = ("test/0.png,cat", ".more/4.png,cat", "test/.5.png,dog", "test/6_mask.png,dog", "test/7.png,dog")
    write_table(root / "test.csv", "path,label", *rows, "gone.png,dog")
    found = find(root, test_tables=["test.csv"], leave_out=["*_mask.png"])
    assert found.test is not None
    assert found.test.origins == ["test/0.png", "test/7.png", "gone.png"]
    left = found.train.provenance["ignored_files"]
    assert len(found.train) + len(found.test) - 1 + left == sum(file.is_file() for file in root.rglob("*")) - 1


def test_numbers_of_classes_are_the_folders_of_the_same_numbers(tmp_path: Path) -> None:
    """So has GTSRB them: `00007` and `7`."""
    write_images(
        tmp_path, *(f"Train/0000{name}/{n}.png" for name in (0, 7) for n in range(3)), "Test/0.png", "Test/1.png"
    )
    write_table(tmp_path / "GT.csv", "Filename;ClassId", "Test/0.png;7", "Test/1.png;0")
    found = find(tmp_path, test_tables=["GT.csv"])
    assert counts(found) == [{"00000": 3, "00007": 3}, {"00000": 1, "00007": 1}]
    said = "labels of tables are taken for the folders of the same numbers: '0' for '00000'"
    assert said in found.train.provenance["notes"]
    write_table(tmp_path / "GT.csv", "Filename;ClassId", "Test/0.png;7", "Test/1.png;1")
    refused(tmp_path, "train and test differ in classes", test_tables=["GT.csv"])


def test_an_image_in_the_folder_of_another_class_is_named(root: Path) -> None:
    write_table(root / "test.csv", "path,label", "test/0.png,cat", "train/dog/1.png,cat", "train/dog/2.png,dog")
    found = find(root, test_tables=["test.csv"])
    assert counts(found) == [{"cat": 3, "dog": 1}, {"cat": 2, "dog": 1}]
    said = "1 images lie in folders of other classes than tables say, first train/dog/1.png, which is labelled 'cat'"
    assert said in found.train.provenance["notes"]


def test_names_that_training_images_have_too_are_those_in_the_folder_of_the_part(tmp_path: Path) -> None:
    """So GTSRB is published: a table of each class beside its images, and one of all that are tested on."""
    for name in ("00000", "00007"):
        write_images(tmp_path, *(f"Final_Training/Images/{name}/{n}.png" for n in range(4)))
        lines = (f"{n}.png;{int(name)}" for n in range(4))
        write_table(tmp_path / f"Final_Training/Images/{name}/GT-{name}.csv", "Filename;ClassId", *lines)
    write_images(tmp_path, *(f"Final_Test/Images/{n}.png" for n in range(3)))
    write_table(tmp_path / "GT-final_test.csv", "Filename;ClassId", "0.png;7", "1.png;0", "2.png;0")
    found = find(tmp_path, test_tables=["GT-final_test.csv"])
    assert counts(found) == [{"00000": 4, "00007": 4}, {"00000": 2, "00007": 1}]
    assert set(check_sum(tmp_path, found).values()) == {1}


@pytest.mark.parametrize(
    ("lines", "others", "message"),
    [
        (("path,label", "test/0.png,cat", "test/0.png,dog"), {}, "test/0.png is 'cat' in test.csv row 1, 'dog' in"),
        (
            ("path,label,split", "test/0.png,cat,train", "test/1.png,dog,test"),
            {},
            r"trained on; set tables: \[test.csv\]",
        ),
        (("path,label", "../0.png,cat"), {}, "row 1: .* leads out of"),
        (("path,label", "../0.png,cat"), {"links": "follow"}, "0.png is not in .*; expected paths of images in it"),
        (
            ("path", "test/0.png"),
            {},
            "no column label.*; it has path alone; test_tables knows columns by names such as",
        ),
        (
            ("shot,label", *(f"{file},cat" for file in TESTED), "test/8.png,dog", "test/9.png,dog"),
            {},
            "test.csv: column 'shot' names images, 2 of 6 missing, first: test/8.png; test_tables knows columns by",
        ),
        (("path,label", "test/0.png,cat"), {"test_lists": ["a.txt"]}, "test_tables beside test or test_lists"),
        (("path,label", "test/0.png,cat"), {"test": ["test"]}, "test_tables beside test or test_lists"),
        (("path,label", "test/0.png,cat"), {"test_tables": ["gone.csv"]}, "gone.csv: .*not there"),
    ],
)
def test_tables_that_cannot_say_it_are_refused(
    lines: tuple[str, ...], others: dict[str, object], message: str, root: Path
) -> None:
    write_table(root / "test.csv", *lines)
    refused(root, message, **{"test_tables": ["test.csv"], **others})


@pytest.mark.parametrize(
    ("files", "part"),
    [
        (("test.csv", "eval.csv"), ""),
        (("test.csv", "val.csv"), ""),
        (("a.csv", "b.csv"), ""),
        (("a.csv", "b.csv"), "val"),
    ],
)
def test_several_tables_are_tested_on_whatever_parts_they_are_called(
    files: tuple[str, str], part: str, tmp_path: Path
) -> None:
    """They are asked for; no note says that one is not read."""
    write_images(tmp_path, *TRAINED, *TESTED)
    for place, file in enumerate(files):
        rows = [f"{path},{CLASSES[n % 2]},{part}" for n, path in enumerate(TESTED)][place * 2 : place * 2 + 2]
        write_table(tmp_path / file, "path,label,split" if part else "path,label,note", *rows)
    found = find(tmp_path, test_tables=[*files])
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 2, "dog": 2}]
    assert found.train.provenance["notes"] == [f"tested on are the images of {', '.join(files)}"]
    assert found.train.provenance["left_out"] == []


def test_several_tables_of_which_one_is_trained_on_are_refused_with_the_way_to_all(tmp_path: Path) -> None:
    write_images(tmp_path, *TRAINED, *TESTED)
    write_table(tmp_path / "test.csv", "path,label", *(f"{path},{CLASSES[n % 2]}" for n, path in enumerate(TESTED)))
    write_table(tmp_path / "train.csv", "path,label", *(f"{path},{path.split('/')[1]}" for path in TRAINED))
    message = r"train.csv: test_tables: it says that .* trained on; set tables: \[test.csv, train.csv\] reads all"
    refused(tmp_path, message, test_tables=["test.csv", "train.csv"])
    found = table.find_in_tables(tmp_path, table.Settings(size=4, tables=["test.csv", "train.csv"]))
    assert counts(found) == [{"cat": 3, "dog": 3}, {"cat": 2, "dog": 2}]


def test_images_that_several_tables_label_count_once_or_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path, *TRAINED, *TESTED)
    rows = [f"{path},{CLASSES[n % 2]}" for n, path in enumerate(TESTED)]
    write_table(tmp_path / "a.csv", "path,label", *rows[:3])
    write_table(tmp_path / "b.csv", "path,label", *rows[1:])
    both = {"test_tables": ["a.csv", "b.csv"]}
    assert counts(find(tmp_path, **both))[1] == {"cat": 2, "dog": 2}
    write_table(tmp_path / "b.csv", "path,label", f"{TESTED[2]},dog", *rows[3:])
    said = r"2.png is 'cat' in a.csv row 3, 'dog' in b.csv row 1; set test_tables: \[a.csv\] does without b.csv; or"
    refused(tmp_path, said, **both)


PLACES = st.sampled_from(["", "test/", "train/cat/", "train/dog/", "more/a/"])


@settings(deadline=None)
@given(files=st.lists(st.tuples(PLACES, st.sampled_from(["cat", "dog", "", None])), max_size=8))
def test_the_account_adds_up_wherever_the_images_of_a_table_lie(
    files: list[tuple[str, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each with a label, an empty one, or no row at all."""
    root = tmp_path_factory.mktemp("set")
    paths = [f"{place}x{number}.png" for number, (place, _) in enumerate(files)]
    for path in (*TRAINED, *TESTED[:2], *paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    rows = [f"{path},{label}" for path, (_, label) in zip(paths, files, strict=True) if label is not None]
    write_table(root / "test.csv", "path,label", f"{TESTED[0]},cat", f"{TESTED[1]},dog", *rows)
    found = find(root, test_tables=["test.csv"], layout="parts")  # `more` may be a class beside `train`
    assert found.test is not None
    assert len(found.test) == 2 + sum(label in CLASSES for _, label in files)
    check_sum(root, found)


def test_a_text_without_names_of_columns_has_the_labels_in_that_of_the_folders_names(tmp_path: Path) -> None:
    """As a tiny ImageNet is published: a name, a class, and the corners of a box, between tabs."""
    write_images(tmp_path, *TRAINED, *TESTED)
    rows = [f"{Path(path).name}\t{CLASSES[n % 2]}\t0\t{n}\t44\t62" for n, path in enumerate(TESTED)]
    write_table(tmp_path / "test/annotations.txt", *rows)
    both = {"test_tables": ["test/annotations.txt"]}
    assert "set test_tables: [test/annotations.txt] trains on those" in " ".join(
        find(tmp_path).train.provenance["notes"]
    )
    assert counts(find(tmp_path, **both))[1] == {"cat": 2, "dog": 2}
    write_table(tmp_path / "test/annotations.txt", *(row.replace("cat", "bird") for row in rows))
    refused(tmp_path, "annotations.txt: no column label, .*; test_tables knows columns by names", **both)
