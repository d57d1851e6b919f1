"""Results as text: the Markdown report of one dataset and scenario, and its headline numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from counterweight.reporting.differences import Comparison, Comparisons, difference, differences
from counterweight.reporting.markdown import (
    Json,
    format_number,
    format_spread,
    mean_or_none,
    render_table,
    round_for_diff,
)
from counterweight.reporting.verdicts import verdict
from counterweight.statistics.paired_test import Verdict

NAMED = 8
"""Classes that a sentence names at most."""
CLASSES = 20
"""Rows of the table of classes at most."""
WIDTH = 120
"""Characters that a line of the table of classes has room for; what is wider becomes several tables."""


@dataclass(frozen=True)
class Results:
    """Everything that was measured for one dataset and scenario."""

    dataset: str
    scenario: str
    counts: dict[str, dict[str, int]]
    """Images of each class before and after the scenario, wanted, in the reference set and in the test part; and
    whether it is one of the minority."""
    scores: dict[str, list[Json]]
    """Classification scores per variant, one entry per seed."""
    verdicts: dict[str, Verdict]
    """Minority F1 of each variant against `imbalanced`; empty where the test part has no image of these classes."""
    comparisons: dict[str, Comparison]
    """Comparison with real images per generator."""
    not_applicable: dict[str, str]
    """Generators that could make no images, and why."""


def report(results: Results) -> str:
    """Return the Markdown report, its tables aligned so that they read well in a terminal, too."""
    seeds = len(results.scores["imbalanced"])
    tested = sum(count["test"] for count in results.counts.values())
    return "\n".join(
        [
            f"# {results.dataset}, {results.scenario}",
            "",
            sizes_sentence(results.counts),
            "",
            f"## Do the synthetic images help? ({seeds} seeds, {tested} test images)",
            "",
            help_table(results),
            "",
            minority_sentence(results.counts),
            "Change: of the minority F1 against `imbalanced`, mean over the seeds with its 95 % bootstrap interval.",
            "Verdict: two-sided sign-flip test over the seeds at 0.05.",
            *same_sentence(results.counts),
            *(f"`{name}` is not applicable here: {why}." for name, why in results.not_applicable.items()),
            "",
            *classes(results),
            *(compared(results.comparisons) if results.comparisons else []),
        ]
    )


def pair_report(name: str, comparison: Comparison) -> str:
    """Return the Markdown report of a pair, which is one of two sets without classes."""
    sizes = comparison.features["images"]
    images = f"{sizes['real']} real images and {sizes['synthetic']} synthetic ones."
    return "\n".join([f"# Pair {name}", "", images, "", *compared({"synthetic": comparison})])


def compared(comparisons: Comparisons) -> list[str]:
    """Return how synthetic images differ from real ones, a sentence for each set, then in detail."""
    sentences = [f"- {verdict(name, comparison)}" for name, comparison in comparisons.items()]
    return ["## Do they differ from real ones?", "", *sentences, "", *differences(comparisons)]


def sizes_sentence(counts: dict[str, dict[str, int]]) -> str:
    """Say how many images the classes have that get synthetic ones."""
    rare = {name: count for name, count in counts.items() if count["wanted"]}
    parts = [f"'{name}' {count['train']} (+{count['wanted']} synthetic)" for name, count in rare.items()]
    largest = max(count["train"] for count in counts.values())
    return f"Training images of the largest class: {largest}; of those to be filled up: {listed(parts)}."


def minority_sentence(counts: dict[str, dict[str, int]]) -> str:
    """Say of which classes the minority F1 is."""
    minority = [name for name, count in counts.items() if count["minority"]]
    tested = [name for name in minority if counts[name]["test"]]
    untested = [name for name in minority if name not in tested]
    lacking = f"the test set has no image of {listed(quoted(untested))}"
    if not tested:
        return f"Minority F1: unknown, since {lacking}."
    which = f"mean over {len(tested)} classes: " if len(tested) > 1 else "of class "
    return f"Minority F1: {which}{listed(quoted(tested))}{f'; {lacking}' if untested else ''}."


def same_sentence(counts: dict[str, dict[str, int]]) -> list[str]:
    """Say so where nothing was dropped: `balanced` is the training part before the scenario."""
    dropped = any(count["before"] > count["train"] for count in counts.values())
    return [] if dropped else ["Nothing was dropped: `balanced` and `imbalanced` are the same images."]


def listed(parts: Sequence[str]) -> str:
    """Join a few parts, and count the others."""
    return ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")


def quoted(names: Sequence[str]) -> list[str]:
    """Put names between quotation marks."""
    return [f"'{name}'" for name in names]


def help_table(results: Results) -> str:
    """Return a row per variant: what retraining with it does to the classifier."""
    rows = []
    for variant, seeds in results.scores.items():
        own = results.verdicts.get(variant)
        change, interval, word = "", "", ""
        if own:
            low, high = own["interval"]
            change, interval, word = f"{own['mean_difference']:+.4f}", f"{low:+.4f} {high:+.4f}", own["verdict"]
        means = [format_spread([seed[key] for seed in seeds]) for key in ("minority_f1", "accuracy")]
        rows.append([variant, word, change, interval, *means, f"{fmean(seed['macro_f1'] for seed in seeds):.4f}"])
    rows += [[name, "not applicable", *[""] * 5] for name in results.not_applicable]
    header = ["trained on", "verdict", "change", "95 % interval", "minority F1", "accuracy", "macro F1"]
    return render_table(header, rows)


def classes(results: Results) -> list[str]:
    """Return the lines that say how well each class is recognised.

    There are no verdicts per class. Of ten classes and eight variants, tests at 0.05 would find four differences
    where there are none; and with Bonferroni's correction for the ten classes alone, eight seeds could find none
    at all, since the smallest p-value of their sign-flip test is 2 / 2^8.
    """
    order = list(results.counts)
    first = sorted(order, key=lambda name: importance(results.counts[name]))
    shown = [(name, order.index(name)) for name in first[:CLASSES]]
    left_out = [f"{len(order) - CLASSES} more classes are left out."] if len(order) > CLASSES else []
    item = f"{results.dataset}/{results.scenario}"
    bare = class_table(results, shown, []).splitlines()[0]
    blocks = beside_each_other(list(results.scores), WIDTH - len(bare))
    return [
        "## F1 of each class",
        "",
        *(line for block in blocks for line in (class_table(results, shown, block), "")),
        "Means over the seeds; of so many numbers some differ by chance. `*`: a class of the minority F1. Wanted:",
        "synthetic images that fill the class up.",
        *left_out,
        f"`metrics/classify/{item}/*.json` has precision, recall and F1 of every class and seed,",
        f"in the order of the classes in `metrics/imbalance/{item}.json`.",
        "",
    ]


def importance(count: dict[str, int]) -> tuple[bool, bool, int]:
    """Return what classes are sorted by: those of the minority, others that get images, the smallest first."""
    return not count["minority"], not count["wanted"], count["train"]


def beside_each_other(columns: Sequence[str], room: int) -> list[list[str]]:
    """Part columns, given by their names, so that each part fits into `room` characters or is a single column."""
    parts: list[list[str]] = []
    used = room
    for name in columns:
        width = len(" | ") + max(len(name), len("0.123"))
        used += width
        if used > room:
            parts.append([])
            used = width
        parts[-1].append(name)
    return parts


def class_table(results: Results, shown: Sequence[tuple[str, int]], variants: Sequence[str]) -> str:
    """Return a row per class, given by name and label, and a column per variant: the mean F1 over the seeds."""
    rows = []
    for name, label in shown:
        count = results.counts[name]
        found = [mean_or_none([seed["f1"][label] for seed in results.scores[variant]]) for variant in variants]
        star = " *" if count["minority"] else ""
        sizes = [str(count[key]) for key in ("train", "wanted", "test")]
        rows.append([name.replace("|", r"\|") + star, *sizes, *(format_number(value, ".3f") for value in found)])
    return render_table(["class", "train", "wanted", "test", *variants], rows)


def headline(results: Results) -> dict[str, Json]:
    """Return the few numbers per variant that are worth a column when runs are compared."""
    lines: dict[str, Json] = {}
    for variant, seeds in results.scores.items():
        line: Json = {"f1": round_for_diff(mean_or_none([seed["minority_f1"] for seed in seeds]))}
        line["accuracy"] = round_for_diff(fmean(seed["accuracy"] for seed in seeds))
        if variant in results.verdicts:
            line["gain"] = round_for_diff(results.verdicts[variant]["mean_difference"])
            line["verdict"] = results.verdicts[variant]["verdict"]
        if variant in results.comparisons:
            line |= difference(results.comparisons[variant])
        lines[variant] = line
    return lines | {name: {"verdict": "not applicable"} for name in results.not_applicable}
