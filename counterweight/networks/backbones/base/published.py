"""Any classifier of torchvision or timm by its name there: its features are what its last layer looks at.

Both libraries take seconds to import, and most who read a name or an address need neither: functions import them.
"""

import re
import threading
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, cached_property, partial

import torch
from torch import Tensor, nn

from counterweight.core.errors import UserError
from counterweight.core.registry import load_module, names_in
from counterweight.core.tensors import IMAGENET_DEVIATION, IMAGENET_MEAN
from counterweight.networks.backbones.base.backbone import Backbone, Cut, Normalised
from counterweight.networks.backbones.base.partial_weights import load_below

FOLDER = "networks/backbones"
SIDE = 224
"""Pixels for which torchvision builds the networks that take one size alone."""
CLASSES = 1000
HASHED = re.compile(r"-[0-9a-f]{8,}\.(pth|pt|safetensors)$")
"""Files whose names end in the beginning of their SHA-256."""
OLD_KEY = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
"""Names of layers in torchvision's files for DenseNets, which its constructors rename."""
GLOBAL_GENERATOR = threading.Lock()
"""Libraries initialise networks from a random generator of torch's that all threads share."""


@dataclass(frozen=True, kw_only=True)
class PublishedBackbone(Backbone):
    """A classifier that a library builds by its name, without its last layer."""

    build: Callable[[], nn.Module]
    """Return the whole classifier with first weights of the library's, from torch's global generator."""
    without_classifier: Callable[[nn.Module], nn.Module]
    """Cut the last layer off, so that the network returns features (B, D)."""
    mean: tuple[float, ...] = IMAGENET_MEAN
    deviation: tuple[float, ...] = IMAGENET_DEVIATION

    def pretrained(self, state: dict[str, Tensor], cut: Cut) -> nn.Module:
        """Return the extractor with given weights under the library's keys; those of the last layer do not matter."""
        network = self.initialised(0)
        if hasattr(network, "transform_input"):
            # So torchvision's constructors do with weights: these networks were not trained on ImageNet's deviations.
            setattr(network, "transform_input", True)  # noqa: B010  # torch's annotation allows modules alone
        whole = network.state_dict().keys()
        extractor = self.normalised(network)
        if any(OLD_KEY.match(key) for key in state):
            state = {OLD_KEY.sub(r"\1\2", key): value for key, value in state.items()}
        load_below(extractor.network, state, name_heads(whole, extractor.network))
        return extractor

    @cached_property
    def heads(self) -> frozenset[str]:
        """Names of the modules that make the last layer, and of those that stand beside it in training."""
        network = self.initialised(0)
        return name_heads(network.state_dict().keys(), self.without_classifier(network))

    def untrained(self, seed: int, cut: Cut) -> nn.Module:
        """Return the extractor with the library's first weights, drawn from the seed, not calibrated."""
        return self.normalised(self.initialised(seed))

    def initialised(self, seed: int) -> nn.Module:
        """Return the whole classifier with weights as the library draws them from a seed, in evaluation mode."""
        # On the CPU, so no device's generator matters; some constructors warn of what they may do one day.
        with GLOBAL_GENERATOR, torch.random.fork_rng([]), warnings.catch_warnings(action="ignore"):
            torch.manual_seed(seed)
            return self.build().eval()

    def normalised(self, network: nn.Module) -> Normalised:
        """Return the extractor that a whole classifier becomes."""
        extractor = Normalised(self.without_classifier(network), self.mean, self.deviation)
        extractor.eval()
        return extractor


def name_heads(whole: Collection[str], cut: nn.Module) -> frozenset[str]:
    """Return the names of the modules that make a network's last layer, and of those that help it in training alone.

    Args:
        whole: names of all tensors of the network.
        cut: the network without its last layer.
    """
    last = {key.rpartition(".")[0] for key in {*whole} - cut.state_dict().keys()}
    return frozenset(last | {name for name, _ in cut.named_children() if name.lower().startswith("aux")})


def find_backbone(name: str, where: str = "params.yaml: extract.backbones") -> Backbone:
    """Return the backbone of a name: that of a file of `networks/backbones`, else torchvision's, else timm's.

    Raises:
        UserError: there is none; the message begins with `where`.
    """
    if name in names_in(FOLDER):
        backbone: Backbone = load_module(FOLDER, name).BACKBONE
        return backbone
    return find_published(name, where, FOLDER)


def find_published(name: str, where: str, folder: str) -> PublishedBackbone:
    """Return the network of that name in torchvision, else in timm.

    Raises:
        UserError: there is none; the message begins with `where` and names `folder` of this package, where it is not.
    """
    found = find_in_torchvision(name) or find_in_timm(name)
    if found is None:
        nearest = get_close_matches(name, list_names(folder), n=2)
        hint = f"; did you mean {' or '.join(repr(other) for other in nearest)}?" if nearest else ""
        raise UserError(f"{where}: there is no '{name}' in counterweight/{folder}, torchvision.models or timm{hint}")
    return found


def list_names(folder: str) -> list[str]:
    """Return all names that there are in a folder of this package, torchvision and timm."""
    import timm
    from torchvision import models

    return sorted({*names_in(folder), *models.list_models(module=models), *timm.list_models()})


@cache
def find_in_torchvision(name: str) -> PublishedBackbone | None:
    """Return the classifier of that name in torchvision, None if there is none."""
    from torchvision import models

    if name not in models.list_models(module=models):
        return None
    # Some are published for larger images, too, which the network as it is built does not take. Of equals the first.
    weights = min(models.get_model_weights(name), key=lambda each: int(each.meta["min_size"][0]))
    return PublishedBackbone(
        library="torchvision.models",
        url=weights.url,
        own_size=SIDE if weights.meta["min_size"][0] == SIDE else None,
        build=partial(models.get_model, name, weights=None),
        without_classifier=drop_last_layer,
    )


def drop_last_layer(network: nn.Module) -> nn.Module:
    """Replace the last layer with an output for each of ImageNet's classes, dense or a convolution, by nothing."""
    layers = [
        path
        for path, module in network.named_modules()
        if CLASSES in (getattr(module, "out_features", None), getattr(module, "out_channels", None))
    ]
    network.set_submodule(layers[-1], nn.Identity())
    return network


@cache
def find_in_timm(name: str) -> PublishedBackbone | None:
    """Return the network of that name in timm, None if there is none; a tag may follow it, as in `resnet18.a1_in1k`."""
    import timm

    try:
        facts = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    except RuntimeError:  # no weights of that tag
        return None
    if facts is None:
        return None
    usable = isinstance(facts.url, str) and HASHED.search(facts.url) and not facts.custom_load
    return PublishedBackbone(
        library="timm",
        url=str(facts.url) if usable else None,
        own_size=facts.input_size[-1] if facts.fixed_input_size else None,
        build=partial(timm.create_model, name, pretrained=False),  # True would download without a word
        without_classifier=reset_classifier,
        mean=facts.mean,
        deviation=facts.std,
    )


def reset_classifier(network: nn.Module) -> nn.Module:
    """Let a network of timm return what its classifier looks at."""
    network.reset_classifier(0)  # type: ignore[operator]  # a method of all networks of timm's
    return network
