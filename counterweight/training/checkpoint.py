"""Checkpoints as safetensors: everything a training needs to go on as if it had never stopped, nothing pickled."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from counterweight.core.errors import UserError

FILE = "checkpoint.safetensors"


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizers: dict[str, torch.optim.Optimizer],
    rng: dict[str, Tensor],
    progress: dict[str, Any],
) -> None:
    """Write a checkpoint into `folder` in one step, so that a reader finds the old one or the new one.

    Args:
        rng: states of random generators, uint8 tensors by name.
        progress: plain JSON.
    """
    # safetensors stores contiguous tensors alone, and networks lie in memory with channels last.
    tensors = {f"model/{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    tensors |= {f"rng/{name}": state for name, state in rng.items()}
    groups = {}
    for update, optimizer in optimizers.items():
        state = optimizer.state_dict()
        groups[update] = state["param_groups"]
        for index, values in state["state"].items():
            tensors |= {f"optimizer/{update}/{index}/{key}": value.contiguous() for key, value in values.items()}
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{FILE}.partial"
    # Not save_file, which reports a full disk as an error of its own kind.
    partial.write_bytes(save(tensors, metadata={"progress": json.dumps(progress), "groups": json.dumps(groups)}))
    partial.replace(folder / FILE)  # A rename is atomic inside one file system.


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]] | None:
    """Return the tensors, the progress and the optimisers' settings of a checkpoint, or None if there is none.

    Raises:
        UserError: the file cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no dict
        return tensors, json.loads(metadata["progress"]), json.loads(metadata["groups"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: unreadable checkpoint ({error}); delete it to train from the beginning") from error


def select_prefixed(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`/, without it."""
    return {name.removeprefix(f"{prefix}/"): value for name, value in tensors.items() if name.startswith(f"{prefix}/")}


def restore_optimizer(
    optimizer: torch.optim.Optimizer, update: str, tensors: dict[str, Tensor], groups: list[dict[str, Any]]
) -> None:
    """Give an optimiser the state that it had under the name `update`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in select_prefixed(tensors, f"optimizer/{update}").items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    # A fused step walks through memory: what belongs to a parameter must lie there in the parameter's format.
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if value.dim() > 0 and value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
