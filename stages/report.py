"""Judge one dataset and scenario, and write its report: as Markdown, JSON, CSV and LaTeX."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.image_file import ImageFile
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.reporting.judging import read_results
from counterweight.reporting.tables import write_report
from counterweight.settings.table import Table


def main(argv: Sequence[str]) -> None:
    """Read the results of the table's own rows and write a folder."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--scenario", required=True, help="name of a block under scenarios")
    parser.add_argument("--metrics", type=Path, required=True, help="folder with imbalance/, classify/ and compare/")
    parser.add_argument(
        "--predictions", type=Path, required=True, help="folder with what the classify stage said of it"
    )
    parser.add_argument("--test", type=Path, required=True, help="image table of the test part, which may have groups")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    table, item = file.section("table", Table), (arguments.dataset, arguments.scenario)
    with atomic_output(arguments.out) as folder:
        folder.mkdir()
        groups = ImageFile(arguments.test).groups
        results = read_results(arguments.metrics, arguments.predictions, *item, table, file.run.seed, groups)
        write_result(results.judged, folder / "verdicts.json")
        write_report(results, folder)


if __name__ == "__main__":
    run(main)
