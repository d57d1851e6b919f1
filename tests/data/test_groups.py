"""Groups of images, as a patient's, are on one side of every split: found by a pattern or a column, and kept."""

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from counterweight.core.draws import (
    FITTED,
    REFERENCE,
    UNUSED,
    VALIDATION,
    WITHHELD,
    Draws,
    read_draws,
    write_draws,
)
from counterweight.core.errors import UserError
from counterweight.core.groups import check_groups, check_sides, choose_together, find_spanning, join_numbers
from counterweight.core.images import ImageSet, choose_stratified, read_images
from counterweight.data.imbalance import count_tested_groups, draw_all_roles, draw_grouped_roles, draw_roles
from counterweight.data.sources.base.group_names import count_members, fill_in
from counterweight.data.sources.base.labels import describe_like_groups
from counterweight.data.sources.base.patterns import find_all
from counterweight.evaluation.prechecks import check_dataset_groups
from counterweight.settings.datasets import plan_dataset
from stages import ingest

Indices = npt.NDArray[np.int64]


def random_case(seed: int) -> tuple[Indices, Indices, float]:
    """Return labels and groups of some images, few or many, and a fraction."""
    rng = np.random.default_rng(seed)
    count, classes = int(rng.integers(2, 400)), int(rng.integers(1, 6))
    labels = rng.integers(0, classes, count)
    groups = rng.integers(0, max(2, count // int(rng.integers(1, 20))), count)
    if seed % 3 == 0:  # no group spans classes
        groups = groups * classes + labels
    return labels, groups, float(rng.uniform(0.02, 0.98))


# Whole groups.


@pytest.mark.parametrize("seed", range(150))
def test_no_group_is_ever_on_two_sides(seed: int) -> None:
    labels, groups, fraction = random_case(seed)
    chosen = choose_together(labels, fraction, np.random.default_rng(seed), groups)
    assert not {*groups[chosen]} & {*groups[~chosen]}
    again = choose_together(labels, fraction, np.random.default_rng(seed), groups)
    assert (again == chosen).all()


@pytest.mark.parametrize("seed", range(60))
def test_every_class_with_many_groups_is_on_both_sides_in_about_its_fraction(seed: int) -> None:
    """Sixty patients, of whom each has up to nine images of up to four classes."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 4, (60, 4))
    labels = np.concatenate([np.repeat(np.arange(4), of) for of in sizes])
    groups = np.repeat(np.arange(60), sizes.sum(axis=1))
    chosen = choose_together(labels, 0.3, rng, groups)
    fractions = np.bincount(labels[chosen], minlength=4) / np.bincount(labels, minlength=4)
    # A patient has 3 of some 90 images of a class at most: nearer than two of them.
    assert abs(fractions - 0.3).max() < 2 * 3 / 60


@pytest.mark.parametrize("seed", range(150))
def test_two_groups_of_a_class_are_left_where_it_has_three(seed: int) -> None:
    """What is left is parted once more, into what is fitted and what is set aside."""
    labels, groups, fraction = random_case(seed)
    chosen = choose_together(labels, fraction, np.random.default_rng(seed), groups, left=2)
    assert not {*groups[chosen]} & {*groups[~chosen]}
    for label in {*labels.tolist()}:
        own = labels == label
        if len({*groups[own]}) > 2:
            assert len({*groups[own & ~chosen]}) >= 2
            assert (own & chosen).any()


def test_a_patient_with_nearly_all_images_leaves_others_beside_him() -> None:
    """Of three classes with 60 images of one patient, and five of one each, 20 are wanted."""
    labels = np.concatenate([np.repeat([0, 1, 2], 60), np.repeat([0, 1, 2], 5)])
    groups = np.concatenate([np.zeros(180, np.int64), np.arange(1, 16)])
    chosen = choose_together(labels, 0.3, np.random.default_rng(0), groups, left=2)
    assert np.bincount(labels[chosen]).tolist() == [4, 4, 4]
    plain = choose_together(labels, 0.3, np.random.default_rng(0), groups)
    assert np.bincount(labels[plain]).tolist() == [5, 5, 5]


@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.95])
def test_of_two_patients_with_all_classes_one_is_on_either_side(fraction: float) -> None:
    labels, groups = np.tile([0, 1, 2], 10), np.repeat([0, 1], [9, 21])
    chosen = choose_together(labels, fraction, np.random.default_rng(0), groups)
    assert sorted([chosen.sum(), (~chosen).sum()]) == [9, 21]


def test_a_class_that_is_with_one_patient_alone_has_the_other_side_from_its_own_images() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    groups = np.array([7, 8, 7, 7, 7, 9])  # both classes can be parted in one way: 7 on one side, 8 and 9 on the other
    for seed in range(20):
        chosen = choose_together(labels, 0.3, np.random.default_rng(seed), groups)
        assert len({*chosen[[0, 2, 3, 4]]}) == 1
        assert chosen[0] != chosen[1]
        assert chosen[0] != chosen[5]


def test_images_of_one_picture_in_two_classes_are_on_one_side_and_others_where_they_were() -> None:
    labels, twins = np.repeat([0, 1], 50), np.arange(100)
    alone = choose_stratified(labels, 0.3, np.random.default_rng(0), twins)
    twins[[60, 70, 80]] = [1, 2, 3]
    for seed in range(20):
        chosen = choose_stratified(labels, 0.3, np.random.default_rng(seed), twins)
        assert (chosen[[1, 2, 3]] == chosen[[60, 70, 80]]).all()
        assert np.bincount(labels[chosen]).tolist() == [15, 15] == np.bincount(labels[alone]).tolist()


def test_which_images_share_a_group_with_another_class() -> None:
    assert find_spanning(np.array([0, 0, 1, 1]), np.array([5, 6, 6, 9])).tolist() == [False, True, True, False]


def test_numbers_are_joined_through_others() -> None:
    first, second = np.array([0, 0, 1, 2, 3]), np.array([9, 8, 8, 7, 6])
    joined = join_numbers(first, second)
    assert joined[0] == joined[1] == joined[2]
    assert len({*joined.tolist()}) == 3
    many = np.zeros(1000, dtype=np.int64)  # a thousand copies of one picture of one patient
    assert len({*join_numbers(many, many).tolist()}) == 1
    assert len({*join_numbers(np.arange(3), np.arange(3)).tolist()}) == 3


# Draws.


@pytest.mark.parametrize("seed", range(100))
def test_no_group_has_two_roles_but_for_what_is_dropped_of_it(seed: int) -> None:
    labels, groups, fraction = random_case(seed)
    rng = np.random.default_rng(seed)
    kept = np.maximum(1, np.rint(np.bincount(labels) * rng.uniform(0.1, 1, labels.max() + 1)).astype(np.int64))
    aside = choose_together(labels, fraction, rng, groups)
    roles = draw_grouped_roles(labels, kept, aside, rng, groups)
    for group in np.unique(groups):
        own = {*roles[groups == group].tolist()}
        assert own in ({REFERENCE}, {FITTED}, {VALIDATION}, {FITTED, WITHHELD}, {VALIDATION, UNUSED})
    used = np.isin(roles, (FITTED, VALIDATION))
    assert (np.bincount(labels[used], minlength=len(kept)) <= kept).all()


def test_a_harder_scenario_keeps_a_part_of_what_an_easier_one_keeps() -> None:
    labels, groups = np.random.default_rng(0).integers(0, 3, 300), np.random.default_rng(1).integers(0, 40, 300)
    aside = choose_together(labels, 0.2, np.random.default_rng(2), groups)
    sizes = np.bincount(labels)
    easy, hard = (
        draw_grouped_roles(labels, kept, aside, np.random.default_rng(3), groups) for kept in (sizes, sizes // 3)
    )
    assert {*easy} == {FITTED, VALIDATION}
    for role in (FITTED, VALIDATION):
        assert ((hard == role) <= (easy == role)).all()
    kept = np.isin(hard, (FITTED, VALIDATION))
    assert np.bincount(labels[kept]).tolist() == (sizes // 3).tolist()


def grouped_set(labels: Indices, groups: Indices | None) -> ImageSet:
    """Images whose pixels are their numbers."""
    pixels = np.arange(len(labels), dtype=np.int64).view(np.uint8).reshape(len(labels), 1, 2, 4)
    names = None if groups is None else np.array([f"patient {group}" for group in groups])
    return ImageSet(pixels, labels, ("a", "b", "c"), np.arange(len(labels)).astype(np.str_), {}, names)


def test_the_reference_has_no_image_of_a_group_that_a_generator_saw_and_nothing_that_is_set_aside_comes_back() -> None:
    labels, groups = np.random.default_rng(0).integers(0, 3, 300), np.random.default_rng(1).integers(0, 40, 300)
    train, test = grouped_set(labels, groups), grouped_set(np.array([0, 1, 2]), np.array([97, 98, 99]))
    roles = draw_all_roles(train, np.bincount(labels) // 3, 0.25, [0, 1, 2], np.arange(300), "here")
    draws = Draws(roles, "d/drop", [50, 50, 50], [0])
    for count in (1, 3):
        seen, reference = draws.seen(train, count).group_names, draws.reference(train, test, count).group_names
        assert not {*seen} & {*reference}
    for draw in range(3):
        back = draws.restored(train, draw, np.random.default_rng(0))
        assert len(back) > 0
        assert not {*back.group_names} & {*draws.validation(train, draw).group_names}


def test_roles_of_groups_are_read_as_they_were_written_and_others_are_named_as_before(tmp_path: Path) -> None:
    train = grouped_set(np.zeros(5, dtype=np.int64), None)
    for roles in ([0, 1, 2, 3, 4], [0, 0, 1, 2, 2]):
        write_draws(Draws(np.array([roles], dtype=np.uint8), "d/drop", [1], [0]), tmp_path / "draws")
        assert read_draws(tmp_path / "draws", train).roles.tolist() == [roles]
    assert b"withheld" not in (tmp_path / "draws").read_bytes()


def test_without_groups_the_roles_are_what_they_were() -> None:
    labels = np.repeat([0, 1, 2], 20)
    kept = np.array([20, 10, 5])
    found = draw_all_roles(grouped_set(labels, None), kept, 0.25, [7], np.arange(60), "here")
    expected = draw_roles(labels, kept, 0.25, np.random.default_rng(7), np.arange(60))
    assert (found[0] == expected).all()


# Too few.


def test_too_few_groups_are_told_with_numbers() -> None:
    labels, groups = np.repeat([0, 1], [30, 10]), np.concatenate([np.zeros(30, dtype=np.int64), np.arange(10)])
    with pytest.raises(UserError, match=r"^here: class 'a' has 30 images of 1 group; 2 or more are needed, since no"):
        check_groups(labels, groups, ("a", "b"), 2, "here")
    with pytest.raises(UserError, match=r"fitted and to be set aside: class 'a' has 30 images of 1 group; 2 or more"):
        draw_all_roles(grouped_set(labels, groups), np.array([30, 10]), 0.2, [0], np.arange(40), "here")
    with pytest.raises(UserError, match=r"class 'a' \(30 images of 1 groups\) would be on one side"):
        check_sides(labels, labels == 0, ("a", "b"), groups, "here")


# Names.


def test_the_first_group_in_parentheses_that_takes_part_names_a_group() -> None:
    paths = ["cat/p1_0.png", "cat/p12_1.png", "dog/p1_2.png"]
    assert find_all(re.compile(r"/(p\d+)_"), paths, "here") == ["p1", "p12", "p1"]
    assert find_all(re.compile(r"p\d+"), paths, "here") == ["p1", "p12", "p1"]
    assert find_all(re.compile(r"x(\d)|/p(\d+)"), paths, "here") == ["1", "12", "1"]
    found = find_all(re.compile(r"(p\d\d)"), paths, "here")
    with pytest.raises(UserError, match=r"^here: none for 2 of 3 images, first: cat/p1_0.png; every image must have"):
        fill_in(found, paths, "refuse", "here: none")
    with pytest.raises(UserError, match="none for 3 of 3"):
        fill_in(find_all(re.compile(r"(z?)"), paths, "here"), paths, "refuse", "none")
    assert fill_in(found, paths, "alone", "here") == ["cat/p1_0.png", "p12", "dog/p1_2.png"]


# From the settings to the tables.


def write_patients(folder: Path, test: bool = False) -> None:
    """Twelve patients with five images of two classes each; two of them have test images of their own if so wanted."""
    rng = np.random.default_rng(0)
    for patient in range(12):
        for number in range(5):
            name = ("ill", "well")[(patient + number) % 2]
            place = folder / ("test" if test and patient < 2 else "train" if test else "") / name
            place.mkdir(parents=True, exist_ok=True)
            noise = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
            noise.save(place / f"patient{patient}_{number}.png")


def write_settings(folder: Path, block: dict[str, object]) -> list[str]:
    params = {"seed": 0, "device": "cpu", "datasets": {"scans": {"size": 6, **block}}}
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    return ["--dataset", "scans", "--train", "train", "--test", "test", "--account", "account"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_patients_of_a_folder_are_on_one_side(project: Path) -> None:
    write_patients(project / "images/scans")
    ingest.main(write_settings(project, {"source": "folder", "group_pattern": r"(patient\d+)_"}))
    train, test = read_images(Path("train")), read_images(Path("test"))
    assert len(train) + len(test) == 60
    assert not {*train.group_names} & {*test.group_names}
    assert {*train.group_names} | {*test.group_names} == {f"patient{number}" for number in range(12)}
    assert abs(test.counts() - 9).max() <= 2  # 30 % of 30, by fives


def write_table(project: Path, lacking: int = -1) -> None:
    write_patients(project / "pictures")
    files = sorted((project / "pictures").glob("*/*.png"))
    rows = [
        f"{path.relative_to(project)},{path.parent.name},{'' if place == lacking else path.stem.split('_')[0]}"
        for place, path in enumerate(files)
    ]
    (project / "labels.csv").write_text("\n".join(["path,label,patient", *rows]), encoding="utf-8")


def test_patients_of_a_table_are_on_one_side(project: Path) -> None:
    write_table(project)
    block = {"source": "table", "path": str(project / "labels.csv"), "group_column": "patient"}
    ingest.main(write_settings(project, block))
    train, test = read_images(Path("train")), read_images(Path("test"))
    assert not {*train.group_names} & {*test.group_names}
    assert len({*train.group_names, *test.group_names}) == 12
    assert train.provenance["settings"]["group_column"] == "patient"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"group_column": "patients"}, r"labels.csv: no column 'patients'; did you mean 'patient'\?"),
        ({"group_column": "patient", "group_pattern": "p"}, "scans.group_pattern: not beside group_column"),
        (
            {"group_pattern": "x(.)"},
            r"scans.group_pattern: 'x\(.\)' finds none for 60 of 60 images, first: pictures/ill",
        ),
        ({"group_pattern": "("}, r"scans.group_pattern: '\(' is not allowed: input should be a valid regular expres"),
        ({"group_pattern": "a{99999999999}"}, "a valid regular expression: the repetition number is too large"),
        ({"group_pattern": "(" * 3000 + ")" * 3000}, "a valid regular expression: maximum recursion depth exceeded"),
        ({"group_pattern": "(png)"}, "scans: .*: class 'ill' has 30 images of 1 group; . or more are needed"),
    ],
)
def test_what_cannot_be_is_told_before_any_work(change: dict[str, object], why: str, project: Path) -> None:
    write_table(project)
    block = {"source": "table", "path": str(project / "labels.csv"), "size": 6, **change}
    with pytest.raises(UserError, match=why):
        check_dataset_groups(plan_dataset({"scans": block}, "scans"), "scans")
    with pytest.raises(UserError, match=why):
        ingest.main(write_settings(project, block))
    assert not (project / "train").exists()


def test_a_row_without_a_group_is_named(project: Path) -> None:
    write_table(project, lacking=3)
    block = {"source": "table", "path": str(project / "labels.csv"), "group_column": "patient"}
    said = "every image must have a group; set missing_group: alone lets each without one stand alone"
    with pytest.raises(
        UserError, match=rf"scans.group_column: names none for 1 of 60 images, first: .*10_0.png; {said}"
    ):
        ingest.main(write_settings(project, block))
    ingest.main(write_settings(project, {**block, "missing_group": "alone"}))
    said = "1 of 60 images are of no group and stand alone, first pictures/ill/patient10_0.png"
    assert any(said in note for note in json.loads(Path("account").read_text())["notes"])
    names = [name for part in ("train", "test") for name in read_images(Path(part)).group_names.tolist()]
    sizes = Counter(names)
    assert sorted(sizes.values()) == [1, 4, *[5] * 11]
    [lone] = [name for name, count in sizes.items() if count == 1]
    assert lone.endswith("patient10_0.png")


def test_a_group_that_may_stand_for_none_is_named(project: Path) -> None:
    write_table(project)
    text = (project / "labels.csv").read_text()
    (project / "labels.csv").write_text(text.replace(",patient3\n", ",unknown\n"), encoding="utf-8")
    block = {"source": "table", "path": str(project / "labels.csv"), "group_column": "patient"}
    ingest.main(write_settings(project, block))
    notes = json.loads(Path("account").read_text())["notes"]
    said = "images are of one group, 'unknown'; if it means none, make such cells empty and set missing_group: alone"
    assert sum(said in note for note in notes) == 1


def test_a_fraction_that_groups_do_not_allow_is_said(project: Path) -> None:
    """Of one large group and eleven small ones the large one is trained on."""
    write_patients(project / "images/scans")
    for number in range(5, 150):
        for name in ("ill", "well"):
            path = project / f"images/scans/{name}/patient0_{number}.png"
            noise = np.random.default_rng([number, name == "ill"]).integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(noise).save(path)
    block: dict[str, object] = {"source": "folder", "group_pattern": r"(patient\d+)_"}
    ingest.main(write_settings(project, block))
    notes = json.loads(Path("account").read_text())["notes"]
    said = "of the images are tested on, not 30% (test_fraction), as no group is split, the largest of 295 images"
    assert any(said in note for note in notes)
    ingest.main(write_settings(project, {"source": "folder"}))
    assert not any("test_fraction" in note for note in json.loads(Path("account").read_text())["notes"])


def test_paths_that_a_pattern_finds_none_in_stand_alone_if_so_set(project: Path) -> None:
    """All others keep their groups, wherever in a path these are named."""
    write_patients(project / "images/scans")
    block: dict[str, object] = {"source": "folder", "group_pattern": r"(patient\d\d)"}
    with pytest.raises(UserError, match="finds none for 50 of 60 images"):
        ingest.main(write_settings(project, block))
    ingest.main(write_settings(project, {**block, "missing_group": "alone"}))
    train, test = read_images(Path("train")), read_images(Path("test"))
    sizes = Counter([*train.group_names.tolist(), *test.group_names.tolist()])
    assert {name: count for name, count in sizes.items() if count > 1} == {"patient10": 5, "patient11": 5}
    assert len(sizes) == 52
    assert not {*train.group_names} & {*test.group_names}


@pytest.mark.parametrize("word", ["nan", "N/A", " null "])
def test_a_word_for_nothing_is_no_group_unless_such_are_kept(word: str, project: Path) -> None:
    """All patients without a name would be one."""
    write_table(project)
    table = project / "labels.csv"
    table.write_text(table.read_text().replace(",patient3\n", f",{word}\n"), encoding="utf-8")
    block = {"source": "table", "path": str(table), "group_column": "patient"}
    with pytest.raises(UserError, match=r"scans.group_column: names none for 5 of 60 images, first"):
        ingest.main(write_settings(project, block))
    ingest.main(write_settings(project, {**block, "missing_labels": "keep"}))
    assert word.strip() in {*read_images(Path("train")).group_names, *read_images(Path("test")).group_names}


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("Patient3", "groups 'Patient3', 'patient3' differ by case, blanks or form only; rename them if they are one"),
        ("patient 3", "groups 'patient3', 'patient 3' differ by case, blanks or form only"),
        ("patient33", ""),
    ],
)
def test_groups_that_may_be_one_are_named(name: str, note: str, project: Path) -> None:
    write_table(project)
    table = project / "labels.csv"
    table.write_text(table.read_text().replace(",patient3\n", f",{name}\n", 2), encoding="utf-8")
    block = {"source": "table", "path": str(table), "group_column": "patient"}
    ingest.main(write_settings(project, block))
    said = (project / "account").read_text(encoding="utf-8")
    assert note in said
    assert ("groups 'p" in said.lower()) == bool(note)


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("Patient3", "groups 'Patient3', 'patient3' differ by case, blanks or form only; rename them if they are one"),
        (
            "patient 3",
            "groups 'patient3', 'patient 3' differ by case, blanks or form only; rename them if they are one",
        ),
        ("patient33", ""),
    ],
)
def test_groups_of_a_pattern_that_may_be_one_are_named_too(
    name: str, note: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project / "images/scans"
    write_patients(folder)
    for file in sorted(folder.rglob("patient3_*"))[:2]:
        file.rename(file.with_name(file.name.replace("patient3", name)))
    ingest.main(write_settings(project, {"source": "folder", "group_pattern": "([Pp]atient ?[0-9]+)_"}))
    notes = read_images(Path("train")).provenance["notes"]
    assert [own for own in notes if own.startswith("groups ")] == ([note] if note else [])
    assert note in capsys.readouterr().err


def test_one_number_in_two_forms_is_named_of_groups_too() -> None:
    assert describe_like_groups(["1", "01", "2", "02", "3"]) == [
        "groups '01', '1' are the same number (and 1 more numbers); write it in one way if they are one"
    ]


def test_tables_without_groups_say_nothing_of_them(project: Path) -> None:
    write_table(project)
    ingest.main(write_settings(project, {"source": "table", "path": str(project / "labels.csv")}))
    assert read_images(Path("train")).group_names is None
    assert "group_column" not in read_images(Path("train")).provenance["settings"]


def test_groups_in_both_parts_of_a_split_of_its_own_are_counted(project: Path) -> None:
    write_patients(project / "images/scans", test=True)
    plan = plan_dataset({"scans": {"source": "folder", "size": 6, "group_pattern": r"patient(\d)"}}, "scans")
    from counterweight.data.sources.base.group_names import find_groups

    counts = count_members(find_groups(plan.source.find(plan.settings, "scans"), plan.common.grouping, "here"))
    # Of patients 10 and 11 the first digit counts: they are patient 1's, who is tested.
    assert counts is not None
    assert counts.describe() == "10 of 5 to 15 images; 5 test images are of a group in train"


@pytest.mark.parametrize("kept", [True, False])
def test_groups_in_both_parts_of_a_split_of_its_own_are_said_in_account_and_counts(kept: bool, project: Path) -> None:
    write_patients(project / "images/scans", test=True)
    block = {"source": "folder", "group_pattern": r"patient(\d)", "keep_split": kept}
    ingest.main(write_settings(project, block))
    said = [note for note in json.loads(Path("account").read_text())["notes"] if "of a group in train" in note]
    train, test = read_images(Path("train")), read_images(Path("test"))
    counted = count_tested_groups(train, test).tolist()
    assert said == (
        ["5 test images are of a group in train; keep_split: false splits anew, and no group"] if kept else []
    )
    assert counted == ([2, 3] if kept else [0, 0])
    assert count_tested_groups(train, replace(test, group_names=None)).tolist() == [0, 0]
