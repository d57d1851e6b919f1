"""Texts that label images and that nobody has asked for: which are asked about, and which only named."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.data.source_choice import detect_source
from counterweight.data.sources import table
from tests.data.sources.test_layout import counts, find
from tests.data.sources.test_public_layouts import write_images, write_table

COMMITTED = Path(__file__).parents[2] / "params.yaml"
NAMES = ("owl", "sea lion")


def asked(root: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        detect_source(root)
    assert "\n" not in str(caught.value)


def test_a_text_that_labels_images_in_no_folder_is_asked_about(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{number}.png" for number in range(8)))
    write_table(tmp_path / "notes.txt", *(f"{number}.png {NAMES[number % 2]}" for number in range(8)))
    way = re.escape("set layout: classes takes the first; notes.txt labels 8 images (owl, sea lion): ")
    asked(
        tmp_path,
        f"all images of one class, or labels of texts\\? {way}" + re.escape("set tables: [notes.txt] takes these"),
    )
    write_table(tmp_path / "notes.txt", *(f"{number}.png {number}" for number in range(8)))  # as many labels as images
    assert detect_source(tmp_path) == "folder"


def test_the_way_that_is_printed_can_be_typed(tmp_path: Path) -> None:
    """As of aircraft: three kinds of labels, four texts of each, and some that label nothing."""
    write_images(tmp_path, *(f"images/{number:03}.jpg" for number in range(16)))
    for kind, names in {"maker": ("Boeing", "de Havilland"), "variant": ("737-300", "A320", "DHC-6", "747")}.items():
        rows = [f"{number:03} {names[number % len(names)]}" for number in range(16)]
        for part, own in {"train": rows[:4], "val": rows[4:8], "trainval": rows[:8], "test": rows[8:]}.items():
            write_table(tmp_path / f"images_{kind}_{part}.txt", *own)
        write_table(tmp_path / f"{kind}s.txt", *names)
    write_table(
        tmp_path / "images_box.txt", *(f"{number:03} {3 * number} 2 {40 + 7 * number} 30" for number in range(16))
    )
    write_table(tmp_path / "images_train.txt", *(f"{number:03}" for number in range(4)))
    words = ["add", "planes", str(tmp_path), "--dry-run", "--params", str(COMMITTED)]
    result = CliRunner().invoke(cli, words, standalone_mode=False)
    said = str(result.exception)
    ways = re.findall(r"--set '([^']*)' takes these", said)
    assert ways == [f"tables=[images_{kind}_test.txt, images_{kind}_trainval.txt]" for kind in ("variant", "maker")], (
        said
    )
    result = CliRunner().invoke(cli, [*words, "--set", ways[1]], standalone_mode=False, catch_exceptions=False)
    assert re.search(r"Boeing +4 +4\n +de Havilland +4 +4\n", result.stdout)
    assert "files: 26 found = 16 images + 10 left out" in result.stdout


@pytest.mark.parametrize(
    ("file", "labels"),
    [
        ("labels.txt", ("0", "1")),
        ("train.txt", NAMES),
        ("labels.txt", ("tench", "shark")),
        ("quality.txt", ("good", "bad")),
    ],
)
def test_folders_of_classes_stand_against_texts_that_agree(file: str, labels: tuple[str, str], tmp_path: Path) -> None:
    """Numbers and other words stand for folders; what is called as neither labels nor parts are is not asked about."""
    write_images(tmp_path, *(f"{name}/{number}.png" for name in NAMES for number in range(4)))
    shift = file == "quality.txt"
    rows = [f"{name}/{n}.png {labels[(place + n * shift) % 2]}" for place, name in enumerate(NAMES) for n in range(4)]
    write_table(tmp_path / file, *rows)
    assert detect_source(tmp_path) == "folder"


@pytest.mark.parametrize("file", ["labels.txt", "test.txt"])
def test_folders_that_are_no_classes_are_asked_about(file: str, tmp_path: Path) -> None:
    """As of scans of documents, sorted into folders by the first letters of their numbers."""
    write_images(tmp_path, *(f"images{number % 3}/{number}.png" for number in range(12)))
    write_table(tmp_path / file, *(f"images{number % 3}/{number}.png {number // 6}" for number in range(12)))
    asked(
        tmp_path,
        rf"classes images0, images1, images2 by their folders, or labels .*: set tables: \[{file}\] takes these",
    )
    around = tmp_path / "around"
    write_images(around, *(f"images/images{number % 3}/{number}.png" for number in range(12)))
    write_table(around / file, *(f"images{number % 3}/{number}.png {number // 6}" for number in range(12)))
    asked(around, rf"give \S+/images for these; {file} labels 12 images \(0, 1\): set tables: \[{file}\]")


def test_texts_of_a_part_without_classes_are_named(tmp_path: Path) -> None:
    """As of a small ImageNet: folders of classes to train on, and a text for the others."""
    write_images(tmp_path, *(f"train/{name}/images/{name}_{n}.JPEG" for name in NAMES for n in range(4)))
    write_images(tmp_path, *(f"val/images/val_{n}.JPEG" for n in range(4)))
    write_table(tmp_path / "val/val_annotations.txt", *(f"val_{n}.JPEG\t{NAMES[n % 2]}\t0\t{9 * n}" for n in range(4)))
    words = ["add", "tiny", str(tmp_path), "--dry-run", "--params", str(COMMITTED)]
    result = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    said = "val/val_annotations.txt labels 4 images that are in no folder of a class (owl, sea lion)"
    assert said in result.stdout
    assert "test_lists" not in result.stdout


def test_json_that_labels_images_is_named_with_its_setting(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"images/{number}.png" for number in range(8)))
    (tmp_path / "data.json").write_text(json.dumps({f"{number}.png": NAMES[number % 2] for number in range(8)}))
    asked(tmp_path, r"data.json labels 8 images \(owl, sea lion\): set tables: \[data.json\] takes these")
    (tmp_path / "data.json").write_text(json.dumps({f"{number}.png": number for number in range(8)}))
    asked(tmp_path, "there are 1 .json in .: labels are read of CSV")


@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_a_question_says_how_many_labels_differ_from_folders_and_the_first(ending: str, tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{NAMES[number % 2]}/{number}.png" for number in range(20)), "rest/a.png")
    rows = [f"{NAMES[number % 2]}/{number}.png,{NAMES[(number % 2) ^ (number in (3, 8))]}" for number in range(20)]
    write_table(tmp_path / f"labels.{ending}", "path,label", *rows, "rest/b.png,owl")
    asked(
        tmp_path, "; 2 of 20 labelled images lie in the folder of another class, first sea lion/3.png, labelled 'owl'$"
    )


def test_labelled_images_in_no_folder_of_a_class_are_counted_in_a_question(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"train/{NAMES[n % 2]}/{n}.png" for n in range(8)), *(f"test/t{n}.png" for n in range(4)))
    rows = [f"train/{NAMES[number % 2]}/{number}.png,{NAMES[number % 2]}" for number in range(8)]
    write_table(tmp_path / "labels.csv", "path,label", *rows, *(f"test/t{n}.png,{NAMES[n % 2]}" for n in range(4)))
    asked(tmp_path, "; 4 of 12 labelled images lie in no folder of a class, first test/t0.png, labelled 'owl'$")


def test_json_of_parts_beside_folders_of_numbers_is_offered(tmp_path: Path) -> None:
    """As iNaturalist 2018 is published."""
    parts = {"train": range(8), "val": range(8, 12)}
    write_images(tmp_path, *(f"train_val2018/Aves/{n % 2}/{n}.png" for n in range(12)))
    for part, numbers in parts.items():
        labels = {
            "images": [{"id": n, "file_name": f"train_val2018/Aves/{n % 2}/{n}.png"} for n in numbers],
            "annotations": [{"id": n, "image_id": n, "category_id": n % 2} for n in numbers],
            "categories": [{"id": n, "name": name} for n, name in enumerate(NAMES)],
        }
        (tmp_path / f"{part}2018.json").write_text(json.dumps(labels))
    asked(
        tmp_path,
        r"\(owl, sea lion\): set tables: \[train2018.json, val2018.json\] takes these; set train: \[train_val2",
    )
    found = table.find_in_tables(tmp_path, table.Settings(size=1, tables=["train2018.json", "val2018.json"]))
    assert found.test is not None
    assert (len(found.train.origins), len(found.test.origins)) == (8, 4)


@pytest.mark.parametrize("fault", ["again", "gone", "bare"])
def test_one_bad_line_hides_no_labels(fault: str, tmp_path: Path) -> None:
    """A path a second time with another label, one that is not there, one without a label."""
    write_images(tmp_path, *(f"session{number % 2}/{number}.png" for number in range(20)))
    rows = [f"session{number % 2}/{number}.png {NAMES[number // 10]}" for number in range(20)]
    rows.append({"again": "session0/0.png sea lion", "gone": "session0/99.png owl", "bare": "session1/1.png"}[fault])
    write_table(tmp_path / "labels.txt", *rows)
    asked(
        tmp_path, r"classes session0, session1 by their folders, or labels .*: set tables: \[labels.txt\] takes these"
    )
    (tmp_path / "labels.txt").unlink()
    if fault != "bare":
        table = [row.replace(".png ", ".png,") for row in rows]
        write_table(tmp_path / "labels.csv", "path,label", *table)
        asked(tmp_path, r"by their folders, or owl, sea lion by labels.csv, which lists (19|20) images\?")


@pytest.mark.parametrize("mark", ["\t", ",", ";"])
@pytest.mark.parametrize("bad", ["a{0}b{0}c", "# a{0}b{0}c", "3.png"])
def test_bad_lines_of_columns_hide_no_labels_either(mark: str, bad: str, tmp_path: Path) -> None:
    write_images(tmp_path, *(f"session{number % 2}/{number}.png" for number in range(20)))
    rows = [f"session{number % 2}/{number}.png{mark}{NAMES[number // 10]}" for number in range(20)]
    for lines in ([bad.format(mark), *rows], [*rows, bad.format(mark)]):
        write_table(tmp_path / "labels.txt", *lines)
        asked(tmp_path, r"labels.txt labels 20 images \(owl, sea lion\): set tables: \[labels.txt\] takes these$")


@pytest.mark.parametrize("names", [("cat", "dog"), ("0", "1"), ("a", "b", "c")])
def test_names_of_other_folders_are_no_other_names(names: tuple[str, ...], tmp_path: Path) -> None:
    """Labels that are one to one with folders are those of others here."""
    pairs = [(name, number) for name in names for number in range(4)]
    write_images(tmp_path, *(f"{name}/{number}.png" for name, number in pairs))
    turned = dict(zip(names, (*names[1:], names[0]), strict=True))
    write_table(tmp_path / "labels.txt", *(f"{name}/{number}.png {turned[name]}" for name, number in pairs))
    asked(tmp_path, f"classes {', '.join(names)} by their folders, or labels of texts")
    write_table(tmp_path / "labels.txt", *(f"{name}/{number}.png {name.upper()}x" for name, number in pairs))
    assert detect_source(tmp_path) == "folder"


@pytest.mark.parametrize("file", ["labels.csv", "labels.json", "metadata.jsonl"])
def test_labels_that_cannot_be_read_are_named_beside_folders(file: str, tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{name}/{number}.png" for name in NAMES for number in range(4)))
    lines = {
        "labels.csv": ["path,label", *(f"owl/{number}.png,owl" for number in range(4)), "a,b,c"],
        "labels.json": ['{"owl/0.png": "owl",', '"owl/1.png": '],
        "metadata.jsonl": [*('{"file_name": "owl/0.png", "label": "owl"}' for number in range(4)), '{"file_name": '],
    }
    write_table(tmp_path / file, *lines[file])
    asked(tmp_path, rf"classes owl, sea lion by their folders, or .*{file}: cannot be read: ")


def test_tables_without_names_of_columns_are_asked_about_beside_folders(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"session{number % 2}/{number}.png" for number in range(20)))
    rows = [f"session{number % 2}/{number}.png,{NAMES[number // 10]}" for number in range(20)]
    write_table(tmp_path / "labels.csv", *rows)
    asked(
        tmp_path, "classes session0, session1 by their folders, or owl, sea lion by labels.csv, which lists 20 images"
    )


@pytest.mark.parametrize(("file", "asks"), [("dataset.json", True), ("meta.json", False)])
def test_labels_of_other_names_are_named_at_least(file: str, asks: bool, tmp_path: Path) -> None:
    """As of StyleGAN, whose images lie in folders of a thousand each."""
    paths = [f"0000{number % 2}/img{number}.png" for number in range(12)]
    write_images(tmp_path, *paths)
    (tmp_path / file).write_text(json.dumps({"labels": [[path, place // 6] for place, path in enumerate(paths)]}))
    if asks:
        asked(tmp_path, rf"classes 00000, 00001 by their folders, .*: set tables: \[{file}\] takes these")
        return
    words = ["add", "faces", str(tmp_path), "--dry-run", "--params", str(COMMITTED)]
    result = CliRunner().invoke(cli, words, standalone_mode=False, catch_exceptions=False)
    assert f"note: {file} labels 12 images (0, 1): --set 'tables=[{file}]' takes these, in place of" in result.stdout


def test_what_is_printed_holds_for_the_folder_that_was_given(tmp_path: Path) -> None:
    """All lies in one folder, which is stepped into with the options, too."""
    write_images(tmp_path, *(f"outer/session{number % 2}/{number}.png" for number in range(12)))
    rows = [f"session{number % 2}/{number}.png {NAMES[number // 6]}" for number in range(12)]
    write_table(tmp_path / "outer/labels.txt", *rows)
    words = ["add", "owls", str(tmp_path), "--dry-run", "--params", str(COMMITTED)]
    for option, classes in (
        (("--set", "tables=[labels.txt]"), NAMES),
        (("--layout", "classes"), ("session0", "session1")),
    ):
        result = CliRunner().invoke(cli, [*words, *option], standalone_mode=False, catch_exceptions=False)
        assert all(re.search(rf"^ +{name} +6$", result.stdout, re.MULTILINE) for name in classes), result.stdout


def test_labels_of_part_folders_are_read_together(tmp_path: Path) -> None:
    """As Roboflow writes them: the same name in each."""
    for part, numbers in (("train", range(8)), ("valid", range(8, 12))):
        write_images(tmp_path, *(f"{part}/{number}.jpg" for number in numbers))
        labels = {f"{number}.jpg": NAMES[number % 2] for number in numbers}
        (tmp_path / part / "_annotations.json").write_text(json.dumps(labels))
    asked(tmp_path, r"set tables: \[train/_annotations.json, valid/_annotations.json\] takes these")


def test_numbers_of_parts_are_no_labels(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"img/{number}.jpg" for number in range(12)))
    write_table(tmp_path / "list_eval_partition.txt", *(f"{number}.jpg {number // 4}" for number in range(12)))
    asked(tmp_path, "there are 1 .txt in .: labels are read of CSV")


def test_texts_of_boxes_and_of_other_things_are_none(tmp_path: Path) -> None:
    """One beside each image, as detectors have them; measures; an account in words."""
    write_images(tmp_path, *(f"{number}.png" for number in range(8)))
    for number in range(8):
        write_table(tmp_path / f"{number}.txt", *(f"{n} 0.5 0.5 0.1 0.{number}" for n in range(3)))
    write_table(tmp_path / "ages.txt", *(f"{number}.png {20 + 9 * (number // 2)}" for number in range(8)))
    write_table(tmp_path / "README.txt", *(f"{number}.png is fine" for number in range(8)))
    assert detect_source(tmp_path) == "folder"


@pytest.mark.parametrize("masks", [True, False])
def test_names_of_classes_come_before_texts_with_their_numbers(masks: bool, tmp_path: Path) -> None:
    """As of pets: images in one folder, lists of names and numbers in another, which has masks of these, too."""
    breeds = ("Bengal", "american_bulldog", "beagle")
    names = [f"{breed}_{n}" for breed in breeds for n in range(1, 9)]
    write_images(tmp_path, *(f"images/{name}.jpg" for name in names))
    write_images(tmp_path, *(f"annotations/trimaps/{name}.png" for name in names if masks))
    rows = {name: f"{name} {place // 8 + 1} {1 if place < 8 else 2} {place // 8}" for place, name in enumerate(names)}
    head = ("#Image CLASS-ID SPECIES BREED ID", "#ID: 1:37 Class ids", "#SPECIES: 1:Cat 2:Dog")
    write_table(tmp_path / "annotations/list.txt", *head, *rows.values())
    for part, numbers in (("trainval", range(1, 5)), ("test", range(5, 9))):
        write_table(tmp_path / f"annotations/{part}.txt", *(rows[f"{breed}_{n}"] for breed in breeds for n in numbers))
    with pytest.raises(UserError, match="names of files seem to say classes: Bengal") as caught:
        detect_source(tmp_path)
    said = str(caught.value)
    ways = ["label_pattern: '([^/]*?)_[0-9]+[.]' reads", "tables: [annotations/test.txt, annotations/trainval.txt] and"]
    ways += ["layout: classes takes annotations, images for classes"] if masks else []
    assert "\n" not in said
    places = [said.index(f"set {way}") for way in ways]
    assert places == sorted(places)
    assert said.count("set layout") == masks
    lists = {"train_lists": ["annotations/trainval.txt"], "test_lists": ["annotations/test.txt"]}
    found = find(tmp_path, label_pattern="([^/]*?)_[0-9]+[.]", **lists)
    assert counts(found) == [dict.fromkeys(breeds, 4)] * 2
    for part in ("trainval", "test"):  # other labels than those of the names
        lines = [f"{name} {place // 2 % 2}" for place, name in enumerate(names)]
        write_table(tmp_path / f"annotations/{part}.txt", *lines[part == "test" :: 2])
    (tmp_path / "annotations/list.txt").unlink()
    with pytest.raises(UserError, match=r"set tables: ") as caught:
        detect_source(tmp_path)
    assert "label_pattern" not in str(caught.value)
