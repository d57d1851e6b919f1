"""Tables of thousands of columns: they are read, whatever the process keeps of memory, and in few others."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
READ = """
import sys
from pathlib import Path
from counterweight.core.process import keep_memory
from counterweight.data.sources.base.columns import read_columns, read_first_rows
from counterweight.data.sources.base.text_columns import read_text_columns
if len(sys.argv) > 2:
    keep_memory()
columns = read_columns(Path(sys.argv[1]))
read = read_text_columns(columns.file, columns.reading, columns.names)
print(sum(map(len, read)), columns.empty, read_first_rows(columns, columns.names).num_columns)
"""


def write_numbers(file: Path, rows: int, columns: int) -> None:
    """Write a CSV of numbers whose second row has nothing, so that all columns are looked at."""
    cells = np.random.default_rng(0).normal(size=(rows, columns)).astype(np.str_).tolist()
    cells[1] = [""] * columns
    lines = [[f"c{place}" for place in range(columns)], *cells]
    file.write_text("".join(f"{','.join(line)}\n" for line in lines))


@pytest.mark.parametrize("keeping", [[], ["keep"]])
def test_many_columns_of_numbers_take_what_they_hold(keeping: list[str], tmp_path: Path) -> None:
    """Arrow reserves 1 MiB for each column of each block of rows, and stages keep what is given back."""
    write_numbers(tmp_path / "a.csv", 200, 1200)
    words = [sys.executable, "-c", READ, str(tmp_path / "a.csv"), *keeping]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stderr, done.stdout) == ("", "200 (1,) 1200\n")
