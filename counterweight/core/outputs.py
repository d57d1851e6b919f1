"""Outputs that appear whole or not at all, one writer at a time."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from counterweight.core.errors import UserError

MINIMUM_FREE_BYTES = 64 * 2**20


@contextlib.contextmanager
def atomic_output(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target` that becomes `target` when the block ends without an error.

    The block writes a file or makes a folder there. A lock beside it keeps a second process away;
    whatever an earlier, killed process left under the temporary name is removed first.

    Raises:
        UserError: the folder cannot be written, the disk is full, or another process is writing `target`.
    """
    if not target.name:
        raise UserError(f"{target}: a folder that is there already; name a file or folder to be written")
    make_room(target)
    partial = target.with_name(f".{target.name}.partial")  # Beside it: a rename is atomic in one file system only.
    with exclusive_lock(target.with_name(f".{target.name}.lock"), busy=f"{target}: another process is writing it"):
        try:
            remove_path(partial)  # What a killed process left.
            yield partial
            put_in_place(partial, target)
        except OSError as error:
            # Libraries in C name no file, and a hidden one is nobody's.
            if error.errno is not None and error.filename in (None, str(partial)):
                error.filename = str(target)
            raise
        finally:
            remove_path(partial)


@contextlib.contextmanager
def atomic_outputs(*targets: Path) -> Iterator[list[Path]]:
    """Yield a temporary path for each of several outputs; see `atomic_output`."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(atomic_output(target)) for target in targets]


def put_in_place(partial: Path, target: Path) -> None:
    """Rename `partial` to `target`; an earlier folder goes away as a whole, never half deleted under its name."""
    earlier = target.with_name(f".{target.name}.earlier.partial")
    remove_path(earlier)
    if partial.is_dir() or (partial.exists() and target.is_dir()):  # renaming cannot replace these
        with contextlib.suppress(FileNotFoundError):
            # Aside by a rename: deleting takes time, in which a reader would find half a folder.
            target.replace(earlier)
    partial.replace(target)
    remove_path(earlier)


def make_room(target: Path) -> None:
    """Make the folder of `target` and check that it can be written and has room."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(target.parent).free
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from error
    if not os.access(target.parent, os.W_OK):
        raise UserError(f"{target}: its folder {target.parent} is read-only")
    if free < MINIMUM_FREE_BYTES:
        raise UserError(
            f"{target}: {free / 2**20:.0f} MiB free on its disk, at least {MINIMUM_FREE_BYTES / 2**20:.0f} MiB needed"
        )


@contextlib.contextmanager
def exclusive_lock(path: Path, busy: str) -> Iterator[None]:
    """Hold an exclusive lock file, removed at the end; the kernel drops the lock of a killed process.

    Raises:
        UserError: another process holds it, or its folder cannot be written.
    """
    try:
        held = FileLock(path, blocking=False, fallback_to_soft=False).acquire()
    except Timeout:  # also where the last owner removed the file between our open and our lock: that guards nothing
        raise UserError(busy) from None
    except OSError as error:
        raise UserError(f"{path.parent}: cannot be written: {error.strerror}") from error
    with held:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: later it may be another owner's


def remove_path(path: Path) -> None:
    """Delete a file or folder, if there is one."""
    if path.is_dir() and not path.is_symlink():  # Of a link to a folder, the link alone is removed.
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
