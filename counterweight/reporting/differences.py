"""How synthetic images differ from real ones: tables, and the few numbers that runs are compared by."""

from collections.abc import Sequence

from counterweight.reporting.columns import (
    average,
    average_ratio,
    format_real,
    format_synthetic,
    list_counted,
    list_others,
)
from counterweight.reporting.markdown import (
    Grid,
    format_number,
    format_percent,
    render,
    round_for_diff,
)
from counterweight.reporting.results import Comparison, Comparisons
from counterweight.reporting.verdicts import FDR
from counterweight.results.compare import (
    BackboneResult,
    CompareResult,
    InceptionScore,
    Row,
    Sharpness,
    Side,
    Similarity,
)
from counterweight.results.discriminate import SizeResult
from counterweight.results.latent import LatentResult, MovedResult

RAW = "fraction_rejected"
SAMPLED = "kid"
"""A statistic that sees a sample of a large set; see `Statistic.streams`."""
SHORT = ("t-test", "coverage", "linear")
MOVED = ("real_decoded", "synthetic_decoded", "mean_shift", "optimal_map")

Number = float | str | None


def render_differences(comparisons: Comparisons) -> str:
    """Return how synthetic images differ from real ones, in detail."""
    return render("differences.md.jinja", tabulate_differences(comparisons))


def render_section(name: str, comparisons: Comparisons) -> str:
    """Return one of its sections: `other_spaces`, `style` or `latent`."""
    return render(f"{name}.md.jinja", tabulate_differences(comparisons))


def describe_space(found: CompareResult) -> str:
    """Say what the headline's feature space is."""
    own = found.backbones[found.headline]
    return f"{own.backbone}, {own.weights} weights, {own.input_size} px"


def describe_halves(found: CompareResult) -> str:
    """Say of how many images the numbers of all feature spaces are, and over how many draws of these."""
    own = found.backbones[found.headline]
    test, sample = own.statistics["ttest"], describe_sample(own)
    halves = f"{test.n} images against {test.n}, {test.draws} draws of halves"
    return f"{halves} ({sample})" if sample else halves


def tabulate_differences(comparisons: Comparisons) -> dict[str, object]:
    """Return what the template and its sections are filled in with."""
    first = next(iter(comparisons.values())).features
    headline = first.backbones[first.headline]
    others = list_others(first)
    styles = {name: item.style for name, item in comparisons.items() if item.style is not None and item.style.sizes}
    latents = {
        name: item.latent
        for name, item in comparisons.items()
        if item.latent is not None and item.latent.reason is None
    }
    return {
        "headline": headline,
        "test": headline.statistics["ttest"],
        "sampled": describe_sample(headline),
        "dependence": describe_dependence(headline),
        "features": first,
        "columns": first.columns,
        "tables": tabulate_statistics(comparisons),
        "others": [backbone.backbone for backbone in others],
        "other_tables": tabulate_others(comparisons) if others else Grid([], []),
        "spaces": tabulate_spaces(first),
        "left_out": [each for each in first.backbones.values() if each.left_out is not None],
        "style": next(iter(styles.values()), None),
        "style_table": tabulate_styles(comparisons),
        "within": tabulate_backbones(comparisons, "within"),
        "between": tabulate_backbones(comparisons, "between"),
        "frechet": tabulate_frechet(comparisons),
        "inception": tabulate_inception(comparisons),
        "latent": next(iter(latents.values()), None),
        "latent_table": tabulate_latents(latents),
        "moved_table": tabulate_moved(latents),
    }


def describe_sample(found: BackboneResult) -> str | None:
    """Say which statistics are of fewer images than the t-test; None: none is, for want of images."""
    most, fewer = found.statistics["ttest"].n, found.statistics[SAMPLED].n
    return f"all but t-test and Frechet distance: {fewer} against {fewer}" if fewer < most else None


def describe_dependence(found: BackboneResult) -> str:
    """Say what is to be known of t-tests where images come in groups; nothing where they do not."""
    effects = found.design_effects
    if not any(f"{effect:.1f}" != "1.0" for effect in effects.values()):
        return ""  # A few images that are there twice change nothing that can be said.
    sides = " and ".join(f"of {side} images {effect:.1f} times as much" for side, effect in effects.items())
    return (
        f"Images come in groups: the mean of a feature varies, {sides} as of independent images (the design effect, a "
        "median over features). T-tests take images for independent, and reject more; so do they between halves of the "
        "real images, of whole groups, in row `real`. The permutation test takes one image of each group; a linear and "
        "the style classifier, and errors of means, count by groups."
    )


def tabulate_statistics(comparisons: Comparisons) -> Grid:
    """Return tables with a row per generator, one that says what real images would get, and a column per number.

    Of the features of one backbone, and of pixels.
    """
    first = next(iter(comparisons.values())).features
    header = ["images", *(column.header for column in first.columns), "SSIM", "sharpness", "copies"]
    own = [first.backbones[first.headline]]
    copied = format_percent(first.copies.real_fraction)
    rows = [["real", *(format_real(column, own) for column in first.columns), *format_pixels(first, "real"), copied]]
    for name, comparison in comparisons.items():
        found = comparison.features
        cells = [format_synthetic(column, [found.backbones[found.headline]]) for column in first.columns]
        rows.append([name, *cells, *format_pixels(found, "synthetic"), format_percent(found.copies.fraction)])
    return Grid(header, rows)


def tabulate_shortly(comparisons: Comparisons) -> Grid:
    """Return a row per generator with the few numbers that a first look needs, below what real images would get."""
    if not comparisons:
        return Grid([], [])
    first = next(iter(comparisons.values())).features
    columns = [column for column in first.columns if column.header in SHORT]
    own, copied = [first.backbones[first.headline]], format_percent(first.copies.real_fraction)
    rows = [["real", *(format_real(column, own) for column in columns), "0.50", copied]]
    for name, comparison in comparisons.items():
        found = comparison.features
        cells = [format_synthetic(column, [found.backbones[found.headline]]) for column in columns]
        sizes = comparison.style.sizes.values() if comparison.style else ()
        style = max(sizes, key=lambda size: size.auc.mean, default=None)
        rows.append([name, *cells, format_area(style), format_percent(found.copies.fraction)])
    return Grid(["images", *(column.header for column in columns), "style", "copies"], rows)


def format_pixels(found: CompareResult, side: Side) -> list[str]:
    """Return the cells of a side's similarity and sharpness."""
    return [format_similarity(find_similarity(found, side)), format_sharpness(found.sharpness[side])]


def find_similarity(found: CompareResult, side: Side) -> Similarity | None:
    """Return the structural similarity of the range of pixels that the settings name."""
    similarity: Similarity | None = getattr(found.ssim[side], found.settings["ssim_range"])
    return similarity


def format_similarity(found: Similarity | None) -> str:
    """Return a mean with its standard error."""
    return "-" if found is None else f"{found.mean:.3f} ± {format_number(found.error, '.3f')}"


def format_sharpness(found: Sharpness) -> str:
    """Return a mean with its standard error, in whole squared levels."""
    return "-" if found.mean is None else f"{found.mean:,.0f} ± {format_number(found.error, ',.0f')}"


def tabulate_others(comparisons: Comparisons) -> Grid:
    """Return the same tables of the means over the other backbones that count."""
    first = next(iter(comparisons.values())).features
    rows = [["real", *(format_real(column, list_others(first)) for column in first.columns)]]
    for name, comparison in comparisons.items():
        own = list_others(comparison.features)
        rows.append([name, *(format_synthetic(column, own) for column in first.columns)])
    return Grid(["images", *(column.header for column in first.columns)], rows)


def tabulate_spaces(found: CompareResult) -> Grid:
    """Return a row per backbone: what its features are, and how many dimensions the real images fill."""
    rows = [
        [name, each.layer, each.weights, f"{each.input_size} px", str(each.features), f"{each.effective_dimension:.1f}"]
        for name, each in found.backbones.items()
    ]
    return Grid(["backbone", "layer", "weights", "images", "features", "effective"], rows)


def tabulate_styles(comparisons: Comparisons) -> Grid:
    """Return what the style classifier found at each size."""
    known = {name: item.style for name, item in comparisons.items() if item.style is not None and item.style.sizes}
    if not known:
        return Grid([], [])
    sizes = list(next(iter(known.values())).sizes)
    rows = [[name, *(format_style(found.sizes.get(size)) for size in sizes)] for name, found in known.items()]
    return Grid(["images", *(f"{size} px: area, average precision" for size in sizes)], rows)


def format_style(found: SizeResult | None) -> str:
    """Return what one network found: area with its interval, and average precision."""
    return "-" if found is None else f"{format_area(found)}, {found.average_precision.mean:.2f}"


def format_area(found: SizeResult | None) -> str:
    """Return an area under the ROC curve with its interval."""
    return "-" if found is None else f"{found.auc.mean:.2f} ({found.interval[0]:.2f} {found.interval[1]:.2f})"


def tabulate_backbones(comparisons: Comparisons, row: str) -> Grid:
    """Return a row per backbone and a column per generator: fraction of differing features, raw and after FDR.

    Tables 4.2 and 4.3 of the distributions thesis; its numbers are raw fractions.
    """
    first = next(iter(comparisons.values())).features.backbones
    rows = []
    for name, backbone in first.items():
        tests = [getattr(item.features.backbones[name].statistics["ttest"], row) for item in comparisons.values()]
        rows.append([name, *map(format_fractions, [backbone.statistics["ttest"].baseline, *tests])])
    return Grid(["raw / FDR, %", "real", *comparisons], rows)


def format_fractions(row: Row | None) -> str:
    """Return the fraction of rejected features in percent before and after the correction."""
    return "-" if row is None else " / ".join(f"{100 * row[key].mean:.1f}" for key in (RAW, FDR))


def tabulate_frechet(comparisons: Comparisons) -> Grid:
    """Return a row per backbone and a column per generator: the distance in the features' own units."""
    first = next(iter(comparisons.values())).features.backbones
    rows = []
    for name, backbone in first.items():
        own = [item.features.backbones[name].statistics["frechet"].between for item in comparisons.values()]
        found = [backbone.statistics["frechet"].baseline, *own]
        rows.append([name, *("-" if row is None else f"{row['distance'].mean:.4g}" for row in found)])
    return Grid(["backbone", "real", *comparisons], rows)


def tabulate_inception(comparisons: Comparisons) -> Grid:
    """Return the Inception Scores, a row per generator and one of as many real images; none where nothing has them."""
    found = {}
    for name, comparison in comparisons.items():
        for backbone in comparison.features.backbones.values():
            if backbone.inception_score is not None:
                found[name] = backbone.inception_score
    rows = [[name, *(format_score(scores[side]) for side in ("synthetic", "real"))] for name, scores in found.items()]
    return Grid(["images", "Inception Score", "of as many real ones"], rows)


def format_score(found: InceptionScore) -> str:
    """Return a mean with its deviation over splits."""
    return "-" if found.mean is None else f"{found.mean:.2f} ± {format_number(found.std, '.2f')}"


def tabulate_latents(latents: dict[str, LatentResult]) -> Grid:
    """Return a row per generator on where its images lie in the latent space."""
    header = ["images", "within real", "within", "between", "modes", "in the cube", "log10 density", "dimension"]
    return Grid(header, [[name, *latent_cells(found)] for name, found in latents.items()])


def latent_cells(found: LatentResult) -> list[str]:
    """Return what is said of one latent space."""
    assert found.t_test is not None, "a latent space without a reason has all its numbers"
    assert found.density is not None
    assert found.modes is not None
    tests, real, own = found.t_test, found.density["real"], found.density["synthetic"]
    return [
        *(format_fractions(row) for row in (tests.baseline, tests.within, tests.between)),
        " ".join(str(count) for count in found.modes.values()),
        format_percent(own.fraction_inside),
        format_number(own.log10_per_unit_volume, ".1f"),
        f"{real.effective_dimension:.1f} / {own.effective_dimension:.1f}",
    ]


def tabulate_moved(latents: dict[str, LatentResult]) -> Grid:
    """Return a row for each generator and way of moving its images."""
    rows = [
        [f"{name}, {kind.replace('_', ' ')}", *moved_cells(found.verification[kind])]
        for name, found in latents.items()
        if found.verification is not None
        for kind in MOVED
    ]
    header = ["images, decoded from", "t-test", "KL to", "Frechet ratio", "recall", "linear", "style"]
    return Grid(header, rows)


def moved_cells(found: MovedResult) -> list[str]:
    """Return what is said of a set that was decoded."""
    backbones = list_counted(found.backbones)
    return [
        format_percent(average(backbones, "ttest", "between", FDR)),
        format_number(average(backbones, "gaussian_kl", "between", "a_to_b"), ".2f"),
        format_number(find_frechet_ratio(backbones), ".1f"),
        format_number(average(backbones, "prdc", "between", "recall"), ".2f"),
        format_number(average(backbones, "c2st", "between", "auc"), ".2f"),
        format_area(found.style),
    ]


def find_frechet_ratio(backbones: Sequence[BackboneResult]) -> float | None:
    """Return the Frechet distance in units of its baseline."""
    return average_ratio([backbone.statistics["frechet"] for backbone in backbones], "distance")


def summarize_difference(comparison: Comparison) -> dict[str, Number]:
    """Return the few numbers of a comparison that are worth a column when runs are compared."""
    found, sizes = comparison.features, comparison.style.sizes if comparison.style else {}
    backbones, similarity = [found.backbones[found.headline]], find_similarity(found, "synthetic")
    return {
        "differs": round_for_diff(average(backbones, "ttest", "between", FDR)),
        "kl": round_for_diff(average(backbones, "gaussian_kl", "between", "a_to_b")),
        "ssim": round_for_diff(similarity.mean if similarity else None),
        "frechet": round_for_diff(find_frechet_ratio(backbones)),
        "recall": round_for_diff(average(backbones, "prdc", "between", "recall")),
        "linear_auc": round_for_diff(average(backbones, "c2st", "between", "auc")),
        "style_auc": round_for_diff(max(size.auc.mean for size in sizes.values())) if sizes else None,
    }
