"""The one table format for features: Parquet on disk, one file per backbone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.row_groups import Indices, RowGroups


@dataclass(frozen=True)
class FeatureSet:
    """What a backbone makes of a set of images: `features` float32 (N, D), `labels` int64 (N,).

    `groups`, int64 (N,), are those of the images (`ImageSet.groups`), None where each stands alone; `logits`,
    float32 (N, K), say what a backbone that classifies takes them for. `provenance` is plain JSON and says which
    backbone, weights and input size gave them.
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    provenance: dict[str, object]
    groups: npt.NDArray[np.int64] | None = None
    logits: npt.NDArray[np.float32] | None = None

    def take(self, rows: Indices) -> "FeatureSet":
        """Return some of the images, int64 (K,), in that order."""
        groups = None if self.groups is None else self.groups[rows]
        logits = None if self.logits is None else self.logits[rows]
        return FeatureSet(self.features[rows], self.labels[rows], self.provenance, groups, logits)


class FeatureWriter:
    """Writes features as Parquet, a row group for each set that is added.

    Columns: `features` (fixed-size list of float32), `label`, and `group` and `logits` where sets have them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer: pq.ParquetWriter | None = None

    def add(self, part: FeatureSet) -> None:
        """Append a set; all have one provenance."""
        columns = {"features": make_rows(part.features), "label": pa.array(part.labels, pa.int64())}
        if part.logits is not None:
            columns["logits"] = make_rows(part.logits)
        if part.groups is not None:
            columns["group"] = pa.array(part.groups, pa.int64())
        rows = pa.table(columns, metadata={"provenance": json.dumps(part.provenance, sort_keys=True)})
        if self.writer is None:
            # Activations repeat too little for a dictionary to pay, and nobody asks for the least and the greatest.
            self.writer = pq.ParquetWriter(
                self.path, rows.schema, compression="zstd", use_dictionary=False, write_statistics=False
            )
        self.writer.write_table(rows)

    def __enter__(self) -> "FeatureWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self.writer is not None:
            self.writer.close()


def make_rows(table: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Return a table (N, D) as a column of lists."""
    flat = pa.array(np.ascontiguousarray(table).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, table.shape[1])


def check_columns(schema: pa.Schema) -> None:
    """Refuse columns of other types than a feature table's.

    Raises:
        KeyError, ValueError: one is of another type, or is not there.
    """
    for name in ("features", "label", *({"logits", "group"} & {*schema.names})):
        kind, is_list = schema.field(name).type, name in ("features", "logits")
        fits = pa.types.is_fixed_size_list(kind) and kind.value_type == pa.float32() if is_list else kind == pa.int64()
        if not fits:
            raise ValueError(f"column '{name}' is {kind}")


class FeatureFile:
    """A feature table on disk: what a `FeatureSet` has, but for features and logits, which `take` reads.

    In memory are `labels` and `groups`, int64 (N,), and one row group.

    Raises:
        UserError: there is no such file, or it is not a feature table.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"{path}: no such file; the extract stage writes it")
        try:
            self.file = pq.ParquetFile(path)  # not mapped: all that was read of it would count as this process's memory
            schema = self.file.schema_arrow
            self.provenance: dict[str, object] = json.loads((schema.metadata or {})[b"provenance"])
            check_columns(schema)
            numbers = self.file.read(["label", "group"] if "group" in schema.names else ["label"])
            self.dimension: int = schema.field("features").type.list_size
            self.labels: Indices = numbers.column("label").to_numpy()
            self.groups: Indices | None = numbers.column("group").to_numpy() if "group" in schema.names else None
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise UserError(f"{path}: not a feature table of this project: {error}") from error
        self.path, self.row_groups = path, RowGroups(self.file, path)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Indices) -> FeatureSet:
        """Read some rows, int64 (K,), in that order; quickest where it is the table's."""
        features = self.read_rows(rows, "features")
        logits = self.read_rows(rows, "logits") if "logits" in self.file.schema_arrow.names else None
        groups = None if self.groups is None else self.groups[rows]
        return FeatureSet(features, self.labels[rows], self.provenance, groups, logits)

    def read_rows(self, rows: Indices, column: str) -> npt.NDArray[np.float32]:
        """Read some rows (K,) of a column of lists, float32 (K, D).

        Raises:
            UserError: the file is damaged there.
        """
        table = np.empty((len(rows), self.file.schema_arrow.field(column).type.list_size), dtype=np.float32)
        for places, own, group in self.row_groups.find(rows, [column]):
            flat = group.column(column).chunk(0).flatten()
            if flat.null_count or len(flat) != len(group) * table.shape[1]:  # a row that is missing has no numbers
                raise UserError(f"{self.path}: cannot be read: rows of '{column}' are missing")
            table[places] = flat.to_numpy().reshape(len(group), -1)[own]
        return table


class Rows:
    """Some rows (N, D) of a feature table on disk, read when they are indexed by a slice or a number.

    What goes through a table a block of rows at a time takes this for an array.
    """

    def __init__(self, file: FeatureFile, rows: Indices) -> None:
        self.file, self.rows = file, rows

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and features."""
        return len(self.rows), self.file.dimension

    def __len__(self) -> int:
        return len(self.rows)

    def view(self, rows: Indices) -> "Rows":
        """Return some of these rows (K,), in that order."""
        return Rows(self.file, self.rows[rows])

    def __getitem__(self, place: slice | int) -> npt.NDArray[np.float32]:
        if isinstance(place, slice):
            return self.file.read_rows(self.rows[place], "features")
        only: npt.NDArray[np.float32] = self.file.read_rows(self.rows[[place]], "features")[0]
        return only
