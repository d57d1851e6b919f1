"""Imports once what stages compute with, and forks a process for each stage that it is asked for on standard input.

    python -m counterweight.engines.forking LIBRARY ...

An order is a line of JSON: `stage`, `arguments` of `python -m stages`, `folder`, `environment` and `log`, the file that
gets all that is printed. Answers are lines of JSON, too: `{}` once the libraries are there; `stage` and `pid` when a
process has begun; `stage` and `code`, its exit code or less the signal's number, when it has ended. Nothing of this
project is among what is imported once: a stage runs the code that is in the workspace when it begins.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module, invalidate_caches
from typing import Any

from counterweight.core.process import die_with_parent

OWN = {"counterweight", "stages"}


def serve(libraries: Sequence[str]) -> None:
    """Import libraries and fork until standard input ends; in the processes forked, run a stage."""
    die_with_parent()
    for name in libraries:
        with suppress(ImportError):
            import_module(name)
    gc.freeze()  # Else each stage's collector would touch, and so copy, all that is shared with it.
    say({})
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    selector.unregister(key.fileobj)
                    os.close(key.fd)
                    stage, pid = key.data
                    say({"stage": stage, "code": os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])})
                    continue
                # One order at a time: the next is sent when this one is answered, so none waits in Python's buffer.
                if not (line := sys.stdin.readline()):
                    return
                order = json.loads(line)
                if (pid := fork()) == 0:
                    become(order)
                    return
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (order["stage"], pid))
                say({"stage": order["stage"], "pid": pid})


def say(answer: Mapping[str, object]) -> None:
    """Answer in a line."""
    print(json.dumps(answer), flush=True)


def fork() -> int:
    """Fork; 0 in the new process."""
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        return os.fork()  # Python warns of threads; pyarrow's allocator has one, and is made to be forked.


def become(order: Mapping[str, Any]) -> None:
    """Become the stage that is asked for, in a process group of its own, as if `python -m stages` had been called."""
    die_with_parent()
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ |= order["environment"]
    os.chdir(order["folder"])
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN]:
        del sys.modules[name]
    sys.path[0] = order["folder"]
    invalidate_caches()
    sys.argv = ["stages", *order["arguments"]]
    try:
        runpy.run_module("stages", run_name="__main__", alter_sys=True)
    finally:
        gc.unfreeze()  # Else what a failed stage leaves is never freed, and triton's 40 lines on that hide the reason.


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Whoever started this ends the stages, and then this.
    serve(sys.argv[1:])
