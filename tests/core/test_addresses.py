"""Torch under a limit of addresses or of data: refused in one line, where its libraries would end the process."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from counterweight.core import addresses
from counterweight.core.addresses import NoRoomError, Room, RoomForTorch, require_room, try_torch
from counterweight.core.memory import Memory
from counterweight.core.process import describe_want

GIB = 2**30


def test_what_is_needed_and_which_limit_is_in_the_way_are_said() -> None:
    fits = Room(Memory(2 * GIB + addresses.WORK, 3 * GIB), "addresses are", "-v", 1)
    require_room(fits, [0, 2 * GIB])
    said = r"^addresses are limited to 3.00 GiB \(ulimit -v\), 3.01 are needed for torch and work with it$"
    with pytest.raises(NoRoomError, match=said) as found:
        require_room(fits, [0, 2 * GIB + 1])
    assert describe_want(found.value) == f"not enough memory to load libraries: {found.value}"
    with pytest.raises(NoRoomError, match=r"^addresses are limited to 3.00 GiB \(ulimit -v\), torch needs more$"):
        require_room(fits, None)


def test_what_torch_takes_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """All its code is mapped, of which little is data."""
    taken = try_torch()
    assert taken is not None
    assert taken[0] > taken[5] > 2**24
    assert taken[0] > 2**27
    monkeypatch.setattr(addresses, "TRIAL", "import os; os.abort()")
    assert try_torch() is None


@pytest.mark.parametrize("size", [200_000, 250_000, 500_000])
def test_pyarrow_ends_nothing_where_next_to_nothing_is_allowed(size: int) -> None:
    code = "from counterweight.core.addresses import foresee_torch; foresee_torch(); import pyarrow"
    line = f'ulimit -v {size}; exec "$0" -c "$1"'
    done = subprocess.run(["bash", "-c", line, sys.executable, code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("(ulimit -v), 0.50 are the least")


@pytest.mark.parametrize("option", ["v", "d"])
def test_torch_ends_with_one_line_where_a_shell_limits_it(option: str) -> None:
    """Half a GiB is not enough for work beside the least of what torch takes."""
    code = "from counterweight.core.addresses import foresee_torch; foresee_torch(); import torch"
    line = f'ulimit -{option} {2**19}; exec "$0" -c "$1"'
    done = subprocess.run(["bash", "-c", line, sys.executable, code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("counterweight.core.addresses.NoRoomError: "), done.stderr
    assert f"limited to 0.50 GiB (ulimit -{option})" in last


@pytest.mark.parametrize(
    ("limited", "said"), [("address space", "addresses are"), ("data size", "data is"), (None, "")]
)
def test_torch_alone_is_refused_where_a_process_is_limited(
    limited: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in ("torch", "no_torch"):
        (own / f"{name}.py").write_text("loaded = True\n")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(own))
    room = Memory(GIB, 2 * GIB)
    monkeypatch.setattr(addresses, "read_own_limit", lambda _, name, place: iter([room] if name == limited else []))
    monkeypatch.setattr(addresses, "try_torch", lambda: [GIB] * 7)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    for _ in range(2):
        addresses.foresee_torch()
    assert sum(isinstance(finder, RoomForTorch) for finder in sys.meta_path) == 1
    assert importlib.import_module("no_torch").loaded
    if limited is None:
        assert importlib.import_module("torch").loaded
    else:
        with pytest.raises(NoRoomError, match=f"^{said} limited to 2.00 GiB"):
            importlib.import_module("torch")
