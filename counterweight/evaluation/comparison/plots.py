"""A comparison in pictures: how feature values are distributed, and synthetic images beside the nearest real ones."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterweight.evaluation.comparison.memorization import NearestPairs
from counterweight.plots import figures


def draw_comparison(backbones: Mapping[str, Any], copied: NearestPairs, folder: Path) -> None:
    """Draw histograms of every backbone's features (distributions thesis, figure 4.7), and the nearest pairs."""
    panels = {}
    for name, result in backbones.items():
        sides = result["families"]["real"], result["families"]["synthetic"]
        if all(side["edges"] for side in sides):
            title = f"{name}: {name_best_family(sides[0])}, {name_best_family(sides[1])}"
            panels[title] = [(side["edges"], side["densities"]) for side in sides]
    if panels:
        figures.histogram_figure(panels, folder / "features.png")
    if len(copied.synthetic):
        titles = [f"{distance:.1f}" for distance in copied.distances]
        titled = list(zip(titles, copied.synthetic, strict=True))
        rows = [("synthetic", titled), ("nearest real", [("", image) for image in copied.nearest])]
        figures.picture_figure(rows, folder / "nearest.png")
    if not panels and not len(copied.synthetic):
        (folder / "nothing.txt").write_text("too few images\n", encoding="utf-8")


def name_best_family(counts: Mapping[str, Any]) -> str:
    """Name the family that describes most of the features, and its fraction of them."""
    family = max(("normal", "exponential"), key=lambda name: counts[name])
    return f"{counts[family] / counts['features']:.0%} {family}"
