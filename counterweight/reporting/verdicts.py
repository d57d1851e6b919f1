"""What all measurements of one synthetic set amount to, in a sentence."""

from collections.abc import Mapping
from statistics import fmean

from scipy.stats import binomtest, fisher_exact

from counterweight.reporting.columns import get_mean
from counterweight.reporting.results import Comparison
from counterweight.results.compare import BackboneResult, CompareResult, Copies
from counterweight.results.discriminate import StyleResult

MARGIN = 0.05  # of the features whose means differ, beyond what halves of the real images show
COPIES = 5  # times the fraction of real images that are as near, if that can be no accident
REACHED = 0.5  # of the fraction of real images that other real images reach
ALPHA = 0.05
TWINS = (
    " A linear classifier takes each set for the other, as where images are made of the very images that they are "
    "compared with; all else then tells too little. Give both sets as many images, in the same order."
)
COPY_LEVEL = 0.01
FEWEST = 10  # images a half: of fewer, nothing that was not found can be said to be small
FDR = "fraction_rejected_fdr"

Backbones = Mapping[str, BackboneResult]


def verdict(name: str, comparison: Comparison) -> str:
    """Say whether synthetic images differ from real ones, and by what, and whether that can be believed."""
    warning = TWINS if are_exchanged(list_judged(comparison.features)) else ""
    return judge(name, comparison) + warning


def judge(name: str, comparison: Comparison) -> str:
    """Say whether synthetic images differ from real ones, and by what; reasons come in the order of their weight."""
    reasons = [*style_reasons(comparison.style), *feature_reasons(list_judged(comparison.features))]
    reasons += copy_reasons(comparison.features.copies, comparison.features.copies_of)
    if reasons:
        return f"`{name}` differs from real images: {'; '.join(reasons)}."
    size = min(backbone.statistics["ttest"].n for backbone in comparison.features.backbones.values())
    if size < FEWEST:
        return f"`{name}`: too few images to say whether they differ from real ones."
    return f"`{name}`: no difference was found, of {size} images a half; smaller ones than these can show may be there."


def list_judged(found: CompareResult) -> dict[str, BackboneResult]:
    """Return the backbones that a verdict goes by: the one whose numbers are shown, and all that count in means."""
    return {name: each for name, each in found.backbones.items() if name == found.headline or each.left_out is None}


def find_linear_tests(backbones: Backbones) -> dict[str, dict[str, float]]:
    """Return of each backbone's linear classifier that has one the first draw's area and p-value."""
    found = {name: backbone.statistics["c2st"].first for name, backbone in backbones.items()}
    return {name: first for name, first in found.items() if first is not None}


def are_exchanged(backbones: Backbones) -> bool:
    """Say whether a linear classifier of some backbone calls synthetic what is real: it was trained on originals."""
    level = ALPHA / len(backbones)  # Bonferroni: one test for each backbone.
    return any(test["p_value"] < level and test["auc"] < 0.5 for test in find_linear_tests(backbones).values())


def copy_reasons(found: Copies, copies_of: str) -> list[str]:
    """Say so if copies are several times as frequent among synthetic images as they could be among real ones.

    That is the upper end of the 95 % interval (Clopper and Pearson) of the fraction of real images that are as near: of
    few real images it is large, since the nearest of them is near by chance. Fisher's exact test beside it, one-sided.
    """
    if found.fraction is None or found.real_fraction is None:
        return []
    # Back to the counts that tests need.
    near, near_real = round(found.fraction * found.n), round(found.real_fraction * found.n_real)
    table = [[near, found.n - near], [near_real, found.n_real - near_real]]
    most = binomtest(near_real, found.n_real).proportion_ci().high
    if found.fraction > COPIES * most and fisher_exact(table, alternative="greater").pvalue < COPY_LEVEL:
        return [f"{found.fraction:.0%} of them are likely copies of {copies_of}"]
    return []


def style_reasons(style: StyleResult) -> list[str]:
    """Say so if the style classifier tells the images apart at some size."""
    # The interval's lower end: chance is ruled out.
    seen = [(found.auc.mean, size) for size, found in style.sizes.items() if found.interval[0] > 0.5]
    return [f"a small network tells them apart at {max(seen)[1]} px (area {max(seen)[0]:.2f})"] if seen else []


def feature_reasons(backbones: Backbones) -> list[str]:
    """Say in what the features differ: for a linear classifier, in their means, in what they reach."""
    return [*linear_reasons(backbones), *mean_reasons(backbones), *coverage_reasons(backbones)]


def linear_reasons(backbones: Backbones) -> list[str]:
    """Say so if a linear classifier tells some backbone's features apart, at a level corrected for their number."""
    level = ALPHA / len(backbones)
    apart = [
        name for name, test in find_linear_tests(backbones).items() if test["p_value"] < level and test["auc"] > 0.5
    ]
    if not apart:
        return []
    areas = [get_mean(backbones[name].statistics["c2st"], "between", "auc") for name in apart]
    mean = fmean(area for area in areas if area is not None)
    which = f"{len(apart)} of {len(backbones)} backbones"
    return [f"a linear classifier tells the features of {which} apart (mean area {mean:.2f})"]


def mean_reasons(backbones: Backbones) -> list[str]:
    """Say so if the means of more features differ than between halves of the real images."""
    tests = [backbone.statistics["ttest"] for backbone in backbones.values()]
    pairs = [(get_mean(test, "between", FDR), get_mean(test, "baseline", FDR)) for test in tests]
    known = [(between, baseline) for between, baseline in pairs if between is not None and baseline is not None]
    if known and fmean(between - baseline for between, baseline in known) > MARGIN:
        return [f"the means of {fmean(between for between, _ in known):.0%} of their features differ"]
    return []


def coverage_reasons(backbones: Backbones) -> list[str]:
    """Say so if they reach much less than what other real images reach."""
    overlaps = [backbone.statistics["prdc"] for backbone in backbones.values()]
    pairs = [(get_mean(own, "between", "coverage"), get_mean(own, "baseline", "coverage")) for own in overlaps]
    # A baseline of 0 leaves nothing to reach.
    reached = [between / baseline for between, baseline in pairs if between is not None and baseline]
    return (
        [f"they reach {fmean(reached):.0%} of what other real images reach"]
        if reached and fmean(reached) < REACHED
        else []
    )
