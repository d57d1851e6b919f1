"""Stages that start in a moment: forks of a process that has imported what they compute with."""

import json
import os
import queue
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from counterweight.core.process import THREADS
from counterweight.engines.jobs import Ended, Job

PREFIX = ("exec", "python", "-m", "stages")
"""How the commands of the graph begin; others are for a shell."""
LIBRARIES = (
    "torch",
    "torch._dynamo",  # which the first optimiser imports
    "pyarrow.parquet",
    "safetensors.torch",
    "scipy.stats",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neighbors",
    "torchvision",
    "timm",
    "matplotlib.figure",
    "pydantic",
    "ruamel.yaml",
    "PIL.Image",
)
"""What most stages import; each takes them from here or, where one is not installed, says so itself."""
LOST = -9
"""Exit code of a stage whose process dies with the one that it was forked of."""


class Warm:
    """A process of `counterweight.engines.forking`; as long as it is not ready it takes no stage."""

    def __init__(self, folder: Path, end: Callable[[Ended], None]) -> None:
        """Start the process, which takes seconds to be ready; nobody waits for that.

        Args:
            folder: the workspace.
            end: is called, in a thread, for each stage that has ended.
        """
        self.end, self.ready = end, False
        self.stages: set[str] = set()
        self.pids: queue.Queue[int | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "counterweight.engines.forking", *LIBRARIES],
            cwd=folder,
            env=os.environ | dict.fromkeys(THREADS, "1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Hear what the process says, until it ends; what it had begun has ended then, too."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answer = json.loads(line)
            if "pid" in answer:
                self.stages.add(answer["stage"])
                self.pids.put(answer["pid"])
            elif "code" in answer:
                self.stages.discard(answer["stage"])
                self.end(Ended(answer["stage"], answer["code"]))
            else:
                self.ready = True
        self.ready = False
        self.pids.put(None)
        for stage in [*self.stages]:
            self.end(Ended(stage, LOST))

    def start(self, job: Job) -> int | None:
        """Begin a job and return its process; None: it has to be begun in another way."""
        if not self.ready or (arguments := find_arguments(job)) is None:
            return None
        order = {
            "stage": job.stage,
            "arguments": arguments,
            "folder": str(job.folder),
            "environment": dict(job.environment),
            "log": str(job.log),
        }
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
        except OSError:  # It is gone.
            return None
        return self.pids.get()

    def stop(self) -> None:
        """End the process, and what it has begun."""
        self.process.kill()
        self.listener.join()
        with suppress(BrokenPipeError):  # of an order that it did not read
            self.process.communicate()


def can_be_warm() -> bool:
    """Say whether stages may be forked here: on Linux, unless the user wants threads, which libraries count once."""
    return hasattr(os, "pidfd_open") and all(os.environ.get(name, "1") == "1" for name in THREADS)


def find_arguments(job: Job) -> Sequence[str] | None:
    """Return what `python -m stages` is told, of a job that is nothing else, by this Python, and on one device."""
    words = job.command[-1].split()
    plain = tuple(words[: len(PREFIX)]) == PREFIX and all(word == shlex.quote(word) for word in words)
    return words[len(PREFIX) :] if plain and job.devices == 1 and is_this_python(job.environment.get("PATH")) else None


def is_this_python(path: str | None) -> bool:
    """Say whether `python` is, on such a PATH, the one that runs this."""
    found = shutil.which("python", path=path)
    return found is not None and Path(found).parent == Path(sys.executable).parent
