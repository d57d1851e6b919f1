"""How many rows a table may have: a small file may say that it has any, of one path or one image."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from counterweight.core.confined import read_confined
from counterweight.core.errors import UserError
from counterweight.core.memory import require_memory
from counterweight.data.sources.base.batches import ARROW, LINES, check_rows, open_columns
from counterweight.data.sources.base.columns import Columns, translate_errors
from counterweight.data.sources.base.embedded import holds_images, list_fields
from counterweight.data.sources.base.whole_columns import read_column

MANY = 2**20  # rows; of no more nothing is asked
ROW = 2**10  # bytes that Python takes for a row: its path, label and part, their places in lists, what is made of them
REPEATED = 2**10  # rows for each path, at most: one image may have a row for each thing in it, but not millions
SHORTEST = 2  # bytes of a row in a text: a character and the end of the line
WAYS = "a table of fewer rows, or a machine with more"


def check_row_count(columns: Columns, image: str) -> None:
    """Refuse more rows than there is memory for, than paths, many times over, or than bytes that hold images.

    That names repeat each other says nothing: of distinct ones, in order, Parquet may need half a byte each.
    Encoded images can be no smaller, and have tens of bytes at least.

    Args:
        image: the column of images or of their paths.

    Raises:
        UserError: it is so, or the table cannot be read.
    """
    if (rows := count_rows(columns, image)) <= MANY:
        return
    require_memory(rows * ROW, f"{columns.file}: {rows:,} rows", WAYS)
    if holds_images(columns, image):
        if rows > (size := columns.file.stat().st_size):
            said = f"{rows:,} rows of images in {size:,} bytes: the images repeat; write each once"
            raise UserError(f"{columns.file}: {said}")
        return
    count = count_paths(columns, image)
    if rows > REPEATED * count:
        said = f"{rows:,} rows, but {count:,} different {'path' if count == 1 else 'paths'} in column '{image}'"
        allowed = f"of more than {MANY:,} rows at most {REPEATED:,} may name an image; write one for each"
        raise UserError(f"{columns.file}: {said}; {allowed}")


def count_rows(columns: Columns, name: str) -> int:
    """Return how many rows a table has, by what its file says, or MANY or less where these are no more.

    Args:
        name: of a column that tells it.
    """
    kind = columns.file.suffix.lower()
    if columns.texts is not None:
        return len(columns.texts)
    with translate_errors(columns.file):
        if kind == ARROW:
            return count_arrow_rows(columns, name)
        if not columns.delimiter and kind != LINES:
            count: int = pq.read_metadata(columns.file).num_rows
            check_rows(count)
            return count
    if (most := columns.file.stat().st_size // SHORTEST) <= MANY:
        return most
    return len(read_column(columns, name))


def count_arrow_rows(columns: Columns, name: str) -> int:
    """Return how many rows a stream of Arrow has; the column alone is looked at, in a process of its own."""

    def count() -> Iterator[pa.RecordBatch]:
        with pa.memory_map(str(columns.file)) as source:
            found = sum(len(batch) for batch in open_columns(source, [name]))
        yield pa.RecordBatch.from_pydict({"rows": [found]})

    rows: int = next(read_confined(count, columns.file.stat().st_size)).column(0)[0].as_py()
    check_rows(rows)
    return rows


def count_paths(columns: Columns, name: str) -> int:
    """Return how many paths, as they are written, stand in a column of texts, or of structs that have such."""
    struct = bool(list_fields(columns.kind(name)))
    found = read_column(columns, name, "path" if struct else None)
    with translate_errors(columns.file):
        texts = pa.chunked_array([own.field("path") for own in found.chunks]) if struct else found
        count: int = pc.count_distinct(texts, mode="all").as_py()
    return count
