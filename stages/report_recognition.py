"""Gather what was measured of a dataset's autoencoders, triplets and recognition: headline numbers, Markdown."""

import json
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.outputs import atomic_outputs
from counterweight.core.process import run, stage_parser
from counterweight.reporting.recognition import read_recognition, render_recognition, summarize_recognition


def main(argv: Sequence[str]) -> None:
    """Read the results of a dataset, write summary and report, print the report."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under recognition")
    parser.add_argument("--autoencoders", type=Path, required=True, help="JSON file of the vae_experiment stage")
    parser.add_argument("--triplets", type=Path, required=True, help="JSON file of the triplets stage")
    parser.add_argument("--recognized", type=Path, required=True, help="JSON file of the recognize stage")
    parser.add_argument("--summary", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--report", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args(argv)
    found = read_recognition(arguments.dataset, arguments.autoencoders, arguments.triplets, arguments.recognized)
    text = render_recognition(found)
    with atomic_outputs(arguments.summary, arguments.report) as (summary, report):
        summary.write_text(json.dumps(summarize_recognition(found), indent=1) + "\n", encoding="utf-8")
        report.write_text(text, encoding="utf-8")
    print("\n" + text)


if __name__ == "__main__":
    run(main)
