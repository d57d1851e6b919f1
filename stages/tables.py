"""Results as text: the Markdown report of one dataset and scenario, and its headline numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

from stages.statistics.verdict import Verdict

FDR = "share_rejected_fdr"

Json = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """Everything that was measured for one dataset and scenario."""

    dataset: str
    scenario: str
    counts: dict[str, dict[str, int]]
    """Images of each class before and after the scenario, wanted, in the reference set and in the test part."""
    scores: dict[str, list[Json]]
    """Classification scores per variant, one entry per seed."""
    verdicts: dict[str, Verdict]
    """Minority F1 of each variant against `imbalanced`."""
    comparisons: dict[str, Json]
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
            "Change: of the minority classes' F1 against `imbalanced`, mean over the seeds with its 95 % bootstrap",
            "interval. Verdict: two-sided sign-flip test over the seeds at 0.05.",
            *(f"`{name}` is not applicable here: {why}." for name, why in results.not_applicable.items()),
            "",
            *(differences(results) if results.comparisons else []),
        ]
    )


def differences(results: Results) -> list[str]:
    """Return the lines that say how synthetic images differ from real ones."""
    first = next(iter(results.comparisons.values()))
    facts = next(iter(first["backbones"].values()))
    draws = f"{facts['t_test']['n']} images against {facts['t_test']['n']}, {facts['t_test']['repeats']} draws"
    return [
        f"## How do they differ from real ones? ({draws})",
        "",
        difference_table(results),
        "",
        f"Means over {len(first['backbones'])} backbones with {facts['weights']} weights at "
        f"{facts['input_size']} px. t-test: share of features whose means differ",
        f"at a false discovery rate of {first['settings']['alpha']}, from real ones and within the synthetic set. "
        f"Effect: share with |Cohen's d|",
        f"above {first['settings']['effect_size']}. KL: in nats, from real to synthetic and back. "
        "Row `real`: what real images get among themselves.",
        "SSIM of random pairs of a class: lower is more diverse.",
        "",
        "## t-test per backbone",
        "",
        backbone_table(results),
        "",
    ]


def sizes_sentence(counts: dict[str, dict[str, int]]) -> str:
    """Say how many images the classes have that get synthetic ones."""
    rare = {name: count for name, count in counts.items() if count["wanted"]}
    parts = [f"'{name}' {count['train']} (+{count['wanted']} synthetic)" for name, count in list(rare.items())[:8]]
    more = f" and {len(rare) - 8} more" if len(rare) > 8 else ""
    largest = max(count["train"] for count in counts.values())
    return f"Training images of the largest class: {largest}; of those to be filled up: {', '.join(parts)}{more}."


def help_table(results: Results) -> str:
    """Return a row per variant: what retraining with it does to the classifier."""
    rows = []
    for variant, seeds in results.scores.items():
        verdict = results.verdicts.get(variant)
        change, interval, word = "", "", ""
        if verdict:
            low, high = verdict["interval"]
            change, interval, word = f"{verdict['mean_difference']:+.4f}", f"{low:+.4f} {high:+.4f}", verdict["verdict"]
        means = [spread([seed[key] for seed in seeds]) for key in ("minority_f1", "accuracy")]
        rows.append([variant, word, change, interval, *means, f"{fmean(seed['macro_f1'] for seed in seeds):.4f}"])
    rows += [[name, "not applicable", *[""] * 5] for name in results.not_applicable]
    header = ["trained on", "verdict", "change", "95 % interval", "minority F1", "accuracy", "macro F1"]
    return markdown_table(header, rows)


def difference_table(results: Results) -> str:
    """Return a row per generator, and one that says what real images would get."""
    header = ["images", "t-test", "within", "effect", "KL to", "KL from", "SSIM"]
    first = next(iter(results.comparisons.values()))
    floor = number(mean_of(first, "kl", "floor"), ".2f")
    within, effect = (percent(mean_of(first, "t_test", "within_real", key)) for key in (FDR, "share_effect"))
    rows = [["real", within, within, effect, floor, floor, number(first["ssim"]["real"]["mean"], ".3f")]]
    for name, comparison in results.comparisons.items():
        cells = [
            percent(mean_of(comparison, "t_test", "between", FDR)),
            percent(mean_of(comparison, "t_test", "within_synthetic", FDR)),
            percent(mean_of(comparison, "t_test", "between", "share_effect")),
            number(mean_of(comparison, "kl", "real_to_synthetic"), ".2f"),
            number(mean_of(comparison, "kl", "synthetic_to_real"), ".2f"),
            number(comparison["ssim"]["synthetic"]["mean"], ".3f"),
        ]
        rows.append([name, *cells])
    return markdown_table(header, rows)


def backbone_table(results: Results) -> str:
    """Return a row per backbone and a column per generator: share of differing features, raw and after FDR."""
    first = next(iter(results.comparisons.values()))
    rows = []
    for backbone in first["backbones"]:
        tests = [item["backbones"][backbone]["t_test"]["between"] for item in results.comparisons.values()]
        rows.append([backbone, *map(both_shares, [first["backbones"][backbone]["t_test"]["within_real"], *tests])])
    return markdown_table(["raw / FDR, %", "real", *results.comparisons], rows)


def both_shares(row: Json | None) -> str:
    """Return the share of rejected features in percent before and after the correction."""
    return "-" if row is None else " / ".join(f"{100 * row[key]['mean']:.1f}" for key in ("share_rejected", FDR))


def headline(results: Results) -> dict[str, Json]:
    """Return the few numbers per variant that are worth a column when runs are compared."""
    lines: dict[str, Json] = {}
    for variant, seeds in results.scores.items():
        line: Json = {"f1": rounded(fmean(seed["minority_f1"] for seed in seeds))}
        line["accuracy"] = rounded(fmean(seed["accuracy"] for seed in seeds))
        if variant in results.verdicts:
            line["gain"] = rounded(results.verdicts[variant]["mean_difference"])
            line["verdict"] = results.verdicts[variant]["verdict"]
        if variant in results.comparisons:
            comparison = results.comparisons[variant]
            line["differs"] = rounded(mean_of(comparison, "t_test", "between", FDR))
            line["kl"] = rounded(mean_of(comparison, "kl", "real_to_synthetic"))
            line["ssim"] = rounded(comparison["ssim"]["synthetic"]["mean"])
        lines[variant] = line
    return lines | {name: {"verdict": "not applicable"} for name in results.not_applicable}


def mean_of(comparison: Json, *keys: str) -> float | None:
    """Return the mean over the backbones of the number under `keys`, None where a backbone has none."""
    values = []
    for backbone in comparison["backbones"].values():
        value = backbone
        for key in keys:
            value = None if value is None else value[key]
        if value is None:
            return None
        values.append(value["mean"])
    return fmean(values)


def spread(values: Sequence[float]) -> str:
    """Return mean and standard deviation."""
    return f"{fmean(values):.4f} ± {stdev(values):.4f}"


def rounded(value: float | None) -> float | None:
    """Round to what a reader of differences between runs can use."""
    return None if value is None else round(value, 5)


def number(value: float | None, form: str) -> str:
    """Format a number that may be missing."""
    return "-" if value is None else format(value, form)


def percent(value: float | None) -> str:
    """Format a share that may be missing."""
    return "-" if value is None else f"{100 * value:.1f} %"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [header, rule, *rows]
    return "\n".join("| " + " | ".join(aligned(line, widths)) + " |" for line in lines)


def aligned(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Pad the cells of a line to the columns' widths."""
    return [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
