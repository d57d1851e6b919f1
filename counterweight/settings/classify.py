"""params.yaml, classify and classifiers: retraining of classifiers."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le
from pydantic import AfterValidator, BeforeValidator, Field

from counterweight.core.params_file import Blocks
from counterweight.core.registry import make_name_validator, make_network_validator, require_one_of
from counterweight.core.schema import Positive, Settings, parse_settings, refuse_repetition

RecipeName = Annotated[str, AfterValidator(make_name_validator("recipes"))]

NetworkName = Annotated[str, AfterValidator(make_network_validator("networks/classifiers", functions=True))]
"""A file of networks/classifiers, a name of torchvision.models or timm, or `module:function` of the user's own. Which
there are is known where torch is."""

IMAGENET = "imagenet"
Augmentation = Literal["flip", "crop"]


def read_none(value: object) -> object:
    """Return what YAML makes of nothing where `none` is written out."""
    return None if value == "none" else value


def refuse_plain(names: list[str]) -> list[str]:
    """Let pass recipes that change something."""
    if "plain" in names:
        raise ValueError("'plain' always is a row, called by the generator's name alone")
    return names


class Classify(Settings):
    """Retraining of classifiers."""

    generator_recipes: Annotated[list[RecipeName], AfterValidator(refuse_repetition), AfterValidator(refuse_plain)] = (
        Field(default_factory=list)
    )
    """Recipes that classifiers are trained with on each generator's images, beside the plain one: a row each."""


class ClassifierConfig(Settings):
    """The classifier of one dataset and its training."""

    network: NetworkName
    """A function of the user's own takes the images' shape (C, H, W) and the number of classes, and returns a module
    from images (B, C, H, W) in [-1, 1] to logits (B, K)."""
    weights: Annotated[str | None, BeforeValidator(read_none)] = None
    """First weights: none (drawn at random), `imagenet` (of torchvision's networks, and of those of timm's that are
    plain files with a checksum, downloaded once; efficientnet_lite0's come with a package), or a file of weights, or a
    folder with one. A file's last layer is read where it is of as many classes."""
    frozen: bool = False
    """Whether the last dense layer alone is trained. The others, which are the first draw's in all draws, then see each
    image once, unless a recipe changes images or mixes them."""
    input_size: Annotated[int, Ge(8), Le(1024)] | None = None
    """Side in pixels to which images are brought for the network, bilinear; null: they stay as they are, unless the
    network takes one size alone."""
    epochs: Positive
    batch_size: Annotated[int, Ge(2)] = 64
    """At least two: batch normalisation has nothing to normalise a single image with."""
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """sgd: with Nesterov's momentum of 0.9."""
    weight_decay: Annotated[float, Ge(0), Le(1)] = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    """Of the learning rate; cosine: down to 0."""
    augmentation: Annotated[list[Augmentation], AfterValidator(refuse_repetition)] = Field(default_factory=list)
    """What happens to every image before a step, whatever the recipe: half of them are mirrored, or all cut out at a
    random place after an eighth of a side was added around them."""


def parse_classifier_config(classifiers: Blocks, dataset: str) -> ClassifierConfig:
    """Return how classifiers of a dataset are trained, given all blocks of that section."""
    where = "params.yaml: classifiers"
    return parse_settings(
        ClassifierConfig, classifiers[require_one_of(dataset, classifiers, where)], f"{where}.{dataset}"
    )
