"""Starting processes that train together, by torch.distributed's own launcher as `torchrun` does, and joining them."""

import json
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import torch
import torch.distributed

from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.training.parallel import ALONE, Processes

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

RANK, LOCAL_RANK, COUNT, LOCAL_COUNT = "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"
"""What a launcher tells a process in its environment."""
REPORT = "TORCHELASTIC_ERROR_FILE"
"""Names the file in which a process tells its launcher why it ends."""
INTERFACE = "GLOO_SOCKET_IFNAME"
PATIENCE = 10
"""Seconds that processes have to end in when they are asked to."""
LEFT = 76
"""Exit code of a process whose fellow is gone, or that was asked to end; that is the cause."""


def is_launched() -> bool:
    """Say whether a launcher started this process as one of several."""
    return RANK in os.environ and COUNT in os.environ


def check_devices(processes: int, name: str) -> None:
    """Refuse a device of which so many processes cannot have one each.

    Args:
        processes: that train together; on this machine, unless a launcher says that some are elsewhere.
        name: of the device in params.yaml.

    Raises:
        UserError: it is a certain one, or there are too few.
    """
    device = choose_device(name)
    if processes == 1:
        return
    if device.index is not None:
        raise UserError(f"params.yaml: device: '{name}' is one, train.processes: {processes}; 'cuda' takes the first")
    here, found = int(os.environ.get(LOCAL_COUNT, processes)), torch.cuda.device_count()
    if device.type == "cuda" and found < here:
        raise UserError(f"params.yaml: train.processes: {processes} want a CUDA device each; {found} found")


def launch(stage: str, argv: Sequence[str], processes: int, device: str) -> bool:
    """Run a stage in so many processes of this machine until all have ended, if it is to have several.

    Args:
        device: its name in params.yaml.

    Returns:
        False: nothing was launched, since one process is enough, or this is one of several.

    Raises:
        UserError: there are not so many devices, or one of the processes met with a user's mistake or was killed; the
            others have ended then.
        KeyboardInterrupt: the user gave up; all have ended.
    """
    check_devices(processes, device)
    if processes == 1 or is_launched():
        return False
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # It reports at length what is said below in a line.
    os.environ.setdefault(INTERFACE, "lo")
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,  # The next run goes on from the checkpoint.
        shutdown_timeout=PATIENCE,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "stages", stage, *argv)
    except SignalException as error:
        if error.sigval == signal.SIGINT:
            raise KeyboardInterrupt from error
        sys.exit(128 + error.sigval)
    except ChildFailedError as error:
        explain(error)
    return True


def explain(error: "ChildFailedError") -> NoReturn:
    """Say why processes have ended, in the words of the one that was the cause."""
    failures = {rank: failure for rank, failure in error.failures.items() if failure.exitcode != LEFT} or error.failures
    for failure in failures.values():
        if Path(failure.error_file).is_file():
            raise UserError(str(failure.message)) from error
    rank, first = min(failures.items(), key=lambda item: item[1].exitcode == -signal.SIGTERM)  # that is the launcher's
    if first.exitcode < 0:
        raise UserError(f"training stopped: process {rank} was killed by {first.signal_name()}") from error
    sys.exit(first.exitcode)  # It has said why.


@contextmanager
def join(processes: int, name: str) -> Iterator[tuple[Processes, torch.device]]:
    """Join the processes that a launcher started, and yield them and this one's device; a single one is alone.

    Args:
        processes: as many as there should be.
        name: of the device in params.yaml.

    Raises:
        UserError: the launcher started another number of them.
    """
    count = int(os.environ[COUNT]) if is_launched() else 1
    if count != processes:
        raise UserError(f"params.yaml: train.processes: {processes}, but the launcher started {count}")
    device = choose_device(name)
    if count == 1:
        yield ALONE, device
        return
    here = torch.device("cuda", int(os.environ[LOCAL_RANK])) if device.type == "cuda" else device
    if here.type == "cuda":
        torch.cuda.set_device(here)
    backend = "nccl" if here.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, device_id=here if here.type == "cuda" else None)
    try:
        with leaving_when_asked(), reporting():
            yield Processes(int(os.environ[RANK]), count), here
    finally:
        torch.distributed.destroy_process_group()


@contextmanager
def leaving_when_asked() -> Iterator[None]:
    """End in order, leaving no lock behind, when the launcher asks to, since a fellow is gone or the user gave up."""

    def leave(number: int, frame: FrameType | None) -> NoReturn:
        sys.exit(LEFT)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def reporting() -> Iterator[None]:
    """Tell the launcher of a user's mistake, which all processes meet with at once, and leave the words to it."""
    try:
        yield
    except UserError as error:
        if REPORT not in os.environ:
            raise
        Path(os.environ[REPORT]).write_text(json.dumps({"message": str(error)}), encoding="utf-8")
        sys.exit(2)
    except RuntimeError as error:
        if not is_about_others(error):
            raise
        sys.exit(LEFT)


def is_about_others(error: RuntimeError) -> bool:
    """Say whether an error means that another process is gone."""
    known = isinstance(error, torch.distributed.DistError)
    return known or "gloo" in str(error).lower()
