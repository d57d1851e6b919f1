"""Commands about images and generators before a table is made: describe, gallery, add, preset, audit."""

import json
from pathlib import Path

import click

from counterweight.cli import completion
from counterweight.cli.commands.types import LARGEST, PATH, Shape
from counterweight.cli.completion import complete_with


@click.command(
    short_help="Say what a generator is, or list all of them.",
    epilog="""\b
Examples:
  counterweight describe
  counterweight describe bagan --shape 1,28,28 --classes 10
  counterweight describe cvae --shape 3,64,64 --classes 2 --set latent_dim=300 --json
""",
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
    if name is None:
        from counterweight.cli.overview import overview

        if changes:
            raise click.UsageError("--set changes settings of one generator: give its NAME, too")
        click.echo(overview(as_json))
        return
    from counterweight.cli.describe import describe as tell

    click.echo(tell(name, shape, classes, changes, as_json))


@click.command(
    short_help="Train generators on a dataset and show what each makes.",
    epilog="""\b
Examples:
  counterweight gallery digits
  counterweight gallery digits cvae cgan --out /tmp/gallery
  counterweight gallery digits smote --json
""",
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


@click.command(
    short_help="Add your own images as a dataset.",
    epilog="""\b
Examples:
  counterweight add pets ~/pets --dry-run
  counterweight add pets ~/pets --dry-run --json
  counterweight add pets ~/pets --minority dog
  counterweight add pets ~/pets --layout classes
  counterweight add pets ~/pets --set 'train=[fold1,fold2]' --set 'test=[fold3]'
  counterweight add pets ~/pets/labels.csv --split-column usage --image-folder photos
  counterweight add pets ~/pets/labels.csv --split-column fold --set 'test=[4]' --merge-labels
  counterweight add scans ~/scans --group-pattern 'patient[0-9]+'
  counterweight add pets ~/pets --label-pattern 'cat|dog'
  counterweight add cifar ~/cifar10/plain_text --size 32
  counterweight add scans ~/scans --pair ~/generated_scans
""",
)
@click.argument("name")
@click.argument("path", type=PATH)
@click.option("--minority", multiple=True, metavar="CLASS", help="A class to call the minority; may be repeated.")
@click.option("--size", type=click.IntRange(1, LARGEST), help="Side in pixels to which images are brought.")
@click.option("--channels", type=click.Choice([1, 3]), help="1 for grey, 3 for colour.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Another setting, as in fit=crop.")
@click.option(
    "--layout",
    type=click.Choice(["classes", "parts", "table"]),
    help="What sub-folders are, or that a table beside them counts; chosen by what is there.",
)
@click.option("--split-column", metavar="NAME", help="Column of a table that says train or test of each image.")
@click.option("--group-column", metavar="NAME", help="Column of a table that names the patient or video of each image.")
@click.option("--label-pattern", metavar="REGEX", help="What in an image's path names its class, in place of folders.")
@click.option("--group-pattern", metavar="REGEX", help="What in an image's path names its patient or video.")
@click.option("--image-folder", metavar="FOLDER", help="Where the paths in a table begin.")
@click.option(
    "--merge-labels", is_flag=True, help="Take labels that differ by case only, as Cat and cat, as one class."
)
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
    layout: str | None,
    split_column: str | None,
    group_column: str | None,
    label_pattern: str | None,
    group_pattern: str | None,
    image_folder: str | None,
    merge_labels: bool,
    pair: Path | None,
    dry_run: bool,
    as_json: bool,
    params: Path,
) -> None:
    """Add your own images as dataset NAME: look at all of them, choose settings, write them into the settings file.

    PATH is a folder with a sub-folder per class (or train and test above them), a table in CSV, TSV, Parquet, Arrow or
    lines of JSON, or a folder of such tables, as Hugging Face keeps datasets.
    """
    from counterweight.cli.add import add_dataset
    from counterweight.cli.add_pair import add_pair
    from counterweight.cli.additions import Request

    named = {"split": split_column, "image_folder": image_folder}
    named |= {"group_column": group_column, "group_pattern": group_pattern, "label_pattern": label_pattern}
    changes += tuple(f"{key}={json.dumps(value)}" for key, value in named.items() if value is not None)
    changes += ("merge_labels=true",) if merge_labels else ()
    request = Request(params, name, path.expanduser(), minority, size, channels, changes, layout)
    if pair is None:
        click.echo(add_dataset(request, dry_run, as_json))
    elif minority or layout or merge_labels or any(value is not None for value in named.values()):
        raise click.UsageError("--minority, --layout and those of tables are for datasets, not for a --pair")
    else:
        click.echo(add_pair(request, pair.expanduser(), dry_run, as_json))


@click.command(
    short_help="Add a published dataset's or a document's settings.",
    epilog="""\b
Examples:
  counterweight preset
  counterweight preset mnist --dry-run
  counterweight preset mnist cifar10
  counterweight preset balancing_thesis --dry-run --json
""",
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


@click.command(
    short_help="Say how two sets of images differ, without DVC.",
    epilog="""\b
Examples:
  counterweight audit ~/photographs ~/generated
  counterweight audit ~/photographs ~/generated --full
  counterweight audit ~/photographs ~/generated --backbone mobilenet_v2 --weights imagenet --out pets_audit
  counterweight audit ~/scans ~/generated_scans --set black=-1024 --set white=3071
  counterweight audit real.parquet synthetic.parquet --json
""",
)
@click.argument("real", type=PATH)
@click.argument("synthetic", type=PATH)
@click.option("--out", type=PATH, default=Path("audit"), show_default=True, help="Folder to write, anew.")
@click.option("--size", type=click.IntRange(4, LARGEST), help="Side in pixels to which images of folders are brought.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="black or white: which value of more than 8 bits becomes it, in folders.",
)
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
    changes: tuple[str, ...],
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

    request = tool.Request(params, real.expanduser(), synthetic.expanduser(), size, backbones, weights, full, changes)
    found = tool.audit(request, out, (lambda text: None) if as_json else click.echo)
    if as_json:
        click.echo(found.result)
    else:
        click.echo((f"{found.verdict}\n\n" if full else "") + f"Pictures and numbers: {out}/")
