"""Images between bytes and what networks see."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from counterweight.core.tensors import resize_by_products, resize_square


@pytest.mark.parametrize("shape", [(5, 3, 32, 32), (3, 1, 28, 28), (2, 1, 100, 57), (0, 3, 8, 8)], ids=str)
@pytest.mark.parametrize("size", [16, 28, 64])
def test_images_are_resized_as_torchvision_resizes_them(shape: tuple[int, ...], size: int) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = resize_square(images, size, chunk=2) if len(images) else resize_square(images, size)
    assert found.shape == (*shape[:2], size, size)
    if len(images):
        assert torch.equal(found, functional.resize(images, [size, size], antialias=True))


@pytest.mark.parametrize("old", [3, 8, 28, 31, 32, 64, 100, 224, 300])
@pytest.mark.parametrize("new", [4, 28, 32, 63, 64, 96, 112, 224, 299])
def test_whole_numbers_resize_to_the_bytes_of_a_cpu(old: int, new: int) -> None:
    """On any device: what torch does with bytes on a CPU, it does with floats elsewhere."""
    images = torch.randint(
        0, 256, (4, 3, old, old + 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(old)
    )
    assert torch.equal(resize_by_products(images, new), resize_square(images, new))
