"""Gather every result of the table: headline numbers as JSON, a Markdown report per dataset and scenario or pair."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.differences import difference
from stages.markdown import Json
from stages.process import run, stage_parser, writing
from stages.results import read_comparison, read_json
from stages.settings import Params, derived_seed, load_params
from stages.statistics.verdict import Verdict, paired_verdict
from stages.tables import Results, headline, pair_report, report


def main(argv: Sequence[str]) -> None:
    """Read the results of the table's own items, write summary and reports, print the reports."""
    parser = stage_parser(__doc__)
    parser.add_argument("--metrics", type=Path, required=True, help="folder with imbalance/, classify/ and compare/")
    parser.add_argument("--summary", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--reports", type=Path, required=True, help="folder to write the Markdown reports into")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    with writing(arguments.summary) as summary, writing(arguments.reports) as reports:
        reports.mkdir()
        headlines: dict[str, dict[str, object]] = {}
        for dataset in params.table.datasets:
            for scenario in params.table.scenarios:
                results = read_results(arguments.metrics, dataset, scenario, params)
                text = report(results)
                (reports / f"{dataset}_{scenario}.md").write_text(text, encoding="utf-8")
                headlines.setdefault(dataset, {})[scenario] = headline(results)
                print("\n" + text)
        for pair in params.table.pairs:
            comparison = read_comparison(arguments.metrics, f"pairs/{pair}")
            text = pair_report(pair, comparison)
            (reports / f"pair_{pair}.md").write_text(text, encoding="utf-8")
            headlines.setdefault("pairs", {})[pair] = difference(comparison)
            print("\n" + text)
        summary.write_text(json.dumps(headlines, indent=1) + "\n", encoding="utf-8")


def read_results(metrics: Path, dataset: str, scenario: str, params: Params) -> Results:
    """Read the results of one dataset and scenario, the table's own and no others that may lie beside them."""
    folder = metrics / "classify" / dataset / scenario
    files = [folder / f"{name}.json" for name in ("baselines", *params.table.generators)]
    found = {variant: result for file in files for variant, result in read_json(file).items()}
    scores = {name: result["seeds"] for name, result in found.items() if "seeds" in result}
    return Results(
        dataset=dataset,
        scenario=scenario,
        counts=read_json(metrics / "imbalance" / dataset / f"{scenario}.json"),
        scores=scores,
        verdicts=verdicts(scores, f"{dataset}/{scenario}", params.seed),
        comparisons={
            name: read_comparison(metrics, f"{dataset}/{scenario}/{name}")
            for name in params.table.generators
            if name in scores
        },
        not_applicable={name: result["not_applicable"] for name, result in found.items() if name not in scores},
    )


def verdicts(scores: dict[str, list[Json]], item: str, seed: int) -> dict[str, Verdict]:
    """Compare the minority F1 of each variant with that of `imbalanced`; all share a test set, and what it lacks."""
    minority = {name: [score["minority_f1"] for score in found] for name, found in scores.items()}
    if None in minority["imbalanced"]:
        return {}
    return {
        name: paired_verdict(
            values, minority["imbalanced"], np.random.default_rng(derived_seed(seed, item, name, "verdict"))
        )
        for name, values in minority.items()
        if name != "imbalanced"
    }


if __name__ == "__main__":
    run(main)
