"""Columns of tables that may name patients or videos are offered, and measures, dates and classes are not."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
from click.testing import CliRunner

from counterweight.cli.main import cli
from counterweight.data.sources.base.group_columns import NAMED, part_words
from counterweight.data.sources.base.group_names import find_groups
from counterweight.settings.datasets import plan_dataset
from tests.data.sources.test_public_layouts import write_images
from tests.data.sources.test_table import find

COMMITTED = Path(__file__).parents[3] / "params.yaml"
Rows = Iterator[Sequence[object]]
RNG = np.random.default_rng


def offers(folder: Path, rows: Rows, name: str = "labels.csv", **settings: object) -> list[str]:
    """Return what is offered of a table with a line of names above its rows, images or none beside it."""
    text = "".join(",".join(f'"{cell}"' if "," in str(cell) else str(cell) for cell in row) + "\n" for row in rows)
    (folder / name).write_text(text, encoding="utf-8")
    return [note for note in find(folder, **settings).train.provenance["notes"] if "group_column" in note]


def ham10000(images: int = 1000) -> Rows:
    """Moles: three quarters of the lesions have one image, others two to four; localization and age repeat widely."""
    rng = RNG(0)
    kinds = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    yield ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset", "image_path"]
    place = 0
    for lesion in range(images):
        kind = kinds[min(int(rng.exponential(2)), 6)]
        age, sex, part = 5 * int(rng.integers(0, 18)), ["male", "female"][lesion % 2], f"part {rng.integers(15)}"
        for _ in range(1 if rng.random() < 0.74 else int(rng.integers(2, 5))):
            yield f"HAM_{lesion:07}", f"ISIC_{place:07}", kind, "histo", f"{age}.0", sex, part, "v", f"img/{place}.jpg"
            place += 1


def isic(images: int = 1500) -> Rows:
    """Moles of few patients, of which two in a hundred are malignant."""
    rng = RNG(0)
    yield ["image_name", "patient_id", "sex", "age_approx", "anatom_site", "diagnosis", "image_path", "target"]
    for place in range(images):
        patient = int(rng.integers(images // 16))
        age = 5 * (patient % 17) + 15
        yield (
            f"ISIC_{place}",
            f"IP_{patient:07}",
            "m",
            age,
            f"site {patient % 6}",
            "x",
            f"{place}.jpg",
            int(place % 50 < 3),
        )


def rsna(named: bool) -> Rows:
    """Chests with several boxes in one image: the patient names the image, which stands in several rows."""
    rng = RNG(0)
    yield ["patientId", "x", "y", "width", "height", "Target", *(["path"] if named else [])]
    for patient in range(600):
        for _ in range(1 + patient % 3):
            box = [*map(float, rng.integers(0, 1024, 4))] if patient % 3 else ["", "", "", ""]
            yield f"{patient:08x}-{patient:04x}", *box, int(patient % 3 > 0), *([f"{patient}.png"] if named else [])


def iwildcam(images: int = 3000) -> Rows:
    """Animals before cameras: a burst is of one animal, a camera sees all of them; sizes and frames are numbers."""
    rng = RNG(0)
    yield ["file_name", "category", "location", "seq_id", "seq_num_frames", "frame_num", "datetime", "width", "height"]
    place = 0
    while place < images:
        kind, where, frames = int(rng.integers(12)), int(rng.integers(60)), int(rng.integers(1, 8))
        burst = f"{rng.integers(2**60):016x}-21bc"
        for frame in range(frames):
            day = f"2015-0{where % 9 + 1}-{kind + 10} 12:0{place % 10}:00.000"
            yield f"{place}.jpg", kind, where, burst, frames, frame, day, 1024 + kind, 747 + where
            place += 1


@pytest.mark.parametrize(
    ("rows", "label", "column", "said"),
    [
        (ham10000, "dx", "lesion_id", "1,000 values in 1,487 images, 737 of which share theirs"),
        (
            isic,
            "target",
            "patient_id",
            "column 'patient_id' has 93 values in 1,500 images, 1,500 of which share theirs",
        ),
        (iwildcam, "category", "seq_id", "values in 3,00"),
    ],
)
def test_the_column_is_offered_that_has_the_groups(
    rows: Callable[[], Rows], label: str, column: str, said: str, tmp_path: Path
) -> None:
    (note,) = offers(tmp_path, rows(), label=label)
    assert note.startswith(f"labels.csv: column '{column}' has ")
    assert note.count("column '") == 1
    assert said in note
    assert note.endswith(f"set group_column: {column} keeps the images of each on one side")
    assert find(tmp_path, label=label, group_column=column).train.groups is not None
    assert offers(tmp_path, rows(), label=label, group_column=column) == []


@pytest.mark.parametrize("named", [True, False])
def test_boxes_of_one_image_are_no_groups(named: bool, tmp_path: Path) -> None:
    """Nor is a patient of one image, in however many rows that stands."""
    write_images(tmp_path, *([] if named else [f"{patient:08x}-{patient:04x}.png" for patient in range(600)]))
    assert offers(tmp_path, rsna(named)) == []


def made(column: str, word: Callable[[int, int], object], groups: int = 200, each: int = 4) -> Rows:
    """Yield rows of images of several groups, each of one of two classes; a word is made of the group and the place."""
    yield ["path", "label", column]
    for place in range(groups * each):
        group = place // each
        yield f"{place}.png", "ab"[group % 2], word(group, place)


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("patient", lambda group, place: group),
        ("PatientID", lambda group, place: f"{group}.0"),
        ("patientid", lambda group, place: group),
        ("Subject No.", lambda group, place: f"{group:03}"),
        ("video", lambda group, place: f"walk {'abcdefgh'[group % 8]} {'xyz'[group % 3]} {group}.mp4"),
        ("StudyInstanceUID", lambda group, place: f"1.2.840.{group}"),
        ("anything", lambda group, place: f"P{group}"),
        ("vehicle_id", lambda group, place: group),
        ("plant id", lambda group, place: group),
        ("patient", lambda group, place: f"p{(place * 7) % 150}"),  # of both classes
    ],
)
def test_names_of_what_images_are_of_are_offered(
    column: str, word: Callable[[int, int], object], tmp_path: Path
) -> None:
    (note,) = offers(tmp_path, made(column, word))
    way = column if column.isalnum() or "_" in column else f"'{column}'"
    assert f"set group_column: {way} keeps" in note
    assert find(tmp_path, group_column=column).train.groups is not None


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("width", lambda group, place: 100 + group),
        ("age", lambda group, place: group % 90),
        ("age", lambda group, place: f"{group % 90}y"),
        ("year", lambda group, place: 1800 + group),
        ("score", lambda group, place: group / 8),
        ("size", lambda group, place: f"{group}x{group + 5}"),
        ("bbox", lambda group, place: f"[{group}, 2, 3, 4]"),
        ("date", lambda group, place: f"2015-{group % 12 + 1:02}-{group % 28 + 1:02}"),
        ("date", lambda group, place: f"{group % 28 + 1}/{group % 12 + 1}/2015"),
        ("taken", lambda group, place: f"2015-03-{group % 28 + 1:02}T{group % 24:02}:00:00Z"),
        ("taken", lambda group, place: f"{group % 28 + 1}-Mar-2015"),
        ("time", lambda group, place: f"12:{group % 60:02}:07"),
        ("patient_age", lambda group, place: group % 90),
        ("seq_num", lambda group, place: place % 50),
        ("frame", lambda group, place: place % 50),
        ("species", lambda group, place: "abcdefgh"[group % 8] + "xyzuvw"[group // 8 % 6]),
        ("species_id", lambda group, place: group),
        ("category_id", lambda group, place: group),
        ("image_id", lambda group, place: place),
        ("id", lambda group, place: place),
        ("model", lambda group, place: f"M{place % 41}"),  # of both classes
        ("batch", lambda group, place: f"b{group % 8}"),  # few
        ("patient", lambda group, place: place),
        ("patient", lambda group, place: "ab"[group % 2]),
        ("patient", lambda group, place: group % 4),
        ("patient", lambda group, place: ""),
        ("patient", lambda group, place: "nan"),
        ("other_file", lambda group, place: f"full/x{group}.png"),
        ("remark", lambda group, place: f"picture{group}_" + "x" * 80),
    ],
)
def test_measures_dates_classes_and_texts_are_not_offered(
    column: str, word: Callable[[int, int], object], tmp_path: Path
) -> None:
    assert offers(tmp_path, made(column, word), label="label") == []


def test_of_few_groups_of_a_class_no_split_is_made_and_nothing_is_offered(tmp_path: Path) -> None:
    """Of class b there are two patients, of which one cannot be fitted, validated and tested on."""
    rows = [*made("patient", lambda group, place: group, 20)]
    few = [row if row[1] != "b" or row[2] in (1, 3) else [row[0], "a", row[2]] for row in rows]
    assert offers(tmp_path, iter(few)) == []
    assert offers(tmp_path, iter(rows)) != []


def test_several_columns_are_named_and_the_widest_is_the_way(tmp_path: Path) -> None:
    rows = made("patient", lambda group, place: f"{group},s{place // 2}", 40)
    text = "".join(",".join(map(str, row)) + "\n" for row in rows).replace("patient\n", "patient,study\n")
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    (note,) = (note for note in find(tmp_path).train.provenance["notes"] if "group_column" in note)
    assert (
        "column 'patient' has 40 values in 160 images, 160 of which share theirs with others; column 'study' " in note
    )
    assert "set group_column: patient keeps" in note


def test_images_without_a_value_are_told_of(tmp_path: Path) -> None:
    (note,) = offers(tmp_path, made("patient", lambda group, place: group if group > 2 else ""))
    assert "has 197 values in 788 images, 788 of which share theirs with others, and none in 12 more: if" in note
    assert note.endswith("keeps the images of each on one side once each image has one")


def test_all_tables_count_together(tmp_path: Path) -> None:
    """A patient with one image in each of two tables has two."""
    header, *rows = made("patient", lambda group, place: group, each=2)
    offers(tmp_path, iter([header, *rows[::2]]), name="train.csv")
    (note,) = offers(tmp_path, iter([header, *rows[1::2]]), name="test.csv")
    assert "has 200 values in 400 images, 400 of which share theirs" in note


def test_a_pattern_of_groups_makes_the_offer_void(tmp_path: Path) -> None:
    offers(tmp_path, made("patient", lambda group, place: group))
    block = {"source": "table", "path": str(tmp_path), "size": 4, "group_pattern": "."}
    plan = plan_dataset({"x": block}, "x")
    found = find_groups(plan.source.find(plan.settings, "x"), plan.common.grouping, "here")
    assert not any("group_column" in note for note in found.train.provenance["notes"])


def test_the_command_names_its_option_which_can_be_typed(tmp_path: Path) -> None:
    write_images(tmp_path, *(f"{place}.png" for place in range(80)))
    offers(tmp_path, made("Patient ID", lambda group, place: group, 20))
    words = ["add", "mine", str(tmp_path), "--params", str(COMMITTED), "--dry-run"]
    said = CliRunner().invoke(cli, words).output
    assert "note: labels.csv: column 'Patient ID' has 20 values in 80 images" in said
    assert "if these are patients, videos or the like, --group-column 'Patient ID' keeps" in said
    done = CliRunner().invoke(cli, [*words, "--group-column", "Patient ID"]).output
    assert "groups: 20 of 4 to 4" in done
    assert "if these are patients" not in done


def test_names_are_read_in_words() -> None:
    assert part_words(" Patient_ID") == part_words("patientId") == "patient id"
    assert all(NAMED.fullmatch(part_words(name)) for name in ("lesion_id", "anon_patient_id", "videoName", "case no"))
    others = ("patients", "has patients age", "case", "seq_num_frames", "videography", "plant", "scene", "patient sex")
    assert not any(NAMED.fullmatch(part_words(name)) for name in others)


def test_a_large_table_is_looked_at_in_a_moment(tmp_path: Path) -> None:
    begun = perf_counter()
    assert len(offers(tmp_path, made("patient", lambda group, place: f"P{group}", 25_000))) == 1
    assert perf_counter() - begun < 60
