"""Images between bytes and what networks see."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from counterweight.core.tensors import resize_square


@pytest.mark.parametrize("shape", [(5, 3, 32, 32), (3, 1, 28, 28), (2, 1, 100, 57), (0, 3, 8, 8)], ids=str)
@pytest.mark.parametrize("size", [16, 28, 64])
def test_images_are_resized_as_torchvision_resizes_them(shape: tuple[int, ...], size: int) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = resize_square(images, size, chunk=2) if len(images) else resize_square(images, size)
    assert found.shape == (*shape[:2], size, size)
    if len(images):
        assert torch.equal(found, functional.resize(images, [size, size], antialias=True))
