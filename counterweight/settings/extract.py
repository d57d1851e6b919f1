"""params.yaml, extract: feature extraction."""

from typing import Annotated

from annotated_types import Ge, Le, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.registry import make_name_validator
from counterweight.core.schema import Positive, Settings, refuse_repetition

BackboneName = Annotated[str, AfterValidator(make_name_validator("networks/backbones"))]

THESIS = (
    "alexnet",
    "mobilenet_v2",
    "vgg13_bn",
    "vgg16_bn",
    "mnasnet1_0",
    "mnasnet0_5",
    "resnet152",
    "resnext101_32x8d",
)
"""The eight of the distributions thesis (4.1.4)."""


class Extract(Settings):
    """Feature extraction with the backbones."""

    backbones: Annotated[list[BackboneName], MinLen(1), AfterValidator(refuse_repetition)] = Field(default=[*THESIS])
    """Networks that serve as feature extractors."""
    weights: str = "random"
    """`random`, `imagenet`, or a folder that holds a file of weights for each backbone; inception_v3 has its own."""
    input_size: Annotated[int, Ge(63), Le(1024)] = 224
    """Side in pixels to which images are resized; AlexNet's pooling needs 63, ImageNet weights saw 224."""
    batch_size: Positive = 64
    images: Positive | None = None
    """At most this many images of a set, drawn at random; null: all."""
