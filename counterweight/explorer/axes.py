"""Directions in a latent space by how much varies along them, the most first.

Two ways to look for them. Where there is an encoder: the principal axes of the encoded training images, and their
standard deviations. Where there is none: the eigenvectors of the mean of J'J, J being the Jacobian of the image, over
drawn latents, and the roots of its eigenvalues; along the first of them the image changes most (Wang and Ponce, A
Geometric Analysis of Deep Generative Image Models, section 2, https://arxiv.org/abs/2101.06006).
"""

import torch
from torch import Tensor

from counterweight.explorer.latents import LatentSpace

MOST = 1024
"""Directions: of as many latents or fewer there are as many as latents."""
IMAGES = 600  # that are encoded, at most
DECODED = 1024  # images that the Jacobians take, roughly
STEP = 0.1  # of the finite differences, in the units of latents, which are drawn with a deviation of about 1


def find_principal_axes(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Return the principal axes (M, D) of latents (N, D), and the standard deviations (M,) along them.

    A complete basis if D <= MOST; else as many as the latents have, at most MOST.
    """
    centred = (latents - latents.mean(dim=0)).double()
    if latents.shape[1] <= MOST:
        values, vectors = torch.linalg.eigh(centred.T @ centred / max(1, len(centred) - 1))
        return order_axes(vectors.T, values.clamp(min=0).sqrt())
    _, lengths, axes = torch.linalg.svd(centred[:MOST], full_matrices=False)
    return order_axes(axes, lengths / max(1, len(centred[:MOST]) - 1) ** 0.5)


def find_sensitive_axes(space: LatentSpace, latents: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the directions (D, D) along which the images of some latents (N, D) change most, and by how much (D,).

    In root mean squares of the image's values, which span 2, per unit of the latents.
    """
    total = torch.zeros(space.dim, space.dim, dtype=torch.double)
    for latent, label in zip(latents, labels, strict=True):
        moved = torch.cat([latent + STEP * torch.eye(space.dim), latent - STEP * torch.eye(space.dim)])
        images = torch.cat([space.decode(part, label.expand(len(part))) for part in moved.split(256)])
        ahead, behind = images.flatten(1).chunk(2)
        jacobian = (ahead - behind).double() / (2 * STEP)  # (D, pixels): the transpose of J
        total += jacobian @ jacobian.T / jacobian.shape[1]
    values, vectors = torch.linalg.eigh(total / len(latents))
    return order_axes(vectors.T, values.clamp(min=0).sqrt())


def order_axes(axes: Tensor, amounts: Tensor) -> tuple[Tensor, Tensor]:
    """Return directions (M, D) by their amounts (M,), the largest first, each with its largest entry above 0."""
    order = amounts.argsort(descending=True, stable=True)
    axes, amounts = axes[order], amounts[order]
    # An eigenvector's sign is arbitrary: fixed, so that the same model has the same sliders.
    largest = axes.gather(1, axes.abs().argmax(dim=1, keepdim=True))
    return (axes * largest.sign()).float(), amounts.float()


def order_inputs(axes: Tensor, amounts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the latents' own numbers (M,) in the order of what varies with each alone, and these amounts (M,).

    By the diagonal of the matrix that has these axes (M, D) and roots of eigenvalues (M,).
    """
    own = (axes.double() * amounts.double()[:, None]).square().sum(dim=0).sqrt()
    order = own.argsort(descending=True, stable=True)[:MOST]
    return order, own[order].float()
