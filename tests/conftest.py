"""Small networks gain nothing from several threads; tests run side by side, file by file."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest
import torch
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.pretended import CUDA, PRETENDED, Device, pretend_device

PIPELINE = "tests/pipeline/"
# What hypothesis keeps of characters and constants: it would lie in the folder that tests are called in.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(gettempdir()) / "hypothesis"))


class Scheduling(LoadFileScheduling):
    """A file's tests run in one process, as do all of the pipeline, which is built once for them."""

    def _split_scope(self, nodeid: str) -> str:
        return PIPELINE if nodeid.startswith(PIPELINE) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the pipeline, so that nobody waits for it at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(PIPELINE))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let an interrupt be an exception even where the tests run in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=[PRETENDED, pytest.param(CUDA, marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """A CUDA device, and one that is pretended: see `tests.pretended`."""
    if request.param == PRETENDED:
        with pretend_device(monkeypatch) as found:
            yield found
    elif not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    else:
        yield Device(torch.device("cuda"), CUDA)
