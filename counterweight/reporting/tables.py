"""The report of one dataset and scenario, or of a pair, and its headline numbers."""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from counterweight.reporting.answers import answer
from counterweight.reporting.besides import describe_greys, describe_same
from counterweight.reporting.differences import (
    Number,
    describe_halves,
    describe_space,
    render_differences,
    summarize_difference,
    tabulate_shortly,
    tabulate_statistics,
    tabulate_styles,
)
from counterweight.reporting.latex import render_latex
from counterweight.reporting.markdown import (
    Grid,
    format_number,
    format_spread,
    mean_or_none,
    render,
    round_for_diff,
)
from counterweight.reporting.records import list_scores, list_statistics, list_verdicts, write_csv
from counterweight.reporting.remarks import (
    describe_draws_needed,
    describe_failed_draws,
    describe_other_score,
    describe_seen,
    describe_unfilled,
    join_some,
    quote,
)
from counterweight.reporting.results import Comparison, Comparisons, Everything, Results, Verdicts
from counterweight.reporting.verdicts import describe_reach, verdict
from counterweight.results.imbalance import ClassCounts
from counterweight.statistics.verdict import Verdict

CLASSES = 20
"""Rows of the table of classes at most."""


def render_report(results: Results) -> str:
    """Return the Markdown report, its tables aligned so that they read well in a terminal, too."""
    counts = results.counts
    return render(
        "report.md.jinja",
        {
            "results": results,
            "draws": len(results.scores["imbalanced"].draws),
            "tested": sum(count.test for count in counts.values()),
            "largest": max(count.fitted for count in counts.values()),
            "filled": describe_filled(counts),
            "answer": answer(results),
            "warning": describe_seen(counts),
            "help_table": tabulate_help(results),
            "short_table": tabulate_shortly(results.comparisons),
            "simple_table": tabulate_simple(results.judged.against_simple),
            "simple_rows": len(simple.headline) if (simple := results.judged.against_simple) else 0,
            "best_simple": describe_best_simple(results),
            "headline": results.judged.against_imbalanced.headline,
            "minority": describe_minority(counts),
            "score": "minority F1" if results.judged.against_imbalanced.minority_f1 else "balanced accuracy",
            "remarks": list_remarks(results),
            "class_tables": tabulate_classes(results),
            "left_out": max(0, len(counts) - CLASSES),
            **describe_comparisons(results.comparisons),
        },
    )


def write_report(results: Results, folder: Path) -> None:
    """Write a report into a folder: Markdown, tables for papers, and every number as CSV."""
    (folder / "report.md").write_text(render_report(results), encoding="utf-8")
    place, label = f"{results.dataset}, {results.scenario}", f"{results.dataset}-{results.scenario}"
    caption = f"Change of the classifier on {place}, against imbalanced. {answer(results).certainty}"
    tables = [render_latex(tabulate_help(results), caption, f"tab:{label}:methods")]
    if results.comparisons:
        tables.append(render_latex_differences(results.comparisons, place, label))
    (folder / "tables.tex").write_text("\n".join(tables), encoding="utf-8")
    write_csv(list_verdicts(results), folder / "verdicts.csv")
    write_csv(list_scores(results), folder / "scores.csv")
    write_csv(list_statistics(results.comparisons), folder / "statistics.csv")


def write_pair_report(name: str, comparison: Comparison, folder: Path) -> None:
    """Write the report of a pair into a folder, likewise."""
    (folder / "report.md").write_text(render_pair_report(name, comparison), encoding="utf-8")
    (folder / "tables.tex").write_text(
        render_latex_differences({"synthetic": comparison.plain}, name, name), encoding="utf-8"
    )
    write_csv(list_statistics({"synthetic": comparison.plain}), folder / "statistics.csv")


def render_latex_differences(comparisons: Comparisons, place: str, label: str) -> str:
    """Return the LaTeX table of how synthetic images differ; the caption says in which features, and of how many."""
    found = next(iter(comparisons.values())).features
    caption = f"Synthetic against real images of {place}: {describe_space(found)}; {describe_halves(found)}."
    return render_latex(tabulate_statistics(comparisons), caption, f"tab:{label}:differences")


def render_pair_report(name: str, comparison: Comparison) -> str:
    """Return the Markdown report of a pair, which is one of two sets without classes.

    Its tables are of the images as they are; where they were made the same, one more is of these.
    """
    plain = {"synthetic": comparison.plain}
    values = {
        "name": name,
        "sizes": comparison.plain.features.images,
        "greys": describe_greys(comparison),
        "reach": describe_reach(plain),
        "verdicts": [verdict("synthetic", comparison)],
        "differences": render_differences(plain),
        "same": describe_made_same(comparison),
    }
    return render("pair.md.jinja", values)


def describe_made_same(comparison: Comparison) -> dict[str, object] | None:
    """Return what the report says of a pair whose sides were made the same, and how; None if they were not."""
    how = comparison.equalised
    if comparison.as_they_are is None or how is None:
        return None
    own = {"synthetic": comparison}
    return {
        "sizes": comparison.features.images,
        "how": describe_same(how),
        "tables": tabulate_statistics(own),
        "style": tabulate_styles(own),
    }


def describe_comparisons(comparisons: Comparisons) -> dict[str, object]:
    """Return how synthetic images differ from real ones: a sentence for each set, and the details."""
    sentences = [verdict(name, comparison) for name, comparison in comparisons.items()]
    return {
        "reach": describe_reach(comparisons),
        "verdicts": sentences,
        "differences": render_differences(comparisons) if comparisons else "",
    }


def describe_filled(counts: Mapping[str, ClassCounts]) -> str:
    """Name the classes that get synthetic images, and how many there are and come."""
    rare = {name: count for name, count in counts.items() if count.wanted}
    return join_some([f"'{name}' {count.fitted} (+{count.wanted} synthetic)" for name, count in rare.items()])


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


def tabulate_help(results: Results) -> Grid:
    """Return a row per method: what retraining with it does to the classifier."""
    rows = []
    verdicts = results.judged.against_imbalanced.headline
    for method, scores in results.scores.items():
        cells = format_verdict(verdicts.get(method))
        f1, accuracy, balanced = (
            [getattr(draw, key) for draw in scores.draws] for key in ("minority_f1", "accuracy", "balanced_accuracy")
        )
        rows.append([method, *cells, format_spread(f1), format_spread(balanced), f"{fmean(accuracy):.4f}"])
    rows += [[name, "not applicable", *[""] * 6] for name in results.not_applicable]
    header = ["method", "verdict", "change", "interval", "would see", "minority F1", "balanced accuracy", "accuracy"]
    return Grid(header, rows)


def list_remarks(results: Results) -> list[str]:
    """Return what has to be said below the table of methods, a sentence or two each."""
    judged, verdicts = results.judged, results.judged.against_imbalanced
    key = "minority_f1" if verdicts.minority_f1 else "balanced_accuracy"
    scores = {name: [getattr(draw, key) for draw in own.draws] for name, own in results.scores.items()}
    said = (
        describe_unfilled(results.counts) if verdicts.minority_f1 else "",
        describe_failed_draws(judged.failed_draws, scores),
        describe_draws_needed(verdicts.headline, judged.draws_needed),
        describe_other_score("balanced accuracy", verdicts.balanced_accuracy if verdicts.minority_f1 else {}),
    )
    return [remark for remark in said if remark]


def describe_best_simple(results: Results) -> str:
    """Say which method is the best of those that generate nothing, and by what: never by test images."""
    name = results.judged.best_simple
    validation = results.scores[name].validation
    f1 = [found.minority_f1 for found in validation if found.minority_f1 is not None]
    score, values = (
        ("minority F1", f1) if f1 else ("balanced accuracy", [found.balanced_accuracy for found in validation])
    )
    which = f"is the best by its validation images (mean {score}: {fmean(values):.4f})"
    return f"Of the methods that generate nothing `{name}` {which}."


def tabulate_simple(verdicts: Verdicts | None) -> Grid:
    """Return a row per method with synthetic images: what these do beside the best method without."""
    if verdicts is None:
        return Grid([], [])
    rows = [[method, *format_verdict(found)] for method, found in verdicts.headline.items()]
    return Grid(["method", "verdict", "change", "interval", "would see"], rows)


def format_verdict(found: Verdict | None) -> list[str]:
    """Return the cells of a verdict, the change with its interval, and the smallest change that would be seen."""
    if found is None:
        return [""] * 4
    low, high = found.interval
    word = found.verdict.replace("margin", f"{found.margin:g}")
    return [word, f"{found.mean_change:+.4f}", f"{low:+.4f} {high:+.4f}", f"{found.detectable_change:.4f}"]


def tabulate_classes(results: Results) -> Grid:
    """Return tables that say how well each class is recognised: a row per class, and a column per method.

    There are no verdicts per class: of ten classes and eight methods, intervals at 0.95 would find four differences
    where there are none.
    """
    order = list(results.counts)
    first = sorted(order, key=lambda name: rank_class(results.counts[name]))
    rows = []
    for name in first[:CLASSES]:
        count, label = results.counts[name], order.index(name)
        found = [mean_or_none([draw.f1[label] for draw in own.draws]) for own in results.scores.values()]
        star = " *" if count.minority else ""
        sizes = [str(size) for size in (count.fitted, count.wanted, count.test)]
        rows.append([name + star, *sizes, *(format_number(value, ".3f") for value in found)])
    return Grid(["class", "fitted", "synthetic", "test", *results.scores], rows, fixed=4)


def rank_class(count: ClassCounts) -> tuple[bool, bool, int]:
    """Return what classes are sorted by: those of the minority, others that get images, the smallest first."""
    return not count.minority, not count.wanted, count.fitted


def summarize_table(found: Everything) -> dict[str, dict[str, object]]:
    """Return the headline numbers of every item of the table, as runs are compared by."""
    headlines: dict[str, dict[str, object]] = {}
    for results in found.results:
        headlines.setdefault(results.dataset, {})[results.scenario] = summarize_results(results)
    for name, comparison in found.pairs.items():
        headlines.setdefault("pairs", {})[name] = summarize_difference(comparison.plain)
    return headlines


def summarize_results(results: Results) -> dict[str, dict[str, Number]]:
    """Return the few numbers per method that are worth a column when runs are compared."""
    lines: dict[str, dict[str, Number]] = {}
    verdicts = results.judged.against_imbalanced.headline
    for method, scores in results.scores.items():
        line: dict[str, Number] = {"f1": round_for_diff(mean_or_none([draw.minority_f1 for draw in scores.draws]))}
        line["accuracy"] = round_for_diff(fmean(draw.accuracy for draw in scores.draws))
        line["balanced_accuracy"] = round_for_diff(fmean(draw.balanced_accuracy for draw in scores.draws))
        if method in verdicts:
            line["gain"] = round_for_diff(verdicts[method].mean_change)
            line["verdict"] = verdicts[method].verdict
        if method in results.comparisons:
            line |= summarize_difference(results.comparisons[method])
        lines[method] = line
    return lines | {name: {"verdict": "not applicable"} for name in results.not_applicable}
