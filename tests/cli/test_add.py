"""What `counterweight add` finds, chooses, writes and refuses; a failure leaves everything as it was."""

import errno
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from counterweight.cli import add as datasets
from counterweight.cli import choices
from counterweight.cli.main import cli, main
from counterweight.core import outputs
from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.data import findings
from counterweight.data.decode import account, images, tree
from counterweight.data.decode.facts import Facts
from counterweight.evaluation.prechecks import check_blocks, check_dataset, check_pair
from counterweight.generators import cvae_gan
from counterweight.settings.pairs import plan_pair
from counterweight.settings.params import load_params
from stages import ingest_pair
from tests.data.decode.test_deep_colours import draw, write_png

ROOT = Path(__file__).parents[2]
Fill = tuple[int, ...] | int


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the real settings and an empty folder `images`."""
    folder = tmp_path / "project"
    (folder / "images").mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", folder)
    monkeypatch.chdir(folder)
    return folder


def write(
    folder: Path, count: int, size: tuple[int, int] = (30, 24), mode: str = "RGB", fill: Fill = (9, 0, 0)
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new(mode, size, fill).save(folder / f"{number:03}.png")
    return folder


def pets(root: Path, **counts: int) -> Path:
    for name, count in (counts or {"cat": 6, "dog": 5, "no": 2}).items():
        write(root / name, count)
    return root


def counterweight(*words: object) -> Result:
    return CliRunner().invoke(cli, [*map(str, words)], standalone_mode=False)


def done(*words: object) -> str:
    """Return what `counterweight add` prints."""
    result = counterweight("add", *words)
    if result.exception:
        raise result.exception
    return result.stdout


def facts(*words: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done(*words, "--json"))
    return found


def chosen(found: dict[str, Any]) -> dict[str, Any]:
    return {key: own["value"] for key, own in found["chosen"].items()}


def state(project: Path) -> tuple[bytes, list[str]]:
    return (project / "params.yaml").read_bytes(), sorted(path.name for path in project.rglob("*"))


def refused(project: Path, message: str, *words: object) -> None:
    """Check that a mistake is told in one line and changes nothing."""
    before = state(project)
    with pytest.raises(UserError, match=message) as caught:
        done(*words)
    assert "\n" not in str(caught.value)
    assert state(project) == before


# Folders.


def test_what_is_left_in_a_folder_beside_a_text_is_taken_where_masks_are_left_out(
    project: Path, tmp_path: Path
) -> None:
    root = tmp_path / "pets"
    for kind in ("images", "masks"):
        pets(root / "data" / kind, cat=3, dog=3)
    (root / "about.txt").touch()
    refused(project, "holds folders images, masks: give .*data for these", "pets", root)
    assert "files: 13 found = 6 images + 7 left out" in done("pets", root, "--set", "leave_out=[masks]")


def test_a_table_of_test_images_is_offered_and_taken(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "pets"
    pets(root / "train", cat=3, dog=4)
    write(root / "test", 4)
    rows = [f"{number:03}.png,{name}" for number, name in enumerate(["cat", "dog"] * 2)]
    (root / "test.csv").write_text("\n".join(["path,label", *rows]))
    refused(project, r"--set 'test_tables=\[test.csv\]' trains on the first and tests on the others, --l", "pets", root)
    found = facts("pets", root, "--set", "test_tables=[test.csv]")
    (own,) = found["found"].values()
    assert own["classes"] == {"train": {"cat": 3, "dog": 4}, "test": {"cat": 2, "dog": 2}}
    block = load_params(project / "params.yaml").datasets["pets"]
    assert (block["source"], block["test_tables"]) == ("folder", ["test.csv"])


def test_a_folder_of_classes_becomes_a_dataset(project: Path, tmp_path: Path) -> None:
    path = pets(tmp_path / "pets")
    (path / "notes.txt").touch()
    printed = done("pets", path)
    assert (project / "images/pets").readlink() == path
    params = load_params(project / "params.yaml")
    block = {"source": "folder", "size": 24, "channels": 3, "minority": ["no"]}
    assert params.datasets["pets"] == block
    rows = {name for name, blocks in params.generators.items() if "pets" in blocks}
    assert rows == {"oversample", "geometric", "smote", "adasyn", "cutpaste", "cvae", "bagan", "cgan", "cvae_gan"}
    assert params.classifiers["pets"].network == "vehicles_cnn"
    for line in ("class    images", "  cat           6", "images: 13", "median 30 x 24", "RGB 13", "PNG 13"):
        assert line in printed
    assert "other files: 1" in printed
    assert printed.endswith(
        "Next\n  dvc exp run -S 'table.datasets=[pets]' -S 'table.scenarios=[natural]'\n  counterweight report\n"
    )


def test_long_names_of_classes_are_shortened_in_print_alone(project: Path, tmp_path: Path) -> None:
    names = ["x" * 200 + end for end in ("a", "b")] + ["y" * 41]
    pets(tmp_path / "pets", **dict.fromkeys(names, 3))
    printed = done("pets", tmp_path / "pets", "--dry-run").splitlines()
    table = [line for line in printed if re.search(r" {9}3$", line)]
    assert [line.split()[0] for line in table] == [f"{'x' * 20}…{'x' * 19}{end}" for end in "ab"] + ["y" * 41]
    assert {len(line) for line in table} == {2 + 41 + 10}
    (own,) = facts("pets", tmp_path / "pets")["found"].values()
    assert [*own["classes"]["train"]] == names


def test_identical_images_are_counted_and_the_first_two_named(project: Path, tmp_path: Path) -> None:
    pets(tmp_path / "pets")
    for number, path in enumerate(sorted((tmp_path / "pets").glob("*/*.png"))):
        Image.new("RGB", (30, 24), (max(number, 3), 0, 0)).save(path)  # The first four of 13 are identical.
    assert "identical: 4 images have an identical twin (cat/000.png, cat/001.png)\n" in done("pets", tmp_path / "pets")
    (tmp_path / "pets/cat/000.png").unlink()
    assert facts("others", tmp_path / "pets")["found"][str(tmp_path / "pets")]["identical"]["images"] == 3


def test_groups_by_a_pattern_are_counted_and_written_down(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    write(folder / "cat", 6)
    write(folder / "dog", 5)
    found = facts("scans", folder, "--group-pattern", "([0-9])[.]png")
    groups = {"groups": 6, "smallest": 1, "largest": 2, "in_train": 0}
    assert found["found"][str(folder)]["groups"] == groups
    assert found["blocks"]["datasets.scans"]["group_pattern"] == "([0-9])[.]png"
    too_few = "class 'cat' has 6 images of 1 group; 3 or more are needed, since no group is on two sides"
    refused(project, r"group_pattern: 'x\(.\)' finds none for 11 of 11", "more", folder, "--group-pattern", "x(.)")
    refused(project, too_few, "more", folder, "--group-pattern", "png")
    refused(project, "group_column: unknown key", "more", folder, "--group-column", "patient")


def test_identical_images_of_both_parts_are_counted(project: Path, tmp_path: Path) -> None:
    for part, count in (("train", 5), ("test", 3)):
        for label, name in enumerate(("cat", "dog")):
            write(tmp_path / "pets" / part / name, count, fill=(9, label, 0) if label else (count, 0, 0))
    said = (
        "identical: 16 images have an identical twin (train/cat/000.png, train/cat/001.png); 3 test images are in train"
    )
    assert f"{said}, too\n" in done("pets", tmp_path / "pets")


def test_the_same_picture_in_two_classes_is_named(project: Path, tmp_path: Path) -> None:
    files = sorted(pets(tmp_path / "pets").glob("*/*.png"))
    for number, path in enumerate(files):
        Image.new("RGB", (30, 24), (number, 0, 0)).save(path)
    shutil.copy(files[1], files[2])  # both cat
    assert "two classes" not in done("pets", tmp_path / "pets", "--dry-run")
    shutil.copy(files[3], files[8])
    said = "two classes: 2 images are the same picture as one of another class: cat/003.png (cat), dog/002.png (dog)\n"
    assert said in done("pets", tmp_path / "pets", "--dry-run")
    found = facts("pets", tmp_path / "pets")["found"][str(tmp_path / "pets")]
    assert found["identical"]["images"] == 4
    assert found["mixed"] == {"images": 2, "first": ["cat/003.png", "dog/002.png"], "classes": ["cat", "dog"]}


def test_the_same_picture_in_two_classes_of_two_parts_is_named(project: Path, tmp_path: Path) -> None:
    for part, count in (("train", 5), ("test", 3)):
        for label, name in enumerate(("cat", "dog")):
            write(tmp_path / "pets" / part / name, count, fill=(9, 9 * (label ^ (part == "test")), 0))
    first = "train/cat/000.png (cat), test/dog/000.png (dog)"
    assert f"16 images are the same picture as one of another class: {first}\n" in done("pets", tmp_path / "pets")


def test_of_images_that_all_differ_none_is_called_identical(project: Path, tmp_path: Path) -> None:
    for number, path in enumerate(sorted(pets(tmp_path / "pets").glob("*/*.png"))):
        Image.new("RGB", (30, 24), (number, 0, 0)).save(path)
    found = facts("pets", tmp_path / "pets")
    assert found["found"][str(tmp_path / "pets")]["identical"] is None


def test_what_was_added_makes_a_valid_table(project: Path, tmp_path: Path) -> None:
    done("pets", pets(tmp_path / "pets"))
    params = load_params(project / "params.yaml")
    check_blocks(params)
    check_dataset(params.model_copy(update={"table": params.table.model_copy(update={"datasets": ["pets"]})}), "pets")


def test_every_old_line_stays(project: Path, tmp_path: Path) -> None:
    before = (project / "params.yaml").read_text(encoding="utf-8").splitlines()
    done("pets", pets(tmp_path / "pets"))
    after = (project / "params.yaml").read_text(encoding="utf-8").splitlines()
    rest = iter(after)
    assert all(line in rest for line in before), "the old lines, in their order"
    added = len(after) - len(before)
    assert added == sum(after.count(line) - before.count(line) for line in {*after})
    place = after.index("  pets:")
    assert after[place - 1] == "  #   size: 64", "after the last one and the hint behind it"
    end = after.index("", place)
    assert after[end - 1] == "    channels: 3", "no list, with which DVC would take the comment away"
    assert after[end + 1].startswith("# Pairs: real and synthetic images")


def test_a_dry_run_says_the_same_and_changes_nothing(project: Path, tmp_path: Path) -> None:
    path, before = pets(tmp_path / "pets"), state(project)
    printed = done("pets", path, "--dry-run")
    assert state(project) == before
    assert "Would be added to params.yaml" in printed
    assert facts("pets", path, "--dry-run") | {"changed": True} == facts("pets", path)


def test_train_and_test_are_counted_apart(tmp_path: Path, project: Path) -> None:
    pets(tmp_path / "pets" / "train", cat=5, dog=4)
    pets(tmp_path / "pets" / "val", cat=1, dog=1)
    pets(tmp_path / "pets" / "test", cat=2, dog=1)
    found = facts("pets", tmp_path / "pets")
    counts = {"train": {"cat": 6, "dog": 5}, "test": {"cat": 2, "dog": 1}}
    assert found["found"][str(tmp_path / "pets")]["classes"] == counts
    assert chosen(found)["scenario"] == "drop75", "six and five are about equal"
    assert chosen(found)["minority"] == ["dog"]


def test_broken_files_are_found_named_and_left_out(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path / "cat" / "cut.png")
    whole = (path / "cat" / "cut.png").read_bytes()
    (path / "cat" / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in "abcde":
        (path / "dog" / f"{name}.jpg").touch()
    found = facts("pets", path, "--dry-run")
    bad = found["found"][str(path)]["bad_files"]
    assert bad == {
        "empty": [str(path / "dog" / f"{name}.jpg") for name in "abcde"],
        "unreadable": [str(path / "cat" / "cut.png")],
    }
    assert found["blocks"]["datasets.pets"]["bad_files"] == "skip"
    printed = done("pets", path)
    assert f"broken, empty: 5: {path}/dog/a.jpg, {path}/dog/b.jpg, {path}/dog/c.jpg and 2 more" in printed
    assert "bad_files: skip (6 cannot be read; error: stop instead)" in printed


@pytest.mark.parametrize(
    ("mode", "fill", "channels", "reason", "network"),
    [
        ("L", 7, 1, "all images are grey", "mnist_cnn"),
        ("RGB", (7, 7, 7), 1, "all images are grey, also those that are kept as colours", "mnist_cnn"),
        ("RGB", (7, 0, 0), 3, "13 of 13 images have colours", "vehicles_cnn"),
    ],
)
def test_grey_and_colour(
    mode: str, fill: Fill, channels: int, reason: str, network: str, tmp_path: Path, project: Path
) -> None:
    write(tmp_path / "pets" / "cat", 6, (28, 28), mode, fill)
    write(tmp_path / "pets" / "dog", 7, (28, 28), mode, fill)
    found = facts("pets", tmp_path / "pets")
    assert found["chosen"]["channels"] == {"value": channels, "reason": reason}
    assert found["blocks"]["classifiers.pets"]["network"] == network
    block = found["blocks"]["generators.cvae_gan.pets"]
    assert block["kl_weight"] == cvae_gan.Settings().kl_weight
    assert block.get("discriminator_dropout") == (0.3 if channels == 3 else None), (
        "for colours alone: balancing thesis, 4.2"
    )


@pytest.mark.parametrize(
    ("size", "side", "network"),
    [((5, 6), 8, "vehicles_cnn"), ((47, 50), 44, "vehicles_cnn"), ((300, 200), 64, "vehicles_cnn")],
)
def test_sizes(size: tuple[int, int], side: int, network: str) -> None:
    found = findings.summarize_findings([Facts(*size, "RGB", "PNG", False)] * 3, {}, 0)
    value, reason = choices.choose_size(found, None)
    assert value == side
    assert ("get stretched" in reason) == (size == (300, 200))
    assert choices.choose_classifier(value, False, 100)["network"] == network


def test_one_range_of_deep_greys_is_chosen_for_all_files(tmp_path: Path, project: Path) -> None:
    for name, top, white in (("x", 4000, 4095), ("y", 200, 255), ("z", 4096, 16383)):
        for place, grey in enumerate((3, 5, 7, top)):
            path = tmp_path / name / "ab"[place % 2] / f"{place}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((8, 8), grey, dtype=np.uint16)).save(path)
        assert chosen(facts(name, tmp_path / name, "--dry-run"))["white"] == white
    for place, grey in enumerate((0.25, 0.5, 200, 0.75)):
        path = tmp_path / "f" / "ab"[place % 2] / f"{place}.tiff"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), grey, dtype=np.float32)).save(path)
    printed = done("f", tmp_path / "f", "--dry-run")
    said = "the largest grey of 4 images of more than 8 bits is 200; one range for all, which 3 images reach less than"
    assert f"white: 255 ({said} an eighth of)" in printed
    assert "white" not in chosen(facts("pets", pets(tmp_path / "pets"), "--dry-run"))


@pytest.mark.parametrize(
    ("top", "white"), [(0.5, 1), (1.2, 1.2), (17.5, 255), (255.5, 1023), (4000.0, 4095), (65535.0, 65535)]
)
def test_floats_of_any_range_are_read_in_one_range(top: float, white: float, tmp_path: Path, project: Path) -> None:
    for place in range(12):
        path = tmp_path / "f" / "ab"[place % 2] / f"{place}.tiff"
        path.parent.mkdir(parents=True, exist_ok=True)
        levels = np.full((8, 8), top * (place + 1) / 12, dtype=np.float32)
        Image.fromarray(levels).save(path)
    assert chosen(facts("f", tmp_path / "f", "--dry-run"))["white"] == pytest.approx(white)
    printed = done("f", tmp_path / "f", "--dry-run", "--set", "white=65535")
    assert "white: 65535 (as asked for)" in printed


def test_one_range_of_deep_colours_is_chosen_for_all_files(tmp_path: Path, project: Path) -> None:
    for place in range(4):
        path = tmp_path / "x" / "ab"[place % 2] / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, draw(4000 - place))
    said = "white: 4095 (the largest value of 4 images of more than 8 bits is 4000; one range for all)"
    assert said in done("x", tmp_path / "x", "--dry-run")


def test_files_of_several_frames_are_named(tmp_path: Path, project: Path) -> None:
    folder = pets(tmp_path / "pets")
    frames = [Image.new("RGB", (30, 24), (number, 0, 0)) for number in range(12)]
    frames[0].save(folder / "cat/stack.tif", save_all=True, append_images=frames[1:])
    said = (
        "note: 1 files have several frames, of which the first is read: cat/stack.tif (12); where frames are images of"
    )
    assert said in done("pets", folder)


def test_broken_photographs_of_phones_are_counted_by_class_with_advice(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pets(tmp_path / "pets")
    for name in ("a.heic", "b.HEIC"):
        (folder / "dog" / name).write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic and no more")
    printed = done("pets", folder, "--dry-run")
    said = "broken: 2 .heic in dog: not an image; convert them to JPEG, or copy them anew from where they come\n"
    assert said in printed
    found = facts("pets", folder, "--dry-run")["found"][str(folder)]
    assert found["broken"] == [{"reason": "not an image", "ending": ".heic", "place": "dog", "files": 2}]
    rows = [f"{path.relative_to(folder)},{path.parent.name}" for path in sorted(folder.glob("*/*"))]
    (tmp_path / "t").mkdir()
    folder.rename(tmp_path / "t/pets")
    (tmp_path / "t/labels.csv").write_text("\n".join(["path,label", *(f"pets/{row}" for row in rows)]))
    monkeypatch.setattr(tree, "can_read_heif", lambda: False)
    for module in (account, images):
        monkeypatch.setattr(module, "can_read_heif", lambda: False)
    printed = done("pets", tmp_path / "t/labels.csv", "--dry-run")
    assert "broken: 2 .heic in dog: " in printed
    assert "; pip install 'counterweight[heif]' has them read\n" in printed


def test_what_is_asked_for_is_taken(tmp_path: Path, project: Path) -> None:
    options = ["--size", 40, "--channels", 1, "--minority", "dog", "--minority", "no", "--set", "fit=crop"]
    found = facts("pets", pets(tmp_path / "pets"), *options)
    block = {"source": "folder", "size": 40, "channels": 1, "minority": ["dog", "no"], "fit": "crop"}
    assert load_params(project / "params.yaml").datasets["pets"] == found["blocks"]["datasets.pets"] == block


def test_more_images_are_trained_on_for_fewer_epochs() -> None:
    small, large = (choices.choose_generators(28, 1, count)["cvae"]["epochs"] for count in (2000, 50_000))
    assert (small, large) == (288, 12)  # 240 s of 2,400 images
    assert [choices.choose_classifier(28, True, count)["epochs"] for count in (10, 1000, 10**6)] == [60, 40, 5]


def test_the_link_may_be_there_already(tmp_path: Path, project: Path) -> None:
    (project / "images/pets").symlink_to(pets(tmp_path / "pets"))
    assert facts("pets", tmp_path / "pets", "--dry-run")["links"] == {}
    assert facts("pets", "images/pets")["links"] == {}
    pets(project / "images/birds")
    assert facts("birds", "images/birds")["links"] == {}
    assert set(load_params(project / "params.yaml").datasets) >= {"pets", "birds"}


def test_a_relative_path_becomes_an_absolute_link(tmp_path: Path, project: Path) -> None:
    pets(tmp_path / "pets")
    done("pets", "../pets")
    assert (project / "images/pets").readlink() == tmp_path / "pets"


# Tables.


def test_a_table_of_hugging_face_becomes_a_dataset(tmp_path: Path, project: Path) -> None:
    write(tmp_path / "x", 9)
    content = [{"bytes": path.read_bytes(), "path": path.name} for path in sorted((tmp_path / "x").iterdir())]
    features = {"img": {"_type": "Image"}, "fine": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    schema = pa.schema({"img": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "fine": pa.int64()})
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    (tmp_path / "pets" / "data").mkdir(parents=True)
    for name, rows in {"train-00000-of-00001": slice(0, 5), "test-00000-of-00001": slice(5, 9)}.items():
        labels = [0, 1, 0, 0, 0, 0, 0, 0, 1][rows]
        table = pa.table([pa.array(content[rows], schema.types[0]), pa.array(labels)], schema=schema)
        pq.write_table(table, tmp_path / "pets" / "data" / f"{name}.parquet")
    found = facts("pets", tmp_path / "pets")
    assert found["blocks"]["datasets.pets"]["source"] == "table"
    counts = {"train": {"cat": 4, "dog": 1}, "test": {"cat": 3, "dog": 1}}
    assert found["found"][str(tmp_path / "pets")]["classes"] == counts


def test_a_csv_beside_a_folder_of_images(tmp_path: Path, project: Path) -> None:
    write(tmp_path / "pets" / "images", 4)
    table = tmp_path / "pets" / "labels.csv"
    table.write_text("name,kind\nimages/000.png,cat\nimages/001.png,cat\nimages/002.png,dog\nimages/003.png,dog\n")
    printed = done("pets", tmp_path / "pets", "--dry-run")
    assert "note: labels.csv: column 'name' is taken for the images: it names files\n" in printed
    assert "note: labels.csv: column 'kind' is taken for the labels: there is no other\n" in printed
    found = facts("pets", tmp_path / "pets", "--set", "image=name", "--set", "label=kind")
    assert found["blocks"]["datasets.pets"]["label"] == "kind"
    assert found["found"][str(tmp_path / "pets")]["classes"] == {"train": {"cat": 2, "dog": 2}}
    assert chosen(found)["scenario"] == "drop75"
    assert found["notes"] == []
    found = facts("more", table, "--set", "image=name", "--set", "label=kind")
    assert (project / "images/more").readlink() == table
    assert "not of the images it names" in found["notes"][0]


def test_rows_of_the_table_that_need_more_settings_are_left_out_of_the_command(tmp_path: Path, project: Path) -> None:
    text = (project / "params.yaml").read_text(encoding="utf-8")
    rows = "  generators:\n  - oversample\n"
    assert rows in text
    (project / "params.yaml").write_text(text.replace(rows, f"{rows}  - collected\n  - ddpm\n"), encoding="utf-8")
    found = facts("pets", pets(tmp_path / "pets"))
    assert found["blocks"]["generators.ddpm.pets"] == {}
    assert found["commands"][0].endswith("-S 'table.generators=[oversample,ddpm,geometric,smote,cvae,bagan]'")


# What was read, and what was not.


def test_the_account_adds_up_and_names_what_is_left_out(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    for number in range(3):
        (path / "dog" / f"{number}.psd").write_bytes(b"no image")
        (path / "dog" / f"{number}.nef").write_bytes(b"no image")
    (path / "cat" / "broken.png").touch()
    write(path / "cat" / "@eaDir" / "000.png", 2)
    printed = done("pets", path, "--dry-run", "--set", "bad_files=skip")
    assert "files: 22 found = 13 images + 1 broken + 8 left out\n" in printed
    assert "left out: 3 .nef in dog: of no kind that is read; convert them to PNG or JPEG\n" in printed
    assert "left out: 2 .png in cat: made by the system\n" in printed
    found = facts("pets", path, "--dry-run")["found"][str(path)]
    assert sum(group["files"] for group in found["left_out"]) == found["other_files"] == 8


def test_without_the_library_for_them_photographs_of_phones_are_counted_with_advice(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "can_read_heif", lambda: False)
    monkeypatch.setattr(account, "can_read_heif", lambda: False)
    path = pets(tmp_path / "pets")
    (path / "dog" / "0.HEIC").write_bytes(b"no image")
    said = "left out: 1 .heic in dog: of no kind that is read; pip install 'counterweight[heif]' has them read\n"
    assert said in done("pets", path, "--dry-run")


def test_two_readings_of_folders_are_told_by_an_option(tmp_path: Path, project: Path) -> None:
    path = tmp_path / "pets"
    for site in ("berlin", "paris"):
        pets(path / site, cat=5, dog=4)
    refused(
        project, r"or parts berlin, paris of classes cat, dog\? --layout classes takes the first; --set ", "a", path
    )
    found = facts("sites", path, "--layout", "classes")
    assert found["blocks"]["datasets.sites"]["layout"] == "classes"
    assert found["found"][str(path)]["classes"] == {"train": {"berlin": 9, "paris": 9}}
    found = facts("pets", path, "--set", "train=[berlin]", "--set", "test=[paris]")
    assert found["found"][str(path)]["classes"] == {part: {"cat": 5, "dog": 4} for part in ("train", "test")}
    block = load_params(project / "params.yaml").datasets["pets"]
    assert (block["train"], block["test"]) == (["berlin"], ["paris"])


@pytest.mark.parametrize("patients", [("8", "9", "10"), ("008", "009", "010")])
def test_folders_that_are_called_by_numbers_are_parts_as_they_are_offered(
    patients: tuple[str, ...], tmp_path: Path, project: Path
) -> None:
    path = tmp_path / "scans"
    for patient in patients:
        pets(path / patient, ill=3, well=3)
    with pytest.raises(UserError) as caught:
        done("scans", path)
    ways = re.findall(r"--set '([^']+)'", str(caught.value))
    assert [way.partition("=")[0] for way in ways] == ["train", "test"]
    found = facts("scans", path, "--dry-run", *(word for way in ways for word in ("--set", way)))
    classes = found["found"][str(path)]["classes"]
    assert classes == {"train": {"ill": 6, "well": 6}, "test": {"ill": 3, "well": 3}}


@pytest.mark.parametrize("name", ["Orange, red", "Grevy's zebra", "Batch #2", "7", "no", "1e3", "c*", "[cd]og"])
def test_a_folder_without_images_is_left_out_as_it_is_offered(name: str, tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets", cat=4, dog=4)
    (path / name).mkdir()
    with pytest.raises(UserError, match=f"no images of class {re.escape(name)}") as caught:
        done("pets", path)
    way = str(caught.value).partition("needs some, ")[2].partition(" goes on")[0]
    found = facts("pets", path, "--dry-run", *shlex.split(way))
    assert found["found"][str(path)]["classes"] == {"train": {"cat": 4, "dog": 4}}


def test_a_table_beside_folders_that_may_be_parts_is_named(tmp_path: Path, project: Path) -> None:
    path = tmp_path / "pets"
    for patient in ("a", "b"):
        pets(path / "train_images" / patient, one=2, two=2)
    lines = [f"train_images/{who}/{n}/{k:03}.png,ill" for who in "ab" for n in ("one", "two") for k in range(2)]
    (path / "train.csv").write_text("\n".join(["path,cancer,site", *(f"{line},x" for line in lines)]))
    refused(project, r"; where tables there label the images, --layout table reads these$", "pets", path)


def test_a_table_beside_folders_of_other_names_is_told_by_an_option(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets", indoor=4, outdoor=4)
    lines = [
        f"{place}/{number:03}.png,{'cat' if number % 2 else 'dog'}"
        for place in ("indoor", "outdoor")
        for number in range(4)
    ]
    (path / "labels.csv").write_text("\n".join(["path,label", *lines]), encoding="utf-8")
    message = r"classes indoor, outdoor by their folders, or cat, dog by labels.csv, which lists 8 images\? --layout cl"
    refused(project, message, "pets", path)
    found = facts("pets", path, "--layout", "table", "--dry-run")
    assert found["blocks"]["datasets.pets"]["source"] == "table"
    assert "layout" not in found["blocks"]["datasets.pets"]
    assert found["found"][str(path)]["classes"] == {"train": {"cat": 4, "dog": 4}}
    found = facts("pets", path, "--layout", "classes", "--dry-run")
    assert found["found"][str(path)]["classes"] == {"train": {"indoor": 4, "outdoor": 4}}
    same = [line.replace("cat", line.split("/")[0]).replace("dog", line.split("/")[0]) for line in lines]
    (path / "labels.csv").write_text("\n".join(["path,label", *same]), encoding="utf-8")
    assert facts("pets", path, "--dry-run")["blocks"]["datasets.pets"]["source"] == "folder"


def test_labels_that_differ_by_case_are_named_with_the_option(tmp_path: Path, project: Path) -> None:
    folder = pets(tmp_path / "pets", cat=4, Cat=2, dog=3)
    assert "note: classes 'Cat', 'cat' differ by case, blanks or form only; --merge-labels takes those" in done(
        "pets", folder, "--dry-run"
    )
    printed = done("pets", folder, "--merge-labels")
    assert "note: merge_labels: 'Cat' (2), 'cat' (4) are one class, 'cat'\n" in printed
    assert load_params(project / "params.yaml").datasets["pets"]["merge_labels"] is True


def test_a_column_of_folds_is_named_with_the_options(tmp_path: Path, project: Path) -> None:
    folder = write(tmp_path / "pets/images", 12).parent
    rows = [f"images/{number:03}.png,{'cat' if number % 2 else 'dog'},{number % 3}" for number in range(12)]
    (folder / "labels.csv").write_text("\n".join(["path,label,fold", *rows]))
    ways = "--split-column fold and --set 'test=[2]' tests on one and trains on the others"
    assert f"note: labels.csv: column 'fold' (0, 1, 2) looks like folds and is not heeded; {ways}\n" in done(
        "pets", folder, "--dry-run"
    )
    found = facts("pets", folder, "--split-column", "fold", "--set", "test=[2]")
    assert found["found"][str(folder)]["classes"] == {"train": {"cat": 4, "dog": 4}, "test": {"cat": 2, "dog": 2}}


def test_options_of_tables(tmp_path: Path, project: Path) -> None:
    write(tmp_path / "pets" / "photos", 8)
    lines = [
        f"{number:03},{'cat' if number % 2 else 'dog'},{'train' if number < 4 else 'test'},test" for number in range(8)
    ]
    (tmp_path / "pets" / "a.csv").write_text("\n".join(["image,label,when,where", *lines]), encoding="utf-8")
    path = tmp_path / "pets" / "a.csv"
    refused(project, r"columns when, where have names of parts; --split-column COLUMN takes one of them$", "pets", path)
    found = facts("pets", path, "--split-column", "when", "--image-folder", "photos")
    block = found["blocks"]["datasets.pets"]
    assert (block["split"], block["image_folder"]) == ("when", "photos")
    assert found["found"][str(path)]["classes"] == {part: {"cat": 2, "dog": 2} for part in ("train", "test")}


def test_that_files_are_missing_is_said_before_anything_else(tmp_path: Path, project: Path) -> None:
    (tmp_path / "a.csv").write_text("path,label\nx/0.png,cat\nx/1.png,cat\nx/2.png,dog\n", encoding="utf-8")
    refused(project, r"a.csv: 3 of 3 files missing, first: .*/x/0.png; paths are relative", "pets", tmp_path / "a.csv")


def test_why_a_class_has_no_images_that_can_be_read_is_said(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    for file in (path / "cat").iterdir():
        file.write_bytes(b"no image")
    refused(project, "class 'cat': 0 images that can be read in part .*; .*: not an image: of no format", "pets", path)


def test_a_class_that_a_part_lacks_is_named_with_the_options(tmp_path: Path, project: Path) -> None:
    pets(tmp_path / "pets" / "train", cat=5, dog=4)
    pets(tmp_path / "pets" / "test", cat=2)
    message = r"test lacks dog \(4 images in train\); --set missing_classes=leave_out goes on without, --set missing_"
    refused(project, message, "pets", tmp_path / "pets")
    found = facts("pets", tmp_path / "pets", "--set", "missing_classes=split_anew")
    assert found["found"][str(tmp_path / "pets")]["classes"] == {"train": {"cat": 7, "dog": 4}}


# What is refused.


def test_names_that_are_taken_or_wrong(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    refused(project, r"params.yaml: datasets.digits is there already; take another name", "digits", path)
    for name in ("Pets", "my-pets", "test", "123", "1_0"):
        refused(project, rf"NAME '{name}': names consist of a-z, 0-9 and _, with a letter", name, path)


def test_a_left_over_block_is_no_free_name(tmp_path: Path, project: Path) -> None:
    text = (project / "params.yaml").read_text(encoding="utf-8")
    (project / "params.yaml").write_text(text.replace("  oversample:\n", "  oversample:\n    pets: {}\n", 1))
    refused(project, r"generators.oversample.pets is there already", "pets", pets(tmp_path / "pets"))


def test_a_link_to_something_else_is_kept(tmp_path: Path, project: Path) -> None:
    pets(tmp_path / "pets")
    (project / "images/pets").symlink_to(tmp_path)
    refused(project, r"images/pets: is there already and is not .*/pets; take another", "pets", tmp_path / "pets")
    (project / "images/pets").unlink()
    (project / "images/pets").symlink_to(tmp_path / "nowhere")
    refused(project, r"images/pets: is there already", "pets", tmp_path / "pets")


def test_a_misspelt_class_is_offered(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    refused(project, r"--minority: there is no 'dgo'; did you mean 'dog'\?", "pets", path, "--minority", "dgo")
    refused(project, r"datasets.pets.fitt: unknown key; did you mean 'fit'", "pets", path, "--set", "fitt=crop")
    refused(project, r"--set size: not here; size, channels", "pets", path, "--set", "size=9")


def archive(root: Path) -> None:
    root.mkdir()
    (root / "pets.zip").touch()


def test_images_of_one_class_get_blocks_for_a_gallery(tmp_path: Path, project: Path) -> None:
    found = facts("cats", write(tmp_path / "cats", 12))
    assert chosen(found) == {"size": 24, "channels": 3}
    assert found["commands"] == ["counterweight gallery cats"]
    assert "one class: there is no classifier to be helped" in found["notes"][0]
    assert "classifiers.cats" not in found["blocks"]
    assert found["blocks"]["datasets.cats"] == {"source": "folder", "size": 24, "channels": 3}
    assert {"generators.cvae.cats", "generators.geometric.cats"} <= set(found["blocks"])
    with pytest.raises(UserError, match="a table needs two or more; `counterweight gallery` shows generators of one"):
        check_dataset(load_params(project / "params.yaml"), "cats")
    result = counterweight("gallery", "cats", "geometric", "smote", "--out", tmp_path / "out")
    assert result.exception is None
    assert {"geometric.png", "smote.png", "README.md"} <= {path.name for path in (tmp_path / "out/cats").iterdir()}


LAYOUTS: list[tuple[Callable[[Path], object], str]] = [
    (lambda root: None, r"pets: no such file or folder$"),
    (lambda root: root.mkdir(), r"pets: no sub-folders with images; expected a folder with a sub-folder of images per"),
    (
        lambda root: write(root / "cat", 3),
        r"pets: one sub-folder with images only, 'cat' \(of one class, for a gallery",
    ),
    (lambda root: write(write(root / "cat", 3).parent, 2), r"only, 'cat', 2 images beside it; expected"),
    (
        archive,
        r"pets: no sub-folders with images; 1 .zip in .: of no kind that is read; unpack them to have what is in them",
    ),
    (lambda root: pets(root, cat=3, dog=1), r"pets: class 'dog': 1 images that can be read in part train; at least 2"),
    (
        lambda root: pets(root, ant=1, cat=3, dog=1),
        r"class 'ant': 1 images .* in part train, and 1 more classes with fewer than 2; at least 2 are needed",
    ),
    (
        lambda root: pets(root, cat=3, Cat=1),
        r"class 'Cat': 1 images .*; classes 'Cat', 'cat' differ .*; --merge-labels",
    ),
    (lambda root: (pets(root), (root / "bird").mkdir()), r"pets: no images of class bird; every class needs some"),
]


@pytest.mark.parametrize(("make", "message"), LAYOUTS)
def test_other_layouts_are_refused(make: Callable[[Path], object], message: str, tmp_path: Path, project: Path) -> None:
    make(tmp_path / "pets")
    refused(project, message, "pets", tmp_path / "pets")


def test_files_that_are_no_tables_are_refused(tmp_path: Path, project: Path) -> None:
    for name, message in {
        "pets.zip": "an archive; unpack it, then give the folder",
        "a.png": "a file that is no",
    }.items():
        (tmp_path / name).touch()
        refused(project, f"{name}: {message}", "pets", tmp_path / name)


def test_a_folder_around_the_project_is_refused(tmp_path: Path, project: Path) -> None:
    pets(tmp_path)
    refused(project, r"holds this project itself; give the folder of the images alone", "pets", tmp_path)


def test_links_out_of_the_folder_need_a_word(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    (path / "cat" / "z.png").symlink_to(write(tmp_path / "far", 1) / "000.png")
    refused(project, r"cat/z.png: a link out of the folder, .* or add --set links=follow$", "pets", path)
    found = facts("pets", path, "--set", "links=follow")
    assert found["blocks"]["datasets.pets"]["links"] == "follow"


def test_a_failure_half_way_leaves_everything_as_it_was(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(partial: Path, target: Path) -> None:
        assert any(path.is_symlink() for path in (project / "images").rglob("*"))
        raise UserError("the disk is full")

    monkeypatch.setattr(outputs, "put_in_place", fail)
    refused(project, "the disk is full", "pets", pets(tmp_path / "pets"))
    refused(project, "the disk is full", "scans", *scans(tmp_path))


def test_sections_in_one_line_are_refused(tmp_path: Path, project: Path) -> None:
    text = (project / "params.yaml").read_text(encoding="utf-8")
    assert "  smote:\n    digits: {}\n" in text
    (project / "params.yaml").write_text(text.replace("  smote:\n    digits: {}\n", "  smote: {digits: {}}\n"))
    refused(project, r"params.yaml: generators.smote: written in one line; write it", "pets", pets(tmp_path / "pets"))


# Pairs.


def scans(root: Path) -> Sequence[object]:
    real = write(root / "real" / "deep", 3, (32, 32), "L", 7).parent
    return real, "--pair", write(root / "made", 4, (50, 50), "L", 9)


def test_a_pair_of_folders(tmp_path: Path, project: Path) -> None:
    found = facts("scans", *scans(tmp_path))
    assert (project / "images/scans/real").readlink() == tmp_path / "real"
    assert (project / "images/scans/synthetic").readlink() == tmp_path / "made"
    block = {"source": "folders", "size": 32, "channels": 1}
    assert load_params(project / "params.yaml").pairs["scans"] == block
    assert found["commands"] == [
        "dvc exp run -S 'table.datasets=[]' -S 'table.pairs=[scans]'",
        "counterweight report",
    ]
    assert [own["images"] for own in found["found"].values()] == [3, 4]
    refused(project, "pairs.scans is there already", "scans", *scans(tmp_path))


def test_a_pair_of_values_below_0_has_a_range_as_datasets_have(tmp_path: Path, project: Path) -> None:
    sides = tmp_path / "real", tmp_path / "made"
    for side, low, high in zip(sides, (-900, -200), (1000, 2000), strict=True):
        side.mkdir()
        for number in range(3):
            values = np.linspace(low, high + number, 64, dtype=np.float32).reshape(8, 8)
            Image.fromarray(values).save(side / f"{number}.tif")
    words = ["scans", sides[0], "--pair", sides[1]]
    said = r"real, .*made: 6 of 6 images have values below 0, and values of all go from -900 to 2002; --set black=-900 "
    refused(project, said + "--set white=2002 takes them all", *words)
    refused(project, r"--set: white: None is not allowed: white must be set, too", *words, "--set", "black=-1")
    refused(project, r"--set: there is no 'fit'; allowed: black, white", *words, "--set", "fit=crop")
    done(*words, "--set", "black=-1024", "--set", "white=3071")
    params = load_params(project / "params.yaml")
    assert params.pairs["scans"] == {"source": "folders", "size": 8, "channels": 1, "black": -1024, "white": 3071}
    ingest_pair.main(["--pair", "scans", "--real", "r", "--synthetic", "s", "--same", "t", "u", "--besides", "b.json"])
    real, made = read_images(Path("r")), read_images(Path("s"))
    assert (len(real), len(made)) == (3, 3)
    low = [round(255 * (value + 1024) / 4095) for value in (-900, -200)]
    assert [own.images.min() for own in (real, made)] == low
    files = json.loads(Path("b.json").read_text())["files"]
    assert [(files[side]["black"], files[side]["white"]) for side in ("real", "synthetic")] == [(-1024, 3071)] * 2


def test_a_pair_can_be_compared(tmp_path: Path, project: Path) -> None:
    done("scans", *scans(tmp_path))
    params = load_params(project / "params.yaml")
    check_pair(params, "scans")
    plan = plan_pair(params.pairs, "scans")
    assert [len(part) for part in plan.source.find(plan.settings, "scans")] == [3, 4]


def test_a_pair_is_the_last_of_its_section(tmp_path: Path, project: Path) -> None:
    done("scans", *scans(tmp_path))
    text = (project / "params.yaml").read_text(encoding="utf-8")
    assert "\n  scans:\n    source: folders\n    size: 32\n    channels: 1\n\nscenarios:\n" in text


def test_a_pair_with_colours_on_one_side_is_compared_in_colours(tmp_path: Path, project: Path) -> None:
    real, option, made = scans(tmp_path)
    write(Path(str(made)), 1, fill=(9, 0, 0))
    assert chosen(facts("scans", real, option, made))["channels"] == 3


def test_pairs_that_cannot_be(tmp_path: Path, project: Path) -> None:
    real, option, made = scans(tmp_path)
    refused(project, r"none: no such file or folder$", "scans", real, option, tmp_path / "none")
    refused(project, r"real: the folder of the real images, too", "scans", real, option, real)
    (tmp_path / "empty").mkdir()
    refused(project, r"empty: no image that can be read, of 0", "scans", real, option, tmp_path / "empty")
    (project / "images/scans").mkdir()
    refused(project, r"images/scans: is there already", "scans", real, option, made)


def test_a_folder_that_cannot_be_read_is_one_line(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(datasets, "detect_source", refuse)
    monkeypatch.setattr(sys, "argv", ["counterweight", "add", "pets", str(pets(tmp_path / "pets"))])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err == f"error: {tmp_path}/pets: Permission denied\n"


def test_a_mistake_is_one_line_without_a_traceback(tmp_path: Path) -> None:
    code = "from counterweight.cli.main import main; main()"
    words = ["add", "pets", str(tmp_path / "none")]
    result = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (2, f"error: {tmp_path}/none: no such file or folder\n")


def test_what_is_set_is_what_is_said_to_be_chosen(tmp_path: Path, project: Path) -> None:
    path = pets(tmp_path / "pets")
    (path / "cat" / "broken.png").write_bytes(b"")
    found = facts("pets", path, "--set", "bad_files=error")
    assert found["chosen"]["bad_files"] == {"value": "error", "reason": "as asked for"}
    assert found["blocks"]["datasets.pets"]["bad_files"] == "error"


def test_a_settings_file_that_is_read_only_is_left_alone(tmp_path: Path, project: Path) -> None:
    (project / "params.yaml").chmod(0o444)
    refused(project, r"params.yaml: read-only; make it writable first", "pets", pets(tmp_path / "pets"))


def test_folders_called_by_dates_and_paths_with_blanks_are_taken_as_they_are_offered(project: Path) -> None:
    """What a message prints can be typed as it stands."""
    days = [f"2023-05-0{day}" for day in (1, 2, 3)]
    path = project.parent / "my tiles"
    for day in days:
        pets(path / day, ok=4, nok=3)
    with pytest.raises(UserError) as caught:
        done("tiles", path)
    offered = re.findall(r"--set '([^']*)'", str(caught.value))
    assert offered == ['train=["2023-05-01", "2023-05-02"]', 'test=["2023-05-03"]']
    found = facts("tiles", path, *(word for each in offered for word in ("--set", each)))
    assert found["blocks"]["datasets.tiles"]["train"] == days[:2]
    (own,) = found["found"].values()
    assert own["classes"] == {"train": {"nok": 6, "ok": 8}, "test": {"nok": 3, "ok": 4}}
    pets(project.parent / "around/all of it", cat=3, dog=3)
    (project.parent / "around/README").touch()
    with pytest.raises(UserError) as caught:
        done("inner", project.parent / "around")
    (inner,) = re.findall(r"give '([^']*)' for these", str(caught.value))
    assert done("inner", inner).startswith(inner)


def test_a_folder_around_all_others_is_stepped_into(project: Path) -> None:
    """As many archives have one; where anything else lies there, or settings are of it, it is asked about."""
    inner = pets(project.parent / "eurosat/2750/all")
    (project.parent / "eurosat/.DS_Store").touch()
    (project.parent / "eurosat/__MACOSX").mkdir()
    printed = done("pets", project.parent / "eurosat")
    assert printed.startswith(f"{inner}\n")
    assert f"Note: all of {project.parent / 'eurosat'} lies in {inner}, whose folders are taken" in printed
    assert (project / "images/pets").resolve() == inner.resolve()
    (project.parent / "eurosat/2750/labels.mat").touch()
    for words in ((), ("--set", "leave_out=[x]")):
        with pytest.raises(UserError, match=f"which holds folders cat, dog, no: give {inner} for these"):
            done("more", project.parent / "eurosat/2750", *words)
    pets(project.parent / "one/dog", dog=5)
    with pytest.raises(UserError, match="one sub-folder with images only, 'dog'"):
        done("more", project.parent / "one")


def test_a_folder_of_several_words_is_told_by_an_option_that_works(tmp_path: Path, project: Path) -> None:
    root = tmp_path / "pets"
    for red, name in enumerate(("all of them", "cropped")):
        write(root / name, 8, fill=(red, 0, 0))
    rows = [f"{number:03}.png,{('cat', 'dog')[number % 2]}" for number in range(8)]
    (root / "a.csv").write_text("\n".join(["path,label", *rows, ""]), encoding="utf-8")
    refused(project, "--set 'image_folder=\"all of them\"' takes those", "pets", root, "--layout", "table")
    found = facts("pets", root, "--layout", "table", "--set", 'image_folder="all of them"')
    (own,) = found["found"].values()
    assert own["classes"] == {"train": {"cat": 4, "dog": 4}}
