"""Figures for people, as PNG; drawn without pyplot, whose state all threads would share."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

Floats = npt.NDArray[np.floating]
Images = npt.NDArray[np.uint8]

DPI = 100
REAL, SYNTHETIC = "tab:blue", "tab:orange"


INK = "#747d8a"
"""Of text and axes: its contrast is 4.2 on white and 4.4 on the dark page; no grey has 4.5 on both."""


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG without a background, to be seen on light pages and on dark ones.

    It does not name the version of the library that drew it: the same figure, the same bytes.
    """
    for text in figure.findobj(Text):
        text.set_color(INK)
    for axes in figure.axes:
        axes.tick_params(color=INK)
        for spine in axes.spines.values():
            spine.set_edgecolor(INK)
    for legend in figure.findobj(Legend):
        legend.get_frame().set(facecolor="none", edgecolor=INK)
    figure.savefig(path, format="png", dpi=DPI, transparent=True, metadata={"Software": None})


def roc_figure(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], path: Path) -> None:
    """Draw ROC curves in one plot, given by name as false and true positive rates."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color=INK, label="chance")
    for name, (false, true) in curves.items():
        axes.plot(false, true, label=name)
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set(aspect="equal", title="synthetic told from real")
    axes.legend(loc="lower right")
    save(figure, path)


def picture_figure(rows: Sequence[tuple[str, Sequence[tuple[str, npt.NDArray[np.generic]]]]], path: Path) -> None:
    """Draw rows of pictures, each row with a name and each picture with a title.

    Pictures are uint8 (C, H, W) with C of 1 or 3, or a map (H, W) of any range, drawn in colours around zero if it has
    negative values.
    """
    columns = max(len(pictures) for _, pictures in rows)
    figure = Figure(figsize=(1.4 * columns + 0.4, 1.6 * len(rows) + 0.2), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
    for line, (name, pictures) in zip(grid, rows, strict=True):
        # Points of a figure that a page shows at two thirds of its size, and a phone at less.
        line[0].set_ylabel(name, fontsize=12)
        for axes, (title, picture) in zip(line, pictures, strict=False):
            axes.set_title(title, fontsize=12)
            show(axes, picture)
    save(figure, path)


def show(axes: Axes, picture: npt.NDArray[np.generic]) -> None:
    """Draw one picture."""
    if picture.ndim == 3:
        axes.imshow(picture.transpose(1, 2, 0), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        return
    values = picture.astype(np.float64)
    most = max(float(np.abs(values).max()), 1e-12)
    lowest, colours = (-most, "RdBu_r") if values.min() < 0 else (0.0, "viridis")
    axes.imshow(values, cmap=colours, vmin=lowest, vmax=most, interpolation="nearest")


def scatter_figure(real: Floats, synthetic: Floats, fractions: Sequence[float], title: str, path: Path) -> None:
    """Draw points of both sets, (N, 2) and (M, 2) on two principal components, and each component's fraction."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    points, bars = figure.subplots(1, 2, width_ratios=(3, 2))
    for found, colour, name in ((real, REAL, "real"), (synthetic, SYNTHETIC, "synthetic")):
        points.scatter(found[:, 0], found[:, 1], s=8, alpha=0.5, color=colour, label=name)
    points.set(xlabel="first component", ylabel="second component", title=title)
    points.legend()
    bars.bar(np.arange(1, len(fractions) + 1), np.multiply(fractions, 100), color="grey")
    bars.set(xlabel="component", ylabel="fraction of the variance, %", ylim=(0, 100), title="explained variance")
    bars.set_xticks(np.arange(1, len(fractions) + 1))
    save(figure, path)


def histogram_figure(panels: Mapping[str, Sequence[tuple[Sequence[float], Sequence[float]]]], path: Path) -> None:
    """Draw panels of two histograms each, by title: edges (B + 1,) and densities (B,) of real, then of others."""
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3 * columns, 2.4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, histograms) in zip(grid, panels.items(), strict=False):
        for (edges, densities), colour, name in zip(histograms, (REAL, SYNTHETIC), ("real", "synthetic"), strict=True):
            axes.stairs(densities, edges, color=colour, label=name)
        axes.set_title(title, fontsize=8)
        axes.set_yticks([])
    grid[0].legend(fontsize=7)
    save(figure, path)
