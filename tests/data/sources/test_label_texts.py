"""Tables that are asked for by name, and texts with a path and a label in each line as such."""

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


def test_a_line_without_a_label_is_named_by_its_row(tmp_path: Path) -> None:
    tables = write_parts(tmp_path)
    with (tmp_path / "lists/trainval.txt").open("a") as stream:
        stream.write("\nphotos/9 a.png\n")
    refused(tmp_path, r"trainval.txt: cannot be read: row 12: 'photos/9 a.png' has no label beside it", **tables)


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
        ("of no kind that is read", ".csv", ".", 1),
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
