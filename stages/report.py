"""Gather every result of the table: headline numbers as JSON, a Markdown report per dataset and scenario or pair."""

import json
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.reporting.differences import summarize_difference
from counterweight.reporting.results import read_comparison, read_results
from counterweight.reporting.tables import render_pair_report, render_report, summarize_results
from counterweight.settings.table import Table


def main(argv: Sequence[str]) -> None:
    """Read the results of the table's own items, write summary and reports, print the reports."""
    parser = stage_parser(__doc__)
    parser.add_argument("--metrics", type=Path, required=True, help="folder with imbalance/, classify/ and compare/")
    parser.add_argument("--predictions", type=Path, required=True, help="folder with what the classify stage predicted")
    parser.add_argument("--summary", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--reports", type=Path, required=True, help="folder to write the Markdown reports into")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    table, seed = file.section("table", Table), file.run.seed
    with atomic_output(arguments.summary) as summary, atomic_output(arguments.reports) as reports:
        reports.mkdir()
        headlines: dict[str, dict[str, object]] = {}
        for dataset in table.datasets:
            for scenario in table.scenarios:
                results = read_results(arguments.metrics, arguments.predictions, dataset, scenario, table, seed)
                text, name = render_report(results), f"{dataset}_{scenario}"
                (reports / f"{name}.md").write_text(text, encoding="utf-8")
                write_result(results.judged, reports / f"{name}.json")
                headlines.setdefault(dataset, {})[scenario] = summarize_results(results)
                print("\n" + text)
        for pair in table.pairs:
            comparison = read_comparison(arguments.metrics, f"pairs/{pair}")
            text = render_pair_report(pair, comparison)
            (reports / f"pair_{pair}.md").write_text(text, encoding="utf-8")
            headlines.setdefault("pairs", {})[pair] = summarize_difference(comparison)
            print("\n" + text)
        summary.write_text(json.dumps(headlines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
