"""What the triplets stage writes: of what the sets of triplets are, and where sampled ones lie."""

from typing import Any, Literal

from counterweight.core.schema import Result


class SetResult(Result):
    """One set of triplets, drawn anew in each draw."""

    kind: Literal["real", "reconstructed", "sampled"]
    autoencoder: str | None
    """The name of its run."""
    settings: dict[str, Any]
    """All of the set's."""
    train: int
    """Triplets of the first draw to train on."""
    validation: int
    """Others that choose the epoch."""
    distance_ratio: float | None
    """How many times as far from its anchor's latents the negative's are as the positive's; mean over all draws'
    triplets. None unless both were moved."""
    cosine: float | None
    """Of the two directions, likewise."""


class TripletsResult(Result):
    """All sets of one dataset, by name, and the triplets that recognition is tested on."""

    sets: dict[str, SetResult]
    test: int
    by_image: bool
    """Each image is an identity, and the positive of a real triplet the anchor strongly changed."""
