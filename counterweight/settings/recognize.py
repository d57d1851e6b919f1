"""params.yaml, recognition.D.recognize: how networks learn to recognise things by triplets (log-ends thesis, 5.4)."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.schema import Positive, Settings, check_folder_names, refuse_repetition
from counterweight.results.recognize import UNTRAINED
from counterweight.settings.extract import BackboneName
from counterweight.settings.views import ViewChange

SMALL = "small_cnn"
"""The backbone of ours; all others are found by their name."""


def refuse_untrained(rows: dict[str, list[str]]) -> dict[str, list[str]]:
    """Let pass names that the row which all others are compared with does not have."""
    if UNTRAINED in rows:
        raise ValueError(f"'{UNTRAINED}' always is a row: of the network that has learned nothing")
    return rows


Row = Annotated[list[str], MinLen(1), AfterValidator(refuse_repetition)]
Rows = Annotated[dict[str, Row], MinLen(1), AfterValidator(check_folder_names), AfterValidator(refuse_untrained)]


class Recognize(Settings):
    """How networks learn to recognise things by triplets (5.4, table 5.5)."""

    rows: Rows | None = None
    """What each network learns from: the names of sets; null: every set alone, by its name."""
    backbone: BackboneName = "efficientnet_lite0"
    """`small_cnn`, four convolutions for small images; else any convolutional network of `networks/backbones`,
    torchvision or timm, as `efficientnet_b0`. Its last map's maxima over all positions are what the rest sees."""
    weights: str = "imagenet"
    """The backbone's first weights: `imagenet`, `random`, or a folder that has a file of them; of small_cnn random."""
    input_size: Annotated[int, Ge(16), Le(1024)] | None = 224
    """Side in pixels to which images are brought for the backbone; null: they stay as they are."""
    frozen: bool = True
    """Whether the dense layer alone learns. The backbone then sees each image `views` times, and not in every step."""
    views: Annotated[int, Ge(1)] = 4
    """Of a frozen backbone: augmented views of each image, of which every step takes one."""
    embedding_dim: Positive = 1024
    margin: Annotated[float, Gt(0), Le(4)] = 0.6
    """By how much the squared distance to a negative is to exceed that to the positive; at most 4 between embeddings,
    whose length is 1."""
    mining: Literal["batch", "given"] = "batch"
    """Which triplets are learned from. Each anchor's and positive's farthest image of the same thing in the batch and,
    of all its images of something else, the nearest that is farther than that; or those given that are semi-hard, the
    negative farther than the positive, but by less than the margin. What has no such negative teaches nothing in that
    step."""
    epochs: Positive = 60
    patience: Positive = 20
    """Epochs without a higher accuracy of the validation triplets, after which the training ends."""
    batch_size: Annotated[int, Ge(2)] = 32
    """Triplets of a batch."""
    learning_rate: Annotated[float, Gt(0)] = 1e-4
    augmentation: ViewChange = Field(
        default=ViewChange(mirror=True, rotation=10.0, shift=0.05, scale=0.1, perspective=0.05, light=0.1, colour=0.05)
    )
    """How images are changed at random in training (5.4.3); those that are tested on are not."""
