"""Everything that earlier stages measured of one dataset and scenario, or of one pair."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.results import NotApplicable, read_required, read_result
from counterweight.core.seeds import derive_seed
from counterweight.results.classify import ClassificationScores, Scores
from counterweight.results.compare import CompareResult
from counterweight.results.discriminate import StyleResult
from counterweight.results.imbalance import ClassCounts, Counts
from counterweight.results.latent import LatentResult
from counterweight.statistics.paired_test import Verdict, compare_paired


@dataclass(frozen=True)
class Comparison:
    """What was measured of one synthetic set: by its features, by the style classifier, in a latent space."""

    features: CompareResult
    style: StyleResult
    latent: LatentResult | None
    """None where it was left out."""


Comparisons = Mapping[str, Comparison]


@dataclass(frozen=True)
class Results:
    """Everything that was measured for one dataset and scenario."""

    dataset: str
    scenario: str
    counts: dict[str, ClassCounts]
    """By class."""
    scores: dict[str, list[ClassificationScores]]
    """Per variant, one for each seed."""
    verdicts: dict[str, Verdict]
    """Minority F1 of each variant against `imbalanced`; empty where the test part has no image of these classes."""
    comparisons: dict[str, Comparison]
    """With real images, per generator."""
    not_applicable: dict[str, str]
    """Generators that could make no images, and why."""


def read_comparison(metrics: Path, item: str) -> Comparison:
    """Read what was measured of one synthetic set."""
    features = read_required(metrics / "compare" / f"{item}.json", CompareResult)
    style = read_required(metrics / "discriminate" / f"{item}.json", StyleResult)
    return Comparison(features, style, read_required(metrics / "latent" / f"{item}.json", LatentResult))


def read_results(metrics: Path, dataset: str, scenario: str, generators: Sequence[str], seed: int) -> Results:
    """Read the results of one dataset and scenario, the table's own and no others that may lie beside them."""
    folder = metrics / "classify" / dataset / scenario
    found = {
        variant: result
        for name in ("baselines", *generators)
        for variant, result in read_scores(folder / f"{name}.json").root.items()
    }
    missing = {name: result.not_applicable for name, result in found.items() if isinstance(result, NotApplicable)}
    scores = {name: result.seeds for name, result in found.items() if not isinstance(result, NotApplicable)}
    return Results(
        dataset=dataset,
        scenario=scenario,
        counts=read_required(metrics / "imbalance" / dataset / f"{scenario}.json", Counts).root,
        scores=scores,
        verdicts=judge_variants(scores, f"{dataset}/{scenario}", seed),
        comparisons={
            name: read_comparison(metrics, f"{dataset}/{scenario}/{name}") for name in generators if name in scores
        },
        not_applicable=missing,
    )


def read_scores(path: Path) -> Scores:
    """Read the scores of a file's variants."""
    found = read_result(path, Scores)
    if isinstance(found, NotApplicable):
        raise UserError(f"{path}: not a result of an earlier stage: scores by variant are needed")
    return found


def judge_variants(scores: Mapping[str, Sequence[ClassificationScores]], item: str, seed: int) -> dict[str, Verdict]:
    """Compare the minority F1 of each variant with that of `imbalanced`; all share a test set, and what it lacks."""
    minority = {name: [score.minority_f1 for score in found] for name, found in scores.items()}
    reference = [value for value in minority["imbalanced"] if value is not None]
    if len(reference) < len(minority["imbalanced"]):  # The test set lacks these classes.
        return {}
    verdicts = {}
    for name, values in minority.items():
        if name != "imbalanced":
            known = [value for value in values if value is not None]
            # A seed of its own: a verdict does not change when other rows join the table.
            rng = np.random.default_rng(derive_seed(seed, item, name, "verdict"))
            verdicts[name] = compare_paired(known, reference, rng)
    return verdicts
