"""Tables that are asked for by name, and texts with a path and a label in each line as such, and JSON."""

import json
from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.data.sources.base.label_texts import part_rows
from tests.data.sources.tables import counts, find, left_out, refused
from tests.data.sources.test_public_layouts import write_images, write_table


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["a/b 1.jpg sea lion", "c.png  1"], [("a/b 1.jpg", "sea lion"), ("c.png", "1")]),
        (["0034309 Boeing 737-300", "7 A320"], [("0034309", "Boeing 737-300"), ("7", "A320")]),
        (["beagle_1 1 2 3", "pug_2 5 2 9"], [("beagle_1", "1", "2", "3"), ("pug_2", "5", "2", "9")]),
        (["0 x/a.jpg", "1 y b.jpg"], [("x/a.jpg", "0"), ("y b.jpg", "1")]),
        (["a.jpg 1", "1 a.jpg"], [("a.jpg", "1"), ("1 a.jpg",)]),
        (["a.jpg", "b.jpg 1"], [("a.jpg",), ("b.jpg", "1")]),
        ([], []),
    ],
)
def test_a_line_is_a_path_and_a_label(lines: list[str], rows: list[tuple[str, ...]]) -> None:
    assert part_rows(lines) == rows


def write_parts(root: Path, line: str = "photos/{number} a.png {label}") -> dict[str, list[str]]:
    """Write a dozen images and lists of eight that are trained on and of four that are tested on."""
    write_images(root, *(f"photos/{number} a.png" for number in range(12)))
    rows = [line.format(number=number, label=("sea lion", "owl")[number % 2]) for number in range(12)]
    write_table(root / "lists/trainval.txt", "# path and label", "", *rows[:8])
    write_table(root / "lists/test.txt", *rows[8:])
    return {"tables": ["lists/trainval.txt", "lists/test.txt"]}


@pytest.mark.parametrize(
    "line", ["photos/{number} a.png {label}", "photos/{number} a.png\t{label}", "{number} a.png,{label}"]
)
def test_lists_of_paths_and_labels_are_tables_if_asked_for(line: str, tmp_path: Path) -> None:
    tables = write_parts(tmp_path, line)
    if "\t" in line or "," in line:  # these are tables of texts as others are, which have no comments
        write_table(tmp_path / "lists/trainval.txt", *(tmp_path / "lists/trainval.txt").read_text().splitlines()[2:])
    found = find(tmp_path, **tables)
    assert counts(found) == [{"owl": 4, "sea lion": 4}, {"owl": 2, "sea lion": 2}]
    noted = "trainval.txt: 2 lines are empty or comments" in found.train.provenance["notes"]
    assert noted == (line.endswith("a.png {label}"))


def test_lists_in_other_encodings_and_in_none(tmp_path: Path) -> None:
    tables = write_parts(tmp_path)
    for name in tables["tables"]:
        text = (tmp_path / name).read_text(encoding="utf-8").replace("owl", "höck")
        (tmp_path / name).write_text(text, encoding="utf-16")
    assert counts(find(tmp_path, **tables))[1] == {"höck": 2, "sea lion": 2}
    (tmp_path / "lists/test.txt").write_bytes("photos/8 a.png höck\n".encode("cp1252"))
    refused(tmp_path, "test.txt: cannot be read: .* set encoding: cp1252", **tables)


def test_a_line_without_a_label_is_counted_as_an_empty_cell_is(tmp_path: Path) -> None:
    tables = write_parts(tmp_path)
    with (tmp_path / "lists/test.txt").open("a") as stream:
        stream.write("\nphotos/7 a.png\n")
    found = find(tmp_path, **tables)
    assert counts(found) == [{"owl": 4, "sea lion": 4}, {"owl": 2, "sea lion": 2}]
    assert "test.txt: no label in 1 rows: nothing" in found.train.provenance["notes"]
    assert ("a row without a label", ".png", "test.txt", 1) in left_out(found)
    refused(tmp_path, r"test.txt: row 6: 'label' is empty", **tables, missing_labels="keep")


def test_no_part_of_a_label_is_cut_off(tmp_path: Path) -> None:
    """A label may have the mark in it that parts the columns; of more columns nothing is guessed."""
    write_images(tmp_path, *(f"{n}.png" for n in range(12)))
    labels = ["cat", *["cat", "dog"] * 5, "cat, big"]
    write_table(tmp_path / "labels.txt", *(f"{n}.png,{label}" for n, label in enumerate(labels)))
    assert counts(find(tmp_path, tables=["labels.txt"])) == [{"cat": 6, "cat, big": 1, "dog": 5}]
    write_table(tmp_path / "labels.txt", *(f"{n}.png,{label},7" for n, label in enumerate(labels)))
    found = find(tmp_path, tables=["labels.txt"], label="f1")
    assert counts(found) == [{"cat": 6, "dog": 5}]
    assert "labels.txt: no label in 1 rows: nothing" in found.train.provenance["notes"]


def test_a_first_line_with_names_of_columns_is_none(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{n}.png" for n in range(4)))
    write_table(tmp_path / "labels.txt", "", "image label", *(f"{n}.png {'ab'[n % 2]}" for n in range(4)))
    assert counts(find(tmp_path, tables=["labels.txt"])) == [{"a": 2, "b": 2}]


def test_tables_that_are_asked_for_are_read_alone(tmp_path: Path) -> None:
    """As of German traffic signs: a third table of other images would be asked about."""
    write_images(tmp_path, *(f"{part}/{number}.png" for part in ("Train", "Test", "Meta") for number in range(6)))
    for part in ("Train", "Test", "Meta"):
        write_table(tmp_path / f"{part}.csv", "Width,ClassId,Path", *(f"30,{n % 3},{part}/{n}.png" for n in range(6)))
    refused(tmp_path, "Meta.csv: neither its name nor a column split says which part it is")
    found = find(tmp_path, tables=["Test.csv", "./Train.csv"])
    assert counts(found) == [{"0": 2, "1": 2, "2": 2}] * 2
    assert left_out(found) == {
        ("an image that no row names", ".png", "Meta", 6),
        ("a table that is not read", ".csv", ".", 1),
    }


def test_tables_that_are_asked_for_and_are_none_are_refused(tmp_path: Path) -> None:
    tables = write_parts(tmp_path)
    write_table(tmp_path / "plain.csv", "path,height", *(f"photos/{number} a.png,3" for number in range(12)))
    refused(tmp_path, "plain.csv: no column label", tables=[*tables["tables"], "plain.csv"])
    refused(tmp_path, "no.txt: tables: not there; expected files in", tables=["no.txt"])
    refused(tmp_path, "lists: tables: a folder", tables=["lists"])
    outside = tmp_path.parent / "outside.txt"
    outside.write_text("a.png 1\n")
    refused(tmp_path, "tables: not below the folder", tables=["../outside.txt"])
    refused(tmp_path / "plain.csv", "tables: lists/trainval.txt lies in a folder; give that", **tables)


@pytest.mark.parametrize("head", ["label,pixel0,pixel1", "label," + ",".join(f"{n}x{n}" for n in range(784))])
def test_tables_of_pixels_are_named_in_a_short_line(head: str, tmp_path: Path) -> None:
    write_table(tmp_path / "train.csv", head, *(f"{n % 2}" + ",7" * head.count(",") for n in range(6)))
    refused(tmp_path, r"columns such as \w+ hold pixels, which are not read: write each image as a file")
    with pytest.raises(UserError) as caught:
        find(tmp_path)
    assert len(str(caught.value)) < 800
    refused(tmp_path, "no column 'name'; allowed: label", image="name")


def test_names_of_images_and_of_their_masks_mean_the_images(tmp_path: Path) -> None:
    """As of Oxford's pets, whose masks lie nearer to the list."""
    write_images(
        tmp_path, *(f"images/pug_{n}.jpg" for n in range(6)), *(f"annotations/trimaps/pug_{n}.png" for n in range(6))
    )
    write_table(tmp_path / "annotations/list.txt", *(f"pug_{n} {n % 2 + 1} 1 {n}" for n in range(6)))
    found = find(tmp_path, tables=["annotations/list.txt"], label="f1")
    assert found.train.origins[0] == "images/pug_0.jpg"
    assert counts(found) == [{"1": 3, "2": 3}]


NAMES = [f"{number}.png" for number in range(6)]
APART = {
    "images": [{"id": 9 * n, "file_name": name} for n, name in enumerate(NAMES)],
    "annotations": [{"image_id": 9 * n, "category_id": n % 2, "bbox": [1, 2]} for n in reversed(range(6))],
    "categories": [{"id": 0, "name": "owl"}, {"id": 1, "name": "sea lion"}],
}
LABELS = [("owl", "sea lion")[n % 2] for n in range(6)]


@pytest.mark.parametrize(
    "content",
    [
        [{"file": name, "category": label, "size": [3, 4]} for name, label in zip(NAMES, LABELS, strict=True)],
        {"version": "1", "items": [{"path": n, "label": own} for n, own in zip(NAMES, LABELS, strict=True)]},
        dict(zip(NAMES, LABELS, strict=True)),
        {"labels": [*zip(NAMES, LABELS, strict=True)]},
        {"owl": NAMES[::2], "sea lion": NAMES[1::2]},
        {"labels": dict(zip(NAMES, LABELS, strict=True)), "version": 2},
        {"all": [{"image": name, "label": label} for name, label in zip(NAMES, LABELS, strict=True)]},
        APART,
    ],
)
def test_json_that_labels_images_is_a_table_if_asked_for(content: object, tmp_path: Path) -> None:
    """Rows, a label of each image, pairs as of StyleGAN's dataset.json, and images and annotations as of COCO."""
    write_images(tmp_path, *(f"photos/{name}" for name in NAMES))
    (tmp_path / "labels.json").write_text(json.dumps(content))
    found = find(tmp_path, tables=["labels.json"])
    assert counts(found) == [{"owl": 3, "sea lion": 3}]
    owls = [origin for origin, label in zip(found.train.origins, found.train.labels.tolist(), strict=True) if not label]
    assert sorted(owls) == [f"photos/{number}.png" for number in (0, 2, 4)]


def test_json_of_several_annotations_of_an_image_is_asked_about(tmp_path: Path) -> None:
    write_images(tmp_path, *NAMES)
    twice = {**APART, "annotations": [*APART["annotations"], {"image_id": 0, "category_id": 1}]}
    (tmp_path / "labels.json").write_text(json.dumps(twice))
    refused(
        tmp_path,
        "0.png is 'owl' in .*, 'sea lion' in labels.json row 7; .* set two_labels: leave_out",
        tables=["labels.json"],
    )
    assert counts(find(tmp_path, tables=["labels.json"], two_labels="leave_out")) == [{"owl": 2, "sea lion": 3}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read: no JSON: "),
        ("[" * 100_000, "cannot be read: no JSON: "),
        ("3", "cannot be read: no labels of images: expected rows with an image and its label"),
        ('{"a": [1], "b": [2]}', "cannot be read: no labels of images"),
        (
            json.dumps([{str(number): 1} for number in range(9000)]),
            "cannot be read: 9,000 names of columns in 9,000 rows",
        ),
        ('[{"path": "0.png", "label": 1}, {"path": "1.png", "label": "x"}]', "cannot be read: "),
    ],
)
def test_json_of_other_things_is_refused(content: str, message: str, tmp_path: Path) -> None:
    write_images(tmp_path, *NAMES)
    (tmp_path / "labels.json").write_text(content)
    refused(tmp_path, f"labels.json: {message}", tables=["labels.json"])


def test_json_of_both_parts_has_them(tmp_path: Path) -> None:
    write_images(tmp_path, *NAMES)
    rows = [{"image": name, "label": label} for name, label in zip(NAMES, LABELS, strict=True)]
    (tmp_path / "labels.json").write_text(json.dumps({"train": rows[:4], "test": rows[4:]}))
    assert counts(find(tmp_path, tables=["labels.json"])) == [{"owl": 2, "sea lion": 2}, {"owl": 1, "sea lion": 1}]
    (tmp_path / "labels.json").write_text(json.dumps({"train": NAMES[:4], "test": NAMES[4:]}))  # these label nothing
    refused(tmp_path, "no labels of images", tables=["labels.json"])


def test_pieces_that_are_not_there_are_named(tmp_path: Path) -> None:
    write_images(tmp_path, *NAMES)
    for number in (0, 2):
        rows = [f"{NAMES[place]},{LABELS[place]}" for place in range(number, number + 2)]
        write_table(tmp_path / f"train-0000{number}-of-00003.csv", "path,label", *rows)
    assert "train: 2 of 3 pieces are there, as their names say" in find(tmp_path).train.provenance["notes"]


def test_json_with_lists_of_parts_is_read_beside_a_table_and_yaml_refused(tmp_path: Path) -> None:
    write_images(tmp_path, *NAMES)
    write_table(tmp_path / "a.csv", "path,label", *(f"{n},{label}" for n, label in zip(NAMES, LABELS, strict=True)))
    (tmp_path / "split.json").write_text(json.dumps({"train": NAMES[:4], "test": NAMES[4:]}, indent=1))
    found = find(tmp_path, test_lists=["split.json"])
    assert [len(part) for part in found if part is not None] == [4, len(NAMES) - 4]
    refused(tmp_path, "split.yaml: a list has the path of an image in each line", test_lists=["split.yaml"])
