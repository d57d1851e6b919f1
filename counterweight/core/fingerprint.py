"""What unfinished work is found by: a name that changes with all that its result depends on."""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def fingerprint(arrays: Sequence[npt.NDArray[Any]], facts: object, rooms: Sequence[str]) -> str:
    """Return a name that changes with arrays, with facts (plain JSON), and with the code of rooms of this package.

    Args:
        rooms: as in `training`; what has been imported of them counts.
    """
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps(facts).encode())
    prefixes = tuple(f"counterweight.{room}." for room in rooms)
    code = {str(module.__file__) for name, module in sys.modules.items() if name.startswith(prefixes)}
    for path in sorted(code):  # A set's order changes from run to run.
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:32]  # 128 bits: enough for a name.
