"""The four networks of the CVAE-GAN, and the moving centres of features that its generator is to match.

Balancing thesis (Data Augmentation Using Generative Adversarial Networks), tables B.1 (generator), B.2 (discriminator),
B.3 (classifier) and B.4 (encoder), which are for 28 x 28 pixels. Their convolutions do not pad. Here a side is padded
by one pixel wherever a convolution would leave fewer than two of its pixels, and a side of one pixel is not pooled, so
that images of any size can be used; at 28 x 28 this changes nothing. Larger images make the dense layers larger.
"""

import torch
from torch import Tensor, nn

from counterweight.networks.layers import Crop, Dropout, halve_size, one_hot, total_of_batch


def initialize_as_keras(network: nn.Module) -> None:
    """Draw weights anew as Keras does, the thesis's library: Glorot and Bengio 2010, equation 16, and biases of 0.

    Of torch's, the biases alone make most of what a generator puts out at first: of the mean square of its pixels up to
    2 % differs from image to image at a width of 8, with Keras's 23 to 65 % (three seeds). Learning then moves all
    images together, to a black in which the tanh has hardly a gradient left, and some trainings stay there. After 712
    steps on MNIST two of two reconstruct worse than the mean of all images does, with Keras's none of ten
    (benchmarks/cvae_gan_weight.py). Embeddings stay as torch has them, of the size of the latents beside them: Keras's,
    of 0.05 at most, are told apart later.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class Trunk(nn.Module):
    """Convolutions, each followed by its activation and batch normalisation, and poolings: images to features (B, F).

    Args:
        shape: of the images, (C, H, W).
        plan: outputs of each convolution, or 0 for a pooling.
        stride: of the convolutions.
        valid: so many entries of the plan are as narrow as sizes allow ('valid'); later convolutions keep the size.
        slope: of the activations for negative values; 0: ReLU.
        dropout: fraction of the outputs of each convolution that is dropped; 0: none, and no layer for it.
    """

    def __init__(
        self, shape: tuple[int, int, int], plan: list[int], stride: int, valid: int, slope: float, dropout: float = 0.0
    ) -> None:
        super().__init__()
        inputs, *sides = shape
        layers: list[nn.Module] = []
        for place, outputs in enumerate(plan):
            if outputs == 0:
                window = (min(2, sides[0]), min(2, sides[1]))
                layers.append(nn.MaxPool2d(window))
                sides = [side // part for side, part in zip(sides, window, strict=True)]
                continue
            # 'Valid' entries go without padding, as printed, unless fewer than two pixels of a side would be left.
            padding = [int(place >= valid or count_convolved_pixels(side, stride, 0) < 2) for side in sides]
            sides = [count_convolved_pixels(side, stride, pad) for side, pad in zip(sides, padding, strict=True)]
            layers.append(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=(padding[0], padding[1])))
            layers += [nn.LeakyReLU(slope), nn.BatchNorm2d(outputs)]  # A slope of 0 is ReLU.
            layers += [Dropout(dropout)] if dropout else []
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.size = inputs * sides[0] * sides[1]

    def forward(self, images: Tensor) -> Tensor:
        """Return features (B, F)."""
        features: Tensor = self.layers(images)
        return features


def count_convolved_pixels(side: int, stride: int, padding: int) -> int:
    """Return how many pixels of a side a convolution with a 3 x 3 kernel leaves."""
    return (side + 2 * padding - 3) // stride + 1


def deep_trunk(shape: tuple[int, int, int], width: int, slope: float) -> Trunk:
    """Return the convolutions that encoder and classifier share by shape (tables B.3, B.4)."""
    w = width
    return Trunk(shape, [w, w, 0, 2 * w, 2 * w, 0, 4 * w, 4 * w, 4 * w, 0], stride=1, valid=7, slope=slope)


class Judge(nn.Module):
    """Features of images, and logits from them: discriminator or classifier."""

    def __init__(self, trunk: Trunk, dropout: float, outputs: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(trunk.size, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, outputs)."""
        logits: Tensor = self.head(self.trunk(images))
        return logits

    def features(self, images: Tensor) -> Tensor:
        """Return what the last layer sees (B, F), in evaluation mode.

        Normalised by the statistics of their own batch, any two batches would have much the same mean features, and
        images that are no real ones would leave their traces in the running statistics.
        """
        training = self.training
        # Gradients still flow: evaluation mode changes dropout and normalisation alone.
        self.eval()
        features: Tensor = self.trunk(images)
        self.train(training)
        return features


def discriminator(
    shape: tuple[int, int, int], width: int, dropout: float, slope: float, trunk_dropout: float = 0.0
) -> Judge:
    """Return the network of table B.2: images to a logit for 'real' (B, 1); its sigmoid is in the loss.

    Args:
        dropout: before the last layer.
        trunk_dropout: after each convolution, as for CIFAR-10 and Vehicles (4.2).
    """
    plan = [2 * width, 4 * width, 8 * width, 0]
    return Judge(Trunk(shape, plan, stride=2, valid=len(plan), slope=slope, dropout=trunk_dropout), dropout, 1)


def classifier(shape: tuple[int, int, int], width: int, dropout: float, classes: int) -> Judge:
    """Return the network of table B.3: images to logits (B, K); its softmax is in the loss."""
    return Judge(deep_trunk(shape, width, 0.0), dropout, classes)


class Encoder(nn.Module):
    """The network of table B.4: images and labels to mean and log variance of latents, each (B, D)."""

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int, latents: int, slope: float) -> None:
        super().__init__()
        self.trunk = deep_trunk(shape, width, slope)
        self.embedding = nn.Embedding(classes, 4 * width)
        self.mean = nn.Linear(self.trunk.size + 4 * width, latents)
        self.log_variance = nn.Linear(self.trunk.size + 4 * width, latents)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance."""
        features = torch.cat([self.embedding(labels), self.trunk(images)], dim=1)
        return self.mean(features), self.log_variance(features)


class Decoder(nn.Module):
    """The network of table B.1, the generator: latents (B, D) and labels to images in [-1, 1]."""

    def __init__(self, shape: tuple[int, int, int], classes: int, width: int, latents: int) -> None:
        super().__init__()
        channels, height, columns = shape
        size, w = (halve_size(height, 2), halve_size(columns, 2)), width
        self.embedding = nn.Embedding(classes, latents)
        self.layers = nn.Sequential(
            nn.Linear(2 * latents, 2 * w * size[0] * size[1]),
            nn.ReLU(),
            nn.Unflatten(1, (2 * w, *size)),
            nn.ConvTranspose2d(2 * w, 2 * w, 3, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(2 * w, w, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(w, w // 2, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(w // 2, channels, 5, padding=2),  # Keeps the side.
            nn.Tanh(),
            Crop(height, columns),
        )

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Return images (B, C, H, W)."""
        images: Tensor = self.layers(torch.cat([self.embedding(labels), latents], dim=1))
        return images


class Centres(nn.Module):
    """Mean features of groups as moving averages over batches.

    After batches with means m_1 ... m_t of a group, its centre is the average of m_i with weights decay^(t - i), which
    is m_1 after the first batch; batches without a member do not count.
    """

    totals: Tensor
    weights: Tensor

    def __init__(self, groups: int, size: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("totals", torch.zeros(groups, size))
        self.register_buffer("weights", torch.zeros(groups, 1))

    def forward(self, features: Tensor, groups: Tensor) -> Tensor:
        """Add a batch and return the centres (K, F), zero for a group that never had a member.

        The gradient of a centre is that of the batch's own mean, as if nothing had been averaged: through the weight
        that the batch has in the average it would be smaller by a factor that depends on the decay.

        Args:
            features: (B, F).
            groups: int64 (B,).
        """
        members = one_hot(groups, len(self.totals))  # (B, K)
        counts = total_of_batch(members.sum(dim=0))[:, None]  # (K, 1)
        sums = total_of_batch(members.T @ features)  # (K, B) @ (B, F) -> (K, F)
        means = sums / counts.clamp(min=1)  # 0 for an absent group.
        # The averages keep numbers: with their graphs, every batch would hold all earlier ones in memory.
        with torch.no_grad():
            self.totals.copy_(torch.where(counts > 0, self.decay * self.totals + (1 - self.decay) * means, self.totals))
            self.weights.copy_(torch.where(counts > 0, self.decay * self.weights + 1 - self.decay, self.weights))
            # Both started from 0: the quotient undoes that bias, as in Adam (Kingma and Ba 2015, section 3).
            centres = self.totals / torch.where(self.weights > 0, self.weights, 1)
        # The value of the centre with the gradient of the batch's mean.
        return torch.where(counts > 0, means + (centres - means).detach(), centres)


def centre_distance(first: Centres, first_centres: Tensor, second: Centres, second_centres: Tensor) -> Tensor:
    """Return half the squared distance of centres (K, F), summed over the groups that both have seen (3.2, 3.3)."""
    # A group that one side has not seen yet has a centre of 0, which is no target.
    both = (first.weights > 0) & (second.weights > 0)
    return 0.5 * (both * (first_centres - second_centres).square()).sum()
