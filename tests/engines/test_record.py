"""What is said where DVC cannot be asked what it knows of a workspace."""

import sys
from pathlib import Path

from tests.small_graph import make_project

RELEASE = """
from pathlib import Path
import zc.lockfile
from counterweight.core.errors import UserError
from counterweight.engines.record import Record

record = Record(Path())
record.read_graph([])
print(record.prepare("source"))
held = zc.lockfile.LockFile(".dvc/tmp/rwlock.lock")
try:
    record.release("source")
except UserError as error:
    print(error)
"""


def test_a_lock_that_cannot_be_had_when_a_stage_ends_is_one_line(tmp_path: Path) -> None:
    """As where the disk is full: what DVC could not write keeps the lock until the process ends."""
    done = make_project(tmp_path / "project").command(sys.executable, "-c", RELEASE)
    assert done.returncode == 0, done.stderr
    need, said = done.stdout.splitlines()
    assert need == "run"
    assert said.startswith("DVC: Unable to acquire lock. ")


FULL = """
from pathlib import Path
from counterweight.core.errors import UserError
from counterweight.engines import refusals
from counterweight.engines.record import Record

record = Record(Path())
refusals.ROOM = 2**60
try:
    record.read_graph([])
except UserError as error:
    print(error)
"""


def test_a_full_disk_of_the_database_of_checksums_is_one_line_each_time_dvc_is_asked(tmp_path: Path) -> None:
    """DVC tries forever to write there."""
    done = make_project(tmp_path / "project").command(sys.executable, "-c", FULL)
    assert done.returncode == 0, done.stderr
    assert "DVC's database of files' checksums: " in done.stdout
    assert done.stdout.endswith(" bytes are free; make room on its disk, then call this again\n")
