"""The losses of a training as a table."""

import csv
from pathlib import Path

Row = dict[str, float | int | str]


def write_history(history: list[Row], path: Path) -> None:
    """Write the losses as CSV: a row per epoch and update, a column per named loss; no row where nothing is learned."""
    columns = list(dict.fromkeys(["epoch", "update", "loss", *(key for row in history for key in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)  # Losses that an update lacks are empty cells.
        writer.writeheader()
        writer.writerows(history)
