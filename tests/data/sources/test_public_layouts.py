"""Inputs in the shape of datasets that are public: where their images are, what their folders and tables are."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.data.labelled_texts import LabelsError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import table
from counterweight.data.split.reading import check_present
from tests.data.sources.tables import counts, find, refused
from tests.data.sources.test_layout import counts as count_folders
from tests.data.sources.test_layout import find as find_folder


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


@pytest.mark.parametrize(
    ("folders", "column", "words"),
    [
        (("train", "test"), "split", ("train", "test")),
        (("images/Train_images", "images/Test_images"), "set", ("training", "testing")),
        (("train", "val"), "is_train", ("1", "0")),
        (("train", "validation"), "split", ("train", "dev")),
    ],
)
@pytest.mark.parametrize("tested", [2, 4])
def test_a_row_means_the_image_in_the_folder_of_its_part(
    tested: int, folders: tuple[str, str], column: str, words: tuple[str, str], tmp_path: Path
) -> None:
    """They were asked about, with a setting that read the test rows from the training images."""
    paths = [f"{folder}/{n}.png" for folder, count in zip(folders, (4, tested), strict=True) for n in range(count)]
    write_images(tmp_path, *paths)
    marks = [words[path.startswith(folders[1])] for path in paths]
    rows = (f"{Path(path).name},{'ab'[k % 2]},{mark}" for k, (path, mark) in enumerate(zip(paths, marks, strict=True)))
    write_table(tmp_path / "a.csv", f"path,label,{column}", *rows)
    found = find(tmp_path)
    assert found.test is not None
    assert [[*found.train.origins], [*found.test.origins]] == [paths[:4], paths[4:]]
    note = "a.csv: the images that it names are in folders of several parts: each row means that of its own"
    assert note in found.train.provenance["notes"]


def test_rows_of_validation_are_in_no_folder_of_test_images(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{part}/{number}.png" for part in ("train", "test") for number in range(4)))
    parts = ("train", "train", "val", "val", "test", "test")
    rows = (f"{place % 4}.png,{'ab'[place % 2]},{part}" for place, part in enumerate(parts))
    write_table(tmp_path / "a.csv", "path,label,split", *rows)
    refused(tmp_path, r"a.csv: the images that it names are in test, train; write the paths with their folders$")


def test_names_that_two_folders_have_are_asked_about_where_rows_repeat_them(tmp_path: Path) -> None:
    """One folder would have the rows of the other read from it: no such way is offered."""
    write_images(tmp_path, *(f"train/{number}.png" for number in range(4)), "test/0.png", "test/1.png")
    rows = [f"{number % 4}.png,{'ab'[number % 2]}" for number in range(6)]
    write_table(tmp_path / "a.csv", "path,label", *rows)
    refused(tmp_path, r"a.csv: 0.png is test/0.png and train/0.png; write the paths with their folders$")
    write_table(tmp_path / "a.csv", "path,label", *rows[:4])
    write_images(tmp_path, "more/0.png", "more/1.png", "more/2.png", "more/3.png")
    refused(tmp_path, r"a.csv: the images that it names are in more, train; set image_folder: more takes those in it$")


def test_a_table_of_names_in_two_folders_of_classes_is_offered_with_its_folder(tmp_path: Path) -> None:
    """The folder alone is no setting of classes."""
    write_images(tmp_path, *(f"{folder}/{number}.png" for folder in ("here", "there") for number in range(4)))
    write_table(tmp_path / "labels.csv", "path,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(4)))
    with pytest.raises(
        LabelsError, match="in here, there; set layout: table and set image_folder: here takes those in it"
    ):
        detect_source(tmp_path)
    assert counts(find(tmp_path, image_folder="here")) == [{"a": 2, "b": 2}]


def test_rows_below_the_first_may_be_in_another_folder(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"train/{number}.png" for number in range(60)), "test/60.png", "test/61.png")
    write_table(tmp_path / "a.csv", "path,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(62)))
    found = find(tmp_path)
    assert counts(found) == [{"a": 30, "b": 30}, {"a": 1, "b": 1}]
    assert found.train.provenance["notes"] == [
        "a.csv: the images that it names are in 2 folders",
        "a.csv: the folders that images lie in say which part each is in; set keep_split: false splits all images here",
    ]


@pytest.mark.parametrize(
    ("folders", "parted"),
    [
        (("train", "test"), True),
        (("images/Train_images", "images/Test_images"), True),
        (("train/x", "val/y"), True),
        (("train", "more"), False),
        (("test", "val"), False),
        (("train", "train"), False),
    ],
)
def test_folders_of_images_that_a_table_names_say_the_part(
    folders: tuple[str, str], parted: bool, tmp_path: Path
) -> None:
    paths = [f"{folders[number // 4]}/{number}.png" for number in range(6)]
    write_images(tmp_path, *paths)
    write_table(tmp_path / "a.csv", "path,label", *(f"{path},{'ab'[n % 2]}" for n, path in enumerate(paths)))
    assert counts(find(tmp_path)) == ([{"a": 2, "b": 2}, {"a": 1, "b": 1}] if parted else [{"a": 3, "b": 3}])


def test_a_column_of_parts_matters_more_than_folders(tmp_path: Path) -> None:
    paths = [f"{'train' if number < 4 else 'test'}/{number}.png" for number in range(6)]
    write_images(tmp_path, *paths)
    rows = (f"{path},{'ab'[n % 2]},{'test' if n < 2 else 'train'}" for n, path in enumerate(paths))
    write_table(tmp_path / "a.csv", "path,label,split", *rows)
    found = find(tmp_path)
    assert found.test is not None
    assert [*found.test.origins] == ["train/0.png", "train/1.png"]


def test_what_seems_to_say_parts_beside_a_table_is_named(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{'test' if number < 2 else 'train'}_{number}.png" for number in range(6)))
    rows = [f"{'test' if number < 2 else 'train'}_{number}.png,{'ab'[number % 2]}" for number in range(6)]
    write_table(tmp_path / "a.csv", "path,label,set", *(f"{row},{'TV'[n < 2]}" for n, row in enumerate(rows)))
    write_table(tmp_path / "test.txt", "test_0.png", "test_1.png")
    assert find(tmp_path).train.provenance["notes"] == [
        "a.csv: column 'set' ('T', 'V') may name parts and is not heeded; set split: set and test: [V] tests on these "
        "rows and trains on the others",
        "test.txt says which images are in which part, as it seems, and nothing of that is read: set "
        "test_lists: [test.txt] tests on its images and trains on the others, or a column of the table may say it, set "
        "split: COLUMN",
        "names of files in every class name parts (2 with 'test' and 4 with 'train'), and nothing of that is read: a "
        "column of the table may say it, set split: COLUMN",
    ]


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


# What folders are.


def test_folders_called_images_in_parts_are_no_classes(tmp_path: Path) -> None:
    """As small pictures of ImageNet have them: `train/n01/images`, but `val/images` and a list of labels."""
    for name in ("n01", "n02"):
        write_images(tmp_path, *(f"train/{name}/images/{name}_{number}.png" for number in range(3)))
    write_images(tmp_path, "val/images/0.png", "val/images/1.png", "test/images/2.png")
    found = find_folder(tmp_path)
    assert count_folders(found) == [{"n01": 3, "n02": 3}]
    reasons = {(group["reason"], group["place"]): group["files"] for group in found.train.provenance["left_out"]}
    assert reasons == {
        ("a part without folders of classes", "val"): 2,
        ("a part without folders of classes", "test"): 1,
    }


def test_a_class_called_images_is_one_in_all_parts(tmp_path: Path) -> None:
    write_images(tmp_path, "train/images/0.png", "train/texts/0.png", "test/images/1.png", "test/texts/1.png")
    assert count_folders(find_folder(tmp_path)) == [{"images": 1, "texts": 1}] * 2


def test_validation_images_are_tested_on_where_test_images_have_no_labels(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"train/{name}/{number}.png" for name in "ab" for number in range(3)))
    write_images(tmp_path, "val/a/0.png", "val/b/1.png", "test/0.png", "test/1.png")
    assert count_folders(find_folder(tmp_path)) == [{"a": 3, "b": 3}, {"a": 1, "b": 1}]


def test_validation_images_without_labels_are_left_out(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_images(tmp_path, *(f"{part}/{name}/{number}.png" for name in "ab" for number in range(3)))
    write_images(tmp_path, "val/0.png")
    assert count_folders(find_folder(tmp_path)) == [{"a": 3, "b": 3}] * 2


def test_folds_with_a_split_each_are_asked_about(tmp_path: Path) -> None:
    folds = [f"fold{number}/{part}/{name}/0.png" for number in (1, 2) for part in ("train", "test") for name in "ab"]
    write_images(tmp_path, *folds)
    message = r"classes fold1, fold2, or sets of classes a, b, each with parts test, train\? give .*/fold2 for one of"
    with pytest.raises(UserError, match=message):
        find_folder(tmp_path)
    assert count_folders(find_folder(tmp_path / "fold2")) == [{"a": 1, "b": 1}] * 2


# Which table has the labels.


def test_a_table_labels_images_in_pieces(tmp_path: Path) -> None:
    """As moles and chest X-rays are kept: `part_1`, `part_2`, and the table says what is in them."""
    write_images(tmp_path, *(f"images_part_{1 + number // 2}/{number}.png" for number in range(4)))
    write_table(tmp_path / "a.csv", "image,label", *(f"{number},{'ab'[number % 2]}" for number in range(4)))
    write_table(tmp_path / "pixels.csv", "pixel0,pixel1,pixel2", "1,2,3")
    assert detect_source(tmp_path) == "table"
    assert counts(find(tmp_path)) == [{"a": 2, "b": 2}]
    write_table(tmp_path / "a.csv", "image,kind,age", *(f"{number},{'ab'[number % 2]},{number}" for number in range(4)))
    assert detect_source(tmp_path) == "table"
    refused(
        tmp_path,
        r"a.csv: no column label, .*; it has image, kind, age; set label: .*; nor does the other table label images$",
    )
    (tmp_path / "a.csv").unlink()
    assert detect_source(tmp_path) == "folder"
    with pytest.raises(UserError, match=r"or pieces of one set\? .*; where a table labels them, set layout: table$"):
        find_folder(tmp_path)


def test_pieces_with_classes_in_them_are_no_images_of_a_table(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"fold{number}/{name}/{number}{name}.png" for number in (1, 2) for name in "ab"))
    write_table(tmp_path / "a.csv", "path,label", "fold1/a/1a.png,a", "fold1/b/1b.png,b", "fold2/a/2a.png,a")
    assert detect_source(tmp_path) == "folder"


def test_a_table_without_the_column_that_is_asked_for_is_left_out(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"img/{number}.png" for number in range(4)))
    write_table(tmp_path / "attributes.csv", "id,male,young", *(f"{number}.png,{number % 2},1" for number in range(4)))
    write_table(tmp_path / "parts.csv", "id,partition", *(f"{number}.png,{number % 2}" for number in range(4)))
    found = find(tmp_path, label="male")
    assert counts(found) == [{"0": 2, "1": 2}]
    said = "parts.csv is not read beside attributes.csv: no column 'male'; its column 'partition' may say which"
    assert found.train.provenance["notes"][-1].startswith(said)
    refused(
        tmp_path,
        r"attributes.csv: no column 'mal'; did you mean 'male'\? .*; nor does the other table label images$",
        label="mal",
    )


def test_a_template_alone_labels_nothing(tmp_path: Path) -> None:
    """As cats and dogs have it, whose labels are in the names of files."""
    write_images(tmp_path, "train/cat.0.jpg", "train/dog.0.jpg", "test1/1.jpg", "test1/2.jpg")
    write_table(tmp_path / "sampleSubmission.csv", "id,label", "1,0", "2,0")
    refused(tmp_path, r"sampleSubmission.csv: it gives all images the label '0', and is called .*; sort the images")


def test_a_broken_table_beside_others_is_named_with_a_way_out(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    write_table(tmp_path / "boxes.csv", "image,box,,", "0.png,1")
    write_table(tmp_path / "labels.csv", "image,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(4)))
    refused(tmp_path, r"boxes.csv: cannot be read: .*; mend it, or give the table of labels itself$")
    assert counts(find(tmp_path / "labels.csv")) == [{"a": 2, "b": 2}]


# What is said of them.


def test_several_sizes_of_each_image_are_told_of(tmp_path: Path) -> None:
    """As systems for web pages keep them."""
    sizes = ("", "-150x150", "-300x200")
    write_images(tmp_path, *(f"{name}/photo{n}{size}.jpg" for name in "ab" for n in range(4) for size in sizes))
    notes = find_folder(tmp_path).train.provenance["notes"]
    assert [note.split(":")[0] for note in notes] == [
        "8 images have the names of others but for '*-150x150.*'",
        "8 images have the names of others but for '*-300x200.*'",
    ]


def test_labels_that_are_the_same_number_are_told_of(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(8)))
    write_table(tmp_path / "a.csv", "path,label", *(f"{n}.png,{('1', '01', '2', 'x')[n % 4]}" for n in range(8)))
    found = find(tmp_path)
    assert counts(found) == [{"01": 2, "1": 2, "2": 2, "x": 2}]
    assert found.train.provenance["notes"] == [
        "classes '01', '1' are the same number; write it in one way if they are one"
    ]


@pytest.mark.parametrize(("word", "near"), [("0.jpg", "0.png"), ("0", "0.jpeg and 0.png")])
def test_paths_that_differ_from_images_by_their_ending_are_named(tmp_path: Path, word: str, near: str) -> None:
    write_images(tmp_path, "0.png", "1.png", *(["0.jpeg"] if word == "0" else []))
    write_table(tmp_path / "a.csv", "path,label", f"{word},a", f"{word.replace('0', '1')}x,b")
    refused(tmp_path, rf"{word} is not there, but there is {near}; mend the endings of paths$")


def test_paths_may_begin_with_folders_that_are_not_here(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"imgs/{'ab'[n % 2]}/{n}.png" for n in range(4)))
    rows = [f"data/raw/imgs/{'ab'[n % 2]}/{n}.png,{'xy'[n % 2]}" for n in range(4)]
    write_table(tmp_path / "a.csv", "path,label", *rows)
    found = find(tmp_path)
    assert counts(found) == [{"x": 2, "y": 2}]
    said = "a.csv: all paths begin with 'data/raw/', which is not here: what follows is looked for here"
    assert said in found.train.provenance["notes"]


def test_files_of_the_same_names_in_another_folder_are_not_taken_for_those_of_paths(tmp_path: Path) -> None:
    """They may be masks of images that are not here."""
    write_images(tmp_path, *(f"overlays/{n}.png" for n in range(4)))
    write_table(tmp_path / "a.csv", "path,label", *(f"photos/{n}.png,{'xy'[n % 2]}" for n in range(4)))
    with pytest.raises(UserError, match=r"4 of 4 files missing, first: .*photos/0.png"):
        check_present(find(tmp_path), "pets")


def test_folders_of_images_without_a_label_are_told_of(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/{n}.png" for name in ("cat", "dog", "Unlabeled") for n in range(2)))
    found = find_folder(tmp_path)
    assert count_folders(found) == [{"cat": 2, "dog": 2, "Unlabeled": 2}]
    said = "folders Unlabeled may be of images without a label, and count as classes"
    assert f"{said}; set leave_out: [Unlabeled] leaves them out" in found.train.provenance["notes"]


def test_the_training_part_alone_is_offered_where_the_other_has_none_of_its_classes(tmp_path: Path) -> None:
    """As on Kaggle, where the images to be labelled lie in one folder."""
    write_images(
        tmp_path, *(f"train/{name}/{n}.png" for name in ("cat", "dog") for n in range(3)), "test/unknown/0.png"
    )
    with pytest.raises(UserError, match=r"train lacks unknown .*; set train: \[train\] takes its images alone$"):
        find_folder(tmp_path)
    assert count_folders(find_folder(tmp_path, train=["train"])) == [{"cat": 3, "dog": 3}]


def test_inner_folders_are_offered_where_the_parts_have_no_class_in_common(tmp_path: Path) -> None:
    """As of patients, each of whom is in one part."""
    people = ("train/p0/sick", "train/p1/well", "valid/p2/sick", "valid/p3/well")
    write_images(tmp_path, *(f"{place}/{number}.png" for place in people for number in range(2)))
    pattern = "([^/]+)/[^/]+$"
    said = re.escape(f"; set label_pattern: '{pattern}' takes the inner ones for classes; set train: [train] takes")
    with pytest.raises(UserError, match=said):
        find_folder(tmp_path)
    assert count_folders(find_folder(tmp_path, label_pattern=pattern)) == [{"sick": 2, "well": 2}] * 2


def test_parts_of_classes_in_the_names_of_folders_are_offered(tmp_path: Path) -> None:
    write_images(
        tmp_path, *(f"{name}_{part}/{n}.png" for name in ("cat", "dog") for part in ("train", "test") for n in "01")
    )
    pattern = "^([^/]+)[_-][^/_-]+/"
    said = f"set train: [cat_train, dog_train] and test: [cat_test, dog_test] and set label_pattern: '{pattern}' takes"
    with pytest.raises(UserError, match=re.escape(said)):
        detect_source(tmp_path)
    parts = {"train": ["cat_train", "dog_train"], "test": ["cat_test", "dog_test"]}
    assert count_folders(find_folder(tmp_path, label_pattern=pattern, **parts)) == [{"cat": 2, "dog": 2}] * 2


def test_what_tables_without_labels_say_of_patients_is_told(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{n}.png" for n in range(4)))
    write_table(tmp_path / "a.csv", "path,label", *(f"{n}.png,{'xy'[n % 2]}" for n in range(4)))
    write_table(tmp_path / "b.csv", "path,patient_id,age", *(f"{n}.png,p{n // 2},{n}" for n in range(4)))
    note = next(own for own in find(tmp_path).train.provenance["notes"] if own.startswith("b.csv is not read"))
    said = (
        "; its column 'patient_id' may say which images belong together: write it into the table of labels to have it"
    )
    assert said in note


def test_numbers_that_lost_their_zeros_are_named(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"img/{n:04}.png" for n in range(1, 5)))
    write_table(tmp_path / "a.csv", "path,label", *(f"{n},{'ab'[n % 2]}" for n in range(1, 5)))
    said = r"img/1 is not there, but there is 0001.png; mend the names of images, which have zeros before them$"
    refused(tmp_path, said, image_folder="img")


def test_one_folder_with_two_images_of_a_name_needs_endings(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"img/{n}{ending}" for n in range(4) for ending in (".jpg", ".png")))
    write_table(tmp_path / "a.csv", "path,label", *(f"{n},{'ab'[n % 2]}" for n in range(4)))
    refused(tmp_path, "a.csv: 0 is img/0.jpg and img/0.png; write the endings of the paths, too$")


def test_the_table_to_train_on_is_named_where_none_has_labels(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{n}.png" for n in range(6)))
    write_table(tmp_path / "test.csv", "path,x,y", "4.png,1,2", "5.png,1,2")
    write_table(tmp_path / "train.csv", "path,kind,x,y", *(f"{n}.png,{'ab'[n % 2]},1,2" for n in range(4)))
    refused(tmp_path, "train.csv: no column label, .*; it has path, kind, x, y; set label: COLUMN")


def test_short_words_of_parts_beside_folders_are_read_as_lists(tmp_path: Path) -> None:
    rows = [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(4)]
    write_images(tmp_path, *rows)
    write_table(tmp_path / "a.csv", "file,part", *(f"{row},{('trn', 'tst')[n % 2]}" for n, row in enumerate(rows)))
    note = next(own for own in find_folder(tmp_path).train.provenance["notes"] if own.startswith("a.csv says"))
    assert "set train_lists: [a.csv] and test_lists: [a.csv] take their parts" in note
    found = find_folder(tmp_path, train_lists=["a.csv"], test_lists=["a.csv"])
    assert count_folders(found) == [{"cat": 2, "dog": 2}] * 2


def test_a_table_of_words_that_name_no_part_is_not_offered_for_labels(tmp_path: Path) -> None:
    rows = [f"{name}/{n}.png" for name in ("cat", "dog") for n in range(4)]
    write_images(tmp_path, *rows)
    write_table(tmp_path / "split.csv", "file,part", *(f"{row},{'tv'[n % 2]}" for n, row in enumerate(rows)))
    note = next(own for own in find_folder(tmp_path).train.provenance["notes"] if own.startswith("split.csv says"))
    assert "layout: table" not in note


def test_parts_in_classes_of_which_one_lacks_one(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/train/{number}.png" for name in "abc" for number in range(2)))
    write_images(tmp_path, "a/test/3.png", "b/test/3.png")
    with pytest.raises(UserError, match=r"test lacks c \(2 images in train\); set missing_classes: leave_out"):
        find_folder(tmp_path)
    assert count_folders(find_folder(tmp_path, missing_classes="leave_out")) == [{"a": 2, "b": 2}, {"a": 1, "b": 1}]


def test_what_is_trained_and_validated_on_is_a_training_part(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{part}/{name}/{n}.png" for part in ("test", "TrainVal") for name in "ab" for n in "01"))
    assert count_folders(find_folder(tmp_path)) == [{"a": 2, "b": 2}] * 2
    write_images(tmp_path, *(f"train/{name}/0.png" for name in "ab"))
    with pytest.raises(
        UserError,
        match=r"TrainVal and train are the same part; set train: \[TrainVal\] and test: \[test\] takes what it holds",
    ):
        find_folder(tmp_path)


def test_sets_of_the_same_files_may_be_forms_of_the_same_pictures(tmp_path: Path) -> None:
    """As of leaves in colour, in grey and cut out: parts of these would share all pictures."""
    sets = ("color", "grey", "cut")
    write_images(tmp_path, *(f"{own}/{name}/{name}_{n}.png" for own in sets for name in "ab" for n in "01"))
    with pytest.raises(UserError, match=rf"give {tmp_path}/color if they are forms of the same pictures$"):
        find_folder(tmp_path)
    (tmp_path / "cut/a/a_1.png").rename(tmp_path / "cut/a/a_9.png")
    with pytest.raises(UserError, match=r"train alone splits its images here$"):
        find_folder(tmp_path)


def test_an_example_of_parts_tests_on_what_is_called_test(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{part}/{name}/0.png" for part in ("test", "learned") for name in "ab"))
    with pytest.raises(UserError, match=r"set train: \[learned\] and test: \[test\] as an example"):
        find_folder(tmp_path)
    patients = tmp_path / "patients"
    write_images(patients, *(f"{patient}/{label}/0.png" for patient in range(30) for label in (0, 1)))
    with pytest.raises(UserError, match=r"set train: \[0, 1, 2, 3, 4\] and test: \[29\] as an example"):
        find_folder(patients)


def test_a_table_beside_those_of_parts_is_named_with_a_way_out(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    for name in ("all", "test", "train"):
        write_table(tmp_path / f"{name}.csv", "path,label", *(f"{n}.png,{'ab'[n % 2]}" for n in range(4)))
    ways = r"set tables: \[test.csv, train.csv\] reads these alone; or give one table itself$"
    refused(tmp_path, f"all.csv: neither its name nor .* as others do; {ways}")
    found = table.find_in_tables(tmp_path, table.Settings(size=1, tables=["test.csv", "train.csv"]))
    assert found.test is not None


def test_addresses_of_images_and_lines_of_one_column_are_named(tmp_path: Path) -> None:
    write_images(tmp_path, "0.png", "1.png")
    write_table(tmp_path / "a.csv", "TRAIN,gs://bucket/2.png,a", "TEST,gs://bucket/3.png,b")
    refused(
        tmp_path,
        r"a.csv: column 'f1' names images, 2 of 2 missing, first: gs://bucket/2.png; set image: f1 takes it as it is",
    )
    write_table(tmp_path / "a.csv", "picture label", "0.png a", "1.png b")
    refused(tmp_path, r"it has picture label alone; set delimiter: CHARACTER parts a line into more; set image: ")
    assert counts(find(tmp_path, delimiter=" ", image="picture")) == [{"a": 1, "b": 1}]


def test_files_that_may_have_labels_are_named_where_all_images_are_of_one_class(tmp_path: Path) -> None:
    write_images(tmp_path, "0.png", "1.png")
    assert find_folder(tmp_path).train.provenance["notes"] == []
    (tmp_path / "0.txt").write_text("cat", encoding="utf-8")
    assert find_folder(tmp_path).train.provenance["notes"] == [
        "all images are of one class; there are 1 .txt in .: labels are read of CSV, TSV, Parquet, JSON, and texts of "
        "a path and a label in each line: write them as such"
    ]


def test_a_table_labels_images_beside_their_masks(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{folder}/{number}.png" for folder in ("images", "masks") for number in range(4)))
    write_table(tmp_path / "train.csv", "id,label", *(f"{number},{'ab'[number % 2]}" for number in (0, 1, 2, 3, 3)))
    assert detect_source(tmp_path) == "table"
    found = find(tmp_path)
    assert counts(found) == [{"a": 2, "b": 2}]
    assert {Path(origin).parent.name for origin in found.train.origins} == {"images"}


def test_a_row_that_stands_twice_is_no_doubt_for_thumbnails_of_some(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"images/{number}.png" for number in range(4)), "thumbs/0.png")
    write_table(tmp_path / "a.csv", "id,label", *(f"{number}.png,{'ab'[number % 2]}" for number in (0, 0, 1, 2, 3)))
    assert counts(find(tmp_path)) == [{"a": 2, "b": 2}]


def test_paths_from_the_folder_around_that_of_the_table(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"images/{number}.png" for number in range(4)))
    write_table(tmp_path / "labels/a.csv", "path,label", *(f"images/{n}.png,{'ab'[n % 2]}" for n in range(4)))
    assert counts(find(tmp_path)) == [{"a": 2, "b": 2}]


def test_tables_that_label_nothing_beside_folders_in_one(tmp_path: Path) -> None:
    """What else is there is named, folders of classes and pictures that are not read."""
    write_images(tmp_path, *(f"data/data/{name}/{number}.png" for name in "ab" for number in range(3)))
    write_table(tmp_path / "names.csv", "name,images", "a,3", "b,3")
    refused(tmp_path, rf"it has name, images; .*; folders a, b are in {tmp_path}/data/data: give that for these")
    scans = tmp_path / "scans"
    write_table(scans / "labels.csv", "patientId,class", "0a,normal", "0b,opacity")
    (scans / "0a.dcm").write_bytes(b"DICM")
    refused(scans, r"it has patientId, class; .*; 1 .dcm in .: of no kind that is read; convert them to PNG or JPEG")


def test_a_table_of_few_images_beside_folders_of_the_others_is_asked_about(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"data/train/{name}/{number}{name}.png" for name in "ab" for number in range(3)))
    write_images(tmp_path, *(f"data/val/{number}.png" for number in range(4)))
    write_table(tmp_path / "val.csv", "id,label", *(f"{number},{'ab'[number % 2]}" for number in range(4)))
    said = rf"the 4 images of val.csv, or the 10 in folders train, val\? set layout: table .*, give {tmp_path}/data for"
    with pytest.raises(UserError, match=said):
        detect_source(tmp_path)
    assert counts(find(tmp_path)) == [{"a": 2, "b": 2}]
    write_images(tmp_path, *(f"data/val/{number}.png" for number in range(4, 8)))
    write_table(tmp_path / "val.csv", "id,label", *(f"{number},{'ab'[number % 2]}" for number in range(8)))
    others = "or the 6 others in folders of the same classes, as data/train/a, too"
    with pytest.raises(
        UserError, match=rf"the 8 images of val.csv, {others}\? set layout: table takes the first alone"
    ):
        detect_source(tmp_path)


def test_a_folder_that_lacks_some_of_the_first_images_has_the_others(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"deep/a/b/c/{number}.png" for number in range(4)))
    write_table(tmp_path / "a.csv", "path,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(6)))
    found = find(tmp_path)
    assert [path.is_file() for path in found.train.files] == [True] * 4 + [False] * 2
    assert found.train.provenance["notes"] == ["a.csv: the images that it names are in deep/a/b/c"]
    write_images(tmp_path, "more/4.png")
    found = find(tmp_path)  # the others may be anywhere
    assert not any(path.is_file() for path in found.train.files)


def test_copies_of_all_images_that_a_table_names_are_asked_about(tmp_path: Path) -> None:
    """They would be taken for two classes otherwise."""
    write_images(tmp_path, *(f"{place}/{number}.png" for place in ("full", "small") for number in range(4)))
    rows = [f"{number}.png,{'ab'[number % 2]}" for number in range(4)]
    write_table(tmp_path / "a.csv", "path,label", *rows)
    with pytest.raises(UserError, match=r"classes full, small by their folders, or the labels of a table\? set"):
        detect_source(tmp_path)
    assert counts(find(tmp_path, image_folder="full")) == [{"a": 2, "b": 2}]
    write_table(tmp_path / "a.csv", "path,label", *rows, *rows)  # one row may be of each
    assert detect_source(tmp_path) == "folder"


def test_parts_in_folders_that_none_can_be_told_from_are_offered(tmp_path: Path) -> None:
    write_images(
        tmp_path, *(f"abc_train/abc_train/{name}/{n}.png" for name in "ab" for n in range(3)), "abc_test/a.png"
    )
    with pytest.raises(UserError, match=r"abc_test, abc_train look like parts, .*; set train: \[abc_train\] takes"):
        find_folder(tmp_path)
    assert count_folders(find_folder(tmp_path, train=["abc_train"])) == [{"a": 3, "b": 3}]


def test_columns_of_which_one_alone_says_1_are_no_classes(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    write_table(tmp_path / "a.csv", "path,region_count,region_id", *(f"{number}.png,1,0" for number in range(4)))
    refused(tmp_path, r"no column label, .*; it has path, region_count, region_id; set label: COLUMN")


def test_numbers_of_parts_are_offered_by_the_last(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(9)))
    rows = [f"{number}.png,{'ab'[number % 2]},{(0, 2, 2, 1)[number % 4]}" for number in range(9)]
    write_table(tmp_path / "a.csv", "path,label,split", *rows)
    refused(tmp_path, r"row 1: 'split' says '0'; .*; or set split: split and test: \[2\] tests on rows that say so")
    assert counts(find(tmp_path, test=[2])) == [{"a": 3, "b": 2}, {"a": 2, "b": 2}]


def test_tables_that_contradict_each_other_are_named_with_the_way_to_one(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    write_table(tmp_path / "a.csv", "path,label", *(f"{number}.png,{'ab'[number % 2]}" for number in range(4)))
    write_table(tmp_path / "b.csv", "path,label", *(f"{number}.png,{number % 2}" for number in range(4)))
    refused(tmp_path, r"'a' in a.csv row 1, '0' in b.csv row 1 \(and 3 more .*\); set tables: \[a.csv\] does without b")
    assert counts(find(tmp_path / "b.csv")) == [{"0": 2, "1": 2}]


def test_paths_of_which_only_some_begin_elsewhere_are_named(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    write_table(tmp_path / "a.csv", *(f"{'/abs/' if number == 2 else ''}{number}.png,a" for number in range(4)))
    refused(tmp_path, "a.csv: column 'f0' names images that are there each, but not from one folder on; set image: f0")
    (tmp_path / "3.png").unlink()
    refused(tmp_path, "a.csv: column 'f0' names images that are not there, first: 3.png; set image: f0")


def test_folders_called_as_classes_name_no_parts_of_rows(tmp_path: Path) -> None:
    paths = [f"{name}/{number}.png" for name in ("test_tube", "train_car") for number in range(3)]
    write_images(tmp_path, *paths)
    write_table(tmp_path / "a.csv", "path,label", *(f"{path},{Path(path).parent}" for path in paths))
    assert counts(find(tmp_path)) == [{"test_tube": 3, "train_car": 3}]


def test_a_table_of_all_rows_beside_those_of_parts_counts_none_twice(tmp_path: Path) -> None:
    rows = {part: [f"{part}/{part}{n}.png,{'ab'[n % 2]}" for n in range(4)] for part in ("train", "test")}
    for part, own in rows.items():
        write_images(tmp_path, *(row.partition(",")[0] for row in own))
        write_table(tmp_path / f"{part}.csv", "path,label", *own)
    write_table(tmp_path / "all.csv", "path,label", *rows["train"], *rows["test"])
    assert counts(find(tmp_path)) == [{"a": 2, "b": 2}] * 2
    write_table(tmp_path / "test.txt", "train/train0.png", "train/train1.png")
    assert counts(find(tmp_path, test_lists=["test.txt"])) == [{"a": 3, "b": 3}, {"a": 1, "b": 1}]


def test_images_that_are_there_twice_are_taken_once_if_their_bytes_are_the_same(tmp_path: Path) -> None:
    """As skin lesions are on Kaggle, each half of them in two folders."""
    for part, numbers in (("1", range(4)), ("2", range(4, 8))):
        write_images(tmp_path, *(f"a_{part}/{number}.png" for number in numbers))
        shutil.copytree(tmp_path / f"a_{part}", tmp_path / f"b_{part}")
    write_table(tmp_path / "a.csv", "path,label", *(f"{number},{'ab'[number % 2]}" for number in range(8)))
    found = find(tmp_path)
    assert counts(found) == [{"a": 4, "b": 4}]
    said = "8 images are there more than once, with the same bytes, and are taken once: first a_1/0.png and b_1/0.png"
    assert f"a.csv: {said}" in found.train.provenance["notes"]
    (tmp_path / "b_2/7.png").write_bytes(b"another")
    refused(tmp_path, "a.csv: 7 is a_2/7.png and b_2/7.png; write the paths with their folders$")


def test_parts_in_several_folders_are_offered_as_such(tmp_path: Path) -> None:
    """As a hundred classes of ImageNet are on Kaggle."""
    write_images(tmp_path, *(f"train.X{part}/{part}{name}/{n}.png" for part in "12" for name in "ab" for n in "01"))
    write_images(tmp_path, *(f"val.X/{part}{name}/0.png" for part in "12" for name in "ab"))
    ways = r"set train: \[train.X1, train.X2\] and test: \[val.X\] takes them so"
    with pytest.raises(UserError, match=rf"train.X1, train.X2, val.X look like parts, not classes; .*; {ways}"):
        find_folder(tmp_path)
    found = find_folder(tmp_path, train=["train.X1", "train.X2"], test=["val.X"])
    assert count_folders(found) == [dict.fromkeys(("1a", "1b", "2a", "2b"), n) for n in (2, 1)]


def test_no_template_is_named_where_no_table_has_labels(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(4)))
    write_table(tmp_path / "a_submission.csv", "image,predictions", "0.png,x", "1.png,y")
    write_table(tmp_path / "b.csv", "image,kind,name", "0.png,x,u", "1.png,y,v")
    refused(
        tmp_path, r"b.csv: no column label, .*; it has image, kind, name; .*; nor does the other table label images$"
    )


def test_tables_in_the_folders_of_classes_name_the_images_beside_them(tmp_path: Path) -> None:
    """As German traffic signs are published: names recur in each folder."""
    for name in ("00000", "00001", "00014"):
        write_images(tmp_path, *(f"{name}/{number}.png" for number in range(4)))
        write_table(tmp_path / name / f"GT-{name}.csv", "Filename;Width", *(f"{number}.png;30" for number in range(3)))
    notes = find_folder(tmp_path).train.provenance["notes"]
    assert [note.partition(" of the ")[0] for note in notes] == [
        f"{name}/GT-{name}.csv names 3" for name in ("00000", "00001", "00014")
    ]
