"""Class-conditional denoising diffusion.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, https://arxiv.org/abs/2006.11239: a U-Net learns to
clean images that got some noise (algorithm 1). With it
- the cosine schedule of Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, equation 17,
  https://arxiv.org/abs/2102.09672, or the linear one;
- classifier-free guidance (Ho and Salimans, https://arxiv.org/abs/2207.12598, algorithms 1 and 2, equation 6): the
  label is left out now and then in training, and in sampling the prediction is moved away from the one without it;
- sampling in few steps by Song, Meng and Ermon, Denoising Diffusion Implicit Models, equation 12,
  https://arxiv.org/abs/2010.02502, from an exponential moving average of the weights.

Not as there: what the network predicts is not the noise (equation 14; `prediction: noise`) but the velocity of Salimans
and Ho, Progressive Distillation for Fast Sampling of Diffusion Models, section 4, https://arxiv.org/abs/2202.00512, for
an error in predicted noise is multiplied where there is little else: after 900 steps on digits, a network that
predicted noise had backgrounds from black to white, and made another class in one of eight images. The network is small
(attention at the coarsest map alone, optional patches). The average's decay grows from 0.1, so that a short training
forgets the first weights. Each predicted image is clipped to [-1, 1], and the step goes on with the noise that belongs
to the clipped one. The average is made of buffers: saved, but not trained.
"""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import Strict
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core import schema
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.diffusion import (
    Levels,
    Prediction,
    Schedule,
    add_noise,
    compute_levels,
    compute_target,
    ddim,
    remove_noise,
)
from counterweight.networks.generative.unet import UNet


class Settings(schema.Settings):
    """Settings of the diffusion model."""

    width: Annotated[int, Ge(4)] = 64
    """Channels of the U-Net's finest map."""
    multipliers: Annotated[tuple[Annotated[int, Ge(1)], ...], MinLen(1), Strict(False)] = (1, 2, 2)
    """Channels of the U-Net's maps, finest first, as multiples of `width`; each map is half as fine as the last."""
    blocks: Annotated[int, Ge(1)] = 2
    """Residual blocks of each map, on the way down and on the way up."""
    patch: Annotated[int, Ge(1)] = 1
    """Side of the squares of pixels that become one position; 2 makes the U-Net four times as quick, and coarser."""
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.1
    schedule: Schedule = "cosine"
    """How noise grows with time: cosine, linear."""
    prediction: Prediction = "velocity"
    """What the network says of a noisy image: its noise (Ho et al.), or a mixture of noise and image (velocity)."""
    timesteps: Annotated[int, Ge(1)] = 1000
    """Times from the image to noise, T."""
    label_dropout: Annotated[float, Gt(0), Lt(1)] = 0.1
    """Probability of leaving out a label in training."""
    guidance: Annotated[float, Ge(0)] = 0.5
    """How far predictions are moved away from those without a label, w; 0: not at all. More: clearer, more alike."""
    sampling_steps: Annotated[int, Ge(1)] = 50
    """Steps of DDIM, each a call of the network; at most `timesteps`."""
    eta: Annotated[float, Ge(0), Le(1)] = 0.0
    """Noise added in sampling: 0 none (DDIM), 1 as much as in DDPM, which needs more steps."""
    decay: Annotated[float, Ge(0), Lt(1)] = 0.999
    """What is left of the moving average of the weights after a step, once it has grown that far."""
    balanced: bool = False
    """Draw batches with all classes equally likely, so that a small class is not drowned by the large ones."""
    epochs: Annotated[int, Ge(1)] = 300
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] = 2e-4


class DDPM(LearnedGenerator):
    """A U-Net that tells image from noise, and the moving average of its weights, which makes the images."""

    settings: Settings
    steps: Tensor
    signal: Tensor
    noise: Tensor

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__(shape, class_names, settings)
        s = settings
        self.network = UNet(shape[0], len(class_names), s.width, s.multipliers, s.blocks, s.patch, s.dropout)
        self.average = copy_frozen(self.network)
        self.register_buffer("steps", torch.zeros(()))  # A buffer, so that a checkpoint keeps the decay's course.
        for name, values in compute_levels(s.schedule, s.timesteps)._asdict().items():
            self.register_buffer(name, values, persistent=False)  # the settings say what they are

    @property
    def levels(self) -> Levels:
        """The schedule, on the device of the networks."""
        return Levels(self.signal, self.noise)

    def phases(self) -> list[Phase]:
        """Train the network with Adam."""
        s = self.settings
        adam = partial(torch.optim.Adam, lr=s.learning_rate, fused=True)
        return [
            Phase("diffusion", s.epochs, s.batch_size, [Update("denoise", [self.network], adam)], balanced=s.balanced)
        ]

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the squared error of what is predicted, averaged over everything, at a random time for each image."""
        count, last = len(images), self.settings.timesteps
        # From 1: at time 0 an image has no noise.
        times = torch.randint(1, last + 1, (count,), generator=rng, device=rng.device).to(self.device)
        untold = torch.rand(count, generator=rng, device=rng.device).to(self.device) < self.settings.label_dropout
        told, noise = labels.masked_fill(untold, len(self.class_names)), self.draw(images.shape, rng)  # K: no class.
        level = self.levels.at(times)
        # Times as fractions, so that the network does not depend on how finely time is cut.
        said = self.network(add_noise(images, noise, level), times / last, told)
        return {"loss": functional.mse_loss(said, compute_target(self.settings.prediction, images, noise, level))}

    @torch.no_grad()
    def after_step(self, update: str) -> None:
        """Move the average towards the weights."""
        fraction = torch.clamp(9 / (10 + self.steps), min=1 - self.settings.decay)  # 1 - (1 + n)/(10 + n)
        # The U-Net has no buffers of its own, so the copy's are its parameters, in the same order.
        for mean, value in zip(self.average.buffers(), self.network.parameters(), strict=True):
            mean.lerp_(value, fraction)
        self.steps += 1  # Afterwards: the first step has n = 0, and takes nine tenths of the new weights.

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Turn noise into images of the wanted classes."""
        s, noise = self.settings, self.draw((len(labels), *self.shape), rng)
        predict = partial(self.denoise, labels.to(self.device))
        return ddim(predict, noise, self.levels, s.sampling_steps, s.eta, rng)

    def denoise(self, labels: Tensor, noisy: Tensor, times: Tensor) -> Tensor:
        """Return images (B, C, H, W) of the classes without their noise, by one call of the network."""
        said = self.predict_guided(noisy, times / self.settings.timesteps, labels)
        return remove_noise(self.settings.prediction, noisy, said, self.levels.at(times))

    def predict_guided(self, noisy: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """Return what the network says with labels, moved away from what it says without."""
        w = self.settings.guidance
        if w == 0:
            plain: Tensor = self.average(noisy, times, labels)
            return plain
        nothing = torch.full_like(labels, len(self.class_names))
        # With and without labels in one call of twice the batch: (2B, C, H, W) -> two of (B, C, H, W)
        both = self.average(noisy.repeat(2, 1, 1, 1), times.repeat(2), torch.cat([labels, nothing]))
        told, untold = both.chunk(2)
        guided: Tensor = (1 + w) * told - w * untold  # Ho and Salimans, equation 6.
        return guided

    def draw(self, shape: Sequence[int], rng: torch.Generator) -> Tensor:
        """Draw standard normal noise of a shape."""
        return torch.randn(tuple(shape), generator=rng, device=rng.device).to(self.device)


def copy_frozen(network: nn.Module) -> nn.Module:
    """Return a copy whose parameters are buffers of the same names: saved and moved with the rest, never trained."""
    frozen = copy.deepcopy(network)
    for module in frozen.modules():
        for name, value in list(module.named_parameters(recurse=False)):
            delattr(module, name)  # torch refuses a buffer under a parameter's name.
            module.register_buffer(name, value.detach())  # A deep copy's own memory, not the network's.
    return frozen
