"""How synthetic images differ from real ones, as Markdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import geometric_mean

from counterweight.reporting.markdown import (
    Json,
    format_number,
    format_percent,
    mean_over_backbones,
    render_table,
    round_for_diff,
)

RAW, FDR = "fraction_rejected", "fraction_rejected_fdr"
OVERLAP = ("precision", "recall", "density", "coverage")
MOVED = ("real_decoded", "synthetic_decoded", "mean_shift", "optimal_map")


@dataclass(frozen=True)
class Comparison:
    """What was measured of one synthetic set: by its features, by the style classifier, in a latent space."""

    features: Json
    style: Json
    latent: Json


Comparisons = Mapping[str, Comparison]


def differences(comparisons: Comparisons) -> list[str]:
    """Return the lines that say how synthetic images differ from real ones."""
    first = next(iter(comparisons.values())).features
    facts = next(iter(first["backbones"].values()))
    draws = f"{facts['t_test']['n']} images against {facts['t_test']['n']}, {facts['t_test']['repeats']} draws"
    return [
        f"## How do they differ from real ones? ({draws})",
        "",
        difference_table(comparisons),
        "",
        f"{averaged(list(first['backbones']))} with {facts['weights']} weights at "
        f"{facts['input_size']} px. t-test: fraction of features whose means differ",
        f"at a false discovery rate of {first['settings']['alpha']}, from real ones and within the synthetic set. "
        f"Effect: fraction with |Cohen's d|",
        f"above {first['settings']['effect_size']}. KL: in nats, from real to synthetic and back. "
        "Row `real`: what real images get among themselves.",
        "SSIM of random pairs of a class: lower is more diverse.",
        "",
        distance_table(comparisons),
        "",
        "Means over the backbones. Frechet ratio: the distance, in units of that between halves of the real images,",
        "geometric mean. Precision and density: how much of the synthetic images lies among the real ones; recall and",
        "coverage: how much of the real ones is reached. Linear: area under the ROC curve of a linear classifier; 0.5:",
        "it cannot tell them apart.",
        f"Copies: fraction nearer to one of the {first['copies_of']} than all but "
        f"{first['settings']['copy_quantile']:.1%} of other real images are.",
        "",
        *style_lines(comparisons),
        *backbone_lines(comparisons),
        *latent_lines(comparisons),
    ]


def averaged(backbones: list[str]) -> str:
    """Say over what numbers are averaged."""
    return f"Of {backbones[0]}" if len(backbones) == 1 else f"Means over {len(backbones)} backbones"


def difference_table(comparisons: Comparisons) -> str:
    """Return a row per generator, and one that says what real images would get."""
    header = ["images", "t-test", "within", "effect", "KL to", "KL from", "SSIM"]
    first = next(iter(comparisons.values())).features
    baseline = format_number(mean_over_backbones(first, "kl", "baseline"), ".2f")
    within, effect = (
        format_percent(mean_over_backbones(first, "t_test", "within_real", key)) for key in (FDR, "fraction_effect")
    )
    rows = [["real", within, within, effect, baseline, baseline, format_number(first["ssim"]["real"]["mean"], ".3f")]]
    for name, comparison in comparisons.items():
        found = comparison.features
        cells = [
            format_percent(mean_over_backbones(found, "t_test", "between", FDR)),
            format_percent(mean_over_backbones(found, "t_test", "within_synthetic", FDR)),
            format_percent(mean_over_backbones(found, "t_test", "between", "fraction_effect")),
            format_number(mean_over_backbones(found, "kl", "real_to_synthetic"), ".2f"),
            format_number(mean_over_backbones(found, "kl", "synthetic_to_real"), ".2f"),
            format_number(found["ssim"]["synthetic"]["mean"], ".3f"),
        ]
        rows.append([name, *cells])
    return render_table(header, rows)


def distance_table(comparisons: Comparisons) -> str:
    """Return a row per generator of distances, overlaps and what a linear classifier can tell."""
    first = next(iter(comparisons.values())).features
    real = [format_number(mean_over_backbones(first, "overlap", "baseline", key), ".2f") for key in OVERLAP]
    unit = "-" if mean_over_backbones(first, "frechet", "baseline") is None else "1.0"
    chance = "-" if mean_over_backbones(first, "two_sample", "auc") is None else "0.50"
    rows = [["real", unit, *real, chance, format_percent(first["copies"]["real_fraction"])]]
    for name, comparison in comparisons.items():
        found = comparison.features
        cells = [format_number(mean_over_backbones(found, "overlap", "between", key), ".2f") for key in OVERLAP]
        linear = format_number(mean_over_backbones(found, "two_sample", "auc"), ".2f")
        copies = format_percent(found["copies"]["fraction"])
        rows.append([name, format_number(frechet_ratio(found), ".1f"), *cells, linear, copies])
    return render_table(["images", "Frechet ratio", *OVERLAP, "linear", "copies"], rows)


def frechet_ratio(found: Json) -> float | None:
    """Return the Frechet distance in units of its baseline, averaged over the backbones; None where one has none.

    The geometric mean: an untrained ResNet's distances are hundreds of its baseline where others' are a few.
    """
    pairs = [(item["frechet"]["between"], item["frechet"]["baseline"]) for item in found["backbones"].values()]
    if any(between is None or baseline is None or not baseline["mean"] > 0 for between, baseline in pairs):
        return None
    ratios = [between["mean"] / baseline["mean"] for between, baseline in pairs]
    return geometric_mean(ratios) if all(ratios) else 0.0


def style_lines(comparisons: Comparisons) -> list[str]:
    """Return the lines that say whether the style classifier can tell synthetic images from real ones."""
    known = {name: item.style for name, item in comparisons.items() if item.style["sizes"]}
    if not known:
        return []
    first = next(iter(known.values()))
    sizes = list(first["sizes"])
    rows = [[name, *(style_cell(found["sizes"].get(size)) for size in sizes)] for name, found in known.items()]
    return [
        f"## Can a small network tell them by their style? ({first['train']} images to train, {first['test']} to test)",
        "",
        render_table(["images", *(f"{size} px: area, average precision" for size in sizes)], rows),
        "",
        "Area under the ROC curve with its 95 % interval, and average precision, on images that the network has not",
        f"seen; means over {first['seeds']} seeds. 0.5: it cannot tell them. Figures show what it looks at.",
        "",
    ]


def style_cell(found: Json | None) -> str:
    """Return what one network found."""
    if found is None:
        return "-"
    low, high = found["interval"]
    return f"{found['auc']['mean']:.2f} ({low:.2f} {high:.2f}), {found['average_precision']['mean']:.2f}"


def backbone_lines(comparisons: Comparisons) -> list[str]:
    """Return a table of each backbone's t-tests within the sets, between them, and of its Frechet distance."""
    return [
        "## t-test per backbone: within each set",
        "",
        backbone_table(comparisons, "within_synthetic"),
        "",
        "## t-test per backbone: synthetic against real",
        "",
        backbone_table(comparisons, "between"),
        "",
        "## Frechet distance per backbone",
        "",
        frechet_table(comparisons),
        "",
    ]


def backbone_table(comparisons: Comparisons, kind: str) -> str:
    """Return a row per backbone and a column per generator: fraction of differing features, raw and after FDR.

    Tables 4.2 and 4.3 of the distributions thesis; its numbers are raw fractions.
    """
    first = next(iter(comparisons.values())).features["backbones"]
    rows = []
    for backbone in first:
        tests = [item.features["backbones"][backbone]["t_test"][kind] for item in comparisons.values()]
        rows.append([backbone, *map(both_fractions, [first[backbone]["t_test"]["within_real"], *tests])])
    return render_table(["raw / FDR, %", "real", *comparisons], rows)


def both_fractions(row: Json | None) -> str:
    """Return the fraction of rejected features in percent before and after the correction."""
    return "-" if row is None else " / ".join(f"{100 * row[key]['mean']:.1f}" for key in (RAW, FDR))


def frechet_table(comparisons: Comparisons) -> str:
    """Return a row per backbone and a column per generator: the distance in the features' own units."""
    first = next(iter(comparisons.values())).features["backbones"]
    rows = []
    for backbone in first:
        found = [item.features["backbones"][backbone]["frechet"]["between"] for item in comparisons.values()]
        distances = [first[backbone]["frechet"]["baseline"], *found]
        rows.append([backbone, *(format_number(each and each["mean"], ".4g") for each in distances)])
    return render_table(["backbone", "real", *comparisons], rows)


def latent_lines(comparisons: Comparisons) -> list[str]:
    """Return the lines on the latent space, and on what becomes of synthetic images that are moved there."""
    known = {name: item.latent for name, item in comparisons.items() if item.latent["reason"] is None}
    if not known:
        return []
    first = next(iter(known.values()))
    rows = [[name, *latent_cells(found)] for name, found in known.items()]
    moved = [
        [f"{name}, {kind.replace('_', ' ')}", *verification_cells(found["verification"][kind])]
        for name, found in known.items()
        for kind in MOVED
    ]
    header = ["images", "within real", "within", "between", "modes", "in the cube", "log10 density", "dimension"]
    return [
        f"## In the latent space of an autoencoder of both ({first['network']}, {first['latents']} latents, "
        f"{first['images']} images of either)",
        "",
        render_table(header, rows),
        "",
        "t-tests of latents: fraction whose means differ, raw / corrected, in %. Modes, five at most:",
        "of real images, synthetic ones, and both. In the cube: fraction of synthetic images whose latents all lie",
        "between -1.5 and 1.5; density: of these per unit of volume. Dimension: the effective one, real / synthetic.",
        "",
        "Synthetic images moved to the mean of the real ones, or to their mean and covariance, and decoded:",
        "",
        render_table(["images, decoded from", "t-test", "KL", "Frechet ratio", "recall", "linear", "style"], moved),
        "",
        f"As above, against real images, by {', '.join(first['settings']['backbones'])}; KL from real ones. Style:",
        "area under the ROC curve of the style classifier with its interval. `real decoded` is the best that can be",
        "had: real images that went through the autoencoder. Figures show the images.",
        "",
    ]


def latent_cells(found: Json) -> list[str]:
    """Return what is told of one latent space."""
    tests, real, own = found["t_test"], found["density"]["real"], found["density"]["synthetic"]
    return [
        *(both_fractions(tests[kind]) for kind in ("within_real", "within_synthetic", "between")),
        " ".join(str(count) for count in found["modes"].values()),
        format_percent(own["fraction_inside"]),
        format_number(own["log10_per_unit_volume"], ".1f"),
        f"{real['effective_dimension']:.1f} / {own['effective_dimension']:.1f}",
    ]


def verification_cells(found: Json) -> list[str]:
    """Return what is told of a set that was decoded."""
    return [
        format_percent(mean_over_backbones(found, "t_test", "between", FDR)),
        format_number(mean_over_backbones(found, "kl", "real_to_synthetic"), ".2f"),
        format_number(frechet_ratio(found), ".1f"),
        format_number(mean_over_backbones(found, "overlap", "between", "recall"), ".2f"),
        format_number(mean_over_backbones(found, "two_sample", "auc"), ".2f"),
        style_cell(found["style"]).split(",")[0],
    ]


def difference(comparison: Comparison) -> Json:
    """Return the few numbers of a comparison that are worth a column when runs are compared."""
    found, sizes = comparison.features, comparison.style["sizes"]
    return {
        "differs": round_for_diff(mean_over_backbones(found, "t_test", "between", FDR)),
        "kl": round_for_diff(mean_over_backbones(found, "kl", "real_to_synthetic")),
        "ssim": round_for_diff(found["ssim"]["synthetic"]["mean"]),
        "frechet": round_for_diff(frechet_ratio(found)),
        "recall": round_for_diff(mean_over_backbones(found, "overlap", "between", "recall")),
        "linear_auc": round_for_diff(mean_over_backbones(found, "two_sample", "auc")),
        "style_auc": round_for_diff(max(size["auc"]["mean"] for size in sizes.values())) if sizes else None,
    }
