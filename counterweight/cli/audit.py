"""The audit of two folders of images, or two image tables, without DVC."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from counterweight.api.auditing import carry_out, check_out
from counterweight.cli.describe import parse_change
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.data.sources.base.file_settings import parse_range
from counterweight.evaluation.audit.measuring import AuditPlan, Wanted, plan_audit
from counterweight.evaluation.audit.reading import read_sides

DEFAULT_PARAMS = Path("params.yaml")


class Request(NamedTuple):
    """What is asked for; None where the settings file (or, without one, the defaults) or the images decide."""

    params: Path | None
    real: Path
    synthetic: Path
    size: int | None
    backbones: tuple[str, ...]
    weights: str | None
    full: bool
    """More than the verdict needs: further feature spaces, the style classifier, a latent space."""
    changes: Sequence[str] = ()
    """`black` and `white` of images of folders as KEY=VALUE, as in params.yaml."""


class Audit(NamedTuple):
    """What an audit ends with: the verdict of all that was measured, and all of it as JSON."""

    verdict: str
    result: str


def audit(request: Request, out: Path, tell: Callable[[str], None]) -> Audit:
    """Audit two sets, and write results, report and pictures into a new folder.

    Args:
        tell: is given each part of the report when it is ready, the verdict first.

    Raises:
        UserError: a folder is missing or empty, the sets do not fit together, or `out` cannot be written.
    """
    plan, ends = read_plan(request), dict(map(parse_change, request.changes))
    parse_range(ends)
    check_out(out, (request.real, request.synthetic), "--out")
    plan.check()
    with atomic_output(out) as folder:
        folder.mkdir()
        sides = read_sides(request.real, request.synthetic, request.size, plan.settings.project_seed, ends)
        found = carry_out(sides, plan, folder, tell)
    return Audit(found.result["verdict"], json.dumps(found.result, indent=1, allow_nan=False))


def read_plan(request: Request) -> AuditPlan:
    """Return what is measured, and how: as the command line says, else as the file that is named, or params.yaml here.

    Without a file the defaults count.
    """
    path = request.params or DEFAULT_PARAMS
    file = read_params_file(path) if request.params or path.is_file() else None
    return plan_audit(file, Wanted(request.backbones, request.weights, request.full))
