"""Reading what earlier stages measured."""

import json
from pathlib import Path

from stages.differences import Comparison
from stages.errors import UserError
from stages.markdown import Json


def read_comparison(metrics: Path, item: str) -> Comparison:
    """Read what was measured of one synthetic set."""
    return Comparison(*(read_json(metrics / kind / f"{item}.json") for kind in ("compare", "discriminate", "latent")))


def read_json(path: Path) -> Json:
    """Read a result.

    Raises:
        UserError: it is not there or is not JSON.
    """
    try:
        result: Json = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{path}: not a result of an earlier stage: {error}") from error
    return result
