"""Which images of each class a draw fits, sets aside and drops."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION, Draws, read_draws
from counterweight.core.errors import UserError
from counterweight.core.images import GROUPED_REPEATS, ImageSet, write_images
from counterweight.data.imbalance import make_imbalance
from counterweight.settings.scenarios import Drop
from stages.imbalance import main

PARAMS = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("a", "b", "c")
SIZES = (40, 24, 12)


def numbered(name: str, sizes: tuple[int, ...]) -> ImageSet:
    """Images in mixed order that are told apart by their origins and their pixels."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(4, axis=3)
    origins = np.array([f"{name}/{number}" for number in range(len(labels))])
    return ImageSet(images, labels, CLASSES, origins, {"source": "numbers"})


TEST = numbered("test", (8, 6, 4))


class Made(NamedTuple):
    train: ImageSet
    draws: Draws
    counts: dict[str, dict[str, int]]

    def sizes(self, role: int) -> list[int]:
        """Return the images of each class that have a role, the same in all draws."""
        found = [np.bincount(self.train.labels[roles == role], minlength=3).tolist() for roles in self.draws.roles]
        assert all(sizes == found[0] for sizes in found)
        return found[0]


def imbalanced(
    folder: Path,
    scenario: dict[str, Any],
    minority: list[str],
    train: ImageSet | None = None,
    table: dict[str, Any] | None = None,
    seed: int = 0,
) -> Made:
    """Run the stage with two draws, and a quarter set aside, unless `table` says otherwise."""
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params |= {"seed": seed}
    params["table"] |= {"draws": 2, "validation_fraction": 0.25} | (table or {})
    params["scenarios"]["mine"] = scenario
    params["datasets"]["digits"]["minority"] = minority
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    train = train or numbered("train", SIZES)
    write_images(train, folder / "train.parquet")
    write_images(TEST, folder / "test.parquet")
    paths = {name: folder / name for name in ("out", "counts")}
    main(
        ["--params", str(folder / "params.yaml"), "--dataset", "digits", "--scenario", "mine"]
        + ["--train", str(folder / "train.parquet"), "--test", str(folder / "test.parquet")]
        + [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    )
    return Made(train, read_draws(paths["out"], train), json.loads(paths["counts"].read_text(encoding="utf-8")))


DROP75 = {"kind": "drop", "fraction": 0.75}


def test_the_table_has_a_row_for_each_draw_and_image(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, DROP75, ["b"], table={"draws": 3})
    table = pq.read_table(tmp_path / "out").to_pydict()
    assert table["draw"] == [draw for draw in range(3) for _ in range(76)]
    assert table["index"] == [*range(76)] * 3
    names = ("fitted", "validation", "reference")
    assert table["role"] == [names[role] for roles in made.draws.roles for role in roles]


def test_what_is_fitted_is_a_part_of_the_set_in_its_order(tmp_path: Path) -> None:
    made, whole = imbalanced(tmp_path, DROP75, ["b"]), numbered("train", SIZES)
    for draw in range(2):
        fitted = made.draws.fitted(made.train, draw)
        assert fitted.counts().tolist() == [30, 4, 9]
        places = [whole.origins.tolist().index(origin) for origin in fitted.origins]
        assert places == sorted(set(places))
        assert (fitted.images == whole.images[places]).all()
        assert (fitted.labels == whole.labels[places]).all()


def test_a_quarter_of_what_is_left_is_set_aside_and_of_all_else_nothing_is_kept(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, DROP75, ["b"])
    assert made.sizes(FITTED) == [30, 4, 9]
    assert made.sizes(VALIDATION) == [10, 2, 3]  # of 40, 6 and 12: 1.5 is rounded to the even number
    assert made.sizes(REFERENCE) == [0, 18, 0]
    # As many as would be fitted if none were dropped: 24 less 6.
    assert made.draws.wanted == [0, 14, 0]


def test_the_reference_is_what_was_not_fitted_and_then_the_test_images_of_the_same_classes(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, DROP75, ["b"])
    fitted = set(made.draws.fitted(made.train, 0).origins)
    own = [o for o, label in zip(made.train.origins, made.train.labels, strict=True) if label == 1 and o not in fitted]
    assert len(own) == 20
    found = made.draws.reference(made.train, TEST, 1)
    assert found.origins.tolist() == own + TEST.origins[TEST.labels == 1].tolist()
    assert set(found.labels) == {1}


@pytest.mark.parametrize("compared", [1, 2, 3])
def test_no_draw_that_is_compared_fitted_an_image_of_the_reference(compared: int, tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "longtail", "ratio": 4.0}, [], table={"draws": 3})
    found = set(made.draws.reference(made.train, TEST, compared).origins)
    fitted = [set(made.draws.fitted(made.train, draw).origins) for draw in range(3)]
    seen = set().union(*fitted[:compared])
    assert not found & seen
    needy = {o for o, label in zip(made.train.origins, made.train.labels, strict=True) if made.draws.wanted[label]}
    tested = {o for o, label in zip(TEST.origins, TEST.labels, strict=True) if made.draws.wanted[label]}
    assert found == (needy - seen) | tested
    assert set(made.draws.seen(made.train, compared).origins) == seen
    if compared < 3:
        assert found & fitted[compared], "else nothing is tested: a draw that is not compared may fit them"


def test_several_minority_classes_are_thinned_out_alike(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "drop", "fraction": 0.5}, ["c", "a"])
    assert made.sizes(FITTED) == [15, 18, 4]
    assert made.sizes(VALIDATION) == [5, 6, 2]
    assert (made.draws.minority, made.draws.wanted) == ([2, 0], [15, 0, 5])
    assert made.draws.reference(made.train, TEST, 1).counts().tolist() == [25 + 8, 0, 8 + 4]


def test_the_counts_are_written_for_each_class(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, DROP75, ["b"])
    shared = {"wanted": 0, "reference": 0, "minority": False}
    assert made.counts == {
        "a": {"before": 40, "fitted": 30, "validation": 10, "test": 8, **shared},
        "b": {"before": 24, "fitted": 4, "validation": 2, "wanted": 14, "reference": 26, "test": 6, "minority": True},
        "c": {"before": 12, "fitted": 9, "validation": 3, "test": 4, **shared},
    }


def test_a_long_tail_wants_back_what_it_cut_off(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "longtail", "ratio": 4.0}, [])
    assert made.sizes(FITTED) == [30, 15, 8]  # of 40, 20 and 10
    assert (made.draws.wanted, made.draws.minority) == ([0, 3, 1], [2])


def test_naturally_nothing_is_dropped_and_all_are_filled_up_to_the_largest(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural"}, ["b"])
    assert made.sizes(FITTED) == [30, 18, 9]
    assert made.sizes(REFERENCE) == [0, 0, 0]
    assert (made.draws.wanted, made.draws.minority) == ([0, 12, 21], [1])
    # What was set aside, and the test part.
    assert made.draws.reference(made.train, TEST, 1).counts().tolist() == [0, 6 + 6, 3 + 4]


def test_up_to_a_cap_larger_classes_keep_their_images_and_get_none(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural", "cap": 15}, [])
    assert made.sizes(FITTED) == [30, 18, 9]
    assert (made.draws.wanted, made.draws.minority) == ([0, 0, 6], [2])
    # `is`: False and 0 are equal, and not the same in JSON.
    assert all(made.counts[name]["minority"] is (name == CLASSES[2]) for name in CLASSES)


def test_a_minority_that_is_named_stays_the_minority_whatever_it_gets(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural", "cap": 15}, ["b"])
    assert (made.draws.wanted, made.draws.minority) == ([0, 0, 6], [1])


@pytest.mark.parametrize(("size", "wanted"), [(560, 0), (559, 0), (533, 0), (532, 0), (531, 22), (100, 345)])
def test_a_class_that_has_nearly_all_gets_none(size: int, wanted: int, tmp_path: Path) -> None:
    """Of 560, 420 are fitted, and 399 are 95 % of them: those of 532."""
    rest = numbered("train", (560, size, 100))
    made = imbalanced(tmp_path, {"kind": "natural"}, [], train=rest, table={"draws": 1})
    assert made.draws.wanted == [0, wanted, 345]


def test_what_the_source_said_is_kept_and_what_is_known_of_the_scenario_is_added(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural"}, ["b"])
    facts = {"source": "numbers", "item": "digits/mine", "wanted": [0, 12, 21], "minority": [1]}
    rng = np.random.default_rng(0)
    draws, train = made.draws, made.train
    for found in (
        *(draws.fitted(train, 1), draws.validation(train, 1), draws.restored(train, 1, rng)),
        *(draws.reference(train, TEST, 1), draws.seen(train, 1)),
    ):
        assert found.provenance == facts


def test_the_seed_chooses_the_images_and_each_draw_others(tmp_path: Path) -> None:
    roles = [imbalanced(tmp_path, DROP75, ["b"], seed=seed).draws.roles.tolist() for seed in (0, 0, 1)]
    assert roles[0] == roles[1]
    assert all(roles[0][draw] != roles[2][draw] for draw in range(2))
    assert roles[0][0] != roles[0][1]


@pytest.mark.parametrize("scenario", [DROP75, {"kind": "natural"}])
def test_a_draw_is_the_same_however_many_there_are(scenario: dict[str, Any], tmp_path: Path) -> None:
    few, many = (imbalanced(tmp_path, scenario, ["b"], table={"draws": draws}).draws for draws in (2, 9))
    assert (len(few), len(many)) == (2, 9)
    assert many.roles[:2].tolist() == few.roles.tolist()
    assert len({roles.tobytes() for roles in many.roles}) == 9


def test_a_class_that_would_lose_everything_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scenarios\.mine: nothing would be left of class 'b'"):
        imbalanced(tmp_path, {"kind": "drop", "fraction": 0.99}, ["b"])
    assert not list(tmp_path.glob("*out*"))


def test_an_unknown_minority_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no 'd'; allowed: a, b, c"):
        imbalanced(tmp_path, {"kind": "drop", "fraction": 0.5}, ["d"])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"draws": 0}, "table.draws: 0 is not allowed"),
        ({"validation_fraction": 1.0}, "table.validation_fraction: 1.0 is not allowed"),
    ],
)
def test_draws_that_cannot_be_are_refused(table: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"params.yaml: {message}"):
        imbalanced(tmp_path, DROP75, ["b"], table=table)


def test_what_other_stages_read_of_the_table_may_be_wrong_here(tmp_path: Path) -> None:
    assert len(imbalanced(tmp_path, DROP75, ["b"], table={"margin": "none", "recipes": 3}).draws) == 2


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        ({"kind": "natural"}, "the classes have 9 to 9 images to be fitted, and 95 % of the largest are enough"),
        ({"kind": "natural", "cap": 5}, "the classes have 9 to 9 images to be fitted, and 95 % of cap 5 are enough"),
        ({"kind": "drop", "fraction": 0.01}, "every class would keep 95 % of its images, or more"),
    ],
)
def test_a_scenario_without_anything_to_balance_is_refused(scenario: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"scenarios\.mine: nothing to balance in digits: {why}"):
        imbalanced(tmp_path, scenario, ["b"], train=numbered("train", (12, 12, 12)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "test.parquet", "train.parquet"]


def test_a_cap_that_no_class_is_below_is_refused_with_the_sizes(tmp_path: Path) -> None:
    why = "the classes have 9 to 30 images to be fitted, and 95 % of cap 9 are enough"
    with pytest.raises(UserError, match=rf"scenarios\.mine: nothing to balance in digits: {why}"):
        imbalanced(tmp_path, {"kind": "natural", "cap": 9}, [])


def test_identical_images_have_one_role_and_the_counts_are_those_of_the_first_draw(tmp_path: Path) -> None:
    once = numbered("train", SIZES)
    thrice = once.concatenate(once).concatenate(once)
    made = imbalanced(tmp_path, {"kind": "drop", "fraction": 0.7}, ["b"], train=thrice)
    for draw in made.draws.roles:
        first, *copies = draw.reshape(3, -1)
        assert all((copy == first).all() for copy in copies)
    for role, key in ((FITTED, "fitted"), (VALIDATION, "validation")):
        found = np.bincount(thrice.labels[made.draws.roles[0] == role], minlength=3).tolist()
        assert [made.counts[name][key] for name in CLASSES] == found
        assert found == pytest.approx([90, 16, 27] if role == FITTED else [30, 6, 9], abs=3)


def test_test_images_that_are_trained_on_are_counted_by_class(tmp_path: Path) -> None:
    clean = imbalanced(tmp_path, {"kind": "drop", "fraction": 0.7}, ["b"]).counts
    assert not any({"in_train", "near_train"} & {*count} for count in clean.values())
    facts = {"identical_images": {"in_this_part": 0, "in_train": 3, "in_train_by_class": [2, 0, 1]}}
    facts["near_duplicates"] = {"in_this_part": 0, "in_train": 4, "in_train_by_class": [0, 4, 0]}
    tested = replace(TEST, provenance=facts)
    found = make_imbalance(
        numbered("train", SIZES), tested, Drop(kind="drop", fraction=0.7), 0.25, [1], "digits/mine", [0], near=True
    ).counts.model_dump()
    assert found["a"] == clean["a"] | {"in_train": 2}
    assert found["b"] == clean["b"] | {"near_train": 4}
    assert found["c"] == clean["c"] | {"in_train": 1}


@pytest.mark.parametrize("marked", [False, True])
def test_groups_of_the_same_picture_change_no_draw_and_others_do(marked: bool, tmp_path: Path) -> None:
    """That identical images have one role is the draws' own; by groups, scenarios are not nested."""
    train = numbered("train", SIZES)
    pairs = np.arange(len(train)) // 2 * 2
    alone = replace(train, images=train.images[pairs])
    facts = {**train.provenance, **({GROUPED_REPEATS: True} if marked else {})}
    grouped = replace(alone, group_names=train.origins[pairs], provenance=facts)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first = imbalanced(tmp_path / "one", {"kind": "natural"}, [], alone)
    second = imbalanced(tmp_path / "two", {"kind": "natural"}, [], grouped)
    assert (first.draws.roles == second.draws.roles).all() == marked
