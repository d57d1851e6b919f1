"""Multiscale normalizing flows on images, with a Gaussian for each class at every scale.

The blocks are those of normflows (Stimper et al., https://joss.theoj.org/papers/10.21105/joss.05361), whose flows run
from latents to images: `forward` makes an image, `inverse` returns its latents, and lists of layers are in that order.
What is here is how they are put together, the networks inside the couplings, and the Gaussians: the library's draw
from torch's global generator, and no log scale of its own has bounds.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import normflows
import torch
from torch import Tensor, nn

Pixels = Literal["logit", "scaled"]

LEVELS = 256  # of brightness
COUPLING_LIMIT = 2.0  # bound of a coupling's log scale: what twenty couplings do in a row stays a finite float
PRIOR_LIMIT = 8.0  # of a Gaussian's: a pixel that never changes but for its noise has a deviation of e^-6 or so


def squeeze_to_limit(values: Tensor, limit: float) -> Tensor:
    """Return values squeezed into (-limit, limit), unchanged near 0."""
    return limit * torch.tanh(values / limit)


class ClassPrior(nn.Module):
    """Gaussian with a mean and a bounded log scale for each class and latent (K, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(classes, *shape))
        self.raw_log_scale = nn.Parameter(torch.zeros(classes, *shape))

    def log_prob(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return the log density (B,) of latents (B, C, H, W) under their classes (B,), in nats."""
        log_scale = squeeze_to_limit(self.raw_log_scale, PRIOR_LIMIT)[labels]
        distance = (latents - self.mean[labels]) * (-log_scale).exp()
        # (B, C, H, W) -> (B,)
        return -(log_scale + (distance.square() + math.log(2 * math.pi)) / 2).flatten(1).sum(dim=1)

    def draw(self, labels: Tensor, temperature: float, rng: torch.Generator) -> Tensor:
        """Draw latents (B, C, H, W) of classes (B,), their deviations multiplied by `temperature`."""
        noise = torch.randn((len(labels), *self.mean.shape[1:]), generator=rng, device=rng.device)
        scale = squeeze_to_limit(self.raw_log_scale, PRIOR_LIMIT)[labels].exp()
        return self.mean[labels] + temperature * scale * noise.to(self.mean.device)

    @torch.no_grad()
    def start_from(self, latents: Tensor, labels: Tensor) -> None:
        """Take the mean latents of each class and the deviations within classes, which all share at first.

        A class without an image among them gets the mean of all.
        """
        for label in range(len(self.mean)):
            own = latents[labels == label]
            self.mean[label] = own.mean(dim=0) if len(own) else latents.mean(dim=0)
        within = (latents - self.mean[labels]).square().mean(dim=0).sqrt()
        # What hardly varies in these few images gets a floor, since others may vary more.
        log_scale = within.clamp(min=0.1 * within.mean().item() + 1e-3).log().clamp(-6, 6)
        # The inverse of `squeeze_to_limit`, finite since 6 is inside of its limit of 8.
        self.raw_log_scale.copy_((log_scale / PRIOR_LIMIT).atanh() * PRIOR_LIMIT)


class BoundedLogScale(nn.Module):
    """Bound the log scales among a coupling's parameters, which normflows expects in every second channel."""

    def forward(self, parameters: Tensor) -> Tensor:
        """Return shifts and bounded log scales, in turn (B, 2C, H, W)."""
        shift, log_scale = parameters[:, 0::2], squeeze_to_limit(parameters[:, 1::2], COUPLING_LIMIT)
        return torch.stack([shift, log_scale], dim=2).flatten(1, 2)  # (B, C, 2, H, W) -> (B, 2C, H, W)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps (B, width, H, W)."""
        step: Tensor = self.second(self.first(maps.relu()).relu())
        return maps + step


def make_coupling_end(width: int, channels: int) -> list[nn.Module]:
    """Return the layers that turn a coupling's features into shifts and log scales for `channels`.

    Their weights start near zero, and with them every coupling near the identity (Glow, 3.3).
    """
    last = nn.Conv2d(width, 2 * channels, 3, padding=1)
    assert last.bias is not None
    nn.init.normal_(last.weight, std=1e-3)
    nn.init.zeros_(last.bias)
    return [nn.ReLU(), last, BoundedLogScale()]


def shallow_net(inputs: int, channels: int, width: int) -> nn.Sequential:
    """Return Glow's network of a coupling: 3x3, 1x1 and 3x3 convolutions (appendix B)."""
    first, second = nn.Conv2d(inputs, width, 3, padding=1), nn.Conv2d(width, width, 1)
    return nn.Sequential(first, nn.ReLU(), second, *make_coupling_end(width, channels))


def residual_net(inputs: int, channels: int, width: int, blocks: int) -> nn.Sequential:
    """Return Real NVP's network of a coupling: residual blocks (section 3.2 and 4.1)."""
    first = nn.Conv2d(inputs, width, 3, padding=1)
    return nn.Sequential(first, *(Residual(width) for _ in range(blocks)), *make_coupling_end(width, channels))


def make_actnorm(channels: int) -> Any:  # noqa: ANN401
    """Return normflows' activation normalisation, which looks for its axes in a tensor and so needs a real device."""
    with torch.device("cpu"):
        return normflows.flows.ActNorm((channels, 1, 1))


def glow_step(channels: int, width: int) -> list[nn.Module]:
    """Return a step of Glow (figure 2a), its layers in the order latent to image."""
    net = shallow_net(channels // 2, channels // 2, width)
    coupling = normflows.flows.AffineCouplingBlock(net, scale_map="exp")
    mixing = normflows.flows.Invertible1x1Conv(channels, use_lu=False)
    return [coupling, mixing, make_actnorm(channels)]


def glow(shape: tuple[int, int, int], classes: int, levels: int, depth: int, width: int, pixels: Pixels) -> Any:  # noqa: ANN401
    """Return Glow (figure 2b) on images (C, H, W) whose sides are multiples of 2^levels: normflows' MultiscaleFlow."""
    channels, height, width_of_image = shape
    priors, layers = [], []
    # From the coarsest: normflows' lists run from latents to images.
    for level in range(levels, 0, -1):
        # Every squeeze makes four channels of one, and every level but the last lets half of them go.
        inner = channels * 2 ** (level + 1)
        own = [layer for _ in range(depth) for layer in glow_step(inner, width)]
        layers.append([*own, normflows.flows.Squeeze()])
        kept = inner if level == levels else inner // 2  # The coarsest level has nothing behind it.
        priors.append(ClassPrior((kept, height >> level, width_of_image >> level), classes))
    return multiscale(priors, layers, pixels)


def make_masked_couplings(channels: int, mask: str, count: int, width: int, blocks: int) -> list[nn.Module]:
    """Return affine couplings of Real NVP with a mask and its opposite in turn, a normalisation behind each.

    Args:
        channels: of the maps.
        mask: `checkerboard` or `channel`.
    """
    half = channels if mask == "checkerboard" else channels // 2  # a checkerboard halves the maps' width instead
    layers: list[nn.Module] = []
    for place in range(count):
        mode = mask if place % 2 == 0 else f"{mask}_inv"
        net = residual_net(half, half, width, blocks)
        layers.append(normflows.flows.AffineCouplingBlock(net, scale_map="exp", split_mode=mode))
        layers.append(make_actnorm(channels))
    return layers


def real_nvp(shape: tuple[int, int, int], classes: int, levels: int, blocks: int, width: int, pixels: Pixels) -> Any:  # noqa: ANN401
    """Return Real NVP (section 3.6) on images (C, H, W): normflows' MultiscaleFlow.

    Sides must be multiples of 2^(levels + 1). Every level has three checkerboard couplings, a squeeze, three couplings
    of channels, and lets half of the channels go; four checkerboard couplings come last.
    """
    channels, height, width_of_image = shape
    rest = channels * 2**levels
    priors = [ClassPrior((rest, height >> levels, width_of_image >> levels), classes)]
    layers = [make_masked_couplings(rest, "checkerboard", 4, width, blocks)]
    for level in range(levels, 0, -1):
        outer = channels * 2 ** (level - 1)
        inside = make_masked_couplings(4 * outer, "channel", 3, width, blocks)
        outside = make_masked_couplings(outer, "checkerboard", 3, width, blocks)
        layers.append([*inside, normflows.flows.Squeeze(), *outside])
        priors.append(ClassPrior((2 * outer, height >> level, width_of_image >> level), classes))
    return multiscale(priors, layers, pixels)


def multiscale(priors: Sequence[nn.Module], layers: Sequence[Sequence[nn.Module]], pixels: Pixels) -> Any:  # noqa: ANN401
    """Return a flow of scales, the coarsest first, on intensities in [0, 1].

    Logit (Real NVP, section 4.1, with alpha 0.05): logit(alpha + (1 - 2 alpha) x), whose two ends are both finite,
    where the paper's 1 - alpha leaves white at infinity. Scaled (Glow's code): x - 1/2.
    """
    merges = [normflows.flows.Merge() for _ in priors[1:]]
    transform = normflows.transforms.Logit(0.05) if pixels == "logit" else normflows.transforms.Shift(-0.5)
    return normflows.MultiscaleFlow(priors, layers, merges, transform)


def log_likelihood(flow: Any, levels: Tensor, labels: Tensor) -> Tensor:  # noqa: ANN401
    """Return log p(levels | labels) in nats (B,), where levels (B, C, H, W) are reals in [0, 256].

    The flow gives the density of x = levels / 256, with the Jacobian of its logit; that of the scaling is 256^-D.
    """
    density: Tensor = flow.log_prob(levels / LEVELS, labels)
    return density - levels[0].numel() * math.log(LEVELS)  # D log 256: change of variables by a constant.
