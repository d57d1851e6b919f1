"""Real NVP: a normalizing flow of affine couplings under checkerboard and channel masks.

Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP, https://arxiv.org/abs/1605.08803; log-ends thesis
(Image generation through feature extraction and learning), sections 2.5 and A.2, which describes it and maximises the
same likelihood (equation 13). Couplings, masks and scales are those of sections 3.4 to 3.6, the logit of pixels that
of 4.1; defaults are the paper's for images of 32 x 32.

Deviations: a Gaussian for each class at every scale, where the paper knows no classes; normalisations that are fitted
once, to some real images, and then learned (Glow, 3.1) where the paper normalises by batch (3.7), which would let an
image's likelihood depend on its neighbours; no normalisation inside the couplings' residual networks, and no penalty
on their weights; a coupling's log scale is 2 tanh(s / 2). Classes start from the mean latents of some of their images.
"""

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Le

from counterweight.generators.base import flow
from counterweight.generators.base.flow import FlowGenerator
from counterweight.networks.generative import flows


class Settings(flow.Settings):
    """Settings of Real NVP."""

    levels: Annotated[int, Ge(1), Le(6)] = 3
    """How often the maps are halved and half of the latents leave."""
    blocks: Annotated[int, Ge(0)] = 4
    """Residual blocks in each coupling's network."""
    width: Annotated[int, Ge(1)] = 32
    """Channels inside the couplings' networks."""


class RealNVP(FlowGenerator):
    """Normalizing flow of masked affine couplings."""

    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        sizes = settings.levels, settings.blocks, settings.width
        self.flow = flows.real_nvp(self.padded, len(class_names), *sizes, settings.pixels)

    @classmethod
    def multiple(cls, settings: flow.Settings) -> int:
        """Return the number of which the flow's sides are multiples: a last checkerboard needs an even side."""
        return int(2 ** (settings.levels + 1))
