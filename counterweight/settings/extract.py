"""params.yaml, extract: feature extraction."""

from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.registry import make_network_validator
from counterweight.core.schema import Positive, Settings, refuse_repetition

BackboneName = Annotated[str, AfterValidator(make_network_validator("networks/backbones"))]
"""A file of networks/backbones, or a name of torchvision.models or timm. Which there are is known where torch is."""

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

    backbones: Annotated[list[BackboneName], MinLen(1), AfterValidator(refuse_repetition)] = Field(
        default=["efficientnet_lite0", *THESIS]
    )
    """Networks that serve as feature extractors."""
    weights: str = "random"
    """`random`, `imagenet`, or a folder that holds a file of weights for each backbone; efficientnet_lite0 and
    inception_v3 have their own."""
    input_size: Annotated[int, Ge(63), Le(1024)] = 224
    """Side in pixels to which images are resized; AlexNet's pooling needs 63, ImageNet weights saw 224. Networks that
    take one size alone have theirs, as efficientnet_lite0 has 224."""
    dense: Literal["before_relu", "after_relu"] = "before_relu"
    """Which values of the second dense layer of alexnet, vgg13_bn and vgg16_bn are features, of no other network; the
    thesis leaves it open."""
    maps: Literal["averaged", "whole"] = "averaged"
    """Whether MobileNetV2's and the MNASNets' last maps are averaged over positions; the thesis leaves it open."""
    fold: bool = True
    """Take batch normalisation into the weights of the convolutions before it: up to a third less work, and the same
    features but for rounding."""
    channels_last: bool = True
    """Keep a pixel's channels side by side in memory: quicker, but for ResNets of 64 pixels (docs/speed.md), and the
    same features but for rounding."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What networks compute with. bfloat16 is faster on GPUs and on processors that have it (`amx_bf16`), and keeps two
    to three digits; both sides of a comparison have the same."""
    batch_size: Positive = 64
    images: Positive | None = None
    """At most this many images of a set, drawn at random; null: all."""
