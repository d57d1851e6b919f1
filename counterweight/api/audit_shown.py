"""An audit as a table of numbers, and as a figure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from counterweight.evaluation.comparison.sets import SetComparison
from counterweight.plots.figures import REAL, SYNTHETIC, show
from counterweight.reporting.columns import average, find_value
from counterweight.reporting.differences import find_similarity
from counterweight.results.compare import BackboneResult, ColumnFacts, CompareResult

if TYPE_CHECKING:
    import pandas as pd

PIXELS: dict[Hashable, str] = {
    "SSIM": "structural similarity of random pairs of a set; lower is more diverse",
    "sharpness": "mean variance of the Laplacian; less than real images' is blur, far more is noise",
    "copies": "fraction nearer to one real image, and to no second, than nearly all other real images are",
}


def tabulate_audit(found: CompareResult, backbone: str) -> pd.DataFrame:
    """Return a row of numbers for each side, in the space of a backbone and of pixels; NaN where there is none."""
    import pandas as pd

    own = found.backbones[backbone]
    rows: dict[str, dict[str, float | None]] = {"real": {}, "synthetic": {}}
    for column in found.columns:
        rows["real"][column.header] = find_real_value(column, own)
        rows["synthetic"][column.header] = find_value(column, [own])
    for side in ("real", "synthetic"):
        similarity = find_similarity(found, side)
        rows[side]["SSIM"] = None if similarity is None else similarity.mean
        rows[side]["sharpness"] = found.sharpness[side].mean
    rows["real"]["copies"], rows["synthetic"]["copies"] = found.copies.real_fraction, found.copies.fraction
    table = pd.DataFrame.from_dict(rows, orient="index", dtype="float64").rename_axis("images")
    table.attrs = {"backbone": backbone, **{column.header: column.meaning for column in found.columns}, **PIXELS}
    return table


def find_real_value(column: ColumnFacts, own: BackboneResult) -> float | None:
    """Return what real images get among themselves, which is what would agree."""
    if find_value(column, [own]) is None and (column.chance is not None or column.shown in ("ratio", "deviations")):
        return None
    if column.chance is not None:
        return column.chance
    if column.shown in ("between", "within"):
        return average([own], column.statistic, "baseline", column.key)
    return 1.0 if column.shown == "ratio" else 0.0


def draw_audit(found: SetComparison) -> Figure:
    """Draw how the headline's features are distributed, and synthetic images above the real ones nearest to them.

    Drawn without pyplot: whoever asks for the figure shows or saves it.
    """
    pairs = min(len(found.nearest.synthetic), 8)
    figure = Figure(figsize=(8, 3 + 2.4 * (pairs > 0)), layout="constrained")
    upper, *lower = figure.subfigures(1 + (pairs > 0), 1, squeeze=False).flat
    axes = upper.subplots()
    name = found.result.headline
    sides = (("real", REAL), ("synthetic", SYNTHETIC))
    for histogram, (side, colour) in zip(found.backbones[name].histograms, sides, strict=True):
        if histogram is not None:
            axes.stairs(histogram.densities, histogram.edges, color=colour, label=side)
            axes.legend()
    axes.set(title=f"standardised features of {name}", yticks=[])
    for part in lower:
        grid = part.subplots(2, pairs, squeeze=False)
        rows = (("synthetic", found.nearest.synthetic), ("nearest real", found.nearest.nearest))
        for line, (title, images) in zip(grid, rows, strict=True):
            line[0].set_ylabel(title, fontsize=9)
            for place, image in zip(line, images, strict=False):
                place.set(xticks=[], yticks=[])
                show(place, image)
    return figure
