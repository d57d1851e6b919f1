"""Which images of each class stay, and what is set aside."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ruamel.yaml import YAML

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_images, write_images
from stages.imbalance import main

PARAMS = Path(__file__).parents[2] / "params.yaml"
CLASSES = ("a", "b", "c")


def numbered(name: str, sizes: tuple[int, ...]) -> ImageSet:
    """Images in mixed order that are told apart by their origins and their pixels."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(4, axis=3)
    origins = np.array([f"{name}/{number}" for number in range(len(labels))])
    return ImageSet(images, labels, CLASSES, origins, {"source": "numbers"})


class Made(NamedTuple):
    train: ImageSet
    reference: ImageSet
    counts: dict[str, dict[str, int]]


def imbalanced(
    folder: Path,
    scenario: dict[str, Any],
    minority: list[str],
    train: ImageSet | None = None,
    seed: int = 0,
) -> Made:
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params |= {"seed": seed}
    params["scenarios"]["mine"] = scenario
    params["datasets"]["digits"]["minority"] = minority
    (folder / "params.yaml").write_text(json.dumps(params), encoding="utf-8")
    write_images(train or numbered("train", (40, 24, 12)), folder / "train.parquet")
    write_images(numbered("test", (8, 6, 4)), folder / "test.parquet")
    paths = {name: folder / name for name in ("out", "reference", "counts")}
    main(
        ["--params", str(folder / "params.yaml"), "--dataset", "digits", "--scenario", "mine"]
        + ["--train", str(folder / "train.parquet"), "--test", str(folder / "test.parquet")]
        + [part for name, path in paths.items() for part in (f"--{name}", str(path))]
    )
    counts = json.loads(paths["counts"].read_text(encoding="utf-8"))
    return Made(read_images(paths["out"]), read_images(paths["reference"]), counts)


def test_what_stays_is_a_part_of_the_set_in_its_order(tmp_path: Path) -> None:
    made, whole = imbalanced(tmp_path, {"kind": "drop", "fraction": 0.75}, ["b"]), numbered("train", (40, 24, 12))
    assert made.train.counts().tolist() == [40, 6, 12]
    places = [whole.origins.tolist().index(origin) for origin in made.train.origins]
    assert places == sorted(set(places))
    assert (made.train.images == whole.images[places]).all()
    assert (made.train.labels == whole.labels[places]).all()


def test_the_reference_is_what_was_removed_and_then_the_test_images_of_the_same_classes(tmp_path: Path) -> None:
    made, whole, test = (
        imbalanced(tmp_path, {"kind": "drop", "fraction": 0.75}, ["b"]),
        numbered("train", (40, 24, 12)),
        numbered("test", (8, 6, 4)),
    )
    removed = [origin for origin in whole.origins if origin not in set(made.train.origins)]
    assert len(removed) == 18
    assert made.reference.origins.tolist() == removed + test.origins[test.labels == 1].tolist()
    assert set(made.reference.labels) == {1}


def test_several_minority_classes_are_thinned_out_alike(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "drop", "fraction": 0.5}, ["c", "a"])
    assert made.train.counts().tolist() == [20, 24, 6]
    assert made.reference.counts().tolist() == [20 + 8, 0, 6 + 4]
    assert made.train.provenance["minority"] == [2, 0]
    assert made.train.provenance["wanted"] == [20, 0, 6]


def test_the_counts_are_written_for_each_class(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "drop", "fraction": 0.75}, ["b"])
    assert made.counts == {
        "a": {"before": 40, "train": 40, "wanted": 0, "reference": 0, "test": 8, "minority": False},
        "b": {"before": 24, "train": 6, "wanted": 18, "reference": 24, "test": 6, "minority": True},
        "c": {"before": 12, "train": 12, "wanted": 0, "reference": 0, "test": 4, "minority": False},
    }


def test_a_long_tail_wants_back_what_it_cut_off(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "longtail", "ratio": 4.0}, [])
    assert made.train.counts().tolist() == [40, 20, 10]
    assert made.train.provenance["wanted"] == [0, 4, 2]
    assert made.train.provenance["minority"] == [2]


def test_naturally_nothing_is_removed_and_all_are_filled_up_to_the_largest(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural"}, ["b"])
    assert made.train.counts().tolist() == [40, 24, 12]
    assert made.train.provenance["wanted"] == [0, 16, 28]
    assert made.train.provenance["minority"] == [1]
    assert made.reference.counts().tolist() == [0, 6, 4]


def test_up_to_a_cap_larger_classes_keep_their_images_and_get_none(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural", "cap": 20}, [])
    assert made.train.counts().tolist() == [40, 24, 12]
    assert made.train.provenance["wanted"] == [0, 0, 8]
    assert made.train.provenance["minority"] == [2]
    assert made.reference.counts().tolist() == [0, 0, 4]
    assert [made.counts[name]["minority"] for name in CLASSES] == [False, False, True]


def test_a_minority_that_is_named_stays_the_minority_whatever_it_gets(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural", "cap": 20}, ["b"])
    assert (made.train.provenance["wanted"], made.train.provenance["minority"]) == ([0, 0, 8], [1])


def test_what_the_source_said_is_kept(tmp_path: Path) -> None:
    made = imbalanced(tmp_path, {"kind": "natural"}, ["b"])
    assert made.train.provenance["source"] == made.reference.provenance["source"] == "numbers"


def test_the_seed_chooses_the_images(tmp_path: Path) -> None:
    scenario = {"kind": "drop", "fraction": 0.75}
    origins = [imbalanced(tmp_path, scenario, ["b"], seed=seed).train.origins.tolist() for seed in (0, 0, 1)]
    assert origins[0] == origins[1] != origins[2]


def test_a_class_that_would_lose_everything_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scenarios\.mine: nothing would be left of class 'b'"):
        imbalanced(tmp_path, {"kind": "drop", "fraction": 0.99}, ["b"])
    assert not list(tmp_path.glob("*out*"))


def test_an_unknown_minority_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no 'd'; allowed: a, b, c"):
        imbalanced(tmp_path, {"kind": "drop", "fraction": 0.5}, ["d"])


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        ({"kind": "natural"}, "the classes are equally large, 12 images each"),
        ({"kind": "natural", "cap": 5}, "the classes are equally large, 12 images each"),
        ({"kind": "drop", "fraction": 0.01}, "not one image"),
    ],
)
def test_a_scenario_without_anything_to_balance_is_refused(scenario: dict[str, Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"scenarios\.mine: nothing to balance in digits: {why}"):
        imbalanced(tmp_path, scenario, ["b"], train=numbered("train", (12, 12, 12)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml", "test.parquet", "train.parquet"]


def test_a_cap_that_no_class_is_below_is_refused_with_the_sizes(tmp_path: Path) -> None:
    why = "cap 12 is not above the smallest class; the classes have 12 to 40 images"
    with pytest.raises(UserError, match=rf"scenarios\.mine: nothing to balance in digits: {why}"):
        imbalanced(tmp_path, {"kind": "natural", "cap": 12}, [])
