"""The residual network of 32 layers by which recipes for long tails are compared on CIFAR-10.

He et al. 2016, Deep Residual Learning for Image Recognition, section 4.2 and table 6, https://arxiv.org/abs/1512.03385;
first weights are those of He et al. 2015, https://arxiv.org/abs/1502.01852, as there.
"""

from torch import Tensor, nn
from torch.nn import functional

BLOCKS = 5  # of two convolutions, at each of three sizes: 30 layers, and one before and one behind them
CHANNELS = (16, 32, 64)


def build(shape: tuple[int, int, int], classes: int) -> nn.Sequential:
    """Return the network of 464,154 parameters for 3x32x32 and ten classes; any size is taken."""
    inputs = CHANNELS[0]
    layers: list[nn.Module] = [*convolve(shape[0], inputs, 1), nn.ReLU()]
    for outputs in CHANNELS:
        for _ in range(BLOCKS):
            layers.append(Block(inputs, outputs))
            inputs = outputs
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return network


def convolve(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, nn.Module]:
    """Return a convolution of 3 x 3 and its normalisation, which makes a bias idle."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(outputs)


class Block(nn.Module):
    """Two convolutions beside a shortcut without parameters, which halves the size where channels double (option A)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.stride, self.new = outputs // inputs, outputs - inputs
        first = convolve(inputs, outputs, self.stride)
        self.branch = nn.Sequential(*first, nn.ReLU(), *convolve(outputs, outputs, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return maps (B, outputs, H / stride, W / stride), sides rounded up."""
        kept = images[:, :, :: self.stride, :: self.stride]
        return functional.relu(self.branch(images) + functional.pad(kept, (0, 0, 0, 0, 0, self.new)))
