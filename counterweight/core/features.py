"""The one table format for features: Parquet on disk, one file per backbone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError


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


def write_features(table: FeatureSet, path: Path) -> None:
    """Write features as Parquet: columns `features` (fixed-size list of float32), `label`, and `group` and `logits`."""
    columns = {"features": make_rows(table.features), "label": pa.array(table.labels, pa.int64())}
    if table.logits is not None:
        columns["logits"] = make_rows(table.logits)
    if table.groups is not None:
        columns["group"] = pa.array(table.groups, pa.int64())
    rows = pa.table(columns, metadata={"provenance": json.dumps(table.provenance, sort_keys=True)})
    # Activations repeat too little for a dictionary to pay, and nobody asks for the least and the greatest.
    pq.write_table(rows, path, compression="zstd", use_dictionary=False, write_statistics=False)


def make_rows(table: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Return a table (N, D) as a column of lists."""
    flat = pa.array(np.ascontiguousarray(table).reshape(-1), pa.float32())
    return pa.FixedSizeListArray.from_arrays(flat, table.shape[1])


def read_rows(table: pa.Table, name: str) -> npt.NDArray[np.float32]:
    """Return a column of lists as a table (N, D)."""
    size = table.schema.field(name).type.list_size
    chunks = table.column(name).chunks
    # (N * D,), viewed as (N, D) below.
    flat = chunks[0].flatten().to_numpy() if chunks else np.empty(0, dtype=np.float32)
    return flat.reshape(-1, size)


def read_features(path: Path) -> FeatureSet:
    """Read what `write_features` wrote.

    Raises:
        UserError: there is no such file, or it is not a feature table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; the extract stage writes it")
    try:
        table = pq.read_table(path, memory_map=True).combine_chunks()
        provenance = json.loads((table.schema.metadata or {})[b"provenance"])
        groups = table.column("group").to_numpy() if "group" in table.column_names else None
        logits = read_rows(table, "logits") if "logits" in table.column_names else None
        labels = table.column("label").to_numpy()
        return FeatureSet(read_rows(table, "features"), labels, provenance, groups, logits)
    except (pa.ArrowException, AttributeError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a feature table of this project: {error}") from error
