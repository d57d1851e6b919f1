"""What the recognize stage writes: how well networks recognise things that learned from different triplets."""

from counterweight.core.schema import Result
from counterweight.statistics.verdict import Verdict


class Accuracies(Result):
    """Fractions of triplets, in [0, 1]."""

    rank1: float
    """Of the positives of all triplets of the part the anchor's own is the nearest."""
    recall5: float
    recall10: float
    """It is among the five, the ten nearest."""
    triplet: float
    """It is nearer than the triplet's negative."""
    margin: float
    """It is nearer by more than the margin, in squared distance."""


class RowDraw(Result):
    """One network."""

    epoch: int
    """Whose weights it has; 0: none has passed."""
    training: Accuracies | None
    """On the triplets it learned from, as they are."""
    validation: Accuracies | None
    """On those that chose the epoch, which are of the same kind."""
    test: Accuracies
    """On real triplets, the same for all networks."""


class RowResult(Result):
    """Networks that learned from the same sets of triplets."""

    sets: list[str]
    """Empty: it has learned nothing."""
    train: int
    validation: int
    draws: list[RowDraw]


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
