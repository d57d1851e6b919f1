"""What the recognize stage writes, with what it amounts to."""

from counterweight.core.schema import Result
from counterweight.results.recognize import Accuracies, RowResult
from counterweight.statistics.verdict import Verdict


class Share(Result):
    """How far a row comes from the untrained network to the one trained on real triplets: 0 to 1, or beyond."""

    mean: float
    interval: list[float] | None
    """Of 95 % over draws and test triplets, for this row alone (Fieller's); None where it has no end."""


class Judged(Result):
    """All rows, by one accuracy of the test triplets."""

    against_untrained: dict[str, Verdict]
    share_of_gap: dict[str, Share]
    """Empty where no row learned from real triplets alone, or is no better than the untrained network."""


class RecognizeResult(Result):
    """All networks of one dataset."""

    backbone: str
    frozen: bool
    test: int
    """Triplets that are tested on."""
    chance: Accuracies
    """What embeddings have that know nothing of the images."""
    rows: dict[str, RowResult]
    rank1: Judged
    triplet: Judged
