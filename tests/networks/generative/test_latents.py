"""Gaussians of latents against their moments, interpolation against plane geometry."""

import math

import numpy as np
import pytest
import torch

from counterweight.networks.generative.latents import (
    draw_from_classes,
    draw_from_posteriors,
    factorize_covariances,
    slerp,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_latents_are_drawn_from_the_gaussian_of_their_label() -> None:
    means = torch.tensor([[0.0, 0.0], [5.0, -5.0]])
    factors = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [1.0, 0.5]]])
    drawn = draw_from_classes(means, factors, torch.arange(100_000) % 2, seeded())
    for label in (0, 1):
        own = drawn[label::2].numpy()
        assert own.mean(axis=0) == pytest.approx(means[label].numpy(), abs=0.05)
        assert np.cov(own.T) == pytest.approx((factors[label] @ factors[label].T).numpy(), abs=0.1)


def test_a_factor_times_itself_is_the_covariance_even_of_rank_one() -> None:
    regular, singular = torch.tensor([[4.0, 1.0], [1.0, 2.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]])
    factors = factorize_covariances(torch.stack([regular, singular]))
    assert factors @ factors.mT == pytest.approx(torch.stack([regular, singular]), abs=1e-5)


def test_a_mixture_of_gaussians_has_the_moments_of_its_draws() -> None:
    means = torch.tensor([[0.0, 0.0], [4.0, 2.0], [1.0, -3.0]])
    log_variances = torch.tensor([[0.0, 1.0], [0.5, -1.0], [-2.0, 0.0]])
    pick = torch.randint(3, (400_000,), generator=seeded())
    noise = torch.randn((400_000, 2), generator=seeded(1))
    drawn = (means[pick] + (log_variances[pick] / 2).exp() * noise).numpy()
    alike = draw_from_posteriors(means, log_variances, 400_000, seeded(2)).numpy()
    # Standard errors of a mean and a variance over 400,000 draws of deviation below 3: 0.005 and 0.02.
    assert alike.mean(axis=0) == pytest.approx(drawn.mean(axis=0), abs=0.03)
    assert np.cov(alike.T) == pytest.approx(np.cov(drawn.T), abs=0.1)


def test_the_gaussian_of_one_image_is_its_posterior() -> None:
    drawn = draw_from_posteriors(
        torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, math.log(9.0)]]), 100_000, seeded()
    ).numpy()
    assert drawn.mean(axis=0) == pytest.approx([1, 2], abs=0.05)
    assert np.cov(drawn.T) == pytest.approx(np.diag([1.0, 9.0]), abs=0.15)


def test_many_latents_need_no_matrix_of_their_covariance() -> None:
    many = 1_000_000  # whose covariance would take 4 TB
    assert draw_from_posteriors(torch.zeros(3, many), torch.zeros(3, many), 2, seeded()).shape == (2, many)


def test_the_spherical_way_is_the_arc_of_a_circle() -> None:
    start, end = torch.tensor([[1.0, 0.0]]).expand(4, 2), torch.tensor([[0.0, 1.0]]).expand(4, 2)
    fraction = torch.tensor([[0.0], [1 / 3], [0.5], [1.0]])
    angle = fraction * math.pi / 2
    assert slerp(start, end, fraction) == pytest.approx(torch.cat([angle.cos(), angle.sin()], dim=1), abs=1e-6)


def test_lengths_go_linearly_along_the_arc() -> None:
    way = slerp(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5]]))
    assert way.norm() == pytest.approx(2, rel=1e-6)
    assert way[0, 0] == pytest.approx(float(way[0, 1]), rel=1e-6)


@pytest.mark.parametrize("end", [[1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [2.0, 4.0]])
def test_where_there_is_no_single_circle_the_way_is_straight(end: list[float]) -> None:
    start, fraction = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.25]])
    way = slerp(start, torch.tensor([end]), fraction)
    expected = 0.75 * start + 0.25 * torch.tensor([end])
    if end == [0.0, 0.0]:
        assert way.isfinite().all()
    else:
        assert way == pytest.approx(expected, abs=1e-4)


def test_from_a_zero_vector_the_straight_way_is_taken() -> None:
    assert slerp(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]]), torch.tensor([[0.5]])).tolist() == [[1.0, 0.0]]
