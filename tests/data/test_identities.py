"""Which identities are for what: disjoint in every draw, the tested ones the same in all."""

from pathlib import Path

import numpy as np
import pytest

from counterweight.core.errors import UserError
from counterweight.core.identities import (
    ANCHOR,
    LEARNED,
    ROLES,
    TEST,
    TRAIN,
    VALIDATION,
    WATCHED,
    IdentityParts,
    read_parts,
    write_parts,
)
from counterweight.core.images import ImageSet
from counterweight.core.twins import digest_pixels
from counterweight.data.identities import describe_identical, draw_parts, join_identical, plan_identities
from counterweight.settings.identities import Identities

SEEDS = [11, 12, 13]


def grouped(identities: int, images: int) -> np.ndarray:
    """Return labels: the first identity has one image, the others have so many."""
    return np.concatenate([[0], np.repeat(np.arange(1, identities), images)])


def drawn(labels: np.ndarray, by_image: bool, wanted: int = 40) -> IdentityParts:
    return draw_parts(labels, Identities(real_triplets=wanted), by_image, "logs", 5, SEEDS)


@pytest.mark.parametrize("by_image", [True, False])
def test_no_identity_has_two_roles_in_a_draw(by_image: bool) -> None:
    labels = np.arange(300) if by_image else grouped(100, 3)
    parts = drawn(labels, by_image)
    assert parts.roles.shape == (3, len(labels))
    for roles in parts.roles:
        for identity in np.unique(labels):
            assert len({*roles[labels == identity].tolist()}) == 1


def test_fractions_are_the_thesis_s() -> None:
    parts = drawn(np.arange(300), by_image=True)
    for draw in range(3):
        sizes = {role: len(parts.find(draw, role)) for role in range(len(ROLES))}
        assert (sizes[TRAIN], sizes[VALIDATION], sizes[TEST]) == (28, 6, 6)
        assert (sizes[LEARNED], sizes[WATCHED], sizes[ANCHOR]) == (208, 26, 26)


def test_the_tested_are_the_same_in_all_draws_and_nothing_else_is() -> None:
    parts = drawn(np.arange(300), by_image=True)
    assert len({tuple(parts.find(draw, TEST)) for draw in range(3)}) == 1
    for role in (TRAIN, VALIDATION, LEARNED, WATCHED, ANCHOR):
        assert len({tuple(parts.find(draw, role)) for draw in range(3)}) == 3


def test_an_identity_of_one_image_is_in_no_real_triplet() -> None:
    parts = drawn(grouped(60, 2), by_image=False)
    assert all(roles[0] in (LEARNED, WATCHED, ANCHOR) for roles in parts.roles)


@pytest.mark.parametrize(
    ("labels", "by_image", "message"),
    [
        (np.arange(100), False, r"real_triplets: 40 is not allowed: there are 0 identities with two images or more"),
        (np.arange(45), True, r"there are 45 different images, and 10 identities are for autoencoders"),
        (grouped(45, 2), False, r"there are 44 identities with two images or more, and 10 identities are for"),
    ],
)
def test_too_few_identities_are_refused(labels: np.ndarray, by_image: bool, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        drawn(labels, by_image)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("params.yaml: recognition.logs.identities.real_triplets")


def test_roles_are_read_as_they_were_written(tmp_path: Path) -> None:
    parts = drawn(np.arange(300), by_image=True)
    images = ImageSet(
        np.zeros((300, 1, 2, 2), np.uint8), np.arange(300), tuple(map(str, range(300))), np.full(300, "x"), {}
    )
    write_parts(parts, tmp_path / "parts.parquet")
    read = read_parts(tmp_path / "parts.parquet", images)
    assert (read.roles == parts.roles).all()
    assert (read.dataset, read.by_image) == ("logs", True)
    with pytest.raises(UserError, match="of 300 images, but the image table has 2"):
        read_parts(tmp_path / "parts.parquet", images.take(np.arange(2)))


def test_a_column_of_identities_takes_the_place_of_labels() -> None:
    plan = plan_identities(
        {"logs": {"source": "table", "size": 8, "label": "kind", "minority": ["oak"]}},
        "logs",
        Identities(by="column", column="log"),
    )
    assert plan.settings.model_dump()["label"] == "log"
    assert plan.common.minority == []


def test_a_source_without_columns_has_no_column_of_identities() -> None:
    with pytest.raises(UserError, match=r"identities.by: 'column' is not allowed: source 'digits' of this dataset"):
        plan_identities({"digits": {"source": "digits"}}, "digits", Identities(by="column"))


def pictures(values: list[int], labels: list[int]) -> ImageSet:
    """Return grey images of one pixel."""
    images = np.array(values, np.uint8).reshape(-1, 1, 1, 1)
    names = tuple(f"file {label}" for label in range(max(labels) + 1))
    return ImageSet(images, np.array(labels), names, np.array([f"file {n}" for n in range(len(values))]), {})


def test_identical_images_are_one_identity_where_each_image_is_one() -> None:
    images = pictures([5, 3, 5, 7, 3, 5], [0, 1, 2, 3, 4, 5])
    digests = digest_pixels(images.images)
    joined = join_identical(images, digests)
    assert [joined.class_names[label] for label in joined.labels] == [f"file {n}" for n in (0, 1, 0, 3, 1, 0)]
    assert joined.labels.max() == 2
    said = describe_identical(images, digests, by_image=True)
    assert said == "5 images have an identical twin (file 0, file 2); what is identical is one identity"


@pytest.mark.parametrize(
    ("labels", "end"), [([0, 1, 0, 1], "(file 0, file 2)"), ([0, 1, 1, 1], "; 1 of them under another identity, too")]
)
def test_an_image_under_two_identities_is_told(labels: list[int], end: str) -> None:
    images = pictures([5, 3, 5, 7], labels)
    said = describe_identical(images, digest_pixels(images.images), by_image=False)
    assert said is not None
    assert said.startswith("2 images have an identical twin")
    assert said.endswith(end)


def test_of_different_images_nothing_is_said() -> None:
    images = pictures([1, 2, 3], [0, 1, 2])
    assert describe_identical(images, digest_pixels(images.images), by_image=True) is None


def test_one_image_again_and_again_is_refused() -> None:
    with pytest.raises(UserError, match=r"real_triplets: 40 is not allowed: there are 1 different images"):
        drawn(np.zeros(200, dtype=np.int64), by_image=True)
