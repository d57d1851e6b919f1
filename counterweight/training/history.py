"""The losses of a training as a table."""

import csv
import shutil
from collections.abc import Sequence
from pathlib import Path

Row = dict[str, float | int | str]


def write_history(histories: Sequence[list[Row]], path: Path) -> None:
    """Write the losses of all draws as CSV; no row where nothing is learned.

    There is a row per draw, epoch and update, and a column per named loss.
    """
    rows: list[Row] = [{"draw": draw, **row} for draw, history in enumerate(histories) for row in history]
    columns = list(dict.fromkeys(["draw", "epoch", "update", "loss", *(key for row in rows for key in row)]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)  # Losses that an update lacks are empty cells.
        writer.writeheader()
        writer.writerows(rows)


def write_curves(histories: Sequence[list[Row]], trainings: Sequence[Path], folder: Path) -> None:
    """Write the losses of all draws into a new folder, and the grids of samples that lie in folders of trainings."""
    folder.mkdir()
    for training in trainings:
        for picture in sorted(training.glob("*.png")):
            shutil.copyfile(picture, folder / picture.name)
    write_history(histories, folder / "history.csv")
