"""What the vae_experiment stage writes: losses of autoencoders that were trained on the same images."""

from typing import Any, Literal

from counterweight.core.schema import Result


class Losses(Result):
    """Means over a set of images, in evaluation mode."""

    squared_error: float
    """Of intensities in [0, 1], summed over channels and pixels; of one image."""
    kl: float
    """In nats, of one image."""
    batch_reconstruction: float
    """Squared error of 32 images: the reconstruction loss of the log-ends thesis (equation 18, batches of 32)."""
    batch_elbo: float
    """`batch_reconstruction` and `kl`: its ELBO loss (equation 17)."""
    nats: float | None
    """Upper bound of an image's negative log density, in nats: the decoder is a Gaussian of the variance with which the
    training's loss is that bound, half its KL weight; None without a KL term."""


class RunDraw(Result):
    """One autoencoder, in the end."""

    training: Losses
    validation: Losses


class RunResult(Result):
    """One autoencoder, trained anew in each draw."""

    autoencoder: str
    settings: dict[str, Any]
    parameters: int
    training_images: int
    validation_images: int
    draws: list[RunDraw]


class Difference(Result):
    """The variant's loss minus the vanilla autoencoder's, both trained on the same images in each draw."""

    vanilla: str
    variant: str
    part: Literal["training", "validation"]
    loss: Literal["reconstruction", "kl"]
    """Per batch of 32, and per image: as the thesis prints them."""
    mean: float
    interval: list[float] | None
    """Of 95 %, by Student's distribution over draws, for this difference alone; None with one draw."""
    answer: Literal["lower", "higher", "undecided"]
    thesis: str
    """What it claims of the variant (tables 6.6 to 6.11)."""


class VaeResult(Result):
    """All autoencoders of one dataset, by the names of their runs, and what they amount to."""

    runs: dict[str, RunResult]
    differences: list[Difference]
