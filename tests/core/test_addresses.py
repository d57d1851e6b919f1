"""Torch under a limit of addresses or of data: refused in one line, where its libraries would end the process."""

import importlib
import sys
from pathlib import Path

import pytest

from counterweight.core import addresses
from counterweight.core.addresses import NoRoomError, RoomForTorch, list_libraries, require_room
from counterweight.core.memory import Memory
from counterweight.core.process import describe_want


def test_what_is_needed_and_which_limit_is_in_the_way_are_said() -> None:
    gib = 2**30
    fits = Memory(2 * gib + addresses.WORK, 3 * gib)
    require_room(fits, 2 * gib, "addresses are", "-v")
    said = r"^addresses are limited to 3.00 GiB \(ulimit -v\), 3.01 are needed for torch and work with it$"
    with pytest.raises(NoRoomError, match=said) as found:
        require_room(fits, 2 * gib + 1, "addresses are", "-v")
    assert describe_want(found.value) == f"not enough memory to load libraries: {found.value}"


def test_libraries_are_found_without_torch() -> None:
    """Each once, whatever it is called; what torch has loaded itself is among them."""
    found = [*list_libraries()]
    names = {path.name for path in {*found}}
    assert "libtorch_cpu.so" in names or "libtorch.so" in names
    assert addresses.measure_libraries() == sum(path.stat().st_size for path in {*found}) > 2**26
    loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/torch/lib/" in line}
    assert {Path(path).resolve() for path in loaded if ".so" in path} <= {*found}


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
    room = Memory(2**30, 2**31)
    monkeypatch.setattr(addresses, "read_own_limit", lambda _, name, place: iter([room] if name == limited else []))
    monkeypatch.setattr(addresses, "measure_libraries", lambda: 2**31)
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
