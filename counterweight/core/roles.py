"""What each draw uses each image for, as a table: Parquet on disk, an array in memory."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError

Roles = npt.NDArray[np.uint8]


class RoleTable(NamedTuple):
    """The roles of N images in D draws, uint8 (D, N), which index a list of names, and what is known of all of them."""

    roles: Roles
    facts: dict[str, Any]


def write_roles(table: RoleTable, names: Sequence[str], path: Path) -> None:
    """Write a row for each draw and image: draw, index of the image, role; the facts (plain JSON) are metadata."""
    count, size = table.roles.shape
    columns = {
        "draw": pa.array(np.repeat(np.arange(count), size)),
        "index": pa.array(np.tile(np.arange(size), count)),
        "role": pa.DictionaryArray.from_arrays(table.roles.ravel().astype(np.int8), list(names)),
    }
    metadata = {key: json.dumps(fact) for key, fact in table.facts.items()}
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path, compression="zstd")


def read_roles(path: Path, names: Sequence[str], facts: Sequence[str], stage: str) -> RoleTable:
    """Read what `write_roles` wrote.

    Args:
        names: of the roles.
        facts: keys of what is known of all.
        stage: that writes such tables, for an error's message.

    Raises:
        UserError: there is no such file, or it is not such a table.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; it is a table of draws that the {stage} stage writes")
    try:
        table = pq.read_table(path, partitioning=None)  # A folder called `a=b` is no column.
        found = {key: json.loads(table.schema.metadata[key.encode()]) for key in facts}
        role = table.column("role").combine_chunks()
        codes = np.array([names.index(name) for name in role.dictionary.to_pylist()], dtype=np.uint8)
        draws = int(table.column("draw").to_numpy()[-1]) + 1
        return RoleTable(codes[role.indices.to_numpy()].reshape(draws, -1), found)
    except (pa.ArrowException, OSError, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path}: not a table of draws of this project: {error}") from error
