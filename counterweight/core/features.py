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

    `groups`, int64 (N,), are those of the images (`ImageSet.groups`), None where each stands alone. `provenance` is
    plain JSON and says which backbone, weights and input size gave them.
    """

    features: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    provenance: dict[str, object]
    groups: npt.NDArray[np.int64] | None = None


def write_features(table: FeatureSet, path: Path) -> None:
    """Write features as Parquet: columns `features` (fixed-size list of float32), `label` and, if any, `group`."""
    flat = pa.array(np.ascontiguousarray(table.features).reshape(-1), pa.float32())
    columns = {
        "features": pa.FixedSizeListArray.from_arrays(flat, table.features.shape[1]),
        "label": pa.array(table.labels, pa.int64()),
    }
    if table.groups is not None:
        columns["group"] = pa.array(table.groups, pa.int64())
    rows = pa.table(columns, metadata={"provenance": json.dumps(table.provenance, sort_keys=True)})
    # Activations repeat too little for a dictionary to pay, and nobody asks for the least and the greatest.
    pq.write_table(rows, path, compression="zstd", use_dictionary=False, write_statistics=False)


def read_features(path: Path) -> FeatureSet:
    """Read what `write_features` wrote.

    Raises:
        UserError: there is no such file, or it is not a feature table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; the extract stage writes it")
    try:
        table = pq.read_table(path, memory_map=True).combine_chunks()
        size = table.schema.field("features").type.list_size
        chunks = table.column("features").chunks
        # (N * D,), viewed as (N, D) below.
        flat = chunks[0].flatten().to_numpy() if chunks else np.empty(0, dtype=np.float32)
        provenance = json.loads((table.schema.metadata or {})[b"provenance"])
        groups = table.column("group").to_numpy() if "group" in table.column_names else None
        return FeatureSet(flat.reshape(-1, size), table.column("label").to_numpy(), provenance, groups)
    except (pa.ArrowException, AttributeError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a feature table of this project: {error}") from error
