"""Gather all of the table: headline numbers as JSON, and one page that says what to do; print the answers."""

import json
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.reporting.page.contents import build_sections, write_glossary
from counterweight.reporting.page.page import render_page
from counterweight.reporting.page.provenance import describe_provenance
from counterweight.reporting.recognition import read_recognitions
from counterweight.reporting.results import read_table
from counterweight.reporting.tables import summarize_table
from counterweight.settings.table import Table


def main(argv: Sequence[str]) -> None:
    """Read the results of the table's own items, write summary and page, print the answers."""
    parser = stage_parser(__doc__)
    parser.add_argument("--metrics", type=Path, required=True, help="folder with report/, classify/, compare/ and more")
    parser.add_argument("--plots", type=Path, required=True, help="folder with the pictures that other stages drew")
    parser.add_argument("--summary", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--page", type=Path, required=True, help="HTML file to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    table = file.section("table", Table)
    found = read_table(arguments.metrics, table)
    recognized = read_recognitions(arguments.metrics, table)
    sections, left_out = build_sections(found, recognized, arguments.plots)
    with atomic_outputs(arguments.summary, arguments.page) as (summary, page):
        summary.write_text(json.dumps(summarize_table(found), indent=1) + "\n", encoding="utf-8")
        glossary = write_glossary(found, recognized)
        text = render_page(sections, glossary, describe_provenance(file, table), left_out)
        page.write_text(text, encoding="utf-8")
    for section in sections:
        print(f"{section.answer.place}: {section.answer.advice}")
    print(f"All of it, to be opened in a browser: {arguments.page}")


if __name__ == "__main__":
    run(main)
