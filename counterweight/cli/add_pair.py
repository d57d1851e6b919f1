"""A pair of folders to compare, from paths to a block in params.yaml."""

import os
import shlex
from pathlib import Path

from counterweight.cli import choices
from counterweight.cli.additions import Plan, Request, carry_out, check_request
from counterweight.cli.describe import parse_change
from counterweight.cli.links import plan_link
from counterweight.core.errors import UserError
from counterweight.data import inspection
from counterweight.data.sources.base.file_settings import parse_range
from counterweight.settings.editing import Addition


def add_pair(request: Request, synthetic: Path, dry_run: bool, as_json: bool) -> str:
    """Inspect two folders of images, add a pair to params.yaml and links to `images`; as `add_dataset`."""
    check_request(request)
    return carry_out(request, plan_pair_addition(request, synthetic), dry_run, as_json)


def plan_pair_addition(request: Request, synthetic: Path) -> Plan:
    """Inspect two folders of images and choose the shape in which they are compared."""
    folders = {"real": request.path, "synthetic": synthetic}
    if request.images.exists() or request.images.is_symlink():
        raise UserError(f"{request.images}: is there already; take another name, or remove it first")
    links = {
        goal: way for word, path in folders.items() for goal, way in plan_link(request.images / word, path).items()
    }
    if os.path.samefile(request.path, synthetic):
        raise UserError(f"{synthetic}: the folder of the real images, too; the pair must be of two folders")
    changes = dict(map(parse_change, request.changes))
    ends = parse_range(changes).ends
    real, made = inspection.inspect_pair(request.path, synthetic, ends)
    found = {str(request.path): real, str(synthetic): made}
    chosen = {
        "size": choices.choose_size(real, request.size),
        "channels": choices.choose_channels(real, request.channels),
    }
    if request.channels is None and made.grey < made.total:
        chosen["channels"] = choices.choose_channels(made if chosen["channels"].value == 1 else real, None)
    chosen |= {key: choices.Choice(value, "as asked for") for key, value in changes.items()}
    bad = real.bad + made.bad
    if bad:
        chosen["bad_files"] = choices.Choice("skip", f"{len(bad):,} cannot be read; error: stop instead")
    block = {"source": "folders", **{key: own.value for key, own in chosen.items()}}
    run = shlex.join(["dvc", "exp", "run", "-S", "table.datasets=[]", "-S", f"table.pairs=[{request.name}]"])
    commands = [run, "counterweight report"]
    return Plan(found, chosen, links, [Addition(("pairs",), request.name, block)], commands)
