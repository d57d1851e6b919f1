"""Triplets as images."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from counterweight.core.tensors import to_bytes, to_network_input
from counterweight.evaluation.triplets.table import Member, Posteriors, Triplets
from counterweight.evaluation.triplets.views import change_views
from counterweight.generators.base.vae import VariationalAutoencoder
from counterweight.settings.views import ViewChange

CHUNK = 256
Images = npt.NDArray[np.uint8]


def render_triplets(
    triplets: Triplets, images: Images, change: ViewChange, model: VariationalAutoencoder | None
) -> Tensor:
    """Return the images of triplets, uint8 (T, 3, C, H, W), on the CPU: anchor, positive, negative.

    Args:
        images: of the table in which the triplets count, (N, C, H, W).
        model: the autoencoder that the triplets are of, if one is.
    """
    return torch.stack([render_member(member, images, change, model) for member in triplets.members], dim=1)


def render_member(member: Member, images: Images, change: ViewChange, model: VariationalAutoencoder | None) -> Tensor:
    """Return the anchors, positives or negatives, uint8 (T, C, H, W), on the CPU."""
    if member.latents is not None:
        assert model is not None, "latents are of an autoencoder"
        return decode(model, torch.from_numpy(member.latents.copy()))
    made = torch.from_numpy(images[member.index])
    if member.source == "view":
        made = change_views(made, change, torch.Generator().manual_seed(member.seed))
    if not member.decoded:
        return made
    assert model is not None, "reconstructions are of an autoencoder"
    return decode(model, encode(model, made)[0])


@torch.no_grad()
def encode(model: VariationalAutoencoder, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return means and log variances of the latents of uint8 images (N, C, H, W), each (N, D), on the CPU."""
    parts = []
    for part in images.split(CHUNK):
        labels = torch.zeros(len(part), dtype=torch.int64, device=model.device)
        parts.append(model.encode(to_network_input(part.to(model.device)), labels))
    means, log_variances = (torch.cat(values).float().cpu() for values in zip(*parts, strict=True))
    return means, log_variances


@torch.no_grad()
def decode(model: VariationalAutoencoder, latents: Tensor) -> Tensor:
    """Return the images of latents (N, D), uint8 (N, C, H, W), on the CPU."""
    parts = [
        to_bytes(model.decode(part.to(model.device), torch.zeros(len(part), dtype=torch.int64, device=model.device)))
        for part in latents.split(CHUNK)
    ]
    return torch.cat(parts).cpu()


def describe_posteriors(model: VariationalAutoencoder, anchors: Images, learned: Images) -> Posteriors:
    """Return what an autoencoder makes of anchors, and how its means scatter over what it learned."""
    means, log_variances = encode(model, torch.from_numpy(anchors))
    deviations = encode(model, torch.from_numpy(learned))[0].std(dim=0, correction=0)
    return Posteriors(means.numpy(), log_variances.numpy(), deviations.numpy())
