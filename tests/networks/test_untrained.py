"""What untrained networks are calibrated on, and what that does to their features."""

import numpy as np
import pytest
import torch
from torch import nn

from counterweight.core.seeds import derive_seed
from counterweight.features.weights import load_backbone
from counterweight.networks.backbones.base.backbone import Cut
from counterweight.networks.backbones.base.natural_images import draw_natural_images
from counterweight.networks.backbones.base.published import find_backbone
from counterweight.networks.backbones.base.untrained import calibrate
from counterweight.settings.extract import Extract
from counterweight.statistics.base.moments import effective_dimension


def test_natural_images_are_the_same_always_and_touch_no_generator() -> None:
    state = torch.get_rng_state()
    first = draw_natural_images(16, 64).clone()
    draw_natural_images.cache_clear()
    torch.manual_seed(1)
    changed = torch.get_rng_state()
    assert torch.equal(first, draw_natural_images(16, 64))
    assert torch.equal(changed, torch.get_rng_state())
    torch.set_rng_state(state)
    assert first.dtype == torch.uint8
    assert first.shape == (16, 3, 64, 64)


def test_natural_images_have_the_spectrum_of_photographs() -> None:
    """Amplitudes fall about like 1 / frequency, between 4 and 32 cycles an image: logarithms have a slope near -1."""
    size = 128
    grey = draw_natural_images(32, size).float().mean(1)
    power = torch.fft.fft2(grey - grey.mean((1, 2), keepdim=True)).abs().square().mean(0)
    frequency = (torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.fftfreq(size)[None] ** 2).sqrt() * size
    rings = torch.arange(4, 33)
    amplitudes = [float(power[(frequency - ring).abs() < 0.5].mean().sqrt()) for ring in rings]
    slope = np.polyfit(np.log(rings.numpy()), np.log(amplitudes), 1)[0]
    assert -1.5 < slope < -0.8


def test_batch_normalisations_get_the_statistics_of_what_they_see() -> None:
    """The first one sees the images alone; the second one what the first has normalised."""
    torch.manual_seed(0)
    first, second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    network = nn.Sequential(first, nn.ReLU(), second, nn.Flatten()).eval()

    class Extractor(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return network(images.float())  # type: ignore[no-any-return]

    extractor = Extractor()
    extractor.network = network
    calibrate(extractor, 64)
    images = draw_natural_images(32, 64).float()
    torch.testing.assert_close(first.running_mean, images.mean((0, 2, 3)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(first.running_var, images.var((0, 2, 3)), rtol=1e-4, atol=1e-4)
    features = network(images).view(32, 3, -1)
    # Rounding of sums of 131,072 terms, and N against N - 1 in the variance.
    torch.testing.assert_close(features.mean((0, 2)), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(features.var((0, 2)), torch.ones(3), atol=1e-3, rtol=0)
    assert not first.training
    assert not second.training


def test_calibrated_weights_are_the_same_bytes_again() -> None:
    first, again = (load_backbone("mnasnet0_5", Extract(input_size=64), 0).state_dict() for _ in range(2))
    assert all(torch.equal(first[key], again[key]) for key in first)


@pytest.mark.parametrize("name", ["mnasnet0_5", "resnet18"])
def test_calibration_gives_an_untrained_space_its_dimensions(name: str) -> None:
    """Without it one number rules all features of deep networks: here of noise of many colours and sizes."""
    seed = derive_seed(0, "backbone", name)
    images = draw_natural_images(80, 64)[16:]  # others than those that it is calibrated on, which are the first 64
    with torch.no_grad():
        before = find_backbone(name).untrained(seed, Cut())(images).numpy()
        after = load_backbone(name, Extract(input_size=64), seed)(images).numpy()
    assert effective_dimension(after) > 5
    assert effective_dimension(after) > 2 * effective_dimension(before)
