"""The command line of Counterweight. Commands import what they need when they run, so that --help is quick."""

import sys
from pathlib import Path

import click

from counterweight.cli import completion
from counterweight.cli.completion import complete_with
from counterweight.core.errors import UserError
from counterweight.core.process import NOT_WRITABLE, OUT_OF_SPACE, fail, keep_memory, name_settings, use_one_thread

LARGEST = 2048  # pixels, as in sources of images
PATH = click.Path(path_type=Path)
FORMATS = ("imagefolder", "parquet", "webdataset")  # as the files of export/formats are called


class Shape(click.ParamType[tuple[int, int, int]]):
    """Channels, height and width, as in 3,64,64."""

    name = "C,H,W"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int, int]:
        """Return channels, 1 or 3, height and width."""
        parts = str(value).split(",")
        if len(parts) != 3 or not all(part.strip().isdecimal() and int(part) for part in parts):
            self.fail(f"'{value}': three positive numbers wanted, as in 3,64,64", param, ctx)
        channels, height, width = (int(part) for part in parts)
        if channels not in (1, 3) or max(height, width) > LARGEST:
            self.fail(f"'{value}': 1 or 3 channels wanted, and sides of at most {LARGEST}", param, ctx)
        return channels, height, width


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Do synthetic images help a classifier, and how do they differ from real ones?

    The pipeline itself runs under DVC: dvc repro, dvc exp run, dvc metrics diff.
    """


@cli.command(
    epilog="""\b
Examples:
  counterweight describe
  counterweight describe bagan --shape 1,28,28 --classes 10
  counterweight describe cvae --shape 3,64,64 --classes 2 --set latent_dim=300 --json
"""
)
@click.argument("name", required=False, shell_complete=complete_with(completion.list_generators))
@click.option("--shape", type=Shape(), default="1,28,28", show_default=True, help="Shape of the images.")
@click.option("--classes", type=click.IntRange(1), default=10, show_default=True, help="Number of classes.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting other than its default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def describe(
    name: str | None, shape: tuple[int, int, int], classes: int, changes: tuple[str, ...], as_json: bool
) -> None:
    """Describe the generator NAME: its paper, settings and networks; without a NAME, list all."""
    from counterweight.cli import describe as tool

    if name is None and changes:
        raise click.UsageError("--set changes settings of one generator: give its NAME, too")
    click.echo(tool.overview(as_json) if name is None else tool.describe(name, shape, classes, changes, as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight gallery digits
  counterweight gallery digits cvae cgan --out /tmp/gallery
  counterweight gallery digits smote --json
"""
)
@click.argument("dataset", shell_complete=complete_with(completion.list_datasets))
@click.argument("names", nargs=-1, metavar="[GENERATOR]...", shell_complete=complete_with(completion.list_generators))
@click.option("--per-class", type=click.IntRange(10), default=100, show_default=True, help="Images of a class judged.")
@click.option("--out", type=PATH, default=Path("gallery"), show_default=True, help="Folder to write DATASET/ into.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file.")
def gallery(dataset: str, names: tuple[str, ...], per_class: int, out: Path, as_json: bool, params: Path) -> None:
    """Train generators on all of DATASET and show what each makes: pictures, training time, fraction of right classes.

    Without a GENERATOR, all that have a block for DATASET in the settings file.
    """
    from counterweight.cli.gallery import gallery as show

    click.echo(show(params, dataset, names, per_class, out, as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight add pets ~/pets --dry-run
  counterweight add pets ~/pets --dry-run --json
  counterweight add pets ~/pets --minority dog
  counterweight add cifar ~/cifar10/plain_text --size 32
  counterweight add scans ~/scans --pair ~/generated_scans
"""
)
@click.argument("name")
@click.argument("path", type=PATH)
@click.option("--minority", multiple=True, metavar="CLASS", help="A class to call the minority; may be repeated.")
@click.option("--size", type=click.IntRange(1, LARGEST), help="Side in pixels to which images are brought.")
@click.option("--channels", type=click.Choice([1, 3]), help="1 for grey, 3 for colour.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Another setting, as in fit=crop.")
@click.option("--pair", type=PATH, metavar="SYNTHETIC_PATH", help="Compare two folders of images: real and these.")
@click.option("--dry-run", is_flag=True, help="Change nothing, say what would be changed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file.")
def add(
    name: str,
    path: Path,
    minority: tuple[str, ...],
    size: int | None,
    channels: int | None,
    changes: tuple[str, ...],
    pair: Path | None,
    dry_run: bool,
    as_json: bool,
    params: Path,
) -> None:
    """Add your own images as dataset NAME: look at all of them, choose settings, write them into the settings file.

    PATH is a folder with a sub-folder per class (or train and test above them), a CSV, TSV or Parquet table, or a
    folder of such tables, as Hugging Face keeps datasets.
    """
    from counterweight.cli import add as tool

    request = tool.Request(params, name, path.expanduser(), minority, size, channels, changes)
    if pair is None:
        click.echo(tool.add(request, dry_run, as_json))
    elif minority or changes:
        raise click.UsageError("--minority and --set are for datasets, not for a --pair")
    else:
        click.echo(tool.add_pair(request, pair.expanduser(), dry_run, as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight preset
  counterweight preset mnist --dry-run
  counterweight preset mnist cifar10
  counterweight preset balancing_thesis --dry-run --json
"""
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_with(completion.list_presets))
@click.option("--dry-run", is_flag=True, help="Change nothing, say what would be added.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file.")
def preset(names: tuple[str, ...], dry_run: bool, as_json: bool, params: Path) -> None:
    """Add what the documents say of a dataset, pair or experiment NAME to the settings file; without a NAME, list all.

    The blocks come from presets/NAME.yaml beside the settings file. The table stays as it is: the command that makes
    that of NAME is printed.
    """
    from counterweight.cli import preset as tool

    if not names and dry_run:
        raise click.UsageError("--dry-run: give the NAME of a preset, too")
    click.echo(tool.merge(params, names, dry_run, as_json) if names else tool.list_all(params, as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight audit ~/photographs ~/generated
  counterweight audit ~/photographs ~/generated --full
  counterweight audit ~/photographs ~/generated --backbone mobilenet_v2 --weights imagenet --out pets_audit
  counterweight audit real.parquet synthetic.parquet --json
"""
)
@click.argument("real", type=PATH)
@click.argument("synthetic", type=PATH)
@click.option("--out", type=PATH, default=Path("audit"), show_default=True, help="Folder to write, anew.")
@click.option("--size", type=click.IntRange(4, LARGEST), help="Side in pixels to which images of folders are brought.")
@click.option(
    "--backbone",
    "backbones",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_with(completion.list_backbones),
    help="A feature extractor, also of torchvision or timm; may be repeated.  [default: compare.headline]",
)
@click.option("--weights", metavar="random|imagenet|FOLDER", help="Weights of the feature extractors.")
@click.option(
    "--full", is_flag=True, help="Further feature spaces, a style classifier and a latent space, too: minutes more."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, help="Settings file.  [default: params.yaml here, or the defaults]")
def audit(
    real: Path,
    synthetic: Path,
    out: Path,
    size: int | None,
    backbones: tuple[str, ...],
    weights: str | None,
    full: bool,
    as_json: bool,
    params: Path | None,
) -> None:
    """Say how the images in SYNTHETIC differ from those in REAL, two folders or two image tables, without DVC.

    The verdict comes first: by the features of a pretrained network, by copies and by what the files are like; --full
    adds everything else that the pipeline measures of a pair. Prints each part as it is ready, and writes all with
    pictures and JSON into a folder. What is not said here is taken from the settings file, or is the default where
    there is none.
    """
    from counterweight.cli import audit as tool

    request = tool.Request(params, real.expanduser(), synthetic.expanduser(), size, backbones, weights, full)
    found = tool.audit(request, out, (lambda text: None) if as_json else click.echo)
    if as_json:
        click.echo(found.result)
    else:
        click.echo((f"{found.verdict}\n\n" if full else "") + f"Pictures and numbers: {out}/")


@cli.command(
    epilog="""\b
Examples:
  counterweight report
  counterweight report --no-open
  counterweight report --no-open --json
"""
)
@click.option("--open/--no-open", "opens", default=True, help="Show the page in a browser.  [default: open]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file.")
def report(opens: bool, as_json: bool, params: Path) -> None:
    """Print the answer for each row of the table, and show metrics/report.html, which says why, in a browser."""
    from counterweight.cli import report as tool

    click.echo(tool.report(params, opens, as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight export digits drop75 smote --to digits_smote
  counterweight export digits drop75 cvae --to digits_cvae --format parquet --draw 3
  counterweight export digits drop75 imbalanced --to digits_imbalanced --format webdataset
  counterweight export pets natural bagan --to ~/pets_bagan --params ~/counterweight/params.yaml --json
"""
)
@click.argument("dataset", shell_complete=complete_with(completion.list_datasets))
@click.argument("scenario", shell_complete=complete_with(completion.list_scenarios))
@click.argument("method", shell_complete=complete_with(completion.list_methods))
@click.option("--to", "folder", type=PATH, required=True, metavar="DIR", help="Folder to write, new or empty.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default="imagefolder",
    show_default=True,
    help="Folders of PNG files with a table, Parquet files with the images inside, or tar files.",
)
@click.option("--draw", type=click.IntRange(1), default=1, show_default=True, help="Draw, as the reports count them.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file; data/ lies beside it."
)
def export(
    dataset: str, scenario: str, method: str, folder: Path, format_name: str, draw: int, as_json: bool, params: Path
) -> None:
    """Take the images along that classifiers of the row METHOD were trained and tested on, in one draw.

    METHOD is a generator: its synthetic images are added to the real ones that the scenario leaves, and each image says
    what it is. `imbalanced` is what the scenario leaves alone, `balanced` that with real images given back. Validation
    and test images are real ones, in splits of their own. README.md beside them is a data card, croissant.json says the
    same to programs. The images must have been made: `dvc repro` does that, and this command makes none.
    """
    from counterweight.cli import export as tool
    from counterweight.export.contents import Item

    item = Item(dataset, scenario, method, draw - 1)
    click.echo(tool.export(params.expanduser(), item, format_name, folder.expanduser(), as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight repro
  counterweight repro -j 4
  counterweight repro train@digits-drop75-cvae --json
"""
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
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def repro(
    targets: tuple[str, ...],
    jobs: int | None,
    engine: str,
    address: str | None,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run what is stale, as `dvc repro` does, but many stages at a time; with STAGEs, these and what they need.

    What others wait for the longest begins first. A stage that fails stops those alone that need it, and Ctrl-C leaves
    nothing half-written; called again, it goes on where it was. dvc.lock is complete in the end, which a plain
    `dvc repro` then looks at. Where there are NVIDIA GPUs, each stage that computes on one has one to itself.
    """
    from counterweight.cli import repro as tool

    click.echo(tool.repro(Path(), targets, tool.Wanted(jobs, engine, address, options), as_json))


@cli.command(
    epilog="""\b
Examples:
  counterweight why
  counterweight why train
  counterweight why train@digits-drop75-cvae --json
"""
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


@cli.command(
    epilog="""\b
Examples:
  counterweight doctor
  counterweight doctor --json
  counterweight doctor --params ~/counterweight/params.yaml
"""
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool, params: Path) -> None:
    """Say whether everything is fit for a run, and what to do where it is not; exit code 2 if something is in the way.

    Looked at are Python, torch and its devices, memory, threads and load, free disk, DVC, its cache, record and locks,
    the settings as the graph's first stage sees them, and the weights of the table's networks. Nothing is changed or
    downloaded. Where there is no dvc.yaml beside the settings file, the machine alone is looked at.
    """
    from counterweight.cli.doctor import examine

    found = examine(params.expanduser(), as_json)
    click.echo(found.text)
    if found.has_problem:
        ctx.exit(2)


@cli.command(
    epilog="""\b
Examples:
  counterweight schema > params.schema.json
"""
)
def schema() -> None:
    """Print the JSON Schema of params.yaml, by which editors complete keys, explain them and mark mistakes.

    The first line of params.yaml names the file for editors that speak YAML's language server.
    """
    from counterweight.cli.schema import render_schema

    click.echo(render_schema())


@cli.command(
    "completion",
    epilog="""\b
Examples:
  eval "$(counterweight completion bash)"
  eval "$(counterweight completion zsh)"
  counterweight completion fish > ~/.config/fish/completions/counterweight.fish
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def print_completion(shell: completion.Shell) -> None:
    """Print the script by which SHELL completes commands, options and the names of generators, datasets and stages.

    To have it in every shell, put the line of the examples into ~/.bashrc, or into ~/.zshrc below `compinit`; fish
    reads the file of its example by itself. `counterweight` must be found in PATH: activate its environment first.
    """
    click.echo(completion.render_script(cli, shell), nl=False)


@cli.command(
    epilog="""\b
Examples:
  counterweight explore
  counterweight explore models/digits/drop75/cvae
  counterweight explore --params ~/counterweight/params.yaml --port 8000 --no-open
"""
)
@click.argument("model", type=PATH, required=False)
@click.option("--port", type=click.IntRange(1, 65535), default=5006, show_default=True, help="Port to serve.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to serve; others reach any but this.")
@click.option("--open/--no-open", "opens", default=True, help="Show the page in a browser.  [default: open]")
@click.option(
    "--params",
    type=PATH,
    default=Path("params.yaml"),
    show_default=True,
    help="Settings file; models/ and data/ lie beside it.",
)
def explore(model: Path | None, port: int, address: str, opens: bool, params: Path) -> None:
    """Look into a trained generator in a browser: move its latents, see what it makes and what is near.

    MODEL is a model's folder, models/DATASET/SCENARIO/GENERATOR or one draw of it; without it all that are there can be
    chosen. Needs the extra `explore`: pip install 'counterweight[explore]'.
    """
    from counterweight.cli import explore as tool

    tool.explore(params.expanduser(), None if model is None else model.expanduser(), address, port, opens)


def main() -> None:
    """Run a command; a user's mistake is one line on standard error and exit code 2."""
    use_one_thread()  # Before a command imports what computes.
    keep_memory()
    try:
        # click would print its errors its own way, and exit itself. What it returns is a command's exit code.
        if code := cli.main(standalone_mode=False, complete_var=completion.VARIABLE):
            sys.exit(code)
    except UserError as error:
        sys.exit(fail(name_settings(str(error), sys.argv[1:])))
    except OSError as error:
        if error.errno not in NOT_WRITABLE | OUT_OF_SPACE:
            raise
        sys.exit(fail(f"{error.filename}: {error.strerror}"))
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        sys.exit(2)
    except click.UsageError as error:
        sys.exit(fail(error.format_message()))
    except click.Abort:
        sys.exit(130)  # 128 + SIGINT, as shells report Ctrl-C.


if __name__ == "__main__":
    main()
