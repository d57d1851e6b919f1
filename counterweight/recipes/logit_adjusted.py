"""Plain training, whose logits are corrected afterwards for how frequent the classes were."""

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from counterweight.core.schema import Settings
from counterweight.recipes.base.network_recipe import NetworkRecipe


class LogitAdjustedSettings(Settings):
    """Post-hoc logit adjustment."""

    tau: Annotated[float, Ge(0)] = 1.0
    """How much of the classes' shares is taken out: 1, as Bayes' rule has it for equally frequent classes; 0: none."""


class LogitAdjusted(NetworkRecipe[LogitAdjustedSettings]):
    """The logits of a plainly trained network, less tau times the logarithm of each class's share.

    Menon et al. 2021, Long-Tail Learning via Logit Adjustment, section 4,
    https://arxiv.org/abs/2007.07314. The training is plain training's to the bit; the epoch is chosen by the adjusted
    logits, so it may be another one.
    """

    def adjust(self, logits: Tensor) -> Tensor:
        """Return z_c - tau log(n_c / N), but for a constant."""
        # Relative to equal shares, which changes no softmax: of equally large classes exactly 0 is taken away.
        shares = len(self.counts) * self.counts / self.counts.sum()
        # A class that was never seen has no share to be taken out, which would make it win always.
        return logits - self.settings.tau * torch.where(shares > 0, shares.log(), 0.0)
