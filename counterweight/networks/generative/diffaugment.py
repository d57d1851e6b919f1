"""Differentiable augmentation: what keeps a discriminator from learning few images by heart.

Zhao et al., Differentiable Augmentation for Data-Efficient GAN Training, https://arxiv.org/abs/2006.10738: real and
fake images are changed alike before the discriminator sees them, in its own steps and in those of the generator, whose
gradients pass through the change; so what it learns to tell apart are the images and not the changes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

SHIFT = 1 / 8  # of a side, at most (appendix B of the paper, as are all ranges here)
HOLE = 1 / 2  # of a side


class Augment(nn.Module):
    """The place in a discriminator where images are changed in training, if `use_augmentation` named any changes."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: tuple[str, ...] = ()
        self.rng: torch.Generator | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Return images (B, C, H, W), each changed at random by itself."""
        if not self.training:
            return images
        for change in self.changes:
            images = CHANGES[change](images, self.uniform)
        return images

    def uniform(self, images: Tensor) -> Tensor:
        """Draw a number in [0, 1) for each image, (B, 1, 1, 1)."""
        return torch.rand((len(images), 1, 1, 1), generator=self.rng, device=images.device)


Draw = Callable[[Tensor], Tensor]


def use_augmentation(network: nn.Module, changes: Sequence[str], rng: torch.Generator) -> None:
    """Let every `Augment` of `network` make these changes, in this order, with numbers from `rng`, on its device."""
    for module in network.modules():
        if isinstance(module, Augment):
            module.changes, module.rng = tuple(changes), rng


def colour(images: Tensor, draw: Draw) -> Tensor:
    """Add -0.5 to 0.5 to all pixels, scale saturation by 0 to 2 and contrast by 0.5 to 1.5."""
    images = images + draw(images) - 0.5
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * 2 * draw(images)  # Of one channel, grey is the image itself: no change.
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (draw(images) + 0.5)


def translation(images: Tensor, draw: Draw) -> Tensor:
    """Shift by up to an eighth of each side, in whole pixels; what comes in from outside is 0."""
    for dim in (2, 3):
        size = images.shape[dim]
        reach = round(size * SHIFT)
        shift = (draw(images) * (2 * reach + 1)).long() - reach  # -reach to reach, the ends included.
        place = torch.arange(size, device=images.device).view([-1 if d == dim else 1 for d in range(4)]) - shift
        # Gathering needs valid places; what was clamped is then set to 0, mid-grey of [-1, 1].
        inside = (place >= 0) & (place < size)
        images = images.gather(dim, place.clamp(0, size - 1).expand(images.shape)) * inside
    return images


def cutout(images: Tensor, draw: Draw) -> Tensor:
    """Set a rectangle of half the sides, anywhere, even across the edge, to 0."""
    # Outside the hole in one of the two directions is outside the rectangle.
    kept = torch.zeros((1, 1, 1, 1), dtype=torch.bool, device=images.device)
    for dim in (2, 3):
        size = images.shape[dim]
        hole = round(size * HOLE)
        start = (draw(images) * (size + 1)).long() - hole // 2  # Its centre is anywhere in 0...size.
        place = torch.arange(size, device=images.device).view([-1 if d == dim else 1 for d in range(4)])
        kept = kept | (place < start) | (place >= start + hole)
    return images * kept


CHANGES: dict[str, Callable[[Tensor, Draw], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}
