"""How images are parted into batches, and in which order networks have them in memory."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from counterweight.core.tensors import resize_square
from counterweight.features.extractor import build_extractor, resize, run_extractor, split_evenly
from counterweight.networks.backbones.base.natural_images import draw_natural_images
from counterweight.settings.extract import Extract


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 31, 32, 71, 1797])
def test_batches_hold_every_image_once_and_about_as_many_each(count: int) -> None:
    parts = split_evenly(count, 16)
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(count, 16)
    assert max(sizes) < 32


@pytest.mark.parametrize("last", [True, False])
def test_convolutions_see_channels_in_the_order_that_the_settings_say(last: bool) -> None:
    settings = Extract.model_validate({"input_size": 64, "channels_last": last})
    network = build_extractor("mnasnet0_5", settings, 0, torch.device("cpu")).network
    assert isinstance(network, nn.Module)
    seen: list[bool] = []

    def note(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        seen.extend(each.is_contiguous() for each in (inputs[0], output))

    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(note)
    with torch.inference_mode():
        network(draw_natural_images(16, 64))
    # Not all: maps of one position, or of one channel, are both.
    assert len(seen) > 20
    assert seen.count(not last) > 0.9 * len(seen)


def test_the_order_of_channels_changes_features_by_rounding_alone() -> None:
    images, device = draw_natural_images(16, 64), torch.device("cpu")
    ways = [Extract.model_validate({"input_size": 64, "channels_last": last}) for last in (True, False)]
    first, last = (
        torch.from_numpy(run_extractor(build_extractor("mnasnet0_5", way, 0, device), images)) for way in ways
    )
    # float32 rounds by 6e-8, and fifty layers enlarge that.
    assert (first - last).square().mean() <= (1e-4**2) * first.square().mean()
    assert not torch.equal(first, last)


@pytest.mark.parametrize(("old", "new"), [((9, 9), 16), ((40, 12), 16), ((16, 16), 16), ((12, 30), 20)])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_order_in_memory_does_not_change_resized_bytes(old: tuple[int, int], new: int, channels: int) -> None:
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (5, channels, *old), dtype=np.uint8))
    found, expected = resize(images, new), resize_square(images, new)
    assert torch.equal(found, expected.expand_as(found))  # of grey images that grow, three equal channels
