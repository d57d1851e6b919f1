"""What the backbones make of a set of images, each of which is resized once for all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.features import FeatureSet, FeatureWriter
from counterweight.core.image_file import Images
from counterweight.core.images import ImageSet
from counterweight.core.row_groups import Indices
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import resize_square
from counterweight.features.folding import fold_normalization
from counterweight.features.weights import choose_cut, describe_weights, find_weight_file, load_backbone
from counterweight.networks.backbones.base.backbone import ClassifyingExtractor
from counterweight.networks.backbones.base.published import find_backbone
from counterweight.settings.extract import Extract

Floats = npt.NDArray[np.float32]

PIECE = 1024
"""Images whose features are in memory at once: those of one row group of the tables."""
FEWEST = 16
"""Images of a batch, at least: CPUs have other kernels for fewer, which round otherwise."""


class Extractor(NamedTuple):
    """A backbone: what it makes of uint8 images (B, 3, H, W), features (B, D), and what is told of it beside them."""

    name: str
    network: Callable[[Tensor], Tensor]
    facts: dict[str, object]
    size: int | None
    """Pixels to which images are resized for it; None: it does that by itself."""
    classify: Callable[[Tensor], Tensor] | None = None
    """What its classifier makes of features (N, D), logits (N, K); None: it has none."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """What it computes with."""


def draw_some_rows(images: Images, most: int | None, seed: int) -> Indices:
    """Return the rows of all images, or of as many as are wanted at most, drawn at random; `seed` is the project's."""
    if most is None or len(images) <= most:
        return np.arange(len(images))
    rng = np.random.default_rng(derive_seed(seed, images.item, "extract"))
    return np.sort(rng.permutation(len(images))[:most])  # Sorted: in the set's own order.


def build_extractors(backbones: Sequence[str], settings: Extract, seed: int, device: torch.device) -> list[Extractor]:
    """Return backbones on a device.

    Args:
        seed: that of the whole project, on which random weights depend.

    Raises:
        UserError: there is no such backbone, its weights are missing or damaged, or it cannot work on such images.
    """

    def build(name: str) -> Extractor:
        return build_extractor(name, settings, seed, device)

    libraries = dict.fromkeys(find_backbone(name).library for name in backbones)
    return map_in_parallel(build, backbones, device, "weights", imports=libraries)


def build_extractor(name: str, settings: Extract, seed: int, device: torch.device) -> Extractor:
    """Return a backbone on a device; arguments and errors as of `build_extractors`."""
    backbone = find_backbone(name)
    network = load_backbone(name, settings, derive_seed(seed, "backbone", name))
    size = backbone.own_size or settings.input_size
    if settings.fold:
        fold_normalization(name, network, size)
    order_channels(network.to(device), settings.channels_last)
    facts = {
        "backbone": name,
        "layer": backbone.describe_layer(choose_cut(settings)),
        **describe_weights(name, find_weight_file(name, settings.weights), settings.weights),
        "input_size": size,
        "precision": settings.precision,
    }
    classify = network.classify if isinstance(network, ClassifyingExtractor) else None
    return Extractor(name, network, facts, None if backbone.resizes else size, classify, settings.precision)


def order_channels(network: nn.Module, last: bool) -> None:
    """Let an extractor compute with channels side by side in memory, or with maps one after the other, in place."""
    network.to(memory_format=torch.channels_last if last else torch.contiguous_format)
    if not last:  # what turns bytes into floats puts channels last, and convolutions would keep that
        inner = network.get_submodule("network")
        inner.register_forward_pre_hook(lambda _, inputs: tuple(each.contiguous() for each in inputs))


def write_set_features(
    images: Images,
    rows: Indices,
    extractors: Sequence[Extractor],
    batch_size: int,
    device: torch.device,
    folder: Path,
) -> None:
    """Write a feature table of some images for each backbone, `PIECE` images after the other.

    Raises:
        UserError: features are not finite.
    """
    # Groups are numbered over the whole set, and read before another thread reads the same file.
    groups, pieces = images.groups, np.split(rows, range(PIECE, len(rows), PIECE))
    title = "extract" if len(pieces) == 1 else None  # of more, the bar counts pieces
    shown = tqdm(pieces, "extract", disable=True if title else None, unit_scale=PIECE, dynamic_ncols=True)
    with ExitStack() as stack:
        writers = {
            each.name: stack.enter_context(FeatureWriter(folder / f"{each.name}.parquet")) for each in extractors
        }
        # Reads the next piece and writes the one before, while the cores, or the device, are busy with one.
        aside = stack.enter_context(ThreadPoolExecutor(1))
        written: list[Future[None]] = []
        for piece, part in zip(shown, read_ahead(images, pieces, aside), strict=True):
            found = extract_features(part, extractors, batch_size, device, title)
            for earlier in written:
                earlier.result()
            written = [aside.submit(add_features, writers, found, None if groups is None else groups[piece])]
        for last in written:
            last.result()


def read_ahead(images: Images, pieces: Sequence[Indices], aside: ThreadPoolExecutor) -> Iterator[ImageSet]:
    """Yield pieces of a set, the next of which is read meanwhile."""
    ahead = aside.submit(images.take, pieces[0])
    for following in pieces[1:]:
        part, ahead = ahead.result(), aside.submit(images.take, following)
        yield part
    yield ahead.result()


def add_features(writers: Mapping[str, FeatureWriter], found: Mapping[str, FeatureSet], groups: Indices | None) -> None:
    """Append the features of a piece, and its images' groups, to each backbone's table."""
    for name, features in found.items():
        writers[name].add(replace(features, groups=groups))


def extract_features(
    images: ImageSet,
    extractors: Sequence[Extractor],
    batch_size: int,
    device: torch.device,
    title: str | None = "extract",
) -> dict[str, FeatureSet]:
    """Return the features of every backbone, by its name.

    All of them look at a batch before the next one is resized. On a CPU each core has a batch to itself: so all cores
    are busy with a single backbone, too. What is in memory beside networks and results grows with the cores and the
    size of a batch, by some 0.4 GiB a core for 16 images of 224 pixels, and not with the number of images. An empty
    batch tells the dimension where there are no images.

    Args:
        title: of the progress bar; None: there is none.

    Raises:
        UserError: features are not finite.
    """

    def run_batch(part: slice) -> list[Floats]:
        # Arrays as a file has them are read-only, which tensors cannot be; such are copied.
        own = torch.from_numpy(np.require(images.images[part], requirements="W")).to(device)
        resized = {size: own if size is None else resize(own, size) for size in {each.size for each in extractors}}
        return [run_extractor(each, resized[each.size]) for each in extractors]

    parts = split_evenly(len(images), batch_size)
    columns = zip(*map_in_parallel(run_batch, parts, device, title), strict=True)
    groups, tables = images.groups, [np.concatenate(column) for column in columns]
    return {
        each.name: FeatureSet(table, images.labels, each.facts, groups, classify_features(each, table))
        for each, table in zip(extractors, tables, strict=True)
    }


def resize(images: Tensor, size: int) -> Tensor:
    """Return uint8 images (B, 1 or 3, size, size), three channels, those of a pixel side by side, where images grow.

    Networks want that order (`normalize`), and of two sizes the smaller one is put into it in less time. Three channels
    side by side, all grey or not, are resized and normalised in less time than one.
    """
    if images.shape[2] * images.shape[3] < size**2:
        images = images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
    return resize_square(images, size)


def split_evenly(count: int, batch_size: int) -> list[slice]:
    """Return batches of about as many images each, and of `batch_size` at least where there are so many.

    A last batch of few would keep a core as long as `FEWEST` images do.
    """
    ends = np.linspace(0, count, max(1, count // batch_size) + 1).astype(int)
    return [slice(start, end) for start, end in pairwise(ends)]


@torch.inference_mode()
def classify_features(extractor: Extractor, features: Floats) -> Floats | None:
    """Return the logits of features (N, D); None of a backbone that does not classify."""
    if extractor.classify is None:
        return None
    logits: Floats = extractor.classify(torch.from_numpy(features)).float().cpu().numpy()
    return logits


@torch.inference_mode()
def run_extractor(extractor: Extractor, images: Tensor) -> Floats:
    """Return the features float32 (B, D) of uint8 images (B, 1 or 3, H, W).

    On a CPU equal images have equal features, however many others there are: a batch of few is filled up.

    Raises:
        UserError: features are not finite.
    """
    batch = images
    if len(images) < FEWEST:
        batch = torch.cat([images, images.new_zeros((FEWEST - len(images), *images.shape[1:]))])
    with torch.autocast(batch.device.type, torch.bfloat16, enabled=extractor.precision == "bfloat16"):
        # Grey is shown to all three channels.
        found = extractor.network(batch.expand(-1, 3, -1, -1))
    features: Floats = found[: len(images)].float().cpu().numpy()
    if not np.isfinite(features).all():
        raise UserError(f"{extractor.name}: some features are not finite; params.yaml: extract.weights: other weights")
    return features
