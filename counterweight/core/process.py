"""What every stage does around its work: one-line errors, a lock, outputs that appear whole or not at all."""

import argparse
import ctypes
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from counterweight.core.errors import UserError

PR_SET_PDEATHSIG = 1  # linux/prctl.h
OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}
NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


def stage_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser that already knows `--params`; the first line of `description` is its help text."""
    parser = argparse.ArgumentParser(description=description.strip().splitlines()[0])
    parser.add_argument("--params", type=Path, default=Path("params.yaml"), help="settings file")
    return parser


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Run a stage's `main` on the command line's arguments and exit with 2 on a user's mistake."""
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(fail(str(error)))
    except OSError as error:
        if error.errno in OUT_OF_SPACE:
            # A full disk or a read-only folder is no bug: one line, no traceback.
            sys.exit(fail(f"{error.filename or 'output'}: no space left on the disk; nothing was written"))
        if error.errno in NOT_WRITABLE:
            sys.exit(fail(f"{error.filename}: {error.strerror}"))
        raise
    except MemoryError as error:
        sys.exit(fail(f"not enough memory{f': {error}' if str(error) else ''}; smaller images or fewer of them?"))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # As shells report a process that a signal ended.


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
