"""Gather what was measured of a dataset's autoencoders, triplets and recognition: headline numbers, Markdown."""

import json
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.reporting.recognition import Files, read_recognition, render_recognition, summarize_recognition
from counterweight.settings.table import Table


def main(argv: Sequence[str]) -> None:
    """Read the results of a dataset, write summary and report, print the report."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under recognition")
    parser.add_argument("--autoencoders", type=Path, required=True, help="JSON file of the vae_experiment stage")
    parser.add_argument("--triplets", type=Path, required=True, help="JSON file of the triplets stage")
    parser.add_argument("--recognized", type=Path, required=True, help="JSON file of the recognize stage")
    parser.add_argument("--hits", type=Path, required=True, help="table of the recognize stage")
    parser.add_argument("--verdicts", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--summary", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--report", type=Path, required=True, help="Markdown file to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    files = Files(arguments.autoencoders, arguments.triplets, arguments.recognized, arguments.hits)
    found = read_recognition(arguments.dataset, files, file.section("table", Table).margin, file.run.seed)
    text = render_recognition(found)
    with atomic_outputs(arguments.verdicts, arguments.summary, arguments.report) as (verdicts, summary, report):
        write_result(found.judged, verdicts)
        summary.write_text(json.dumps(summarize_recognition(found), indent=1) + "\n", encoding="utf-8")
        report.write_text(text, encoding="utf-8")
    print("\n" + text)


if __name__ == "__main__":
    run(main)
