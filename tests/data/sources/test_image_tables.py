"""Tables that give each image another label than its folder is called."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from counterweight.data.labelled_texts import LabelsError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import table
from tests.data.sources.test_layout import counts, find
from tests.data.sources.test_public_layouts import write_images, write_table

PATIENTS = [f"P{number:03}" for number in range(6)]
WORDS = ("ant", "bee", "cow", "dog", "elk", "fox")


def make(root: Path, folders: Sequence[str], header: str, row: str) -> None:
    """Write four images to each folder, and a table with a row of each: `{folder}`, `{image}`, `{word}`..."""
    rows = []
    for place, folder in enumerate(folders):
        for own in range(4):
            image = f"im{place}{own}"
            write_images(root, f"{folder}/{image}.png")
            flag, part = (place + own) % 2, ("train", "test")[own % 2]
            known = {"word": ("well", "sick")[flag], "flag": flag, "part": part, "number": place + own}
            rows.append(row.format(folder=folder, lower=folder.lower(), image=image, **known))
    write_table(root / "info.csv", header, *rows)


def note_of(root: Path) -> str:
    notes: list[str] = find(root).train.provenance["notes"]
    return next((note for note in notes if note.startswith("images may be of classes")), "")


@pytest.mark.parametrize(
    ("header", "row", "ways"),
    [
        ("image_id,age,finding", "{image},{number},{word}", "set image: image_id and set label: finding the other"),
        ("file,befund", "{image}.png,{word}", "set label: befund the other"),
        ("file,sex,ill", "{image}.png,{word},{flag}", r"set label: sex \(or ill\) the other"),
    ],
)
def test_folders_of_patients_are_asked_about(header: str, row: str, ways: str, tmp_path: Path) -> None:
    make(tmp_path, PATIENTS, header, row)
    said = f"by column '.*' of info.csv, whose column '.*' names images.* set layout: table and {ways}$"
    with pytest.raises(LabelsError, match=said):
        detect_source(tmp_path)


def test_its_labels_are_read(tmp_path: Path) -> None:
    make(tmp_path, PATIENTS, "image_id,age,finding", "{image},{number},{word}")
    found = table.find_in_tables(tmp_path, table.Settings(size=4, image="image_id", label="finding"))
    assert counts(found) == [{"sick": 12, "well": 12}]


def test_words_are_classes_more_often_and_get_a_note(tmp_path: Path) -> None:
    make(tmp_path, WORDS, "name,kind", "{image},{word}")
    assert detect_source(tmp_path) == "folder"
    said = "images may be of classes sick, well by column 'kind' of info.csv, whose column 'name' names images, and"
    assert note_of(tmp_path).startswith(said)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("name,kind,view", "{image},{folder},{word}"),  # the folders' names are there
        ("name,kind,view", "{image},{lower},{word}"),
        ("name,age", "{image},{number}"),
        ("name,part", "{image},{part}"),
        ("name,is_train", "{image},{flag}"),
        ("name,patient_id", "{image},{word}"),
        ("name,title", "{image},of {image}"),
        ("name,kind", "other{image},{word}"),
        ("name,group", "{image},g{folder}"),  # what a folder stands for
    ],
)
def test_other_columns_say_nothing_of_classes(header: str, row: str, tmp_path: Path) -> None:
    make(tmp_path, PATIENTS, header, row)
    assert detect_source(tmp_path) == "folder"
    assert note_of(tmp_path) == ""


def test_names_that_images_of_several_folders_have_name_none(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/{own}.png" for name in PATIENTS for own in range(4)))
    write_table(tmp_path / "info.csv", "file,finding", *(f"{own}.png,{('sick', 'well')[own % 2]}" for own in range(4)))
    assert note_of(tmp_path) == ""
