"""Batch normalisation as a part of the convolution before it: the same features but for rounding, with less work.

In evaluation mode a batch normalisation is a factor and a summand for each channel, which the convolution's weights and
bias can have in them: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference, section 3.2 (https://arxiv.org/abs/1712.05877).
"""

from collections import Counter
from contextlib import ExitStack

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from counterweight.core.errors import UserError
from counterweight.networks.backbones.base.natural_images import draw_natural_images

IMAGES = 2
TOLERANCE = 1e-3
"""Of the features' root mean square, by which folded ones may differ: some hundred layers round in float32."""


@torch.inference_mode()
def fold_normalization(name: str, network: nn.Module, size: int) -> None:
    """Fold what can be folded of an extractor in evaluation mode, in place.

    Args:
        name: of the network, for an error's message.
        size: of its images, in pixels.

    Raises:
        UserError: the network makes other features then, since it looks at a convolution's outputs elsewhere, too.
    """
    images = draw_natural_images(IMAGES, size)
    pairs, before = find_pairs(network, images)
    for convolution, normalization in pairs:
        layer, after = network.get_submodule(convolution), network.get_submodule(normalization)
        assert isinstance(layer, nn.Conv2d)
        assert isinstance(after, nn.BatchNorm2d)
        network.set_submodule(convolution, fuse_conv_bn_eval(layer, after))
        network.set_submodule(normalization, keep_activation(after))
    apart, scale = (network(images) - before).square().mean().sqrt(), before.square().mean().sqrt()
    if apart > TOLERANCE * scale:
        raise UserError(f"params.yaml: extract.fold: true changes what {name} makes of images; set false")


def find_pairs(network: nn.Module, images: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """Return names of convolutions and of the batch normalisations that see just their outputs, and the features."""
    made: list[tuple[str, Tensor]] = []  # Alive, so that no other tensor is taken for one of them.
    seen: list[tuple[str, str]] = []
    with ExitStack() as stack:
        for name, module in network.named_modules():
            if isinstance(module, nn.Conv2d):

                def note(_: nn.Module, __: object, output: Tensor, name: str = name) -> None:
                    made.append((name, output))

                stack.callback(module.register_forward_hook(note).remove)
            elif isinstance(module, nn.BatchNorm2d):

                def match(_: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
                    seen.extend((own, name) for own, output in made if output is inputs[0])

                stack.callback(module.register_forward_pre_hook(match).remove)
        features: Tensor = network(images)
    # One that works in several places cannot have one place's factors in it.
    runs = Counter(own for own, _ in made)
    sources, readers = Counter(own for own, _ in seen), Counter(reader for _, reader in seen)
    once = [pair for pair in seen if runs[pair[0]] == sources[pair[0]] == readers[pair[1]] == 1]
    return once, features


def keep_activation(normalization: nn.BatchNorm2d) -> nn.Module:
    """Return what is left of a batch normalisation: timm's have an activation in them."""
    if type(normalization) is nn.BatchNorm2d:
        return nn.Identity()
    parts = [getattr(normalization, part) for part in ("drop", "act") if hasattr(normalization, part)]
    return nn.Sequential(*parts)
