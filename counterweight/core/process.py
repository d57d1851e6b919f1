"""What every stage does around its work: one-line errors, a lock, outputs that appear whole or not at all."""

import argparse
import atexit
import ctypes
import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from threadpoolctl import threadpool_limits

from counterweight.core.addresses import NoRoomError
from counterweight.core.errors import UserError

USUAL = "params.yaml"
NAMED_USUALLY = re.compile(rf"(?<![\w./-]){re.escape(USUAL)}: ")
"""Where a message names the settings file, and not another of that name in a folder."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -4, -8  # malloc.h
KEEPING = {M_MMAP_MAX: 0, M_ARENA_MAX: 1, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: 2**26}
"""Blocks of any size on one heap for all threads (a thread's own has no room for large ones), 2 GiB of it kept."""
USED_UP = ("can't allocate memory", "out of memory", "STATUS_ALLOC_FAILED")
"""What torch says when memory is, and what libraries of a GPU do."""
UNMAPPED = "failed to map segment"
"""What the loader of libraries says when addresses are (`ulimit -v`)."""
INTERRUPTED = 128 + signal.SIGINT
"""Exit code, as shells report a process that a signal ended."""
IMPORT = "<frozen importlib"
"""What the files of Python's own import are called."""
LATER, PATIENCE = 0.01, 1000
"""Seconds of processor after which an interrupt tries again, and how often it does."""
UNPRINTED = 120
"""Exit code of a Python that could not print all it wanted to."""
OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OUTSIDE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV}
OUTSIDE |= {errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.ENAMETOOLONG, errno.ELOOP, errno.EBUSY, errno.ETIMEDOUT}
"""Of errors that the machine, its disks and rights are to blame for, and not the code, those that say what is wrong."""


def stage_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser that already knows `--params`; the first line of `description` is its help text."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--params", type=Path, default=Path(USUAL), help="settings file")
    return parser


def use_one_thread() -> None:
    """Let numerical libraries compute on one thread each, unless the environment's OMP_NUM_THREADS says otherwise.

    Whole items run side by side instead (`devices.map_in_parallel`). Networks and matrices of this size gain nothing
    from more, and threads that wait for each other spin: comparing one set took 7 s of processor time with one thread
    and 52 s with two beside a busy process. Results do not depend on the number of cores either.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ |= dict.fromkeys(THREADS, "1")  # for what is loaded later, and for child processes
    threadpool_limits(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def keep_memory() -> None:
    """Let the C library keep freed memory for the next step instead of handing it back to the kernel.

    Networks free and ask for the same blocks in every step, and the kernel clears each page it gives: a sixth of the
    processor time of a small network's training, half of that of features of 32 images of 224 pixels. Elsewhere than
    with glibc nothing happens.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    for parameter, value in KEEPING.items():
        libc.mallopt(parameter, value)


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run a stage's `main` on the command line's arguments and exit with 2 on a user's mistake."""
    use_one_thread()
    keep_memory()
    try:
        with ending_when_interrupted():
            main(sys.argv[1:])
    except UserError as error:
        sys.exit(fail(name_settings(str(error), sys.argv[1:])))
    except OSError as error:
        if (reason := describe_failure(error) or describe_want(error)) is None:
            raise
        sys.exit(fail(reason))
    except (MemoryError, RuntimeError, ImportError) as error:
        if (reason := describe_want(error)) is None:
            raise
        sys.exit(fail(reason))
    except KeyboardInterrupt:  # of a handler that the stage had in place of ours
        sys.exit(INTERRUPTED)


def leave(code: int = 0) -> NoReturn:
    """End with an exit code as Python does, but for taking all modules apart, which nobody needs any more.

    That takes over a second where torch, SciPy and more were imported, and longer in a fork of a process that had them:
    every page of them is written to, and so copied.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, of pools, too
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        os._exit(code or UNPRINTED)
    os._exit(code)


class Interrupts:
    """Signals that are to end this process, each raised as KeyboardInterrupt where Python can."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.report = sys.unraisablehook

    def note(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal: raise it, or try again a little later where an import is under way."""
        if number == signal.SIGTERM and number in self.seen:
            return  # Who sends it to all processes of a group sends it to this one twice.
        self.seen.append(number)
        if len(self.seen) > PATIENCE or not is_importing(frame):
            raise KeyboardInterrupt
        signal.setitimer(signal.ITIMER_VIRTUAL, LATER)

    def look(self, unraisable: "sys.UnraisableHookArgs") -> None:
        """Try once more where Python could not raise it, as while it frees an object."""
        if self.seen and issubclass(unraisable.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_VIRTUAL, LATER)
        else:
            self.report(unraisable)


@contextmanager
def ending_when_interrupted(terminated: bool = False) -> Iterator[None]:
    """End as Ctrl-C ends a program, whatever becomes of its exception on the way.

    Libraries in C swallow it while they import others, fail a line later for want of half of them, or leave the lock of
    all imports taken, on which threads then wait for ever (pyarrow, which imports pandas by itself). So in an import it
    is raised when that is done; and once more where Python could not raise it. Where Ctrl-C is ignored, as in a job in
    the background, or another handler is in place, nothing is changed.

    Args:
        terminated: whether SIGTERM ends it so, too, and not at once, which leaves what is half made behind.

    Raises:
        SystemExit: there was an interrupt, and an exception after it.
    """
    usual = {signal.SIGINT: signal.default_int_handler} | ({signal.SIGTERM: signal.SIG_DFL} if terminated else {})
    taken = {number: own for number, own in usual.items() if signal.getsignal(number) is own}
    if not taken:
        yield
        return
    interrupts = Interrupts()
    for number in (*taken, signal.SIGVTALRM):
        signal.signal(number, interrupts.note)
    sys.unraisablehook = interrupts.look
    try:
        yield
    except BaseException:
        if interrupts.seen:
            sys.exit(128 + signal.SIGTERM if signal.SIGTERM in interrupts.seen else INTERRUPTED)
        raise
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        sys.unraisablehook = interrupts.report
        for number, own in {**taken, signal.SIGVTALRM: signal.SIG_DFL}.items():
            signal.signal(number, own)


def is_importing(frame: FrameType | None) -> bool:
    """Say whether a frame is one of Python's own import, or was called by such."""
    while frame is not None:
        if frame.f_code.co_filename.startswith(IMPORT):
            return True
        frame = frame.f_back
    return False


def describe_failure(error: OSError) -> str | None:
    """Return one line on what a disk, a right or a limit of the machine made fail; None where that is not the cause."""
    if error.errno in OUT_OF_SPACE:
        return f"{error.filename or 'output'}: no space left on the disk; nothing was written"
    if error.errno in OUTSIDE:
        return f"{error.filename or 'a file'}: {os.strerror(error.errno or 0)}"
    return None


def describe_want(error: Exception) -> str | None:
    """Return one line on a want of memory, for work or for libraries; None where an error is of something else."""
    if UNMAPPED in str(error) or isinstance(error, NoRoomError):
        return f"not enough memory to load libraries: {error}"
    if is_out_of_memory(error):
        return f"not enough memory{f': {error}' if str(error) else ''}; smaller images or fewer of them?"
    return None


def is_out_of_memory(error: Exception) -> bool:
    """Say whether an error is one of Python's, or torch's, that memory is used up, on a device perhaps."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in USED_UP)


def name_settings(message: str, arguments: Sequence[str]) -> str:
    """Return an error's message in which the settings file is called as the command line calls it.

    What raises errors knows keys of the settings and seldom their file, which it calls params.yaml.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--params", default=USUAL)
    given: str = parser.parse_known_args(arguments)[0].params
    return call_settings(message, given)


def call_settings(message: str, given: str) -> str:
    """Return a message in which the settings file is called as it was given."""
    return NAMED_USUALLY.sub(lambda _: f"{given}: ", message)


def fail(message: str) -> int:
    """Print `message` as one line on standard error and return the exit code of a user's mistake."""
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return 2


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, so that a killed `dvc` orphans no stage.

    The parent must be `dvc` itself: a shell in between lives on, so the graph's commands begin with `exec`.
    """
    if not sys.platform.startswith("linux"):
        return  # the lock in `atomic_output` still keeps a second copy from starting
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # It died before the kernel was asked.
        sys.exit(128 + signal.SIGKILL)
