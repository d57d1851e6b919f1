"""Glow: a normalizing flow with invertible 1x1 convolutions.

Kingma and Dhariwal, Glow: Generative Flow with Invertible 1x1 Convolutions, https://arxiv.org/abs/1807.03039; log-ends
thesis (Image generation through feature extraction and learning), sections 2.5 and A.2, which describes it and
maximises the same likelihood (equation 13). A step is an activation normalisation, an invertible 1x1 convolution and
an affine coupling (table 1, figure 2); defaults are the paper's for CIFAR-10.

Deviations: a Gaussian for each class at every scale, where the paper predicts the halves that leave from those that
stay and knows classes in an experiment alone; a coupling's log scale is 2 tanh(s / 2) and its last convolution starts
small, not at zero; the 1x1 convolution's determinant is taken directly; no normalisation inside the coupling's network.
Classes start from the mean latents of some of their images.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Gt, Le

from counterweight.generators.base import flow
from counterweight.generators.base.flow import FlowGenerator
from counterweight.networks.generative import flows
from counterweight.networks.generative.flows import Pixels


class Settings(flow.Settings):
    """Settings of Glow."""

    depth: Annotated[int, Ge(1)] = 32
    """Steps of flow at each level."""
    width: Annotated[int, Ge(1)] = 512
    """Channels inside the couplings' networks."""
    levels: Annotated[int, Ge(1), Le(6)] = 3
    """How often the maps are halved; all but the last time, half of the latents leave."""
    pixels: Pixels = "scaled"
    """What the flow is laid over: the logit of intensities, which keeps images in range, or scaled intensities."""
    temperature: Annotated[float, Gt(0), Le(2)] = 0.7
    """Factor of the deviations of latents in sampling; the paper's images have 0.7 (section 6)."""


class Glow(FlowGenerator):
    """Normalizing flow of normalisations, 1x1 convolutions and couplings."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        sizes = settings.levels, settings.depth, settings.width
        self.flow = flows.glow(self.padded, len(class_names), *sizes, settings.pixels)
