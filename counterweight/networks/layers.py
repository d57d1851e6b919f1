"""Building blocks that several generators share."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import handle_torch_function, has_torch_function_unary


class Crop(nn.Module):
    """Cut images (B, C, H', W') down to H x W from the upper left corner.

    Upsampling by two makes even sizes only; this lets a network end at any size.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, images: Tensor) -> Tensor:
        """Return images (B, C, H, W)."""
        return images[..., : self.height, : self.width]


class Dropout(nn.Module):
    """Dropout that draws from a generator of its own, where torch's draws from one that all threads share.

    `use_rng` hands the generator over; without one, training is refused.
    """

    def __init__(self, fraction: float) -> None:
        super().__init__()
        self.fraction = fraction
        self.rng: torch.Generator | None = None

    def forward(self, values: Tensor) -> Tensor:
        """Zero a random fraction of the values in training and scale the others so that the mean stays."""
        # Before the check below: evaluation, and a fraction of 0, need no generator.
        if not self.training or self.fraction == 0:
            return values
        if self.rng is None:
            raise RuntimeError("no random generator: call use_rng on the network before training it")
        kept = self.draw(values) >= self.fraction
        return values * kept / (1 - self.fraction)  # Scaled here, so that evaluation does nothing.

    def draw(self, values: Tensor) -> Tensor:
        """Return a number in [0, 1) for each value."""
        return torch.rand(values.shape, generator=self.rng, device=values.device)


class DropPath(Dropout):
    """Stochastic depth: dropout of whole rows of a batch, each an image's share of a residual branch.

    Huang et al. 2016, Deep Networks with Stochastic Depth, https://arxiv.org/abs/1603.09382; torchvision's draws from
    the generator that all threads share.
    """

    def draw(self, values: Tensor) -> Tensor:
        """Return a number in [0, 1) for each row (B, 1, ...)."""
        return torch.rand(len(values), *[1] * (values.dim() - 1), generator=self.rng, device=values.device)


def use_rng(network: nn.Module, rng: torch.Generator) -> None:
    """Let every dropout layer of `network` draw from `rng`, which is on the network's device."""
    for module in network.modules():
        if isinstance(module, Dropout):
            module.rng = rng


def seed_dropout(network: nn.Module) -> nn.Module:
    """Put layers that draw from a generator of their own in place of torch's and torchvision's."""
    for path, module in list(network.named_modules()):
        if type(module) is nn.Dropout and module.p > 0:
            network.set_submodule(path, Dropout(module.p))
        # By its name: importing torchvision takes seconds.
        elif type(module).__name__ == "StochasticDepth" and getattr(module, "mode", None) == "row":
            network.set_submodule(path, DropPath(float(str(module.p))))
    return network


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Return labels int64 (B,) as float32 (B, K)."""
    return functional.one_hot(labels, classes).float()


def total_of_batch(total: Tensor) -> Tensor:
    """Return a sum over a batch, added up over all processes among which the batch is shared (`training.parallel`).

    A loss that is no mean over images has to sum so. In one process the sum is returned as it is.
    """
    if has_torch_function_unary(total):
        shared: Tensor = handle_torch_function(total_of_batch, (total,), total)
        return shared
    return total


def parameter_count(module: nn.Module) -> int:
    """Return the number of parameters and running statistics.

    Keras counts a BatchNormalization layer as four values per channel (scale, shift, running mean and
    variance), so published tables made with it agree with this sum.
    """
    statistics = (buffer for name, buffer in module.named_buffers() if name.endswith(("running_mean", "running_var")))
    return sum(tensor.numel() for tensor in (*module.parameters(), *statistics))


def halve_size(size: int, times: int) -> int:
    """Return a side after `times` convolutions of stride 2 that pad as Keras's 'same': rounded up each time."""
    for _ in range(times):
        size = -(-size // 2)
    return size


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, variance) || N(0, I)) in nats, summed over latents (B, D) and averaged over the batch.

    1/2 sum(variance + mean^2 - 1 - log variance). The GAN-vs-VAE report (equation 3) leaves out the
    parentheses, the balancing thesis (equation 1.2) the factor 1/2; this is the closed form of
    Kingma and Welling, Auto-Encoding Variational Bayes, appendix B, https://arxiv.org/abs/1312.6114.
    """
    # A sum over latents, not a mean: the bound counts every latent in full, whatever their number.
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(dim=1).mean()


def bernoulli(logits: Tensor, images: Tensor) -> Tensor:
    """Return the cross-entropy between pixel intensities and decoded probabilities, in nats per image.

    Args:
        logits: of the intensities, (B, C, H, W).
        images: in [-1, 1], (B, C, H, W).

    Returns:
        The sum over channels and pixels, averaged over the batch, which is the scale of a KL term in nats.
    """
    # From logits, since the logarithm of a sigmoid that has rounded to 0 would be infinite.
    return functional.binary_cross_entropy_with_logits(logits, (images + 1) / 2, reduction="sum") / len(images)


def reparametrize(mean: Tensor, log_variance: Tensor, rng: torch.Generator) -> Tensor:
    """Draw from N(mean, variance) so that gradients reach both (B, D)."""
    noise = torch.randn(mean.shape, generator=rng, device=mean.device)
    return mean + (log_variance / 2).exp() * noise  # Half the log variance: the log of the deviation.


def squared_error(logits: Tensor, images: Tensor) -> Tensor:
    """Return the squared error of decoded intensities, which are the sigmoids of logits (B, C, H, W).

    Args:
        logits: of the intensities, (B, C, H, W).
        images: in [-1, 1], (B, C, H, W).

    Returns:
        The sum over channels and pixels of intensities in [0, 1], averaged over the batch.
    """
    return (logits.sigmoid() - (images + 1) / 2).square().sum() / len(images)


@torch.no_grad()
def start_at_mean(last: nn.Conv2d | nn.ConvTranspose2d, images: Tensor, tanh: bool = False) -> None:
    """Let a decoder's last layer start from the mean intensity of each channel of uint8 images (N, C, H, W).

    The layer ends in logits of intensities in [0, 1], or, with `tanh`, in what a tanh turns into [-1, 1]. From zero,
    the first steps on mostly dark images push so hard that whole channels of ReLUs may die, after which no image can
    become bright.
    """
    some = images[:: -(-len(images) // 4096)]  # as floats, all of a large set might not fit
    assert last.bias is not None
    # Without eps, a channel that is black throughout would start from a logit of minus infinity.
    logits = torch.logit(some.float().mean(dim=(0, 2, 3)) / 255, eps=1e-3)
    last.bias.copy_(logits / 2 if tanh else logits)  # tanh(x) = 2 sigmoid(2 x) - 1
