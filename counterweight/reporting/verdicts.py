"""What all measurements of one synthetic set amount to, in a sentence."""

import math
from collections.abc import Mapping
from statistics import fmean

from scipy import special

from counterweight.reporting.besides import describe_besides, introduce_judgement
from counterweight.reporting.columns import get_mean
from counterweight.reporting.results import Comparison, Comparisons
from counterweight.results.compare import BackboneResult, CompareResult, Copies
from counterweight.results.discriminate import StyleResult

HEADLINE_LEVEL, OTHERS_LEVEL, STYLE_LEVEL, COPY_LEVEL = 0.02, 0.01, 0.01, 0.01
"""What each kind of alarm may raise by chance: 0.05 in all, whichever of them were measured. So a part that is measured
later can add a reason, and takes none back."""
COPIES = 5  # times the fraction of real images that are as near, if that can be no accident
MARGIN = 0.05  # of the features whose means differ, beyond what halves of the real images show
REACHED = 0.5  # of the fraction of real images that other real images reach
ALPHA = 0.05  # of what is said of features of which an alarm says that they differ
TWINS = (
    " A linear classifier takes each set for the other, as where images are made of the very images that they are "
    "compared with; all else then tells too little. Give both sets as many images, in the same order."
)
REAL = "real images"
"""What copies are of, where the images are not known that a generator was trained on."""
FEWEST = 10  # images a half: of fewer, nothing that was not found can be said to be small
NAMED = 3  # backbones that a sentence names at most
SIZED = ("ttest", "exchange")
FDR = "fraction_rejected_fdr"

LARGE = 0.8
"""Difference of means, in standard deviations, that counts as large (Cohen 1988, Statistical Power Analysis)."""

Backbones = Mapping[str, BackboneResult]


def verdict(name: str, comparison: Comparison) -> str:
    """Say whether synthetic images differ from real ones, and by what, and whether that can be believed.

    Copies are the first thing that is said, whatever else is found, then what both sets differ in besides pictures.
    Where they were made the same in that, the judgement is of these, and the one of the sets as they are stands beside.
    """
    plain = comparison.as_they_are
    copies = describe_copies(comparison.plain.features) or describe_hidden_copies(comparison)
    first = copies + describe_besides(comparison)
    judged = introduce_judgement(comparison) + judge(name, comparison) + describe_doubts(comparison.features)
    if plain is None:
        return first + judged
    as_they_are = judge(name, plain) + describe_doubts(plain.features)
    return f"{first}{judged} As they are: {as_they_are}"


def describe_doubts(found: CompareResult) -> str:
    """Return sentences on what makes a judgement of features doubtful, if anything does."""
    warning = TWINS if are_exchanged(list_judged(found)) else ""
    return describe_narrow_headline(found) + warning


def describe_copies(found: CompareResult) -> str:
    """Return sentences on images that are the same as a real one, and on others that are nearly so, if there are any.

    Where training images are known, the latter are a reason among others: their own likeness is what is looked at.
    """
    said = describe_exact_copies(found.copies, found.copies_of)
    if found.copies_of != REAL:
        return said
    return said + describe_near_copies(found.copies) + describe_repeats(found.copies)


def describe_near_copies(found: Copies) -> str:
    """Return a sentence on images that are nearly the same as a real one, whatever real ones are of one another."""
    near = count_near_copies(found)
    if near == 0:
        return ""
    what = "is a near copy of one" if near == 1 else "are near copies"
    return f"{near} of {found.n} images {what} of the {REAL}. "


def describe_repeats(found: Copies) -> str:
    """Return sentences on images of either side that are the same as another one of it, or nearly so."""
    counts = {REAL: found.twins, "synthetic images": found.repeats}
    return "".join(
        f"{count} of the {side} {'is a copy or near copy' if count == 1 else 'are copies or near copies'} of another "
        "one. "
        for side, count in counts.items()
        if count
    )


def describe_narrow_headline(found: CompareResult) -> str:
    """Return a sentence on the space of the headline if it fills too few dimensions to tell anything."""
    reason = found.backbones[found.headline].left_out if found.headline in found.backbones else None
    return f" Little can be seen in {found.headline}: {reason}." if reason else ""


def count_near_copies(found: Copies) -> int:
    """Return how many images are nearly the same as a real one, or are so near that this can be no accident."""
    if not are_copied(found, own_twins=False):
        return found.near
    return round((found.fraction or 0) * found.n) - (found.exact or 0)


def describe_hidden_copies(comparison: Comparison) -> str:
    """Return a sentence on copies that are seen once both sets are made the same; nothing where they were not."""
    found = comparison.features.copies
    count = count_near_copies(found) + (found.exact or 0)
    if comparison.as_they_are is None or count == 0:
        return ""
    what = "is a copy of one" if count == 1 else "are copies"
    return f"{count} of {found.n} images {what} of the {REAL} once both are made the same. "


def describe_exact_copies(found: Copies, copies_of: str) -> str:
    """Return a sentence on images that are the same as a real one, if there are any."""
    if found.exact == 0:
        return ""
    what = "is an exact copy of one" if found.exact == 1 else "are exact copies"
    return f"{found.exact} of {found.n} images {what} of the {copies_of}. "


def judge(name: str, comparison: Comparison) -> str:
    """Say whether synthetic images differ from real ones, and by what; reasons come in the order of their weight."""
    features = comparison.features
    reasons = [] if comparison.style is None else style_reasons(comparison.style)
    judged = list_judged(features)
    reasons += feature_reasons(find_different(judged, features.headline), len(judged))
    reasons += copy_reasons(features.copies, features.copies_of)
    if reasons:
        return f"`{name}` differs from real images: {'; '.join(reasons)}."
    # Of images in groups the test looks at one of each.
    sizes = {key: min(each.statistics[which].n for which in SIZED) for key, each in features.backbones.items()}
    if min(sizes.values()) < FEWEST:
        return f"`{name}`: too few images to say whether they differ from real ones."
    size = sizes[features.headline]
    return f"`{name}`: no difference was found, of {size} images a half; smaller ones than these can show may be there."


def list_judged(found: CompareResult) -> dict[str, BackboneResult]:
    """Return the backbones that a verdict goes by: the one whose numbers are shown, and all that count in means."""
    return {name: each for name, each in found.backbones.items() if name == found.headline or each.left_out is None}


def find_different(backbones: Backbones, headline: str) -> dict[str, BackboneResult]:
    """Return the backbones whose features differ: the headline's at its own level, the others' at one they share."""
    level = {name: OTHERS_LEVEL / max(1, len(backbones) - 1) for name in backbones} | {headline: HEADLINE_LEVEL}
    tests = find_first(backbones, "exchange")
    return {name: backbones[name] for name, test in tests.items() if test["p_value"] <= level[name]}


def find_first(backbones: Backbones, statistic: str) -> dict[str, dict[str, float]]:
    """Return of each backbone that has a value of a statistic the first draw's numbers."""
    found = {name: backbone.statistics[statistic].first for name, backbone in backbones.items()}
    return {name: first for name, first in found.items() if first is not None}


def are_exchanged(backbones: Backbones) -> bool:
    """Say whether a linear classifier of some backbone calls synthetic what is real: it was trained on originals."""
    level = ALPHA / len(backbones)  # Bonferroni: one test for each backbone.
    tests = find_first(backbones, "c2st").values()
    return any(test["p_value"] < level and test["auc"] < 0.5 for test in tests)


def copy_reasons(found: Copies, copies_of: str) -> list[str]:
    """Say so if copies are several times as frequent among synthetic images as they could be among real ones."""
    return [f"{found.fraction:.0%} of the images are likely copies of {copies_of}"] if are_copied(found, True) else []


def are_copied(found: Copies, own_twins: bool) -> bool:
    """Say whether copies are several times as frequent among synthetic images as they could be among real ones.

    That is the upper end of the 95 % interval (Clopper and Pearson) of the fraction of real images that are as near: of
    few real images it is large, since the nearest of them is near by chance. Fisher's exact test beside it, one-sided.

    Args:
        own_twins: whether the real images that were left aside as copies of other real ones count among the near ones.
    """
    if found.fraction is None or found.real_fraction is None:
        return False
    # Back to the counts that tests need: of images in groups those that as many independent ones would give.
    count = round(found.effective.get("synthetic", found.n))
    share = found.effective.get("real", found.n_real) / found.n_real
    twins = found.twins if own_twins else 0
    near, near_real = round(found.fraction * count), round((found.real_fraction * found.n_real + twins) * share)
    real = round((found.n_real + twins) * share)
    if found.fraction <= COPIES * clopper_pearson_high(near_real, real):
        return False
    from scipy.stats import fisher_exact  # takes a second, and few tables get as far

    table = [[near, count - near], [near_real, real - near_real]]
    return bool(fisher_exact(table, alternative="greater").pvalue < COPY_LEVEL)


def clopper_pearson_high(hits: int, trials: int) -> float:
    """Return the upper end of the 95 % interval of a fraction of which `hits` of `trials` are known.

    Clopper and Pearson 1934, https://doi.org/10.1093/biomet/26.4.404, by quantiles of the Beta distribution.
    """
    return 1.0 if hits == trials else float(special.betaincinv(hits + 1, trials - hits, 0.975))


def style_reasons(style: StyleResult) -> list[str]:
    """Say so if the style classifier tells the images apart at some size, at a level that all sizes share."""
    level = STYLE_LEVEL / max(1, len(style.sizes))
    seen = [(found.auc.mean, size) for size, found in style.sizes.items() if found.p_value <= level]
    area, size = max(seen, default=(0.5, ""))
    return [f"a small network tells real from synthetic at {size} px (area {area:.2f})"] if area > 0.5 else []


def feature_reasons(different: Backbones, judged: int) -> list[str]:
    """Say in what the features of backbones differ that do: for a linear classifier, in means, in what they reach.

    Args:
        judged: backbones that were looked at; of more than `NAMED` that differ their number is said.
    """
    if not different:
        return []
    least = min(test["p_value"] for test in find_first(different, "exchange").values())
    named = ", ".join(different) if len(different) <= NAMED else f"{len(different)} of {judged} networks"
    verb = "sees" if len(different) == 1 else "see"
    which = f"the features that {named} {verb} differ (p = {least:.4f})"
    return [which, *linear_reasons(different), *mean_reasons(different), *coverage_reasons(different)]


def linear_reasons(backbones: Backbones) -> list[str]:
    """Say so if a linear classifier tells the features of some of these backbones apart."""
    tests = find_first(backbones, "c2st")
    apart = [name for name, test in tests.items() if test["p_value"] < ALPHA and test["auc"] > 0.5]
    areas = [get_mean(backbones[name].statistics["c2st"], "between", "auc") for name in apart]
    if not apart:
        return []
    mean = fmean(area for area in areas if area is not None)
    where = "" if len(apart) == len(backbones) else f" in {len(apart)} of these {len(backbones)} networks"
    return [f"a linear classifier of those features tells real from synthetic{where} (mean area {mean:.2f})"]


def mean_reasons(backbones: Backbones) -> list[str]:
    """Say so if the means of more features differ than between halves of the real images, of those that differ."""
    tests = [backbone.statistics["ttest"] for backbone in backbones.values()]
    pairs = [(get_mean(test, "between", FDR), get_mean(test, "baseline", FDR)) for test in tests]
    known = [(between, baseline) for between, baseline in pairs if between is not None and baseline is not None]
    if known and fmean(between - baseline for between, baseline in known) > MARGIN:
        return [f"{fmean(between for between, _ in known):.0%} of those features have other means"]
    return []


def coverage_reasons(backbones: Backbones) -> list[str]:
    """Say so if synthetic images reach much less than what other real images reach, in spaces that differ."""
    overlaps = [backbone.statistics["prdc"] for backbone in backbones.values()]
    pairs = [(get_mean(own, "between", "coverage"), get_mean(own, "baseline", "coverage")) for own in overlaps]
    # A baseline of 0 leaves nothing to reach.
    reached = [between / baseline for between, baseline in pairs if between is not None and baseline]
    return (
        [f"they come near to {fmean(reached):.0%} of the real images that other real images come near to"]
        if reached and fmean(reached) < REACHED
        else []
    )


def describe_reach(comparisons: Comparisons) -> str:
    """Say how small a difference so few images can show: of small sets a report says that first.

    A t-test at 0.05 of n against n images sees a difference of d standard deviations in four of five cases if
    d is (1.96 + 0.84) sqrt(2 / n).
    """
    tests = [own.statistics["ttest"] for found in comparisons.values() for own in found.features.backbones.values()]
    images = min((test.n for test in tests), default=0)
    if images == 0:
        return ""
    seen = -float(special.ndtri(0.025) + special.ndtri(0.2)) * math.sqrt(2 / images)
    half = f"{images} image{'s' if images > 1 else ''} a half"
    sees = f"a test of one feature sees a difference of means of {seen:.1f} standard deviations in four of five cases"
    if seen > LARGE:
        return f"Nothing can be said of small differences: with {half} {sees}."
    return f"With {half} {sees}; smaller ones may be there."
