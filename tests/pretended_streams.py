"""Streams of a device that is pretended: what each was told, and whether one reads what another is still computing.

On a GPU such a reading gives wrong numbers now and then, and no error. Here it is one, whenever it happens: a stream
counts its operators, and knows how far it has waited for others; a tensor's memory knows which operator of which stream
last wrote to it.
"""

from collections.abc import Iterable
from threading import RLock, local
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

WAITED, SYNCHRONIZED = "wait_stream", "synchronize"
"""What a log holds beside names of operators."""


class PretendedStream:
    """A stream that computes at once, and says whether it might not have."""

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = torch.device("cuda", 0)
        self.log: list[str] = []
        self.issued = self.finished = 0
        """Operators that it was told, and how many of them the CPU knows to be done."""
        self.seen: dict[PretendedStream, int] = {}
        """How many operators of others are done before it goes on."""

    def wait_stream(self, other: "PretendedStream") -> None:
        """Go on when all is done that another stream was told."""
        self.log.append(WAITED)
        for stream, count in {**other.seen, other: other.issued}.items():
            self.seen[stream] = max(self.seen.get(stream, 0), count)

    def synchronize(self) -> None:
        """Let the CPU wait for all that it was told."""
        self.log.append(SYNCHRONIZED)
        self.finish()

    def finish(self) -> None:
        """Know all to be done that it was told, and what it waited for."""
        self.finished = self.issued
        for stream, count in self.seen.items():
            stream.finished = max(stream.finished, count)

    def may_read(self, other: "PretendedStream", count: int) -> bool:
        """Say whether so many operators of another stream are done before what comes next."""
        return other is self or count <= max(other.finished, self.seen.get(other, 0))


class Streams:
    """All streams of a device, and who last wrote to which memory."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.default, self.threads = PretendedStream(), local()
        self.opened: list[PretendedStream] = []
        self.writers: dict[int, tuple[PretendedStream, int]] = {}

    def open(self, device: torch.device | None = None) -> PretendedStream:
        """Return another stream."""
        self.opened.append(PretendedStream(device))
        return self.opened[-1]

    def current(self, device: torch.device | None = None) -> PretendedStream:
        """Return the stream of this thread."""
        found: PretendedStream = getattr(self.threads, "stream", self.default)
        return found

    def enter(self, stream: PretendedStream) -> None:
        """Let this thread be on a stream."""
        self.threads.stream = stream

    def read(self, name: str, tensors: Iterable[Tensor]) -> None:
        """Refuse to read what another stream may still be computing."""
        with self.lock:
            own = self.current()
            for address in map(find_memory, tensors):
                writer, count = self.writers.get(address, (own, 0))
                if not own.may_read(writer, count):
                    raise RuntimeError(f"{name}: a stream reads what another may still be computing")

    def write(self, name: str, tensors: Iterable[Tensor]) -> None:
        """Note what the next operator of this thread's stream writes to."""
        with self.lock:
            own = self.current()
            own.log.append(name)
            own.issued += 1
            self.writers |= {address: (own, own.issued) for address in map(find_memory, tensors) if address}

    def stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be what torch has."""
        monkeypatch.setattr(torch.cuda, "Stream", self.open)
        monkeypatch.setattr(torch.cuda, "current_stream", self.current)
        monkeypatch.setattr(torch.cuda, "set_stream", self.enter)


def find_memory(tensor: Tensor) -> int:
    """Return where a tensor's memory begins, 0 if it has none; views have their base's."""
    return tensor.untyped_storage().data_ptr()


def find_written(func: Any, args: Any, named: dict[str, Any]) -> list[Tensor]:  # noqa: ANN401
    """Return the tensors that an operator writes to, of those that it was given."""
    written = {each.name for each in func._schema.arguments if each.alias_info and each.alias_info.is_write}
    given = dict(zip((each.name for each in func._schema.arguments), args, strict=False)) | named
    found = [each for key in written for each in tree_leaves(given.get(key))]
    return [each for each in found if isinstance(each, Tensor)]
