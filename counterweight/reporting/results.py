"""Everything that earlier stages measured of one dataset and scenario, or of one pair."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError
from counterweight.core.results import NotApplicable, read_required, read_result
from counterweight.core.schema import Result
from counterweight.results.classify import MethodScores, Scores
from counterweight.results.compare import CompareResult
from counterweight.results.discriminate import StyleResult
from counterweight.results.files import ClassMix, Equalised, FileFacts, PairFiles
from counterweight.results.imbalance import ClassCounts, Counts
from counterweight.results.ingest import Account
from counterweight.results.latent import LatentResult
from counterweight.settings.table import Table
from counterweight.statistics.verdict import Verdict

VERDICTS = "verdicts.json"
"""What the report stage calls its verdicts, in the folder of its report."""


@dataclass(frozen=True)
class Comparison:
    """What was measured of one synthetic set: by its features, the style classifier, in a latent space, of its files.

    What was not measured is None.
    """

    features: CompareResult
    style: StyleResult | None
    latent: LatentResult | None
    files: FileFacts | None = None
    """Of a pair, or of an audit of two folders; image tables have no files."""
    mix: ClassMix | None = None
    """Of a pair or an audit of sets with the same classes in another mix."""
    equalised: Equalised | None = None
    """What made both sets the same in that, where they differ in it; all else is measured after that."""
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """Of a pair, what each side holds."""
    as_they_are: "Comparison | None" = None
    """Where that changes what is compared: what was measured before."""

    @property
    def plain(self) -> "Comparison":
        """What was measured of the images as they are, whether or not there are others."""
        return self.as_they_are or self


Comparisons = Mapping[str, Comparison]


class Verdicts(Result):
    """Every method against one reference, by method."""

    reference: str
    minority_f1: dict[str, Verdict]
    """Empty where the test part has no image of these classes."""
    balanced_accuracy: dict[str, Verdict]

    @property
    def headline(self) -> dict[str, Verdict]:
        """By the headline score: minority F1, or balanced accuracy where no minority class is tested."""
        return self.minority_f1 or self.balanced_accuracy


class Judged(Result):
    """All verdicts of one dataset and scenario."""

    against_imbalanced: Verdicts
    best_simple: str
    """The method that generates nothing with the best validation scores; `imbalanced` is one of them."""
    against_simple: Verdicts | None
    """Those with synthetic images against `best_simple`; None without any, or where that is `imbalanced`."""
    draws_needed: int | None
    """Roughly how many draws would show a change of the margin in the headline score of a method in the middle of those
    against `imbalanced`; None where no number would, where there is no other method, and with one draw."""
    failed_draws: dict[str, int]
    """Methods, `imbalanced` among them, of which a draw, from 0, has a headline score far below its others'."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Everything that was measured for one dataset and scenario."""

    dataset: str
    scenario: str
    counts: dict[str, ClassCounts]
    """By class."""
    scores: dict[str, MethodScores]
    """By method."""
    comparisons: dict[str, Comparison]
    """With real images, per generator."""
    not_applicable: dict[str, str]
    """Methods whose generator could make no images, and why."""
    compared_draws: int = 1
    """The comparisons are of the synthetic images of so many draws, from the first on."""


@dataclass(frozen=True, kw_only=True)
class Results(Measured):
    """The same with its verdicts."""

    judged: Judged
    account: Account | None = None
    """What the dataset's source holds; None where that is not looked at."""


def read_comparison(metrics: Path, item: str) -> Comparison:
    """Read what was measured of one synthetic set."""
    features = read_required(metrics / "compare" / f"{item}.json", CompareResult)
    style = read_required(metrics / "discriminate" / f"{item}.json", StyleResult)
    return Comparison(features, style, read_required(metrics / "latent" / f"{item}.json", LatentResult))


def read_pair(metrics: Path, name: str) -> Comparison:
    """Read what was measured of a pair: where both sides were made the same, of these, beside what they are."""
    item = f"pairs/{name}"
    plain = read_comparison(metrics, item)
    found = read_required(metrics / "compare" / f"{item}.besides.json", PairFiles)
    features = read_result(metrics / "compare" / f"{item}.same.json", CompareResult)
    if isinstance(features, NotApplicable):
        return replace(plain, files=found.files, mix=found.mix, equalised=found.equalised, accounts=found.accounts)
    style = read_required(metrics / "discriminate" / f"{item}.same.json", StyleResult)
    return Comparison(features, style, None, found.files, found.mix, found.equalised, found.accounts, plain)


def read_measured(metrics: Path, dataset: str, scenario: str, table: Table) -> Measured:
    """Read what was measured of one dataset and scenario, the table's own rows and no others that may lie beside them.

    Raises:
        UserError: a row of the table is missing.
    """
    item = f"{dataset}/{scenario}"
    found = {
        method: result
        for name in ("baselines", *table.generators)
        for method, result in read_scores(metrics / "classify" / item / f"{name}.json").root.items()
    }
    if lacking := [name for name in ("imbalanced", *table.recipes, *table.generators) if name not in found]:
        where = metrics / "classify" / item
        raise UserError(f"{where}: no scores of '{lacking[0]}', which stands in the table; run `dvc repro`")
    missing = {name: result.not_applicable for name, result in found.items() if isinstance(result, NotApplicable)}
    scores = {name: result for name, result in found.items() if not isinstance(result, NotApplicable)}
    return Measured(
        dataset=dataset,
        scenario=scenario,
        counts=read_required(metrics / "imbalance" / dataset / f"{scenario}.json", Counts).root,
        scores=scores,
        comparisons={name: read_comparison(metrics, f"{item}/{name}") for name in table.generators if name in scores},
        not_applicable=missing,
        compared_draws=table.compared_draws,
    )


class Everything(NamedTuple):
    """All items of a table."""

    results: list[Results]
    pairs: dict[str, Comparison]


def read_table(metrics: Path, table: Table) -> Everything:
    """Read what was measured and judged of every item of a table."""
    results = []
    for dataset in table.datasets:
        account = read_required(metrics / "ingest" / f"{dataset}.json", Account)
        for scenario in table.scenarios:
            judged = read_required(metrics / "report" / dataset / scenario / VERDICTS, Judged)
            results.append(
                Results(**vars(read_measured(metrics, dataset, scenario, table)), judged=judged, account=account)
            )
    return Everything(results, {pair: read_pair(metrics, pair) for pair in table.pairs})


def read_scores(path: Path) -> Scores:
    """Read the scores of a file's methods."""
    found = read_result(path, Scores)
    if isinstance(found, NotApplicable):
        raise UserError(f"{path}: not a result of an earlier stage: scores by method are needed")
    return found
