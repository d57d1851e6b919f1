"""Curves that the page draws: training losses of the tables that `train` writes, ROC curves of the style classifier."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from counterweight.reporting.results import Comparisons

POINTS = 100
"""Of a curve at most; a page has no room for more, nor a screen."""


def read_losses(folder: Path, generators: Sequence[str]) -> list[dict[str, object]]:
    """Return what generators' losses were by epoch, means over the draws; generators that learn nothing have none."""
    records: list[dict[str, object]] = []
    for name in generators:
        path = folder / name / "history.csv"
        if not path.is_file():
            continue
        table = pa_csv.read_csv(path)
        if not table.num_rows:
            continue
        means = table.group_by(["update", "epoch"]).aggregate([("loss", "mean")]).sort_by("epoch")
        for update in sorted(set(means["update"].to_pylist())):
            own = means.filter(pc.equal(means["update"], update)).to_pylist()
            step = -(-len(own) // POINTS)
            records += [
                {"generator": name, "update": update, "epoch": line["epoch"], "loss": line["loss_mean"]}
                for line in own[::step]
            ]
    return records


def list_roc(comparisons: Comparisons) -> list[dict[str, object]]:
    """Return the points of every set's ROC curves."""
    return [
        {
            "images": name,
            "size": f"{size} px",
            "false positive rate": false,
            "true positive rate": true,
            "area": found.auc.mean,
        }
        for name, comparison in comparisons.items()
        if comparison.style is not None
        for size, found in comparison.style.sizes.items()
        for false, true in zip(found.curve.false_positive_rate, found.curve.true_positive_rate, strict=True)
    ]
