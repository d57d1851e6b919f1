"""What the pipeline found of a method, in sentences: whether its images help, and how they differ from real ones."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from counterweight.core.results import read_required
from counterweight.export.contents import IMBALANCED, Item
from counterweight.reporting.results import VERDICTS, Judged, Verdicts, read_comparison
from counterweight.reporting.verdicts import verdict
from counterweight.statistics.verdict import Verdict

MEASURED = ("compare", "discriminate", "latent")
Found = Mapping[str, Verdict]


def list_verdicts(root: Path, item: Item) -> list[str]:
    """Return what the report says of a method, a sentence each, or that there is no report of it.

    Args:
        root: folder of the settings file, with `metrics/`.

    Raises:
        UserError: a result is there and is not one of this version.
    """
    row = f"{item.dataset}/{item.scenario}/{item.method}"
    report = root / "metrics/report" / item.dataset / item.scenario / VERDICTS
    found = [*describe_judged(read_required(report, Judged), item)] if report.is_file() else []
    if item.method == IMBALANCED:
        found = ["This is what every method of the table starts from, and is compared with."]
    elif not found:
        found = [f"There is no report of `{item.method}` yet: whether its images help is not known here."]
    if item.has_generator and all((root / f"metrics/{name}/{row}.json").is_file() for name in MEASURED):
        found.append(verdict(item.method, read_comparison(root / "metrics", row)))
    return found


def describe_judged(judged: Judged, item: Item) -> Iterator[str]:
    """Yield a sentence for each reference that a method is compared with."""
    for verdicts in (judged.against_imbalanced, judged.against_simple):
        if verdicts is not None:
            yield from describe_verdict(verdicts, item.method)


def describe_verdict(verdicts: Verdicts, method: str) -> Iterator[str]:
    """Yield what is said of a method against one reference, by the headline's score, if anything is."""
    score, rows = "minority F1", verdicts.minority_f1
    if not rows:
        score, rows = "balanced accuracy", verdicts.balanced_accuracy
    if method not in rows:
        return
    found = rows[method]
    low, high = found.interval
    together = f" for all {found.family} rows at once" if found.family > 1 else ""
    yield (
        f"**{found.verdict.replace('margin', f'{found.margin:g}')}** against `{verdicts.reference}`:"
        f" the {score} changes by {found.mean_change:+.4f},"
        f" between {low:+.4f} and {high:+.4f} with {100 * found.confidence:.0f} %{together}"
        f" (mean over {found.draws} draw{'s' * (found.draws > 1)}; the interval covers {found.covers})."
    )
