"""torch.compile around a training."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from counterweight.generators.base.generator import LearnedGenerator

# One code object serves all networks of a kind, and each is translated anew for training, evaluation, frozen weights
# and sizes of batches; beyond torch's limit of 8 they would silently run untranslated.
TRANSLATIONS = 512


@contextmanager
def compile_networks(model: LearnedGenerator, wanted: bool) -> Iterator[None]:
    """Let torch.compile translate a model's networks, if that is wanted, when they are first called."""
    if not wanted:
        yield
        return
    for network in model.compilable():
        network.compile()
    with (
        torch._dynamo.config.patch(recompile_limit=TRANSLATIONS, accumulated_recompile_limit=TRANSLATIONS),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf", UserWarning)
        yield
