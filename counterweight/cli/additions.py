"""What is asked to be added to params.yaml, and what is planned, done and said of it."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterweight.cli import choices
from counterweight.cli.links import Links, create_links
from counterweight.cli.params_editing import check_writable, render_params, write_additions
from counterweight.core.errors import UserError
from counterweight.data import findings
from counterweight.data.findings import Findings
from counterweight.settings.editing import Addition, insert_additions
from counterweight.settings.params import NAME, RESERVED, Params, load_params

Json = dict[str, Any]


class Request(NamedTuple):
    """What was asked for: a name, where the images are, and what is not to be chosen."""

    params: Path
    name: str
    path: Path
    minority: Sequence[str] = ()
    size: int | None = None
    channels: int | None = None
    changes: Sequence[str] = ()
    """Settings of the dataset as KEY=VALUE, the value written as in params.yaml."""
    layout: str | None = None
    """Which of several readings is meant: `classes` or `parts` for folders, `table` for tables beside them."""

    @property
    def images(self) -> Path:
        """Where the graph looks for the images."""
        return self.params.parent / "images" / self.name


class Plan(NamedTuple):
    """What is to be changed, and what to say about it."""

    findings: Mapping[str, Findings]
    chosen: Mapping[str, choices.Choice]
    links: Links
    additions: Sequence[Addition]
    commands: Sequence[str]
    notes: Sequence[str] = ()


def check_request(request: Request) -> Params:
    """Return the settings if the file may be changed and the name is still free."""
    params, name, file = load_params(request.params), request.name, request.params
    check_writable(file)
    if not NAME.fullmatch(name) or name in RESERVED or not re.search("[a-z]", name):
        taken = ", ".join(sorted(RESERVED))
        raise UserError(f"NAME '{name}': names consist of a-z, 0-9 and _, with a letter, and are not {taken}")
    sections: dict[str, Mapping[str, object]] = {
        "datasets": params.datasets,
        "pairs": params.pairs,
        "classifiers": params.classifiers,
        **{f"generators.{generator}": blocks for generator, blocks in params.generators.items()},
    }
    for section, blocks in sections.items():
        if name in blocks:
            raise UserError(f"{file}: {section}.{name} is there already; take another name, or remove it first")
    return params


def carry_out(request: Request, plan: Plan, dry_run: bool, as_json: bool) -> str:
    """Change params.yaml and make the links, unless it is only a trial; return the account."""
    if dry_run:
        render_params(request.params, plan.additions)
    else:
        with create_links(plan.links):
            write_additions(request.params, plan.additions)
    return json.dumps(to_json(request, plan, dry_run), indent=1) if as_json else render_account(request, plan, dry_run)


def to_json(request: Request, plan: Plan, dry_run: bool) -> Json:
    """Return everything as plain JSON."""
    blocks = {".".join(addition.path): addition.values for addition in plan.additions}
    return {
        "name": request.name,
        "found": {path: findings.to_json(found) for path, found in plan.findings.items()},
        "chosen": {key: {"value": own.value, "reason": own.reason} for key, own in plan.chosen.items()},
        "links": {str(link): str(goal) for link, goal in plan.links.items()},
        "blocks": blocks,
        "commands": [*plan.commands],
        "notes": [*plan.notes],
        "changed": not dry_run,
    }


def render_account(request: Request, plan: Plan, dry_run: bool) -> str:
    """Return everything as text for people."""
    lines: list[str] = []
    for path, found in plan.findings.items():
        lines += [path, *(f"  {line}" for line in findings.render_findings(found)), ""]
    lines.append("Chosen, all of which can be changed in params.yaml")
    lines += [f"  {key}: {format_value(own.value)} ({own.reason})" for key, own in plan.chosen.items()]
    lines += ["", f"{'Would be added' if dry_run else 'Added'} to {request.params}"]
    lines += [f"  {line}".rstrip() for line in insert_additions("", plan.additions, "").splitlines()]
    lines += [""] if plan.links else []
    lines += [f"{'Would link' if dry_run else 'Linked'} {link} to {goal}" for link, goal in plan.links.items()]
    return "\n".join([*lines, "", *plan.notes, "Next", *(f"  {words}" for words in plan.commands)])


def format_value(value: object) -> str:
    """Return a value for people."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
