"""params.yaml, compare: statistics between real and synthetic features."""

from collections.abc import Sequence
from typing import Annotated, Literal

from annotated_types import Ge, Gt

from counterweight.core.errors import UserError
from counterweight.core.schema import Fraction, Positive, Settings


class Compare(Settings):
    """Statistics between real and synthetic features."""

    headline: str | None = None
    """The backbone of `extract.backbones` whose numbers tables and sentences show; null: the first."""
    images: Annotated[int, Ge(100)] = 20_000
    """Images of either side, drawn at random, that statistics see which need all they see in memory: neighbours,
    kernels, histograms, classifiers and pixels. The t-test and the Frechet distance go through all of them."""
    test: Literal["welch", "student"] = "welch"
    alpha: Fraction = 0.05
    effect_size: Annotated[float, Gt(0)] = 0.2
    """A feature with |Cohen's d| above this counts as different whatever its p-value; 0.2: a small effect."""
    repeats: Positive = 20
    """Random halves over which each statistic is averaged."""
    components: Positive = 64
    """Principal components of both sets together in which the Gaussian KL is taken, at most."""
    ssim_pairs: Positive | None = None
    """Random pairs of images of one class whose structural similarity is averaged, of either set; null: as many as
    there are synthetic images (balancing thesis, 5.3)."""
    ssim_range: Literal["unsigned", "signed"] = "unsigned"
    """Which similarity tables show: of pixels from 0 to 255, as is usual, or from -1 to 1, as in the balancing thesis,
    whose numbers are others. Results have both."""
    inception_splits: Positive = 10
    """Splits over which the Inception Score is averaged, where `extract.backbones` has inception_v3; fewer of less than
    1,000 images."""
    copy_quantile: Fraction = 0.01
    """A synthetic image nearer to a training image than all but this fraction of other real images is a likely copy."""

    def choose_headline(self, backbones: Sequence[str]) -> str:
        """Return the backbone whose numbers are shown first, of those that there are.

        Raises:
            UserError: it is none of them.
        """
        if self.headline is not None and self.headline not in backbones:
            raise UserError(
                f"params.yaml: compare.headline: '{self.headline}' does not stand in extract.backbones "
                f"({', '.join(backbones)})"
            )
        return self.headline or backbones[0]
