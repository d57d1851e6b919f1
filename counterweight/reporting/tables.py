"""The report of one dataset and scenario, or of a pair, and its headline numbers."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from counterweight.reporting.differences import Number, render_differences, summarize_difference
from counterweight.reporting.markdown import (
    format_number,
    format_spread,
    mean_or_none,
    render,
    render_table,
    render_tables,
    round_for_diff,
)
from counterweight.reporting.results import Comparison, Comparisons, Results
from counterweight.reporting.verdicts import verdict
from counterweight.results.imbalance import ClassCounts

NAMED = 8
"""Classes that a sentence names at most."""
CLASSES = 20
"""Rows of the table of classes at most."""


def render_report(results: Results) -> str:
    """Return the Markdown report, its tables aligned so that they read well in a terminal, too."""
    counts = results.counts
    return render(
        "report.md.jinja",
        {
            "results": results,
            "seeds": len(results.scores["imbalanced"]),
            "tested": sum(count.test for count in counts.values()),
            "largest": max(count.train for count in counts.values()),
            "filled": describe_filled(counts),
            "help_table": tabulate_help(results),
            "minority": describe_minority(counts),
            "nothing_dropped": not any(count.before > count.train for count in counts.values()),
            "class_tables": tabulate_classes(results),
            "left_out": max(0, len(counts) - CLASSES),
            **describe_comparisons(results.comparisons),
        },
    )


def render_pair_report(name: str, comparison: Comparison) -> str:
    """Return the Markdown report of a pair, which is one of two sets without classes."""
    values = {"name": name, "sizes": comparison.features.images}
    return render("pair.md.jinja", {**values, **describe_comparisons({"synthetic": comparison})})


def describe_comparisons(comparisons: Comparisons) -> dict[str, object]:
    """Return how synthetic images differ from real ones: a sentence for each set, and the details."""
    sentences = [verdict(name, comparison) for name, comparison in comparisons.items()]
    return {"verdicts": sentences, "differences": render_differences(comparisons) if comparisons else ""}


def describe_filled(counts: Mapping[str, ClassCounts]) -> str:
    """Name the classes that get synthetic images, and how many there are and come."""
    rare = {name: count for name, count in counts.items() if count.wanted}
    return join_some([f"'{name}' {count.train} (+{count.wanted} synthetic)" for name, count in rare.items()])


def describe_minority(counts: Mapping[str, ClassCounts]) -> str:
    """Say of which classes the minority F1 is."""
    minority = [name for name, count in counts.items() if count.minority]
    tested = [name for name in minority if counts[name].test]
    untested = [name for name in minority if name not in tested]
    lacking = f"the test set has no image of {join_some(quote(untested))}"
    if not tested:
        return f"Minority F1: unknown, since {lacking}."
    which = f"mean over {len(tested)} classes: " if len(tested) > 1 else "of class "
    return f"Minority F1: {which}{join_some(quote(tested))}{f'; {lacking}' if untested else ''}."


def join_some(parts: Sequence[str]) -> str:
    """Join a few parts, and count the others."""
    return ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")


def quote(names: Sequence[str]) -> list[str]:
    """Put names between quotation marks."""
    return [f"'{name}'" for name in names]


def tabulate_help(results: Results) -> str:
    """Return a row per variant: what retraining with it does to the classifier."""
    rows = []
    for variant, seeds in results.scores.items():
        own = results.verdicts.get(variant)
        change, interval, word = "", "", ""
        if own:
            low, high = own.interval
            change, interval, word = f"{own.mean_difference:+.4f}", f"{low:+.4f} {high:+.4f}", own.verdict
        f1, accuracy = ([getattr(seed, key) for seed in seeds] for key in ("minority_f1", "accuracy"))
        macro = f"{fmean(seed.macro_f1 for seed in seeds):.4f}"
        rows.append([variant, word, change, interval, format_spread(f1), format_spread(accuracy), macro])
    rows += [[name, "not applicable", *[""] * 5] for name in results.not_applicable]
    header = ["trained on", "verdict", "change", "95 % interval", "minority F1", "accuracy", "macro F1"]
    return render_table(header, rows)


def tabulate_classes(results: Results) -> list[str]:
    """Return tables that say how well each class is recognised: a row per class, and a column per variant.

    There are no verdicts per class. Of ten classes and eight variants, tests at 0.05 would find four differences
    where there are none; and with Bonferroni's correction for the ten classes alone, eight seeds could find none
    at all, since the smallest p-value of their sign-flip test is 2 / 2^8.
    """
    order = list(results.counts)
    first = sorted(order, key=lambda name: rank_class(results.counts[name]))
    rows = []
    for name in first[:CLASSES]:
        count, label = results.counts[name], order.index(name)
        found = [mean_or_none([seed.f1[label] for seed in seeds]) for seeds in results.scores.values()]
        star = " *" if count.minority else ""
        sizes = [str(size) for size in (count.train, count.wanted, count.test)]
        # A bar would end the cell.
        rows.append([name.replace("|", r"\|") + star, *sizes, *(format_number(value, ".3f") for value in found)])
    return render_tables(["class", "train", "wanted", "test", *results.scores], rows, fixed=4)


def rank_class(count: ClassCounts) -> tuple[bool, bool, int]:
    """Return what classes are sorted by: those of the minority, others that get images, the smallest first."""
    return not count.minority, not count.wanted, count.train


def summarize_results(results: Results) -> dict[str, dict[str, Number]]:
    """Return the few numbers per variant that are worth a column when runs are compared."""
    lines: dict[str, dict[str, Number]] = {}
    for variant, seeds in results.scores.items():
        line: dict[str, Number] = {"f1": round_for_diff(mean_or_none([seed.minority_f1 for seed in seeds]))}
        line["accuracy"] = round_for_diff(fmean(seed.accuracy for seed in seeds))
        if variant in results.verdicts:
            line["gain"] = round_for_diff(results.verdicts[variant].mean_difference)
            line["verdict"] = results.verdicts[variant].verdict
        if variant in results.comparisons:
            line |= summarize_difference(results.comparisons[variant])
        lines[variant] = line
    return lines | {name: {"verdict": "not applicable"} for name in results.not_applicable}
