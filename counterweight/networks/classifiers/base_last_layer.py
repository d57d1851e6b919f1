"""The last dense layer of a classifier, found by what it does: networks register their layers in any order."""

import torch
from torch import Tensor, nn


class NoDenseEnd(ValueError):
    """A network does not end in a dense layer of as many outputs as there are classes; the message says what it is."""


@torch.no_grad()
def find_last_layer(network: nn.Module, images: Tensor, classes: int) -> nn.Linear:
    """Return the dense layer whose outputs are what a network returns.

    Nothing is drawn, and the network is left as it was found.

    Args:
        images: some that the network takes (B, ...), on its device.
        classes: outputs of the layer, K.

    Raises:
        NoDenseEnd: it has no such layer, or something follows it.
    """
    layers = {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)}
    own = {name: layer for name, layer in layers.items() if layer.out_features == classes}
    if not own:
        sizes = ", ".join(f"'{name}' {layer.out_features}" for name, layer in list(layers.items())[-3:])
        raise NoDenseEnd(f"no dense layer has {classes} outputs ({sizes})" if layers else "there is no dense layer")
    returned, probes = run_probes(network, images, own)
    for name, layer in own.items():
        seen = probes.get(name, [])
        if len(seen) == 1 and isinstance(returned, Tensor) and torch.equal(seen[0], returned):
            return layer
    raise NoDenseEnd(f"what the dense layer '{[*own][-1]}' makes is not what the network returns")


def run_probes(
    network: nn.Module, images: Tensor, layers: dict[str, nn.Linear]
) -> tuple[object, dict[str, list[Tensor]]]:
    """Return what a network returns while layers give out numbers of their own, and these numbers by layer and call.

    A network that returns one layer's numbers as they are has nothing behind that layer: outputs that it has by chance,
    all of them positive perhaps, would not tell a ReLU from nothing.
    """
    probes: dict[str, list[Tensor]] = {}

    def give_out(name: str, output: Tensor) -> Tensor:
        bound = 100.0 + len(probes)  # another one for each layer
        probe = torch.linspace(-bound, bound, output.numel(), dtype=output.dtype, device=output.device)
        probes.setdefault(name, []).append(probe.view(output.shape))
        return probes[name][-1].clone()  # it may be changed in place

    modes = [(module, module.training) for module in network.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in network.buffers()]
    hooks = [
        layer.register_forward_hook(lambda _layer, _inputs, output, name=name: give_out(name, output))
        for name, layer in layers.items()
    ]
    try:
        return network.eval()(images), probes
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
        for buffer, kept in buffers:
            buffer.copy_(kept)


def replace_layer(network: nn.Module, layer: nn.Module, other: nn.Module) -> None:
    """Put another layer in place of one, under every name that it has."""
    for name, module in list(network.named_modules(remove_duplicate=False)):
        if module is layer:
            network.set_submodule(name, other)
