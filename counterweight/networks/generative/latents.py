"""Gaussians of latent vectors, and ways between two of them."""

import math

import torch
from torch import Tensor

RIDGE = 1e-6  # relative to the mean variance: keeps a covariance positive definite in float32


def draw_from_classes(means: Tensor, factors: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """Draw one latent vector (B, D) from the Gaussian of each label's class.

    Args:
        means: (K, D).
        factors: Cholesky factors of the covariances, (K, D, D), on the means' device.
        labels: int64 (B,), on any device.
        rng: source of the noise, on any device.
    """
    noise = torch.randn((len(labels), means.shape[1]), generator=rng, device=rng.device).to(means.device)
    labels = labels.to(means.device)
    return means[labels] + torch.einsum("bij,bj->bi", factors[labels], noise)  # L e has the covariance L L'.


def factorize_covariances(covariance: Tensor) -> Tensor:
    """Return the Cholesky factors float32 (..., D, D) of covariances, with the least ridge that rounding needs."""
    # The clamp is for latents that do not vary at all, whose ridge would be 0, too.
    ridge = RIDGE * covariance.diagonal(dim1=-2, dim2=-1).mean().clamp(min=1e-12)
    eye = torch.eye(covariance.shape[-1], device=covariance.device, dtype=torch.double)
    # In float64, where rounding is far smaller than the ridge.
    factors: Tensor = torch.linalg.cholesky(covariance.double() + ridge * eye)
    return factors.float()


def draw_from_posteriors(means: Tensor, log_variances: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Draw from the Gaussian that has the moments of a mixture of diagonal ones, as the posteriors of a class are.

    Its covariance is that of the means plus the mean of the variances, which has full rank even for one image. A
    random combination of the centred means has the first part, noise of each latent's own the second, so that no
    matrix D x D is needed, which for a thousand latents or more would neither fit nor be factorised in time.

    Args:
        means: (N, D), N >= 1.
        log_variances: (N, D).
        count: number of draws B.
        rng: source of the noise, on any device.

    Returns:
        Latents (B, D) on the device of the means.
    """
    centre = means.mean(dim=0)
    fractions = torch.randn((count, len(means)), generator=rng, device=rng.device).to(means.device)
    noise = torch.randn((count, means.shape[1]), generator=rng, device=rng.device).to(means.device)
    deviations = log_variances.exp().mean(dim=0).sqrt()
    # Divided by sqrt(N), so that independent N(0, 1) factors give the means' covariance (divided by N).
    scaled: Tensor = (means - centre) / math.sqrt(len(means))
    return centre + fractions @ scaled + deviations * noise  # (B, N) @ (N, D) -> (B, D)


def slerp(start: Tensor, end: Tensor, fraction: Tensor) -> Tensor:
    """Interpolate between vectors (B, D) along a great circle, their lengths linearly; fraction (B, 1) in [0, 1].

    Shoemake, Animating Rotation with Quaternion Curves, https://doi.org/10.1145/325334.325242; for latents White,
    Sampling Generative Networks, https://arxiv.org/abs/1609.04468. Directions that are equal or opposite have no
    single circle: there, and for a zero vector, the straight way is taken.
    """
    lengths = [vector.norm(dim=1, keepdim=True) for vector in (start, end)]
    # A zero vector stays zero instead of becoming NaN.
    first, second = (vector / length.clamp(min=1e-12) for vector, length in zip((start, end), lengths, strict=True))
    cosine = (first * second).sum(dim=1, keepdim=True).clamp(-1, 1)  # Rounding may exceed 1, where acos is NaN.
    angle = torch.acos(cosine)
    weights = torch.sin((1 - fraction) * angle), torch.sin(fraction * angle)
    curved = (weights[0] * first + weights[1] * second) / torch.sin(angle)
    curved = curved * (lengths[0] + fraction * (lengths[1] - lengths[0]))
    # On a line sin(angle) is 0 or nearly so, and the quotient above noise; a zero vector has no direction.
    straight = (cosine.abs() > 1 - 1e-5) | (lengths[0] * lengths[1] == 0)
    return torch.where(straight, start + fraction * (end - start), curved)
