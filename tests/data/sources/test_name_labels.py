"""Classes that stand in the names of images, and what is said where folders are none."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.data.decode.tree import scan_tree
from counterweight.data.source_choice import detect_source
from counterweight.data.sources.base.labels import order_names
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.data.sources.base.name_labels import EXACT, describe_name_labels
from tests.data.sources.test_layout import counts, find, make, refused
from tests.data.sources.test_public_layouts import write_images, write_table

COMMITTED = Path(__file__).parents[3] / "params.yaml"
DOTTED = r"([^/]*?)\.[0-9]+[.]"


def left_out(found: DatasetSplits) -> dict[tuple[str, str, str], int]:
    """Return how many files are left out by reason, ending and place."""
    groups = found.train.provenance["left_out"]
    return {(group["reason"], group["ending"], group["place"]): group["files"] for group in groups}


def write_numbered(root: Path, *names: str, count: int = 6) -> None:
    """Write images whose names have a label and a number in place of `{}`."""
    write_images(root, *(name.format(number) for name in names for number in range(count)))


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        (DOTTED, ["cat.{}.png", "dog.{}.png"], {"cat": 6, "dog": 6}),
        ("([^/]*)_[0-9]+", ["Bengal_{}.png", "american_bulldog_{}.png"], {"Bengal": 6, "american_bulldog": 6}),
        ("^[^_]+_([01])_", ["3{}_0_2_x.png", "4{}_1_2_x.png"], {"0": 6, "1": 6}),
        ("cat|dog", ["a/cat{}.png", "b/my dog{}.png"], {"cat": 6, "dog": 6}),
        ("(cat)|(dog)", ["cat{}.png", "dog{}.png"], {"cat": 6, "dog": 6}),
        ("^(cat ?)[0-9]", ["cat{}.png", "cat {}.png"], {"cat": 12}),
        (r"(\w+?)_", ["e\u0301te\u0301_{}.png", "\xf1u_{}.png"], {"\xe9t\xe9": 6, "\xf1u": 6}),  # composed, or not
        ("e\u0301|\xf1", ["\xe9_{}.png", "n\u0303_{}.png"], {"\xe9": 6, "\xf1": 6}),
    ],
)
def test_a_pattern_finds_the_class(pattern: str, names: list[str], expected: dict[str, int], tmp_path: Path) -> None:
    write_numbered(tmp_path, *names)
    found = find(tmp_path, label_pattern=pattern)
    assert counts(found) == [expected]
    assert found.train.provenance["settings"]["label_pattern"] == pattern
    json.dumps(found.train.provenance)


def test_images_without_a_label_are_counted(tmp_path: Path) -> None:
    """As the test part is, whose names are numbers."""
    write_numbered(tmp_path, "train/cat.{}.png", "train/dog.{}.png", "test1/{}.png")
    write_table(tmp_path / "train/notes.txt", "of 2013")
    found = find(tmp_path, label_pattern=DOTTED)
    assert counts(found) == [{"cat": 6, "dog": 6}]
    assert left_out(found) == {
        ("without a label in its path", ".png", "test1"): 6,
        ("of no kind that is read", ".txt", "train"): 1,
    }


def test_folders_of_parts_are_parts(tmp_path: Path) -> None:
    write_numbered(tmp_path, "train/cat.{}.png", "train/dog.{}.png")
    write_numbered(tmp_path, "test/cat.{}.png", "test/dog.{}.png", count=3)
    write_numbered(tmp_path, "val/cat.{}.png", "val/dog.{}.png", "more/cat.{}.png", count=1)
    parts = find(tmp_path, label_pattern=DOTTED)
    assert counts(parts) == [{"cat": 7, "dog": 7}, {"cat": 3, "dog": 3}]
    assert left_out(parts) == {("beside the folders of parts", ".png", "more"): 1}
    unused = find(tmp_path, label_pattern=DOTTED, validation="leave_out")
    assert counts(unused) == [{"cat": 6, "dog": 6}, {"cat": 3, "dog": 3}]
    assert left_out(unused)[("a part that is not used", ".png", "val")] == 2
    named = find(tmp_path, label_pattern=DOTTED, train=["train", "more"], test=["val"])
    assert counts(named) == [{"cat": 7, "dog": 6}, {"cat": 1, "dog": 1}]
    assert left_out(named) == {("beside the folders of parts", ".png", "test"): 6}


def test_lists_say_the_parts_of_images_with_labels_in_their_names(tmp_path: Path) -> None:
    """As the pets of Oxford are published."""
    names = ("Bengal", "american_bulldog")
    write_numbered(tmp_path, *(f"images/{name}_{{}}.png" for name in names))
    for file, numbers in (("trainval.txt", range(4)), ("test.txt", range(4, 6))):
        write_table(tmp_path / "annotations" / file, *(f"{name}_{k} 1 1 1" for name in names for k in numbers))
    lists = {"train_lists": ["annotations/trainval.txt"], "test_lists": ["annotations/test.txt"]}
    assert counts(find(tmp_path, label_pattern="([^/]*)_[0-9]+", **lists)) == [
        dict.fromkeys(names, 4),
        dict.fromkeys(names, 2),
    ]


def test_a_part_that_lacks_a_class_is_refused_as_ever(tmp_path: Path) -> None:
    write_numbered(tmp_path, "train/cat.{}.png", "train/dog.{}.png", "test/cat.{}.png")
    with pytest.raises(UserError, match=r"test lacks dog \(6 images in train\)"):
        find(tmp_path, label_pattern=DOTTED)


def test_texts_in_a_folder_of_masks_are_no_masks(tmp_path: Path) -> None:
    """As the lists beside the trimaps of pets."""
    write_numbered(tmp_path, "images/cat_{}.png", "images/dog_{}.png")
    write_numbered(tmp_path, "annotations/trimaps/cat_{}.png", "annotations/trimaps/dog_{}.png")
    (tmp_path / "annotations/README").write_text("of what is here")
    (tmp_path / "annotations/notes.txt").write_text("of what is here")
    found = find(tmp_path, label_pattern="([^/]*)_[0-9]+")
    assert left_out(found) == {
        ("mask or thumbnail of an image beside it", ".png", "annotations"): 12,
        ("of no kind that is read", ".txt", "annotations"): 1,
        ("of no kind that is read", "no ending", "annotations"): 1,
    }


def test_masks_and_labels_that_differ_by_case(tmp_path: Path) -> None:
    write_numbered(tmp_path, "Cat.{}.png", "dog.{}.png", "dog.{}_mask.png")
    write_numbered(tmp_path, "more/cat.{}.png", count=2)
    pattern = r"([^/]*?)\.[0-9]+"
    found = find(tmp_path, label_pattern=pattern)
    assert counts(found) == [{"Cat": 6, "cat": 2, "dog": 6}]
    assert left_out(found) == {("mask or thumbnail of an image beside it", ".png", "."): 6}
    assert any("'Cat'" in note and "'cat'" in note for note in found.train.provenance["notes"])
    assert counts(find(tmp_path, label_pattern=pattern, merge_labels=True)) == [{"Cat": 8, "dog": 6}]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"label_pattern": "x([0-9])"},
            r"label_pattern: 'x\(\[0-9\]\)' finds a label in no image's path, first: a/",
        ),
        ({"label_pattern": "cat", "test": ["b"]}, "no folder 'b' for train and test; there are a, c"),
        ({"label_pattern": "cat", "train": ["a"], "test": ["a"]}, "a in train and in test"),
        ({"label_pattern": "cat", "test": ["a"]}, "test folders are named and no folder is called train"),
        ({"label_pattern": "cat", "train": ["a"], "test": ["c"]}, "folder 'c' for train and test has no image in"),
    ],
)
def test_what_cannot_be_is_one_line(settings: dict[str, object], said: str, tmp_path: Path) -> None:
    write_numbered(tmp_path, "a/cat.{}.png", "c/{}.png")
    with pytest.raises(UserError, match=said):
        find(tmp_path, **settings)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["cat.{}.png", "dog.{}.png"], r"([^/]*?)\.[0-9]+[.]"),
        (["cat{:03}.png", "dog{:03}.png"], "([^/]*?)[0-9]+[.]"),
        (["glass ({}).png", "plastic ({}).png"], r"([^/]*?)\ [(][0-9]+[)][.]"),  # as Windows renames many at once
        (["glass({}).png", "plastic({}).png"], "([^/]*?)[(][0-9]+[)][.]"),
        (["glass ({}).png", "plastic_({}).png"], "([^/]*?)[ ._-]*[(][0-9]+[)][.]"),
        (["glass ({}).png", "plastic {}.png"], r"([^/]*?)\ (?:[0-9]+|[(][0-9]+[)])[.]"),
        (["glass ({}).png", "plastic(2) ({}).png", "wood (a) ({}).png"], EXACT),
        (["green glass ({}).png", "kitchen-wood ({}).png"], r"([^/]*?)\ [(][0-9]+[)][.]"),
        (["glass ({}.png", "plastic ({}.png"], None),
        (["IMG_1 ({}).png", "IMG_2 ({}).png"], None),  # copies
        (["download ({}).png", "images ({}).png", "unnamed ({}).png"], None),  # as browsers keep them
        (["Screenshot ({}).png", "Screenshot_{}.png"], None),
        (["x/american_bulldog_{}.png", "x/Bengal_{}.png"], "([^/]*?)_[0-9]+[.]"),
        (["a_{}.png", "b-{}.png"], "([^/]*?)[ ._-]*[0-9]+[.]"),
        (["image{}.png"], None),
        (["{}.png"], None),
        (["cat.{}.png", "dog {}.png", "bird3.png"], None),  # a single image of a class
        (["a{}.png", "b{}.png", "c{}.png"], "([^/]*?)[0-9]+[.]"),
        (["v1.2.cat.{}.png", "dog.{}.png"], EXACT),  # the number is the last one
        (["set_1.0/cat_{}.png", "set_1.0/dog_{}.png"], EXACT),
        (["cat_{}.png", "dog_{}.png", "cat_{}_1.png"], EXACT),  # which leaves the third ones out
        (["train_{}.png", "test_{}.png"], None),
        (["image_{}.png", "mask_{}.png"], None),
        (["IMG_{}.png", "photo_{}.png"], None),
        (["IMG_{}.png", "_DSC{:04}.png"], None),
        (["cat_{}.png", "dog_{}.png", "{}a.png", "{}b.png", "{}c.png"], None),  # most of which say none
    ],
)
def test_names_that_seem_to_say_classes_are_told_with_what_reads_them(
    names: list[str], pattern: str | None, tmp_path: Path
) -> None:
    write_numbered(tmp_path, *names)
    said = describe_name_labels(scan_tree(os.fspath(tmp_path), tmp_path))
    assert (f"set label_pattern: '{pattern}' reads them" in said) == (pattern is not None)
    if pattern is not None:
        found = [f"{name} ({count})" for name, count in counts(find(tmp_path, label_pattern=pattern))[0].items()]
        assert f"classes: {', '.join(order_names(found))}; set" in said


def test_only_images_are_counted_that_the_pattern_would_take(tmp_path: Path) -> None:
    write_numbered(tmp_path, "train/cat_{}.png", "train/dog_{}.png", "test/cat_{}.png", "test/dog_{}.png")
    write_numbered(tmp_path, "train/cat_{}_mask.png", "more/cat_{}.png")
    said = describe_name_labels(scan_tree(os.fspath(tmp_path), tmp_path))
    assert "cat (12), dog (12); set label_pattern: '([^/]*?)_[0-9]+[.]' reads them" in said
    assert counts(find(tmp_path, label_pattern="([^/]*?)_[0-9]+[.]")) == [{"cat": 6, "dog": 6}] * 2


def test_a_folder_called_train_beside_others_is_asked_about(tmp_path: Path) -> None:
    """It was the only part: all other images were left out."""
    write_numbered(tmp_path, "bus/a_{}.png", "bus/b_{}.png", "train/a_{}.png", "train/b_{}.png")
    said = "part train with 12 of 24 images in none, or folders that are no parts.*layout: parts .*layout: classes"
    with pytest.raises(UserError, match=said):
        find(tmp_path, label_pattern="([ab])_")
    assert counts(find(tmp_path, label_pattern="([ab])_", layout="classes")) == [{"a": 12, "b": 12}]
    assert counts(find(tmp_path, label_pattern="([ab])_", layout="parts")) == [{"a": 6, "b": 6}]
    (tmp_path / "train").rename(tmp_path / "car")
    with pytest.raises(UserError, match=r"no folder train; set train: \[FOLDER"):
        find(tmp_path, label_pattern="([ab])_", layout="parts")


def test_folders_that_are_called_like_parts_are_parts_if_all_are(tmp_path: Path) -> None:
    write_numbered(tmp_path, *(f"{place}/{name}_{{}}.png" for place in ("seg_train", "seg_test") for name in "ab"))
    assert counts(find(tmp_path, label_pattern="([ab])_")) == [{"a": 6, "b": 6}] * 2
    assert counts(find(tmp_path, label_pattern="([ab])_", layout="classes")) == [{"a": 12, "b": 12}]
    write_numbered(tmp_path, "more/a_{}.png")
    assert counts(find(tmp_path, label_pattern="([ab])_")) == [{"a": 18, "b": 12}]


@pytest.mark.parametrize(
    ("places", "said"),
    [
        (["set/train", "set/test"], "(test, train), and nothing of that is read: give {root}/set to have them"),
        (["a/train", "a/test", "b/train"], "(test, train), and nothing of that is read: set test_lists: [test.txt]"),
        (["a/2019", "train/2020"], None),
    ],
)
def test_parts_in_other_folders_are_told_of(places: list[str], said: str | None, tmp_path: Path) -> None:
    write_numbered(tmp_path, *(f"{place}/{name}_{{}}.png" for place in places for name in "ab"))
    notes = find(tmp_path, label_pattern="([ab])_", layout="classes").train.provenance["notes"]
    assert [said is not None and said.format(root=tmp_path) in note for note in notes] == ([True] if said else [])


def test_errors_and_notes_of_a_layout_tell_of_labels_in_names(tmp_path: Path) -> None:
    write_numbered(tmp_path / "flat", "cat.{}.png", "dog.{}.png")
    note = r"names of files seem to say classes: cat \(6\), dog \(6\); set label_pattern: '"
    assert [note[:40] in own for own in find(tmp_path / "flat").train.provenance["notes"]] == [True]
    for name, folders in (("parts", ("train", "test1")), ("one", ("images",))):
        write_numbered(tmp_path / name, *(f"{folder}/{own}.{{}}.png" for folder in folders for own in ("cat", "dog")))
        with pytest.raises(UserError, match="names of files seem to say classes: "):
            detect_source(tmp_path / name)


def test_the_command_takes_the_pattern_that_it_names(tmp_path: Path) -> None:
    write_numbered(tmp_path / "pets", "train/cat.{}.png", "train/dog.{}.png", "test1/{}.png")
    words = ["add", "mine", str(tmp_path / "pets"), "--params", str(COMMITTED), "--dry-run"]
    refused = CliRunner().invoke(cli, words, standalone_mode=False)
    assert rf"--label-pattern '{DOTTED}' reads them" in str(refused.exception)
    done = CliRunner().invoke(cli, [*words, "--label-pattern", DOTTED], standalone_mode=False)
    assert "18 found = 12 images + 6 left out" in done.output
    assert f"label_pattern: {DOTTED}" in done.output or f"label_pattern: '{DOTTED}'" in done.output


@pytest.mark.parametrize(("file", "more"), [("labels.csv", []), ("", ["--layout", "table"])])
def test_a_table_takes_no_pattern_of_labels(file: str, more: list[str], tmp_path: Path) -> None:
    write_numbered(tmp_path, "cat_{}.png", "dog_{}.png")
    write_table(tmp_path / "labels.csv", "path,label", "cat_0.png,cat")
    words = ["add", "mine", str(tmp_path / file), "--params", str(COMMITTED), "--dry-run", "--label-pattern", "cat"]
    refused = CliRunner().invoke(cli, [*words, *more], standalone_mode=False)
    assert "--label-pattern reads classes of the paths of a folder's images" in str(refused.exception)


def test_a_label_in_a_path_that_no_folder_could_be_called_is_refused(tmp_path: Path) -> None:
    place = "/".join("ab" * 64 for _ in range(2))
    make(tmp_path, {place: 2, "cat": 2})
    refused(tmp_path, r"/000.png: label_pattern: '\^\(\.\*\)/' finds a label of 257 bytes", label_pattern="^(.*)/")
