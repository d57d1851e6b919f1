"""Commands about the workspace: repro, why, doctor, schema."""

from pathlib import Path

import click

from counterweight.cli import completion
from counterweight.cli.commands.types import PATH
from counterweight.cli.completion import complete_with


@click.command(
    short_help="Run what is stale, many stages at a time.",
    epilog="""\b
Examples:
  counterweight repro
  counterweight repro -j 4
  counterweight repro train@digits-drop75-cvae --json
""",
)
@click.argument("targets", metavar="[STAGE]...", nargs=-1, shell_complete=complete_with(completion.list_stages))
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    show_default="as many as there are cores",
    help="Stages at a time.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="What runs the stages: this machine, a Ray cluster (extra `ray`), or Slurm (extra `slurm`).",
)
@click.option(
    "--address", metavar="HOST:PORT", help="Head of the Ray cluster; without it RAY_ADDRESS, or this machine."
)
@click.option(
    "--slurm",
    "options",
    metavar="KEY=VALUE",
    multiple=True,
    help="Option of submitit's executor, as slurm_partition=gpu or timeout_min=600.",
)
@click.option(
    "--per-gpu",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Stages that share a GPU, whose memory has to do for all: small networks leave it idle.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def repro(
    targets: tuple[str, ...],
    jobs: int | None,
    engine: str,
    address: str | None,
    options: tuple[str, ...],
    per_gpu: int,
    as_json: bool,
) -> None:
    """Run what is stale, as `dvc repro` does, but many stages at a time; with STAGEs, these and what they need.

    What others wait for the longest begins first. A stage that fails stops those alone that need it, and Ctrl-C leaves
    nothing half-written; called again, it goes on where it was. dvc.lock is complete in the end, and `dvc repro`
    looks at what was made. Where there are NVIDIA GPUs, each stage that computes on one has one to itself, unless
    --per-gpu lets several share it.
    """
    from counterweight.cli import repro as tool

    click.echo(tool.repro(Path(), targets, tool.Wanted(jobs, engine, address, options, per_gpu), as_json))


@click.command(
    short_help="Say why a stage would run.",
    epilog="""\b
Examples:
  counterweight why
  counterweight why train
  counterweight why train@digits-drop75-cvae --json
""",
)
@click.argument("stage", required=False, shell_complete=complete_with(completion.list_stages))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def why(stage: str | None, as_json: bool) -> None:
    """Say why STAGE would run under `dvc repro`; without a STAGE, of all that would, in their order.

    Reasons are changed files (those of a folder by name, where DVC's cache or git's history has it as it was), changed
    parameters with both values, a changed command, outputs that are missing or changed, and other stages to wait for:
    a stage that only waits runs if those write something else than before.
    """
    from counterweight.cli import why as tool

    click.echo(tool.why(Path(), stage, as_json))


@click.command(
    short_help="Say whether everything is fit for a run.",
    epilog="""\b
Examples:
  counterweight doctor
  counterweight doctor --json
  counterweight doctor --mend
  counterweight doctor --hash
  counterweight doctor --params ~/counterweight/params.yaml
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, show_default="params.yaml, if it is there", help="Settings file.")
@click.option("--mend", is_flag=True, help="Put right what a killed run left, where nothing is lost by it.")
@click.option("--hash", "hashed", is_flag=True, help="Read all files of the cache and all outputs, too.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, params: Path | None, mend: bool, hashed: bool) -> None:
    """Say whether everything is fit for a run, and what to do where it is not; exit code 2 if something is in the way.

    Looked at are Python, torch and its devices, memory, threads and load, free disk, DVC, its cache, record and locks,
    the settings as the graph's first stage sees them, and the weights of the table's networks. Nothing is downloaded,
    and nothing is changed without --mend. Where there is no dvc.yaml beside the settings file, the machine and that
    file alone are looked at. With --hash each file of the cache, and each that a stage made, is read and compared with
    the hash that it is recorded with.
    """
    from counterweight.cli.doctor import examine

    found = examine(None if params is None else params.expanduser(), as_json, mend, hashed)
    click.echo(found.text)
    if found.has_problem:
        ctx.exit(2)


@click.command(
    short_help="Print the JSON Schema of params.yaml, for editors.",
    epilog="""\b
Examples:
  counterweight schema > params.schema.json
""",
)
def schema() -> None:
    """Print the JSON Schema of params.yaml, by which editors complete keys, explain them and mark mistakes.

    The first line of params.yaml names the file for editors that speak YAML's language server.
    """
    from counterweight.cli.schema import render_schema

    click.echo(render_schema())
