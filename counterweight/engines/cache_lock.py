"""A lock on a cache that several workspaces share, also on disks that keep no locks, as some of a network do."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from counterweight.core.errors import UserError

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What a disk says that keeps none."""
PATIENCE = 60.0
"""Seconds after which it is said for what this waits."""


class CacheLock:
    """Is held by one process at a time, which may hold it several times over."""

    def __init__(self, path: Path) -> None:
        """Plan a lock.

        Args:
            path: of the file that is locked; where the disk keeps no locks, a marker beside it is one while it exists.
        """
        self.lock: BaseFileLock = FileLock(path, fallback_to_soft=False)
        # Not the file itself, which stays when its lock is given up. A marker names process and machine: one of this
        # machine whose process is gone counts for nothing.
        self.marker = SoftFileLock(path.with_suffix(".held"))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock and hold it.

        Raises:
            UserError: neither lock nor marker can be written.
        """
        try:
            Path(self.lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            self.acquire()
        except OSError as error:
            raise UserError(f"{self.lock.lock_file}: {error.strerror}") from error
        try:
            yield
        finally:
            self.lock.release()

    def acquire(self) -> None:
        """Wait for the lock, or for the marker where there are no locks."""
        try:
            wait_for(self.lock)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            self.lock = self.marker
            wait_for(self.lock)


def wait_for(lock: BaseFileLock) -> None:
    """Wait for a lock, and say so where that takes long."""
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        what = f"waiting for {lock.lock_file}, which another process holds"
        print(f"{what}; delete it if no `counterweight repro` is running on any machine", file=sys.stderr)
        lock.acquire()
