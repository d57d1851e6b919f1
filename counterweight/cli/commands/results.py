"""Commands about what a table has made: report, export, explore."""

from pathlib import Path

import click

from counterweight.cli import completion
from counterweight.cli.commands.types import FORMATS, PATH
from counterweight.cli.completion import complete_with


@click.command(
    short_help="Print the answers and show the page that says why.",
    epilog="""\b
Examples:
  counterweight report
  counterweight report --no-open
  counterweight report --no-open --json
""",
)
@click.option("--open/--no-open", "opens", default=True, help="Show the page in a browser.  [default: open]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--params", type=PATH, default=Path("params.yaml"), show_default=True, help="Settings file.")
def report(opens: bool, as_json: bool, params: Path) -> None:
    """Print the answer for each row of the table, and show metrics/report.html, which says why, in a browser."""
    from counterweight.cli import report as tool

    click.echo(tool.report(params, opens, as_json))


@click.command(
    short_help="Take a balanced dataset along, in three formats.",
    epilog="""\b
Examples:
  counterweight export digits drop75 smote --to digits_smote
  counterweight export digits drop75 cvae --to digits_cvae --format parquet --draw 3
  counterweight export digits drop75 imbalanced --to digits_imbalanced --format webdataset
  counterweight export pets natural bagan --to ~/pets_bagan --params ~/counterweight/params.yaml --json
""",
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


@click.command(
    short_help="Look into a trained generator in a browser.",
    epilog="""\b
Examples:
  counterweight explore
  counterweight explore models/digits/drop75/cvae
  counterweight explore --params ~/counterweight/params.yaml --port 8000 --no-open
""",
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
