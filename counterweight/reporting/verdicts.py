"""What all measurements of one synthetic set amount to, in a sentence."""

from statistics import fmean

from scipy.stats import binomtest, fisher_exact

from counterweight.reporting.differences import FDR, Comparison
from counterweight.reporting.markdown import Json

SHARE = 0.05  # of the features whose means differ, beyond what halves of the real images show
COPIES = 5  # times the fraction of real images that are as near, if that can be no accident
REACHED = 0.5  # of the fraction of real images that other real images reach
ALPHA = 0.05
TWINS = (
    " A linear classifier takes each set for the other, as where images are made of the very images that they are "
    "compared with; all else then tells too little. Give both sets as many images, in the same order."
)
COPY_LEVEL = 0.01
FEWEST = 10  # images a half: of fewer, nothing that was not found can be said to be small


def verdict(name: str, comparison: Comparison) -> str:
    """Say whether synthetic images differ from real ones, and by what, and whether that can be believed."""
    warning = TWINS if exchanged(comparison.features["backbones"]) else ""
    return judgement(name, comparison) + warning


def judgement(name: str, comparison: Comparison) -> str:
    """Say whether synthetic images differ from real ones, and by what; reasons come in the order of their weight."""
    reasons = [*style_reasons(comparison.style), *feature_reasons(comparison.features["backbones"])]
    reasons += copy_reasons(comparison.features)
    if reasons:
        return f"`{name}` differs from real images: {'; '.join(reasons)}."
    size = min(item["t_test"]["n"] for item in comparison.features["backbones"].values())
    if size < FEWEST:
        return f"`{name}`: too few images to say whether they differ from real ones."
    return f"`{name}`: no difference was found, of {size} images a half; smaller ones than these can show may be there."


def exchanged(backbones: Json) -> bool:
    """Say whether a linear classifier of some backbone calls synthetic what is real: it was trained on originals."""
    tests = [item["two_sample"] for item in backbones.values() if item["two_sample"]["p_value"] is not None]
    return any(test["p_value"] < ALPHA / len(backbones) and test["first"] < 0.5 for test in tests)


def copy_reasons(features: Json) -> list[str]:
    """Say so if copies are several times as frequent among synthetic images as they could be among real ones.

    That is the upper end of the 95 % interval (Clopper and Pearson) of the fraction of real images that are as near: of
    few real images it is large, since the nearest of them is near by chance. Fisher's exact test beside it, one-sided.
    """
    found = features["copies"]
    if found["fraction"] is None:
        return []
    near, near_real = (
        round(found[fraction] * found[size]) for fraction, size in (("fraction", "n"), ("real_fraction", "n_real"))
    )
    table = [[near, found["n"] - near], [near_real, found["n_real"] - near_real]]
    most = binomtest(near_real, found["n_real"]).proportion_ci().high
    if found["fraction"] > COPIES * most and fisher_exact(table, alternative="greater").pvalue < COPY_LEVEL:
        return [f"{found['fraction']:.0%} of them are likely copies of {features['copies_of']}"]
    return []


def style_reasons(style: Json) -> list[str]:
    """Say so if the style classifier tells the images apart at some size."""
    told = [(found["auc"]["mean"], size) for size, found in style["sizes"].items() if found["interval"][0] > 0.5]
    return [f"a small network tells them apart at {max(told)[1]} px (area {max(told)[0]:.2f})"] if told else []


def feature_reasons(backbones: Json) -> list[str]:
    """Say in what the features differ: for a linear classifier, in their means, in what they reach."""
    found, reasons = list(backbones.values()), []
    linear = [item["two_sample"] for item in found if item["two_sample"]["p_value"] is not None]
    told = [test for test in linear if test["p_value"] < ALPHA / len(found) and test["first"] > 0.5]
    if told:
        mean = fmean(test["auc"]["mean"] for test in told)
        which = f"{len(told)} of {len(found)} backbones"
        reasons.append(f"a linear classifier tells the features of {which} apart (mean area {mean:.2f})")
    tests = [item["t_test"] for item in found if None not in (item["t_test"]["between"], item["t_test"]["within_real"])]
    beyond = [test["between"][FDR]["mean"] - test["within_real"][FDR]["mean"] for test in tests]
    if beyond and fmean(beyond) > SHARE:
        mean = fmean(test["between"][FDR]["mean"] for test in tests)
        reasons.append(f"the means of {mean:.0%} of their features differ")
    overlaps = [
        item["overlap"] for item in found if None not in (item["overlap"]["between"], item["overlap"]["baseline"])
    ]
    reached = [
        item["between"]["coverage"]["mean"] / item["baseline"]["coverage"]["mean"]
        for item in overlaps
        if item["baseline"]["coverage"]["mean"] > 0
    ]
    if reached and fmean(reached) < REACHED:
        reasons.append(f"they reach {fmean(reached):.0%} of what other real images reach")
    return reasons
