"""Losses of generative adversarial networks on the logits of a discriminator, and the gradient penalty.

Log-ends thesis (Image generation through feature extraction and learning), A.1; GAN-vs-VAE report (Generating
Realistic Images using Deep Learning), equations 5 and 6. Equation 6 prints P(S = real|X) - P(S = fake|X), both of the
real images X; implemented is the difference of a critic's mean scores of real images and of those that are made.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Loss = Literal["minimax", "non_saturating", "least_squares", "wasserstein"]


def discriminator_loss(kind: Loss, real: Tensor, fake: Tensor) -> Tensor:
    """Return what a discriminator minimises, from its logits (B,) for real and (B',) for fake images.

    Minimax and non-saturating: -log D(x) - log(1 - D(G(z))) (Goodfellow et al., https://arxiv.org/abs/1406.2661);
    least squares with targets 1 and 0, halved (Mao et al., https://arxiv.org/abs/1611.04076; thesis, equation 21);
    Wasserstein: mean fake minus mean real score (Arjovsky et al., https://arxiv.org/abs/1701.07875).
    """
    if kind == "least_squares":
        return ((real - 1).square().mean() + fake.square().mean()) / 2
    if kind == "wasserstein":
        return fake.mean() - real.mean()
    # softplus(-x) = -log sigmoid(x) and softplus(x) = -log(1 - sigmoid(x)), which cannot overflow.
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def generator_loss(kind: Loss, fake: Tensor) -> Tensor:
    """Return what a generator minimises, from the discriminator's logits (B,) for its images.

    Minimax: log(1 - D(G(z))), whose gradient vanishes while the discriminator is sure of itself; non-saturating:
    -log D(G(z)) (the thesis's equation 20 leaves out the minus sign).
    """
    if kind == "minimax":
        return -functional.softplus(fake).mean()
    if kind == "least_squares":
        return (fake - 1).square().mean() / 2
    if kind == "wasserstein":
        return -fake.mean()
    return functional.softplus(-fake).mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """Return the mean squared distance from 1 of the critic's gradient norm, between real and fake images (B, C, H, W).

    Gulrajani et al., Improved Training of Wasserstein GANs, equation 3, https://arxiv.org/abs/1704.00028; its factor
    (10 in the paper) is the caller's.
    """
    # One number for an image, not for a pixel: points lie on the straight line between two images.
    fraction = torch.rand((len(real), 1, 1, 1), generator=rng, device=real.device)
    # A leaf of its own: the penalty is the critic's, and no gradient goes on to the generator.
    between = (fraction * real + (1 - fraction) * fake).detach().requires_grad_(True)
    # Of the sum, each image's gradient is its own only while no layer mixes images: no batch normalisation here.
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    # A small term under the root: the gradient of a norm is not finite where the norm is zero.
    norms = (gradient.flatten(1).square().sum(dim=1) + 1e-12).sqrt()  # (B, C, H, W) -> (B,)
    return (norms - 1).square().mean()
