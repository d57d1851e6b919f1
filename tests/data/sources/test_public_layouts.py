"""Inputs in the shape of datasets that are public: where their images are, what their folders and tables are."""

from pathlib import Path

from PIL import Image

from tests.data.sources.tables import counts, find, refused


def write_images(root: Path, *paths: str) -> None:
    """Write an image to each path."""
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(root / path)


def write_table(file: Path, *rows: str) -> None:
    """Write the lines of a table of texts."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


# Where the images of a table are.


def test_names_that_two_parts_have_are_asked_about_where_rows_repeat_them(tmp_path: Path) -> None:
    """The test rows would be read from the training images otherwise."""
    write_images(tmp_path, *(f"train/{number}.png" for number in range(4)), "test/0.png", "test/1.png")
    rows = [f"{number}.png,{'ab'[number % 2]},train" for number in range(4)]
    write_table(tmp_path / "a.csv", "path,label,split", *rows, "0.png,a,test", "1.png,b,test")
    refused(tmp_path, r"a.csv: 0.png is test/0.png and train/0.png; write the paths with their folders, or set image_")
    rows = [f"train/{row}" for row in rows]
    write_table(tmp_path / "a.csv", "path,label,split", *rows, "test/0.png,a,test", "test/1.png,b,test")
    assert counts(find(tmp_path)) == [{"a": 2, "b": 2}, {"a": 1, "b": 1}]


def test_rows_below_the_first_may_be_in_another_folder(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"train/{number}.png" for number in range(60)), "test/60.png", "test/61.png")
    write_table(tmp_path / "a.csv", "path,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(62)))
    found = find(tmp_path)
    assert counts(found) == [{"a": 31, "b": 31}]
    assert found.train.provenance["notes"] == ["a.csv: the images that it names are in 2 folders"]


def test_tables_of_parts_take_the_folders_of_theirs(tmp_path: Path) -> None:
    for part, count in (("train", 6), ("test", 4)):
        write_images(tmp_path, *(f"{part}_images/{number}.png" for number in range(count)))
        rows = [f"{number}.png,{'ab'[number % 2]}" for number in range(4)]
        write_table(tmp_path / f"{part}.csv", "path,label", *rows)
    found = find(tmp_path)
    assert [*found.train.origins] == [f"train_images/{number}.png" for number in range(4)]
    assert found.test is not None
    assert [*found.test.origins] == [f"test_images/{number}.png" for number in range(4)]


def test_tables_in_a_folder_of_their_own_name_images_in_those_beside_it(tmp_path: Path) -> None:
    """As lesions of the skin have them: `Training_Input`, `Training_GroundTruth`, and so for `Test`."""
    for part, start in (("Training", 0), ("Test", 4)):
        names = [f"mole_{number}" for number in range(start, start + 4)]
        write_images(tmp_path, *(f"{part}_Input/{name}.jpg" for name in names))
        write_table(
            tmp_path / f"{part}_Truth/{part}_Truth.csv",
            "image,mel,nv",
            *(f"{name},1.0,0.0" for name in names[:2]),
            *(f"{name},0.0,1.0" for name in names[2:]),
        )
    assert counts(find(tmp_path)) == [{"mel": 2, "nv": 2}, {"mel": 2, "nv": 2}]
