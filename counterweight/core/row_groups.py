"""Rows of a Parquet file, read a row group at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError

Indices = npt.NDArray[np.int64]


class RowGroups:
    """The row groups of an open file, the last one that was read being kept in memory.

    Args:
        path: of the file, for an error's message.
    """

    def __init__(self, file: pq.ParquetFile, path: Path) -> None:
        self.file, self.path = file, path
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.held: tuple[int, Sequence[str], pa.Table] | None = None

    def find(self, rows: Indices, columns: Sequence[str]) -> Iterator[tuple[Indices, Indices, pa.Table]]:
        """Yield each row group with some of these rows (K,): their places among them, where they are in it, and it."""
        groups = np.searchsorted(self.starts, rows, side="right") - 1
        for group in np.unique(groups).tolist():
            places = np.flatnonzero(groups == group)
            yield places, rows[places] - self.starts[group], self.read(group, columns)

    def read(self, group: int, columns: Sequence[str]) -> pa.Table:
        """Return some columns of a row group, each in one piece.

        Raises:
            UserError: the file is damaged there.
        """
        if self.held is None or self.held[:2] != (group, columns):
            self.held = None  # before the next one is read, so that two are never in memory
            try:
                self.held = group, columns, self.file.read_row_group(group, columns).combine_chunks()
            except (pa.ArrowException, OSError, ValueError) as error:
                raise UserError(f"{self.path}: cannot be read: {error}") from error
            if (found := len(self.held[2])) != (promised := self.starts[group + 1] - self.starts[group]):
                raise UserError(f"{self.path}: cannot be read: {found} rows where there should be {promised}")
        return self.held[2]
