"""Image tables that strangers made: small files that hold much are refused, in a process that takes little."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, write_images
from counterweight.evaluation.audit.tables import BESIDE, check_table

COUNT = 200


def write_table(path: Path, column: str, text: str) -> Path:
    """Write an image table that has one text in each row."""
    images = np.zeros((COUNT, 1, 8, 8), np.uint8)
    names = np.array(["g"] * COUNT)
    write_images(ImageSet(images, np.zeros(COUNT, np.int64), ("one",), names, {}, names), path)
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(COUNT, np.int32)), pa.array([text])).cast(pa.string())
    changed = table.set_column(place, table.schema.field(place), texts)
    return write_facts(path, changed, pq.read_metadata(path).metadata)


def write_facts(path: Path, table: pa.Table, facts: Mapping[bytes, bytes]) -> Path:
    """Write a table with what an image table says of itself."""
    own = {name: words for name, words in facts.items() if name in (b"shape", b"class_names", b"provenance")}
    pq.write_table(table.replace_schema_metadata(own), path)
    return path


@pytest.mark.parametrize("column", ["origin", "group"])
def test_texts_as_long_as_paths_may_be_are_taken(column: str, tmp_path: Path) -> None:
    check_table(write_table(tmp_path / "a.parquet", column, "x" * 4096))


@pytest.mark.parametrize("column", ["origin", "group"])
def test_texts_that_rows_share_are_no_way_to_take_memory(column: str, tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", column, "x" * 2 * BESIDE)
    with pytest.raises(
        UserError, match=r"a.parquet: 3,\d+,\d+ bytes in 200 images of 64; an image may have 8,192 more$"
    ):
        check_table(path)
    path = write_table(tmp_path / "b.parquet", column, "x" * 2**23)
    assert path.stat().st_size < 2**20
    with pytest.raises(UserError, match=r"b.parquet: not an image table .*: reading it takes more than 1.0"):
        check_table(path)


def test_other_images_than_promised_are_refused(tmp_path: Path) -> None:
    path = write_table(tmp_path / "a.parquet", "origin", "x")
    facts = pq.read_metadata(path).metadata
    write_facts(path, pq.read_table(path), {**facts, b"shape": b"[1, 8, 9]"})
    with pytest.raises(UserError, match="images of 72 bytes are wanted"):
        check_table(path)
