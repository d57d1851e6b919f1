"""Results by hand, typed as the stages write them."""

from typing import Any

from counterweight.core.results import SetSizes, Spread
from counterweight.evaluation.comparison.harness import list_columns
from counterweight.reporting.results import Comparison, Judged, Results, Verdicts
from counterweight.results.classify import ClassificationScores, MethodScores, ValidationScores
from counterweight.results.compare import (
    BackboneResult,
    CompareResult,
    Copies,
    Families,
    PairwiseSSIM,
    Row,
    Sharpness,
    Similarity,
    StatisticResult,
)
from counterweight.results.discriminate import Curve, SizeResult, StyleResult
from counterweight.results.imbalance import ClassCounts
from counterweight.results.latent import Density, LatentResult, MovedResult
from counterweight.statistics.base.contract import find_statistics
from counterweight.statistics.verdict import Answer, Verdict

OVERLAP = ("precision", "recall", "density", "coverage")
TTEST = ("fraction_rejected", "fraction_rejected_fdr", "fraction_effect")
SHOWN = ("ttest", "gaussian_kl", "histogram_divergence", "frechet", "kid", "prdc", "c2st", "normality")
COLUMNS = list_columns({name: statistic for name, statistic in find_statistics().items() if name in SHOWN})
"""Of the statistics that `backbone` has, so that a new one's file changes nothing here."""


def row(*keys: str, value: float | None, std: float = 0.0) -> Row | None:
    return None if value is None else {key: Spread(mean=value, std=std) for key in keys}


def statistic(
    between: Row | None,
    baseline: Row | None = None,
    within: Row | None = None,
    first: dict[str, float] | None = None,
    n: int = 50,
) -> StatisticResult:
    return StatisticResult(n=n, draws=10, between=between, baseline=baseline, within=within, first=first, reason=None)


def backbone(
    value: float,
    missing: bool = False,
    changes: dict[str, StatisticResult] | None = None,
    name: str = "alexnet",
    left_out: str | None = None,
) -> BackboneResult:
    """A backbone in which all that grows with the difference is a multiple of a value."""
    inner = None if missing else value / 10
    first = None if missing else {"auc": 0.75, "interval_low": 0.7, "interval_high": 0.8, "p_value": 0.001}
    kl = {"a_to_b": Spread(mean=10 * value, std=0), "b_to_a": Spread(mean=20 * value, std=0)}
    statistics = {
        "ttest": statistic(row(*TTEST, value=value), row(*TTEST, value=inner), row(*TTEST, value=inner)),
        "gaussian_kl": statistic(kl, row("a_to_b", "b_to_a", value=None if missing else 0.25)),
        "histogram_divergence": statistic(
            row("jensen_shannon", value=value / 2), row("jensen_shannon", value=None if missing else 0.05)
        ),
        "frechet": statistic(row("distance", value=40 * value), row("distance", value=None if missing else 4.0)),
        "kid": statistic(row("distance", value=3.0), row("distance", value=None if missing else 1.0, std=0.5)),
        "prdc": statistic(row(*OVERLAP, value=value), row(*OVERLAP, value=None if missing else 0.9)),
        "c2st": statistic(row("auc", value=None if missing else 0.75), first=first),
        "exchange": statistic(row("excess", value=None if missing else value), first=first and {"p_value": 0.0005}),
        "normality": statistic(row("normal", value=0.8), row("normal", value=None if missing else 0.9)),
    }
    families = Families(n=9, features=8, normal=5, exponential=2, constant=1, outside=0.0, reason=None)
    return BackboneResult(
        backbone=name,
        layer="penultimate layer",
        weights="random",
        input_size=64,
        features=8,
        effective_dimension=7.25,
        left_out=left_out,
        statistics=statistics | (changes or {}),
        families={"real": families, "synthetic": families},
    )


def copies(fraction: float | None, real_fraction: float = 0.01, n: int = 100) -> Copies:
    facts = {
        "n": n,
        "n_real": n,
        "exact": 0,
        "threshold": 1.0,
        "closeness": 0.5,
        "median": 2.0,
        "real_median": 2.0,
        "reason": None,
    }
    return Copies(fraction=fraction, real_fraction=real_fraction, **facts)  # type: ignore[arg-type]


def compare_result(
    backbones: dict[str, BackboneResult], found: Copies, similarity: tuple[float | None, float | None] = (0.3, 0.4)
) -> CompareResult:
    real, synthetic = (pairwise_ssim(mean) for mean in similarity)
    return CompareResult(
        images=SetSizes(real=100, synthetic=100),
        seen=SetSizes(real=100, synthetic=100),
        settings={
            "alpha": 0.05,
            "effect_size": 0.2,
            "copy_quantile": 0.01,
            "inception_splits": 10,
            "ssim_range": "signed",
        },
        columns=COLUMNS,
        headline=next(iter(backbones)),
        backbones=backbones,
        ssim={"real": real, "synthetic": synthetic},
        sharpness={"real": sharpness(1200.4), "synthetic": sharpness(None if similarity[1] is None else 300.4)},
        copies=found,
        copies_of="training images",
    )


def sharpness(mean: float | None) -> Sharpness:
    error, reason = (None, "no image of the common classes") if mean is None else (20.0, None)
    return Sharpness(n=9, mean=mean, std=None if mean is None else 60.0, error=error, reason=reason)


def pairwise_ssim(mean: float | None) -> PairwiseSSIM:
    if mean is None:
        return PairwiseSSIM(unsigned=None, signed=None, pairs=0, window=7, reason="no class has two images")
    unsigned, signed = (Similarity(mean=value, std=0.1, error=0.02) for value in (mean + 0.1, mean))
    return PairwiseSSIM(unsigned=unsigned, signed=signed, pairs=9, window=7, reason=None)


def features(value: float, missing: bool = False) -> CompareResult:
    backbones = {
        "alexnet": backbone(value),
        "resnet152": backbone(value + 0.2, missing, name="resnet152"),
        "vgg16_bn": backbone(value + 0.4, name="vgg16_bn"),
        "mnasnet0_5": backbone(7.0, name="mnasnet0_5", left_out="effective dimension 1.1 of 8"),
    }
    similarity = (None, None) if missing else (0.3, 0.4)
    return compare_result(backbones, copies(None if missing else 0.25), similarity)


def size_result(auc: float, p_value: float = 0.0001) -> SizeResult:
    return SizeResult(
        auc=Spread(mean=auc, std=0.0),
        interval=(0.8, 0.95),
        p_value=p_value,
        average_precision=Spread(mean=0.9, std=0.0),
        curve=Curve(false_positive_rate=[0, 1], true_positive_rate=[0, 1]),
    )


def style_result(sizes: dict[str, SizeResult]) -> StyleResult:
    return StyleResult(
        images=SetSizes(real=100, synthetic=100),
        train=70,
        test=30,
        seeds=3,
        settings={},
        sizes=sizes,
        reason=None if sizes else "few",
    )


def style(missing: bool = False) -> StyleResult:
    return style_result({} if missing else {"32": size_result(0.876), "64": size_result(0.99)})


def density(volume: float | None) -> Density:
    facts: dict[str, Any] = {"points": 9, "dimensions": 9, "fraction_of_coordinates": 0.5, "per_unit_length": 1.0}
    return Density(fraction_inside=0.5, log10_per_unit_volume=volume, effective_dimension=4.56, **facts)


def latent(missing: bool = False) -> LatentResult:
    if missing:
        return LatentResult(images=3, settings={}, reason="fewer than 10 images")
    tested: Row = {key: Spread(mean=mean, std=0.0) for key, mean in zip(TTEST, (0.2, 0.1, 0.3), strict=True)}
    moved = MovedResult(backbones={"mobilenet_v2": backbone(0.1)}, style=size_result(0.876))
    unknown = MovedResult(backbones={"mobilenet_v2": backbone(0.5, missing=True)}, style=None)
    return LatentResult(
        images=95,
        settings={"backbones": ["mobilenet_v2"]},
        network="residual_vae",
        latents=256,
        t_test=statistic(tested, tested, tested),
        density={"real": density(-120.34), "synthetic": density(None)},
        modes={"real": 1, "synthetic": 2, "both": 3},
        verification={
            "real_decoded": moved,
            "synthetic_decoded": moved,
            "mean_shift": unknown,
            "optimal_map": moved,
        },
        reason=None,
    )


def comparison(value: float, missing: bool = False) -> Comparison:
    return Comparison(features(value, missing), style(missing), latent(missing))


def scores(minority_f1: float | None, accuracy: float, f1: list[float | None]) -> ClassificationScores:
    return ClassificationScores(
        accuracy=accuracy,
        balanced_accuracy=accuracy,
        macro_f1=accuracy,
        minority_precision=minority_f1,
        minority_recall=minority_f1,
        minority_f1=minority_f1,
        precision=f1,
        recall=f1,
        f1=f1,
        confusion=[[1]],
    )


def method_scores(
    draws: list[ClassificationScores], validation: list[tuple[float, float | None]] | None = None
) -> MethodScores:
    """Scores of a method; on validation images the test's, unless balanced accuracy and minority F1 are given."""
    aside = validation or [(draw.balanced_accuracy, draw.minority_f1) for draw in draws]
    return MethodScores(
        images=9,
        recipe="plain",
        draws=draws,
        validation=[ValidationScores(balanced_accuracy=accuracy, minority_f1=f1) for accuracy, f1 in aside],
    )


def counts(
    fitted: int, wanted: int, test: int, minority: bool, reference: int = 3, before: int | None = None
) -> ClassCounts:
    whole = fitted + 1 if before is None else before
    return ClassCounts(
        before=whole,
        fitted=fitted,
        validation=1,
        wanted=wanted,
        reference=reference,
        test=test,
        minority=minority,
    )


def change(
    answer: Answer = "helps",
    mean: float = 0.1234,
    draws: int = 2,
    family: int = 2,
    needed: int | None = 5,
    margin: float = 0.01,
) -> Verdict:
    single = draws == 1
    return Verdict(
        verdict=answer,
        mean_change=mean,
        interval=[-0.01, 0.2],
        plain_interval=[0.0, 0.19],
        p_value=0.01,
        confidence=0.95,
        standard_error=0.05,
        se_draws=None if single else 0.04,
        se_test=0.03,
        degrees_of_freedom=None if single else 9.5,
        draws=draws,
        covers="test images" if single else "draws and test images",
        family=family,
        margin=margin,
        detectable_change=0.1567,
        least_detectable_change=None if single else 0.08,
        draws_needed=None if single else needed,
    )


def judged(f1: dict[str, Verdict], balanced: dict[str, Verdict], simple: Verdicts | None = None) -> Judged:
    against = Verdicts(reference="imbalanced", minority_f1=f1, balanced_accuracy=balanced)
    best = "imbalanced" if simple is None else simple.reference
    return Judged(
        against_imbalanced=against, best_simple=best, against_simple=simple, draws_needed=148, failed_draws={}
    )


def results(missing: bool = False, draws: int = 2) -> Results:
    def of(value: float) -> MethodScores:
        steps = (-0.01, 0.01) if draws == 2 else (0.0,) * draws
        return method_scores([scores(value + step, value, [0.95, value + step]) for step in steps])

    gains = {"balanced": change(draws=draws), "smote": change(draws=draws)}
    return Results(
        dataset="digits",
        scenario="drop75",
        counts={"3": counts(9, 0, 7, False), "4": counts(2, 7, 5, True, before=12)},
        scores={"balanced": of(0.9), "imbalanced": of(0.7), "smote": of(0.8)},
        judged=judged(gains, gains),
        comparisons={"smote": comparison(0.5, missing)},
        not_applicable={},
    )


def of_classes(sizes: list[int], minority: list[int], methods: list[str], untested: tuple[int, ...] = ()) -> Results:
    """Results of scenario `natural`, in which the F1 of class k is k hundredths, more by one for every method."""
    level = max(sizes)
    table = {
        f"class {label}": counts(size, level - size, 0 if label in untested else 3, label in minority)
        for label, size in enumerate(sizes)
    }

    def of(more: int) -> ClassificationScores:
        f1 = [None if label in untested else (label + more) / 100 for label in range(len(sizes))]
        known = [value for label in minority if (value := f1[label]) is not None]
        return scores(sum(known) / len(known) if known else None, 0.5, f1)

    found = {name: method_scores([of(more)] * 2) for more, name in enumerate(methods)}
    return Results(
        dataset="clothes",
        scenario="natural",
        counts=table,
        scores=found,
        judged=judged({}, {}),
        comparisons={},
        not_applicable={},
    )
