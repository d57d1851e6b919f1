"""Axes of clouds and of decoders whose axes are known."""

import pytest
import torch
from torch import Tensor

from counterweight.explorer import axes as tool
from counterweight.explorer.axes import find_principal_axes, find_sensitive_axes, order_inputs
from counterweight.explorer.latents import PriorSpace
from tests.explorer.made import rng

DEVIATIONS = torch.tensor([0.1, 3.0, 1.0, 0.0])


def make_rotation(dim: int) -> Tensor:
    """Return an orthogonal matrix."""
    return torch.linalg.qr(torch.randn(dim, dim, generator=rng())).Q


def test_principal_axes_are_those_of_the_cloud() -> None:
    turn = make_rotation(4)
    latents = (torch.randn(4000, 4, generator=rng(1)) * DEVIATIONS) @ turn + 5
    found, amounts = find_principal_axes(latents)
    # Relative standard error of a deviation: 1 / sqrt(2 N) = 0.011.
    assert torch.allclose(amounts, torch.tensor([3.0, 1.0, 0.1, 0.0]), rtol=0.05, atol=1e-5)
    assert torch.allclose(found @ found.T, torch.eye(4), atol=1e-5)
    for axis, place in zip(found, (1, 2, 0, 3), strict=True):
        assert abs(axis @ turn[place]) > 0.99


def test_the_basis_is_complete_even_of_few_images() -> None:
    found, amounts = find_principal_axes(torch.randn(3, 6, generator=rng()))
    assert torch.allclose(found @ found.T, torch.eye(6), atol=1e-5)
    assert (amounts > 1e-3).sum() == 2


def test_of_very_many_latents_there_are_as_many_axes_as_images(monkeypatch: pytest.MonkeyPatch) -> None:
    latents = torch.randn(5, 40, generator=rng()) * torch.linspace(3, 0.1, 40)
    whole, amounts = find_principal_axes(latents)
    monkeypatch.setattr(tool, "MOST", 20)
    few, some = find_principal_axes(latents)
    assert few.shape == (5, 40)
    assert torch.allclose(amounts[:4], some[:4], atol=1e-4)
    assert torch.allclose((whole[:4] * few[:4]).sum(dim=1), torch.ones(4), atol=1e-3)


def test_axes_have_no_arbitrary_sign() -> None:
    latents = torch.randn(50, 3, generator=rng()) * torch.tensor([1.0, 2.0, 3.0])
    assert torch.allclose(find_principal_axes(latents)[0], find_principal_axes(-latents)[0], atol=1e-5)


def test_sensitive_axes_are_singular_vectors_of_a_linear_decoder() -> None:
    turn = make_rotation(3)
    matrix = torch.diag(torch.tensor([2.0, 0.0, 5.0])) @ turn  # (pixels, D)
    space = PriorSpace(3, 1, lambda latents, labels: (latents @ matrix.T).reshape(-1, 1, 1, 3))
    found, amounts = find_sensitive_axes(space, torch.randn(4, 3, generator=rng()), torch.zeros(4, dtype=torch.int64))
    # Root mean squares over three pixels.
    assert torch.allclose(amounts, torch.tensor([5.0, 2.0, 0.0]) / 3**0.5, atol=1e-3)
    for axis, place in zip(found, (2, 0, 1), strict=True):
        assert abs(axis @ turn[place]) > 0.999


def test_inputs_are_ordered_by_what_varies_with_each() -> None:
    found = find_principal_axes(torch.randn(2000, 4, generator=rng()) * DEVIATIONS)
    order, amounts = order_inputs(*found)
    assert order.tolist() == [1, 2, 0, 3]
    assert torch.allclose(amounts, torch.tensor([3.0, 1.0, 0.1, 0.0]), rtol=0.07, atol=1e-5)
