"""Write the report of one pair: as Markdown, CSV and LaTeX."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.outputs import atomic_output
from counterweight.core.process import run, stage_parser
from counterweight.reporting.results import read_pair
from counterweight.reporting.tables import write_pair_report


def main(argv: Sequence[str]) -> None:
    """Read what was measured of a pair and write a folder."""
    parser = stage_parser(__doc__)
    parser.add_argument("--pair", required=True, help="name of a block under pairs")
    parser.add_argument("--metrics", type=Path, required=True, help="folder with compare/, discriminate/ and latent/")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args(argv)
    with atomic_output(arguments.out) as folder:
        folder.mkdir()
        write_pair_report(arguments.pair, read_pair(arguments.metrics, arguments.pair), folder)


if __name__ == "__main__":
    run(main)
