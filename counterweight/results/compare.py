"""What the compare stage writes: two-sample statistics of backbones, similarity, sharpness and copies of pixels."""

from typing import Any, Literal

from pydantic import Field

from counterweight.core.results import SetSizes, Spread
from counterweight.core.schema import Result

Row = dict[str, Spread]
Side = Literal["real", "synthetic"]


def is_nothing(value: object) -> bool:
    """Say whether a field that few results have is not to be written down."""
    return not value


class ColumnFacts(Result):
    """How a number of a statistic stands in tables; see `statistics.base.contract.Column`."""

    statistic: str
    key: str
    header: str
    format: str
    unit: str
    better: Literal["lower", "higher", "baseline"]
    meaning: str
    shown: Literal["between", "within", "ratio", "deviations"]
    chance: float | None


class StatisticResult(Result):
    """A statistic of `n` images against `n`, over `draws` of halves; None, with a reason, where it has no value.

    Means and deviations over the draws, which share images: the deviation says how much a draw matters, and is not the
    standard error of the mean.
    """

    n: int
    draws: int
    between: Row | None
    """Of a half of real from the other half of synthetic images."""
    baseline: Row | None
    """Of a half of real from the other half of real images."""
    within: Row | None
    """Of a half of synthetic from the other half of synthetic images."""
    first: dict[str, float] | None
    """The numbers of the first draw between real and synthetic images, where some are of a single draw."""
    reason: str | None


class Families(Result):
    """How many of the features of `n` images are best described by which family of distributions."""

    n: int
    features: int
    normal: int
    exponential: int
    constant: int
    outside: float | None
    """Fraction of the standardised values that lie beyond the histogram; None where nothing varies."""
    reason: str | None


class InceptionScore(Result):
    """Mean over `splits` of `n` images, and its deviation over them; None, with a reason, without images."""

    n: int
    splits: int
    mean: float | None
    std: float | None
    reason: str | None


class BackboneResult(Result):
    """Everything that is measured in the space of one backbone."""

    backbone: str
    layer: str
    weights: str
    input_size: int
    precision: str = "float32"
    sha256: str | None = None
    features: int
    effective_dimension: float
    """Participation ratio of the real images' variances along principal components, at most `features`."""
    left_out: str | None
    """Why this space counts in no mean over spaces; None: it does."""
    statistics: dict[str, StatisticResult]
    families: dict[Side, Families]
    inception_score: dict[Side, InceptionScore] | None = None
    """Of as many images of every class on both sides; None: this network does not name classes."""
    design_effects: dict[Side, float] = Field(default_factory=dict, exclude_if=is_nothing)
    """Of a side whose images come in groups, by how much the variance of a feature's mean exceeds that of independent
    images; a median over features."""


class Copies(Result):
    """How many of `n` synthetic images are suspiciously near to a training image, beside `n_real` real ones.

    `fraction` and `real_fraction` are at a distance below `threshold` that is a smaller fraction than `closeness` of
    that from the second nearest, or at 0, where `exact` synthetic ones are. Distances are in the features' unit. None,
    with a reason, where there are no distances.
    """

    n: int
    n_real: int
    fraction: float | None
    real_fraction: float | None
    exact: int | None
    threshold: float | None
    closeness: float | None
    median: float | None
    real_median: float | None
    reason: str | None
    near: int = Field(default=0, exclude_if=is_nothing)
    """Synthetic images that are nearly the same as a real one; where training images are known, not looked for."""
    twins: int = Field(default=0, exclude_if=is_nothing)
    """Further real images, beside the `n_real`, that are the same as one of them or nearly so; likewise."""
    repeats: int = Field(default=0, exclude_if=is_nothing)
    """Synthetic images that are the same as another one of them, which is not counted, or nearly so; likewise."""
    effective: dict[Side, float] = Field(default_factory=dict, exclude_if=is_nothing)
    """Of sides whose images come in groups, as many independent images would tell as much of the fraction."""


class Similarity(Result):
    """Mean and standard deviation over pairs, and the mean's standard error; None where pairs are too few for one.

    The error is that of the images as a random sample, of a generator trained once, say: it takes into account that
    pairs share images, and says nothing of another training.
    """

    mean: float
    std: float
    error: float | None


class PairwiseSSIM(Result):
    """Similarity of `pairs` pairs under windows of `window` pixels a side; None, with a reason, without pairs."""

    unsigned: Similarity | None
    """Of pixels from 0 to 255."""
    signed: Similarity | None
    """Of pixels from -1 to 1, as in the balancing thesis; other numbers of the same images."""
    pairs: int
    window: int
    reason: str | None


class Sharpness(Result):
    """Mean and standard deviation over `n` images of the variance of their Laplacian, and the mean's standard error.

    In squared levels of 255. None, with a reason, where there is no value; the error of a single image is None, too.
    """

    n: int
    mean: float | None
    std: float | None
    error: float | None
    reason: str | None


class CompareResult(Result):
    """What was measured of one synthetic set by its features and its pixels."""

    images: SetSizes
    seen: SetSizes
    """Images that pixels were looked at of: all, or `compare.images`."""
    settings: dict[str, Any]
    columns: list[ColumnFacts]
    """What tables show of the statistics, in this order."""
    headline: str
    """The backbone whose numbers tables and sentences show."""
    backbones: dict[str, BackboneResult]
    ssim: dict[Side, PairwiseSSIM]
    sharpness: dict[Side, Sharpness]
    """Of as many images of every class on both sides."""
    copies: Copies
    copies_of: Literal["training images", "real images"]
    file_differences: list[str] = Field(default_factory=list, exclude_if=is_nothing)
    """What the files of a pair differ in besides pictures."""
