"""What the documents ran, from presets/NAME.yaml to blocks in params.yaml and the command that makes the table."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from counterweight.cli.params_editing import check_writable, render_params, write_additions
from counterweight.core.errors import UserError
from counterweight.core.params_file import read_params_file
from counterweight.settings.editing import Addition, merge_values
from counterweight.settings.params import Params, load_params
from counterweight.settings.presets import Preset, list_additions, list_presets, locate_presets, read_preset

Json = dict[str, Any]
BLOCKS = {"datasets", "pairs", "generators", "classifiers", "recognition"}


class Plan(NamedTuple):
    """The presets asked for, what they add, what is there already, and the commands for each."""

    presets: Mapping[str, Preset]
    additions: Sequence[Addition]
    present: Sequence[Addition]
    commands: Mapping[str, Sequence[str]]


def list_all(params: Path, as_json: bool) -> str:
    """Return a line for each preset: its name, what it is, what it takes, and how much is downloaded."""
    presets = {name: read_preset(params, name) for name in list_presets(params)}
    if not presets:
        raise UserError(f"{locate_presets(params)}: no presets there; call it beside params.yaml in a checkout")
    if as_json:
        facts = {name: preset.model_dump(exclude=BLOCKS, exclude_none=True) for name, preset in presets.items()}
        return json.dumps(facts, indent=1)
    width = max(map(len, presets))
    return "\n".join(f"{name:{width}}  {describe(preset)}" for name, preset in presets.items())


def describe(preset: Preset) -> str:
    """Return what a preset is and takes, in one line."""
    cost = f"a draw: CPU: {preset.cost.cpu}; GPU: {preset.cost.gpu}"
    return f"{preset.about} [{cost}; download: {preset.download or 'none'}]"


def merge(params: Path, names: Sequence[str], dry_run: bool, as_json: bool) -> str:
    """Add the blocks of presets, and of those they need, to a settings file; return what was done and what is next.

    Raises:
        UserError: there is no such preset, or a block is there already and differs; nothing is written then.
    """
    plan = make_plan(params, names)
    if dry_run or not plan.additions:
        render_params(params, plan.additions)
    else:
        write_additions(params, plan.additions)
    return json.dumps(to_json(plan, dry_run), indent=1) if as_json else render_account(plan, params, dry_run)


def make_plan(params: Path, names: Sequence[str]) -> Plan:
    """Find out which blocks of presets are missing in a settings file."""
    settings = load_params(params)
    check_writable(params)
    values: Any = read_params_file(params).values
    missing: list[Addition] = []
    present: list[Addition] = []
    for name in list_needed(params, names):
        for addition in list_additions(params, name):
            block = find_block(values, addition.path)
            if block is None:
                missing.append(addition)
                # Presets may bring the same block: the next one then finds it there and has to agree.
                values = merge_values(values, [addition])
                continue
            check_equal(block, addition, f"{params}: {'.'.join(addition.path)}", f"presets/{name}.yaml")
            present.append(addition)
    presets = {name: read_preset(params, name) for name in names}
    commands = {name: list_commands(preset, settings, values) for name, preset in presets.items()}
    return Plan(presets, missing, present, commands)


def list_needed(params: Path, names: Sequence[str]) -> list[str]:
    """Return presets, each after those it needs."""
    found: list[str] = []
    for name in names:
        others = [] if name in found else list_needed(params, read_preset(params, name).needs)
        found += [own for own in [*others, name] if own not in found]
    return found


def find_block(values: object, path: Sequence[str]) -> object:
    """Return what stands under some keys, or None."""
    for key in path:
        if not isinstance(values, Mapping) or key not in values:
            return None
        values = values[key]
    return values


def check_equal(block: object, addition: Addition, where: str, preset: str) -> None:
    """Refuse a block that is there already with other values."""
    if block == addition.values:
        return
    own = block if isinstance(block, Mapping) else {}
    key = next(key for key in [*addition.values, *own] if (key in own, own.get(key)) != look_up(addition, key))
    here = repr(own[key]) if key in own else "not set"
    there = repr(addition.values[key]) if key in addition.values else "not set"
    way_out = "make them equal, or rename or remove the block"
    raise UserError(f"{where}.{key}: {here}, but {there} in {preset}; nothing was written; {way_out}")


def look_up(addition: Addition, key: str) -> tuple[bool, object]:
    """Return whether a block sets a key, and to what."""
    return key in addition.values, addition.values.get(key)


def list_commands(preset: Preset, params: Params, values: Json) -> list[str]:
    """Return the commands that make and show the table of a preset, given all blocks that will be there."""
    table = {key: names for key, names in preset.table.model_dump().items() if names is not None}
    if table.get("datasets") and "generators" not in table:
        rows = list_rows(params.table.generators, table["datasets"], values["generators"])
        table |= {} if rows == params.table.generators else {"generators": rows}
    changes = [f"table.{key}=[{','.join(names)}]" for key, names in table.items()]
    run = ["dvc", "exp", "run", *(word for change in [*changes, *preset.changes] for word in ("-S", change))]
    wanted = {**params.table.model_dump(), **table}
    commands = [shlex.join(run)]
    if wanted["datasets"] or wanted["pairs"]:
        commands.append("counterweight report")
    if wanted["recognition"]:
        commands.append(
            shlex.join(["cat", *(f"metrics/recognition/{name}/report.md" for name in wanted["recognition"])])
        )
    return commands


def list_rows(wanted: Sequence[str], datasets: Sequence[str], blocks: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the generators that have settings for all datasets: those that are wanted, or any."""
    known = [name for name, own in blocks.items() if {*datasets} <= {*own}]
    return [name for name in wanted if name in known] or known


def to_json(plan: Plan, dry_run: bool) -> Json:
    """Return everything as plain JSON."""
    return {
        "presets": {
            name: preset.model_dump(exclude=BLOCKS, exclude_none=True) for name, preset in plan.presets.items()
        },
        "blocks": {".".join(addition.path): addition.values for addition in plan.additions},
        "present": [".".join(addition.path) for addition in plan.present],
        "commands": {name: [*commands] for name, commands in plan.commands.items()},
        "changed": bool(plan.additions) and not dry_run,
    }


def render_account(plan: Plan, params: Path, dry_run: bool) -> str:
    """Return everything as text for people."""
    lines = [
        line
        for name, preset in plan.presets.items()
        for line in (f"{name}: {describe(preset)}", f"  from: {preset.source}")
    ]
    heading = f"{'Would be added' if dry_run else 'Added'} to {params}"
    lines += ["", heading, *list_lines(plan.additions)] if plan.additions else []
    lines += ["", f"As they are in {params} already", *list_lines(plan.present)] if plan.present else []
    return "\n".join([*lines, "", "Next", *(f"  {own}" for commands in plan.commands.values() for own in commands)])


def list_lines(additions: Sequence[Addition]) -> list[str]:
    """Return a line for each section and name: which blocks there are."""
    found: dict[str, list[str]] = {}
    for addition in additions:
        section, *generator = addition.above
        found.setdefault(f"{section}.GENERATOR.{addition.name}" if generator else ".".join(addition.path), [])
        if generator:
            found[f"{section}.GENERATOR.{addition.name}"] += generator
    return [f"  {key}: {', '.join(names)}" if names else f"  {key}" for key, names in found.items()]
