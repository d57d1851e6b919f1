"""Who is on which image of a dataset, and which identities are for what."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.identities import (
    ANCHOR,
    LEARNED,
    TEST,
    TRAIN,
    VALIDATION,
    WATCHED,
    IdentityParts,
)
from counterweight.core.images import ImageSet
from counterweight.core.params_file import Blocks
from counterweight.core.source_plans import SourcePlan
from counterweight.core.twins import Digests, find_identical
from counterweight.data.sources.base.lazy_images import DatasetSplits, LazyImages
from counterweight.settings.datasets import Dataset, plan_dataset
from counterweight.settings.identities import OF_AUTOENCODERS, OF_TRIPLETS, Identities

Indices = npt.NDArray[np.int64]

FEWEST = 10
"""Identities that autoencoders need: one is watched, four are anchors, of which two choose the epoch."""


class Found(NamedTuple):
    """All images of a dataset in one part, labelled by identity."""

    images: LazyImages
    by_image: bool


def plan_identities(datasets: Blocks, dataset: str, settings: Identities) -> SourcePlan[Dataset]:
    """Return what is said about a dataset, where a table's column of identities takes the place of its labels.

    Raises:
        UserError: the source has no columns, or a setting is not allowed.
    """
    plan = plan_dataset(datasets, dataset)
    own = [datasets[dataset].get(key) for key in ("group_pattern", "group_column", "folder_table")]
    if any(value is not None for value in own):
        said = "recognition heeds no groups: what is never on two sides there is an identity"
        raise UserError(f"params.yaml: recognition.{dataset}: datasets.{dataset} has groups; {said}")
    if settings.by != "column":
        return plan
    if "label" not in type(plan.settings).model_fields:
        said = f"params.yaml: recognition.{dataset}.identities.by: 'column' is not allowed"
        raise UserError(f"{said}: source '{plan.common.source}' of this dataset has no columns, as 'table' has")
    block = {**datasets[dataset], "label": settings.column, "minority": []}
    return plan_dataset({dataset: block}, dataset)


def join_parts(found: DatasetSplits, settings: Identities) -> Found:
    """Return all images of a dataset, whatever parts it brings, their labels being identities."""
    images = found.train if found.test is None else found.train.concatenate(found.test)
    if settings.by == "image":
        return Found(label_each(images), by_image=True)
    return Found(images, by_image=False)


def label_each(images: LazyImages) -> LazyImages:
    """Return images of which each has a label of its own, called as where it comes from."""
    return replace(images, labels=np.arange(len(images)), class_names=tuple(images.origins))


def join_identical(images: ImageSet, digests: Digests) -> ImageSet:
    """Return images, each its own identity, of which those that are identical have become one.

    Args:
        digests: of the images, (N,).
    """
    _, first, numbers = np.unique(digests, return_index=True, return_inverse=True)
    names = tuple(images.class_names[images.labels[place]] for place in first)
    return replace(images, labels=numbers.astype(np.int64), class_names=names)


def describe_identical(images: ImageSet, digests: Digests, by_image: bool) -> str | None:
    """Say how many images have an identical one, and what becomes of them; None where there are none."""
    found = find_identical(digests, images.origins.tolist(), len(images))
    if found is None:
        return None
    if by_image:
        return f"{found.describe()}; what is identical is one identity"
    shared = len({*zip(digests.tolist(), images.labels.tolist(), strict=True)}) - len(np.unique(digests))
    return f"{found.describe()}{f'; {shared:,} of them under another identity, too' if shared else ''}"


def draw_parts(
    labels: Indices, settings: Identities, by_image: bool, dataset: str, test_seed: int, seeds: list[int]
) -> IdentityParts:
    """Choose for every draw what each identity is for; those of the triplets to test on are the same in all draws.

    Real triplets are made of identities with two images or more, or, where each image is an identity, of any.

    Args:
        labels: identity of each image, int64 (N,).
        seeds: of the draws.

    Raises:
        UserError: there are too few identities.
    """
    counts = np.bincount(labels)
    present = np.flatnonzero(counts)
    able = present if by_image else np.flatnonzero(counts >= 2)
    wanted = settings.real_triplets
    check_counts(dataset, len(able), len(present), wanted, by_image)
    tested = np.random.default_rng(test_seed).permutation(able)[: round(OF_TRIPLETS[2] * wanted)]
    roles = [draw_roles(present, able, tested, wanted, np.random.default_rng(seed))[labels] for seed in seeds]
    return IdentityParts(np.stack(roles), dataset, by_image)


def draw_roles(
    present: Indices, able: Indices, tested: Indices, wanted: int, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Return the role of every identity in one draw, uint8 (K,), K being above the largest of them."""
    roles = np.zeros(int(present.max()) + 1, dtype=np.uint8)
    own = rng.permutation(np.setdiff1d(able, tested))[: wanted - len(tested)]
    trained = round(OF_TRIPLETS[0] * wanted)
    others = rng.permutation(np.setdiff1d(present, np.concatenate([tested, own])))
    watched, anchors = (
        max(least, round(fraction * len(others))) for least, fraction in zip((1, 4), OF_AUTOENCODERS[1:], strict=True)
    )
    roles[tested], roles[own[:trained]], roles[own[trained:]] = TEST, TRAIN, VALIDATION
    roles[others], roles[others[:watched]], roles[others[watched : watched + anchors]] = LEARNED, WATCHED, ANCHOR
    return roles


def check_counts(dataset: str, able: int, present: int, wanted: int, by_image: bool) -> None:
    """Refuse more real triplets than there are identities for, beside those that autoencoders need."""
    where = f"params.yaml: recognition.{dataset}.identities.real_triplets: {wanted} is not allowed"
    most = min(able, present - FEWEST)
    if wanted <= most:
        return
    kind = "different images" if by_image else "identities with two images or more"
    others = f", and {FEWEST} identities are for autoencoders" if most < able else ""
    hint = "" if by_image or most >= 14 else "; set by: image, where a second image is the first strongly changed"
    raise UserError(f"{where}: there are {able} {kind}{others}{hint}")
