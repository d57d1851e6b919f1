"""What cannot fit into memory is refused in one line: of a machine, of a container, of a job."""

import json
import mmap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterweight.core import memory
from counterweight.core.errors import UserError
from counterweight.core.images import read_images

MIB, GIB = 2**20, 2**30
MACHINE = "MemTotal: 9000000 kB\nMemFree: 1 kB\nMemAvailable:  4194304 kB\nSwapFree: 1048576 kB\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def test_a_machine_without_groups_has_what_it_says(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": MACHINE})
    assert memory.measure_free_memory(tmp_path) == 5 * GIB


def test_nothing_is_known_where_nobody_tells(tmp_path: Path) -> None:
    assert memory.measure_free_memory(tmp_path) is None


@pytest.mark.parametrize("above", [False, True])
def test_a_group_of_the_second_version_limits_it_and_so_does_one_above(tmp_path: Path, above: bool) -> None:
    own, top = "sys/fs/cgroup/jobs/7", "sys/fs/cgroup/jobs"
    limits = (top, own) if above else (own, top)
    write(tmp_path, {"proc/meminfo": MACHINE, "proc/self/cgroup": "0::/jobs/7\n"})
    write(tmp_path, {f"{limits[0]}/memory.max": f"{2 * GIB}\n", f"{limits[0]}/memory.current": f"{GIB}\n"})
    write(tmp_path, {f"{limits[1]}/memory.max": "max\n", f"{limits[1]}/memory.current": f"{GIB}\n"})
    assert memory.measure_free_memory(tmp_path) == GIB
    # What files in its memory take it gives back.
    write(tmp_path, {f"{limits[0]}/memory.stat": f"anon 5\ninactive_file {GIB // 2}\n"})
    assert memory.measure_free_memory(tmp_path) == 3 * GIB // 2


def test_a_group_of_the_first_version_limits_it(tmp_path: Path) -> None:
    lines = "9:name=systemd:/\n4:memory:/docker/5\n3:cpuset:/\n0::/\n"
    write(tmp_path, {"proc/meminfo": MACHINE, "proc/self/cgroup": lines})
    folder = "sys/fs/cgroup/memory"
    # Inside a container its own folder is the top, and that of its name is not there.
    write(tmp_path, {f"{folder}/memory.limit_in_bytes": f"{3 * GIB}", f"{folder}/memory.usage_in_bytes": f"{GIB}"})
    assert memory.measure_free_memory(tmp_path) == 2 * GIB
    write(tmp_path, {f"{folder}/memory.limit_in_bytes": "9223372036854771712"})
    assert memory.measure_free_memory(tmp_path) == 5 * GIB


def test_all_there_is_is_that_of_what_limits_it(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": MACHINE})
    assert memory.measure_memory(tmp_path) == (5 * GIB, 9_000_000 * 1024)
    write(tmp_path, {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{2 * GIB}"})
    write(tmp_path, {"sys/fs/cgroup/memory.current": f"{GIB}"})
    assert memory.measure_memory(tmp_path) == (GIB, 2 * GIB)


@pytest.mark.parametrize(
    ("limit", "uses"), [("address space", "{} 444 416 5 0 123 0"), ("data size", "9 4 4 5 0 {} 0")]
)
def test_addresses_and_data_that_a_shell_limits_are_limits_too(limit: str, uses: str, tmp_path: Path) -> None:
    line = f"Max {limit:20}  {{}}           unlimited            bytes     \n"
    write(tmp_path, {"proc/meminfo": MACHINE, "proc/self/limits": line.format("unlimited")})
    write(tmp_path, {"proc/self/statm": uses.format(GIB // mmap.PAGESIZE)})
    assert memory.measure_free_memory(tmp_path) == 5 * GIB
    write(tmp_path, {"proc/self/limits": f"Limit  Soft\n{line.format(4 * GIB)}"})
    assert memory.measure_memory(tmp_path) == (3 * GIB, 4 * GIB)


def test_what_this_machine_has_is_known() -> None:
    free = memory.measure_free_memory()
    assert free is None or 0 < free < 2**50


def test_what_needs_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "measure_free_memory", lambda: GIB)
    memory.require_memory(GIB - memory.RESERVE, "a.parquet")
    with pytest.raises(UserError):
        memory.require_memory(GIB, "a.parquet")
    monkeypatch.setattr(memory, "measure_free_memory", lambda: 0)
    memory.require_memory(memory.LITTLE - 1, "a.parquet")
    monkeypatch.setattr(memory, "measure_free_memory", lambda: GIB)
    said = r"2.00 GiB of memory needed, 0.75 may be used: 1.00 are left, of which 0.25 stay free; smaller images"
    with pytest.raises(UserError, match=rf"^a.parquet: {said}"):
        memory.require_memory(2 * GIB, "a.parquet")
    # Of what is needed and what is there neither seems enough.
    with pytest.raises(UserError, match=r"0.76 GiB of memory needed, 0.75 may be used"):
        memory.require_memory(GIB - memory.RESERVE + 1, "a.parquet")
    monkeypatch.setattr(memory, "measure_free_memory", lambda: MIB)
    with pytest.raises(UserError, match=r"1.00 GiB of memory needed, 0.00 may be used: 0.00 are left"):
        memory.require_memory(GIB, "a.parquet")


def test_a_small_table_of_many_images_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a million images that are all one a table holds one, and memory a million."""
    shape, count = (3, 64, 64), 200_000
    pixels = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(12288), 1, [None, pa.py_buffer(np.zeros(12288, np.uint8))]
    ).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(np.zeros(count, dtype=np.int32), pixels.dictionary)
    zeros, origins = np.zeros(count, dtype=np.int64), pa.repeat("a", count)
    table = pa.table({"image": many, "label": zeros, "origin": origins, "draw": zeros})
    facts = {"shape": shape, "class_names": ["a"], "provenance": {}}
    path = tmp_path / "many.parquet"
    # Without Arrow's own schema they are read as plain bytes.
    with pq.ParquetWriter(path, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({key: json.dumps(fact) for key, fact in facts.items()})
    assert path.stat().st_size < MIB
    monkeypatch.setattr(memory, "measure_free_memory", lambda: 4 * GIB)
    with pytest.raises(UserError, match=r"many.parquet: 4.58 GiB of memory needed, 3.75 may be used: 4.00 are left"):
        read_images(path)
