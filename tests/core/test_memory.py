"""Memory that a process keeps between steps."""

import subprocess
import sys

import pytest

STEPS = """
import resource, sys, threading
import torch
from counterweight.core.process import keep_memory
if sys.argv[1] == "kept":
    keep_memory()
def take_steps():
    for _ in range(10):
        blocks = [torch.ones(2**size) for size in range(10, 25)]
def count():
    counts = []
    for _ in range(6):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        take_steps()
        counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    print(min(counts))
thread = threading.Thread(target=count)
thread.start()
thread.join()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator alone can be told")
def test_a_step_asks_the_kernel_for_no_memory_that_the_last_one_had() -> None:
    pages = {
        how: int(subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("kept", "freed")
    }
    # A step's blocks, of 4 KiB to 64 MiB, fill 32,767 pages: less than one step's in ten, once the heap has settled.
    # Which free place a block takes depends on where the heap lies, so that now and then a round grows it once more.
    assert pages["kept"] < 32_767 < pages["freed"]
