"""What tests of tables of labels share: reading one, and what to ask of it."""

from collections import Counter
from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.core.schema import parse_settings
from counterweight.data.sources import table
from counterweight.data.sources.base.lazy_images import DatasetSplits

PETS = "params.yaml: datasets.pets"


def find(path: Path, **others: object) -> DatasetSplits:
    return table.find(parse_settings(table.Settings, {"path": str(path), "size": 4, **others}, PETS), "pets")


def counts(found: DatasetSplits) -> list[dict[str, int]]:
    """Return how many images each class has in each part; all of them are there."""
    parts = [part for part in found if part is not None]
    assert all(file.is_file() for part in parts for file in part.files)
    return [dict(Counter(part.class_names[label] for label in part.labels.tolist())) for part in parts]


def left_out(found: DatasetSplits) -> set[tuple[str, str, str, int]]:
    return {tuple(group.values()) for group in found.train.provenance["left_out"]}


def refused(path: Path, message: str, **others: object) -> None:
    with pytest.raises(UserError, match=message) as caught:
        find(path, **others)
    assert "\n" not in str(caught.value)
