"""Reading what earlier stages measured."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.seeds import derive_seed
from counterweight.reporting.differences import Comparison
from counterweight.reporting.markdown import Json
from counterweight.reporting.tables import Results
from counterweight.statistics.paired_test import Verdict, compare_paired


def read_comparison(metrics: Path, item: str) -> Comparison:
    """Read what was measured of one synthetic set."""
    return Comparison(*(read_json(metrics / kind / f"{item}.json") for kind in ("compare", "discriminate", "latent")))


def read_json(path: Path) -> Json:
    """Read a result.

    Raises:
        UserError: it is not there or is not JSON.
    """
    try:
        result: Json = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{path}: not a result of an earlier stage: {error}") from error
    return result


def read_results(metrics: Path, dataset: str, scenario: str, generators: Sequence[str], seed: int) -> Results:
    """Read the results of one dataset and scenario, the table's own and no others that may lie beside them."""
    folder = metrics / "classify" / dataset / scenario
    files = [folder / f"{name}.json" for name in ("baselines", *generators)]
    found = {variant: result for file in files for variant, result in read_json(file).items()}
    scores = {name: result["seeds"] for name, result in found.items() if "seeds" in result}
    return Results(
        dataset=dataset,
        scenario=scenario,
        counts=read_json(metrics / "imbalance" / dataset / f"{scenario}.json"),
        scores=scores,
        verdicts=verdicts(scores, f"{dataset}/{scenario}", seed),
        comparisons={
            name: read_comparison(metrics, f"{dataset}/{scenario}/{name}") for name in generators if name in scores
        },
        not_applicable={name: result["not_applicable"] for name, result in found.items() if name not in scores},
    )


def verdicts(scores: dict[str, list[Json]], item: str, seed: int) -> dict[str, Verdict]:
    """Compare the minority F1 of each variant with that of `imbalanced`; all share a test set, and what it lacks."""
    minority = {name: [score["minority_f1"] for score in found] for name, found in scores.items()}
    if None in minority["imbalanced"]:
        return {}
    return {
        name: compare_paired(
            values, minority["imbalanced"], np.random.default_rng(derive_seed(seed, item, name, "verdict"))
        )
        for name, values in minority.items()
        if name != "imbalanced"
    }
