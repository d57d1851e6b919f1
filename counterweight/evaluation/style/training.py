"""Training of the style classifier, and what it says of images that it has not seen."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.core.batches import draw_batches, send_batches
from counterweight.core.errors import UserError
from counterweight.core.tensors import Labelled, to_network_input
from counterweight.evaluation.style.network import StyleClassifier
from counterweight.networks.layers import use_rng
from counterweight.settings.discriminate import Discriminate


def count_epochs(settings: Discriminate, images: int) -> int:
    """Return the number of epochs for so many training images.

    Small sets get more of them, until so many steps are made as the settings say: else a network that has learned
    nothing would say that nothing differs.
    """
    per_epoch = max(1, images // min(settings.batch_size, images))
    return max(settings.epochs, math.ceil(settings.steps / per_epoch))


def build_style_classifier(shape: tuple[int, int, int], seed: int) -> StyleClassifier:
    """Return an untrained classifier for images of `shape`.

    Its weights are drawn from `seed` with variance 2 / fan-in (He et al., https://arxiv.org/abs/1502.01852): torch
    would draw them from a generator that all threads share.
    """
    network, rng = StyleClassifier(shape), torch.Generator().manual_seed(seed)
    for layer in (network.first, network.second, network.hidden, network.last):
        nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=rng)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
    return network


def fit_style_classifier(network: StyleClassifier, train: Labelled, settings: Discriminate, seed: int) -> None:
    """Train a classifier, in place, on images whose labels are 1 where they are synthetic, on the device they are on.

    Args:
        seed: of batches and dropout; on one CPU the same seed gives the same bits.

    Raises:
        UserError: the loss is not finite.
    """
    device = train.images.device
    network.to(memory_format=torch.channels_last).train()
    use_rng(network, torch.Generator(device).manual_seed(seed))
    optimizer = torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)
    rng, labels = torch.Generator().manual_seed(seed), train.labels.cpu()
    wanted = train.labels.float()
    for epoch in range(count_epochs(settings, len(labels))):
        total = torch.zeros((), device=device)  # Summed on the device: read once an epoch, not once a step.
        for place in send_batches(draw_batches(labels, settings.batch_size, False, rng), device):
            loss = functional.binary_cross_entropy_with_logits(
                network(to_network_input(train.images[place])), wanted[place]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        if not math.isfinite(float(total)):
            raise UserError(
                f"params.yaml: discriminate: training stopped: the loss is {float(total)} in epoch {epoch + 1};"
                " a lower learning_rate may help"
            )
    network.eval()


@torch.inference_mode()
def judge_images(network: StyleClassifier, images: Tensor, chunk: int = 256) -> tuple[Tensor, Tensor]:
    """Return the logits (N,) of being synthetic, and the hidden features (N, 64), of uint8 images (N, C, H, W)."""
    hidden = torch.cat([network.features(to_network_input(part)) for part in images.split(chunk)])
    return network.last(hidden).squeeze(1).cpu(), hidden.cpu()  # (B, 1) -> (B,)
