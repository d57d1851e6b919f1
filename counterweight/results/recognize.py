"""What the recognize stage writes: how well networks recognise things that learned from different triplets."""

from counterweight.core.schema import Result

UNTRAINED = "untrained"
"""The row of the network that has learned nothing."""


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


class RecognizeResult(Result):
    """All networks of one dataset."""

    backbone: str
    frozen: bool
    mining: str
    """`batch`: all other things of a batch may be negatives; `given`: those of the triplets alone."""
    test: int
    """Triplets that are tested on."""
    chance: Accuracies
    """What embeddings have that know nothing of the images."""
    rows: dict[str, RowResult]
    """The untrained network's first."""
