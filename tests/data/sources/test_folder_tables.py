"""Tables that say of which class the images in each folder are."""

from pathlib import Path

import pytest

from counterweight.data.labelled_texts import LabelsError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import table
from counterweight.data.sources.base.group_names import find_groups, number_groups
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.settings.datasets import Dataset
from tests.data.sources.test_layout import counts, find, refused
from tests.data.sources.test_public_layouts import write_images, write_table

PATIENTS = [f"P{number:03}" for number in range(6)]


def sick(number: int) -> str:
    return ("well", "sick")[number % 2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images of each of six patients, and whether each is sick."""
    write_images(tmp_path, *(f"{name}/slice_{own}.png" for name in PATIENTS for own in range(2)))
    rows = [f"{name},{50 + number},{sick(number)}" for number, name in enumerate(PATIENTS)]
    write_table(tmp_path / "info.csv", "patient,age,finding", *rows)
    return tmp_path


def notes_of(found: DatasetSplits) -> list[str]:
    notes: list[str] = found.train.provenance["notes"]
    return notes


def test_folders_that_a_table_labels_are_asked_about(root: Path) -> None:
    said = (
        "classes P000, P001, P002, P003, P004 and 1 more by their folders, or sick, well by column 'finding' of "
        r"info.csv, whose column 'patient' names folders\? set layout: classes takes the first; "
        r"set folder_table: info.csv the other$"
    )
    with pytest.raises(LabelsError, match=said):
        detect_source(root)


def test_they_have_its_labels_and_none_is_parted(root: Path) -> None:
    found = find(root, folder_table="info.csv")
    assert counts(found) == [{"sick": 6, "well": 6}]
    assert notes_of(found) == [
        "info.csv: folders, named in 'patient', have the labels of its column 'finding'; no split parts one"
    ]
    grouping = Dataset(source="folder").grouping
    numbers = number_groups(find_groups(found, grouping, "params.yaml").train)
    by_folder = [Path(origin).parent.name for origin in found.train.origins]
    assert len({*zip(numbers.tolist(), by_folder, strict=True)}) == len({*by_folder}) == len(PATIENTS)


def test_the_account_has_the_table_and_folders_without_a_label(root: Path) -> None:
    write_images(root, "P006/a.png", "P007/deep/a.png", "loose.png")
    with (root / "info.csv").open("a") as stream:
        stream.write("P007,40,n/a\nP099,40,sick\n")
    found = find(root, folder_table="info.csv")
    assert counts(found) == [{"sick": 6, "well": 6}]
    left_out = {(own["reason"], own["place"]): own["files"] for own in found.train.provenance["left_out"]}
    reason = "in no folder with a label"
    assert left_out == {("the table of labels", "."): 1} | {(reason, place): 1 for place in ("P006", "P007", ".")}
    assert "info.csv: 1 rows name no folder of images here, first row 8" in notes_of(found)


def test_a_table_that_names_each_image_is_read_as_one_of_images(tmp_path: Path) -> None:
    """As of breasts, each of which has a label: that all of a patient have the same is chance."""
    rows = [(name, f"{10 * number + own}", sick(number)) for number, name in enumerate(PATIENTS) for own in range(2)]
    write_images(tmp_path, *(f"{name}/{image}.png" for name, image, _ in rows))
    write_table(tmp_path / "info.csv", "patient,image_id,age,finding", *(f"{a},{b},50,{c}" for a, b, c in rows))
    said = r"\? set layout: classes takes the first; set layout: table and set label: finding"
    with pytest.raises(LabelsError, match=said):
        detect_source(tmp_path)
    assert counts(table.find_in_tables(tmp_path, table.Settings(size=4, label="finding"))) == [{"sick": 6, "well": 6}]


def test_names_of_folders_may_differ_by_case(root: Path) -> None:
    write_table(root / "info.csv", "patient,finding", *(f"{name.lower()},{sick(n)}" for n, name in enumerate(PATIENTS)))
    assert counts(find(root, folder_table="info.csv")) == [{"sick": 6, "well": 6}]
    write_images(root, "p000/a.png")  # which of both is meant
    assert counts(find(root, folder_table="info.csv")) == [{"sick": 6, "well": 5}]


def test_words_are_classes_more_often_and_get_a_note(tmp_path: Path) -> None:
    names = ("ant", "bee", "cow", "dog")
    write_images(tmp_path, *(f"{name}/{own}.png" for name in names for own in range(2)))
    write_table(tmp_path / "kinds.csv", "name,legs", "ant,many", "bee,many", "cow,four", "dog,four")
    assert detect_source(tmp_path) == "folder"
    found = find(tmp_path)
    assert counts(found) == [dict.fromkeys(names, 2)]
    said = "folders may be of classes four, many by column 'legs' of kinds.csv, whose column 'name' names folders"
    assert f"{said}, and nothing of that is read: set folder_table: kinds.csv takes these" in notes_of(found)


@pytest.mark.parametrize(
    "rows",
    [
        [f"{name},{number}" for number, name in enumerate(PATIENTS)],  # their numbers
        [f"{name},title {number}" for number, name in enumerate(PATIENTS)],  # what each means
        [f"{name},{7 + number % 2}" for number, name in enumerate(PATIENTS)],  # numbers of anything
        [f"{name},{sick(number + own)}" for number, name in enumerate(PATIENTS) for own in range(2)],  # of images
        [f"{name},same" for name in PATIENTS],
        [f"Q{name},{sick(number)}" for number, name in enumerate(PATIENTS)],  # of other folders
        [f"{name},{sick(number)}" for number, name in enumerate(PATIENTS[:2])],  # of a few
    ],
)
def test_other_tables_say_nothing_of_classes(rows: list[str], root: Path) -> None:
    write_table(root / "info.csv", "patient,what", *rows)
    assert detect_source(root) == "folder"
    assert not [note for note in notes_of(find(root)) if "folder_table" in note]


def test_columns_that_are_called_labels_come_first_whatever_numbers_they_have(root: Path) -> None:
    rows = [f"{name},{'fm'[number // 3]},{3 + number % 2}" for number, name in enumerate(PATIENTS)]
    write_table(root / "info.csv", "patient,sex,label", *rows)
    with pytest.raises(LabelsError, match=r"or 3, 4 by column 'label' .* set folder_label: label \(or sex\) the"):
        detect_source(root)
    assert counts(find(root, folder_table="info.csv")) == [{"3": 6, "4": 6}]
    assert counts(find(root, folder_table="info.csv", folder_label="sex")) == [{"f": 6, "m": 6}]


def test_numbers_mean_folders_of_the_same_numbers_in_parts_too(tmp_path: Path) -> None:
    part = {number: "train" if number < 4 else "test" for number in range(6)}
    write_images(tmp_path, *(f"{part[number]}/{number:03}/{own}.png" for number in range(6) for own in range(2)))
    write_table(tmp_path / "info.csv", "ID;Befund", *(f"{number};{sick(number)}" for number in range(6)))
    assert counts(find(tmp_path, folder_table="info.csv")) == [{"sick": 4, "well": 4}, {"sick": 2, "well": 2}]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folder_table": "gone.csv"}, "folder_table: gone.csv: no such file; there are info.csv$"),
        ({"folder_label": "gone"}, "no column 'gone'; allowed: patient, age, finding$"),
    ],
)
def test_what_cannot_be_is_told(settings: dict[str, str], message: str, root: Path) -> None:
    refused(root, message, **{"folder_table": "info.csv", **settings})


def test_a_folder_has_one_label(root: Path) -> None:
    with (root / "info.csv").open("a") as stream:
        stream.write("P000,50,sick\n")
    said = "folder_table: info.csv: P000 is 'well' in row 1, 'sick' in row 7; a folder has one label$"
    refused(root, said, folder_table="info.csv", folder_label="finding")


def test_several_columns_are_asked_about(root: Path) -> None:
    rows = [f"{name},{'fm'[number // 3]},{sick(number)}" for number, name in enumerate(PATIENTS)]
    write_table(root / "info.csv", "patient,sex,finding", *rows)
    said = "columns sex, finding may have the labels; it has patient, sex, finding; set folder_label: COLUMN takes one"
    refused(root, said, folder_table="info.csv")


def test_a_table_that_names_no_folder_is_refused(root: Path) -> None:
    write_table(root / "info.csv", "patient,finding", "x,sick", "y,well")
    refused(
        root, "folder_table: info.csv: no column names folders of images here, as P000, P001", folder_table="info.csv"
    )


def test_a_pattern_says_otherwise_what_belongs_together(root: Path) -> None:
    found = find(root, folder_table="info.csv")
    grouping = Dataset(source="folder", group_pattern="P00[0-3]|P00[45]").grouping
    assert find_groups(found, grouping, "params.yaml").train.groups is not None
    wide = Dataset(source="folder", group_pattern="P0").grouping
    assert {*(find_groups(found, wide, "params.yaml").train.groups or ())} == {"P0"}
