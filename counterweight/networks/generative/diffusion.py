"""The arithmetic of denoising diffusion: noise schedules, noising and its inverse, DDIM sampling.

Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models, https://arxiv.org/abs/2006.11239: an image x_0 becomes
x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) e with e ~ N(0, I) (equation 4; the paper's alpha-bar is called the level here).
Times run from 0, the image, to T, noise. Square roots are taken in double precision: near time 0, 1 - a_t is so small
that single precision would leave three digits of it.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Schedule = Literal["cosine", "linear"]
Prediction = Literal["noise", "velocity"]
# The cosine schedule's last step would have 1, and a signal of 0 to divide by in `remove_noise`.
LARGEST_BETA = 0.999


class Levels(NamedTuple):
    """How much of the image and how much noise there is at each time: sqrt(a_t) and sqrt(1 - a_t), each (T + 1,)."""

    signal: Tensor
    noise: Tensor

    def at(self, times: Tensor) -> "Levels":
        """Return both at the times int64 (B,), shaped to be multiplied with images (B, C, H, W)."""
        return Levels(*(values[times][:, None, None, None] for values in self))  # (B,) -> (B, 1, 1, 1)


def compute_betas(schedule: Schedule, steps: int) -> Tensor:
    """Return the fraction of noise added in each step, float64 (T,), for times 1 to T.

    Linear: 0.0001 to 0.02 over 1000 steps (Ho et al., section 4), the ends scaled by 1000/T for other numbers of steps,
    so that the last level stays. Cosine: 1 - a_t/a_(t-1) with a_t = f(t)/f(0), f(t) = cos^2((t/T + s)/(1 + s) pi/2),
    s = 0.008 (Nichol and Dhariwal, Improved Denoising Diffusion Probabilistic Models, equation 17,
    https://arxiv.org/abs/2102.09672). Both are clipped at 0.999.
    """
    if schedule == "linear":
        betas = torch.linspace(1e-4, 0.02, steps, dtype=torch.float64) * 1000 / steps
    else:
        fractions = torch.arange(steps + 1, dtype=torch.float64) / steps
        # The offset 0.008 keeps the first steps from having hardly any noise (Nichol and Dhariwal, 3.2).
        f = torch.cos((fractions + 0.008) / 1.008 * torch.pi / 2).square()
        betas = 1 - f[1:] / f[:-1]
    return betas.clamp(max=LARGEST_BETA)


def compute_levels(schedule: Schedule, steps: int) -> Levels:
    """Return the levels, float32, at times 0 (no noise at all) to T."""
    betas = compute_betas(schedule, steps)
    # The paper's alpha-bar, with a 1 in front for time 0, the clean image.
    kept = torch.cat([torch.ones_like(betas[:1]), (1 - betas).cumprod(dim=0)])
    return Levels(kept.sqrt().float(), (1 - kept).sqrt().float())


def add_noise(images: Tensor, noise: Tensor, level: Levels) -> Tensor:
    """Return images (B, C, H, W) with standard normal noise added (equation 4)."""
    return level.signal * images + level.noise * noise


def compute_target(prediction: Prediction, images: Tensor, noise: Tensor, level: Levels) -> Tensor:
    """Return what a network has to say of `add_noise(images, noise, level)`, (B, C, H, W).

    The noise, or the velocity sqrt(a_t) e - sqrt(1 - a_t) x_0 (Salimans and Ho, Progressive Distillation for Fast
    Sampling of Diffusion Models, section 4, https://arxiv.org/abs/2202.00512): the noise where there is none, the
    image where there is nothing but noise.
    """
    return noise if prediction == "noise" else level.signal * noise - level.noise * images


def remove_noise(prediction: Prediction, noisy: Tensor, said: Tensor, level: Levels) -> Tensor:
    """Return the images (B, C, H, W) below the noise of `noisy`, if `said` is what `compute_target` asks for."""
    if prediction == "noise":
        return (noisy - level.noise * said) / level.signal
    return level.signal * noisy - level.noise * said


def sampling_times(last: int, steps: int) -> list[int]:
    """Return `steps` + 1 times, evenly spaced and rounded, from `last` to 0; no more than there are."""
    # With more steps than times, rounding would repeat some.
    steps = min(steps, last)
    return [round(last * left / steps) for left in range(steps, -1, -1)]


def ddim_step(image: Tensor, noise: Tensor, now: Levels, then: Levels, eta: float, fresh: Tensor) -> Tensor:
    """Return what an image was at an earlier time `then`, given the predictions at time `now`.

    Song, Meng and Ermon, Denoising Diffusion Implicit Models, equations 12 and 16, https://arxiv.org/abs/2010.02502.

    Args:
        image: predicted, (B, C, H, W).
        noise: predicted, of the same shape.
        eta: 0: deterministic; 1: as noisy as the reverse process of DDPM.
        fresh: standard normal noise; without any effect if `eta` is 0.
    """
    # Both clamps are for rounding, which would make a NaN of the root of -1e-8.
    step_fraction = (1 - (now.signal / then.signal).square()).clamp(min=0)
    deviation = eta * then.noise / now.noise * step_fraction.sqrt()
    kept = (then.noise.square() - deviation.square()).clamp(min=0).sqrt()
    return then.signal * image + kept * noise + deviation * fresh


def ddim(
    predict: Callable[[Tensor, Tensor], Tensor],
    noisy: Tensor,
    levels: Levels,
    steps: int,
    eta: float,
    rng: torch.Generator,
) -> Tensor:
    """Turn noise (B, C, H, W) into images in [-1, 1].

    The predicted image is clipped to [-1, 1] in every step, and the noise is what then is left.

    Args:
        predict: returns images (B, C, H, W) without their noise, given those with it and times int64 (B,).
        steps: how often it is called.
        eta: see `ddim_step`; if 0, `rng` is not touched.
    """
    times = sampling_times(len(levels.signal) - 1, steps)
    for now, then in pairwise(times):
        # Time 0 is only ever `then`: the division by the noise of `now` below is safe.
        at = torch.full((len(noisy),), now, device=noisy.device)
        here, there = levels.at(at), levels.at(torch.full_like(at, then))
        image = predict(noisy, at).clamp(-1, 1)
        noise = (noisy - here.signal * image) / here.noise
        fresh = torch.zeros_like(noisy)
        if eta > 0:
            # Drawn where the generator lives, which in sampling is the CPU: a GPU gets the same numbers.
            fresh = torch.randn(noisy.shape, generator=rng, device=rng.device).to(noisy.device)
        noisy = ddim_step(image, noise, here, there, eta, fresh)
    return noisy
