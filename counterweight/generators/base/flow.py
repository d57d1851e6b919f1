"""What the normalizing flows share: settings, likelihood in bits per dimension, latents turned into images."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.flows import LEVELS, Pixels, log_likelihood

START_IMAGES = 512  # so many images, of all classes, tell where normalisations and Gaussians start


class Settings(schema.Settings):
    """Settings that every flow has."""

    levels: Annotated[int, Ge(1), Le(6)] = 3
    """How often the maps are halved and half of the latents leave."""
    width: Annotated[int, Ge(1)] = 64
    """Channels inside the couplings' networks."""
    pixels: Pixels = "logit"
    """What the flow is laid over: the logit of intensities, which keeps images in range, or scaled intensities."""
    temperature: Annotated[float, Gt(0), Le(2)] = 1.0
    """Factor of the deviations of latents in sampling; below 1, images are less varied and more like their class."""
    balanced: bool = False
    """Draw batches with all classes equally likely, so that a small class is not drowned by the large ones."""
    epochs: Annotated[int, Ge(1)] = 100
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] = 1e-3
    warm_up: Annotated[int, Ge(0)] = 0
    """Steps over which the learning rate rises from nearly 0."""


class FlowGenerator(LearnedGenerator):
    """An invertible network that turns images of a class into Gaussian latents of that class.

    A flow needs sides that are multiples of `multiple`. Others are continued to the right and below by copies of the
    edge's bytes, each with noise of its own; what is made there is cut off.
    """

    settings: Settings
    flow: Any
    """normflows' MultiscaleFlow."""

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        channels, height, width = shape
        multiple = self.multiple(settings)
        self.padding = 0, -width % multiple, 0, -height % multiple  # torch's order: left, right, top, bottom.
        self.padded = channels, height + self.padding[3], width + self.padding[1]

    @classmethod
    def multiple(cls, settings: Settings) -> int:
        """Return the number of which the flow's sides are multiples."""
        return int(2**settings.levels)

    def phases(self) -> list[Phase]:
        """Let Adam raise the likelihood."""
        s = self.settings
        adam = partial(torch.optim.Adam, lr=s.learning_rate, fused=True)
        schedule = partial(warm_up_factor, steps=s.warm_up) if s.warm_up else None
        update = Update("likelihood", (self.flow,), adam, schedule=schedule)
        return [Phase("flow", s.epochs, s.batch_size, [update], balanced=s.balanced)]

    def compilable(self) -> list[nn.Module]:
        """Return the couplings' networks; the flow around them is not called as a module."""
        return [module for module in self.flow.modules() if isinstance(module, nn.Sequential)]

    @torch.no_grad()
    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Let normalisations start from some real images (Glow, 3.1), and the classes' Gaussians from their latents."""
        step = -(-len(real.labels) // START_IMAGES)  # Every step-th image of each class, rounded up.
        # Class by class: a stride over the whole set could miss a small class.
        chosen = torch.cat([(real.labels == label).nonzero()[::step, 0] for label in self.trained_labels])
        some = Labelled(real.images[chosen], real.labels[chosen]).to(self.device)
        rng = torch.Generator(self.device).manual_seed(0)  # the noise that fills bytes, the same for all models
        # normflows' ActNorm takes its start from the first batch that passes through it.
        latents, _ = self.flow.inverse_and_log_det(self.dequantize(to_unit(some.images), rng) / LEVELS)
        for prior, part in zip(self.flow.q0, latents, strict=True):
            prior.start_from(part, some.labels)

    def dequantize(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Turn images in [-1, 1] into reals in [0, 256], their bytes plus uniform noise, at the flow's size."""
        # Rounded, since float32 does not lead back to whole bytes.
        levels = functional.pad(((images + 1) * 127.5).round(), self.padding, mode="replicate")
        # Uniform dequantisation (Theis et al. 2016): densities of bare bytes could be made arbitrarily high.
        noise = torch.rand(levels.shape, generator=rng, device=rng.device).to(levels.device)
        return levels + noise

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the negative log-likelihood in nats per image (thesis, equation 13), and the bits per dimension.

        With bytes b, uniform noise u and the flow f from intensities x = (b + u) / 256 to latents z of D' dimensions,

            nats = -log N(f(x); class) - log |det df/dx| + D' log 256,
            bits_per_dim = nats / (D log 2),

        where f begins with the logit, whose Jacobian is part of det df/dx. D counts the image's own values. Those that
        padding adds to D' are uniform on intervals of length 1, which have no entropy, so that the nats of image and
        padding together are on average at least those of the image alone: bits_per_dim is an upper bound, and exact
        where nothing is padded.
        """
        nats = -log_likelihood(self.flow, self.dequantize(images, rng), labels).mean()
        return {"loss": nats, "bits_per_dim": nats / (math.prod(self.shape) * math.log(2))}

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Draw latents of the wanted classes and run the flow backwards."""
        if len(labels) == 0:  # normflows' checkerboards need an image
            return torch.empty((0, *self.shape), device=self.device)
        labels = labels.to(self.device)
        latents = [prior.draw(labels, self.settings.temperature, rng) for prior in self.flow.q0]
        intensities, _ = self.flow.forward_and_log_det(latents)
        levels = (intensities * LEVELS).floor().clamp(0, LEVELS - 1)  # The byte b is the interval from b to b + 1.
        images: Tensor = levels[..., : self.shape[1], : self.shape[2]] / 127.5 - 1
        return images


def warm_up_factor(step: int, steps: int) -> float:
    """Return the factor of the learning rate that rises to 1 over `steps`."""
    return min(1.0, (step + 1) / steps)
