"""A comparison in pictures: how feature values are distributed, and synthetic images beside the nearest real ones."""

from collections.abc import Mapping
from pathlib import Path

from counterweight.evaluation.comparison.features import BackboneComparison
from counterweight.evaluation.comparison.memorization import NearestPairs
from counterweight.plots import figures
from counterweight.results.compare import Families


def draw_comparison(backbones: Mapping[str, BackboneComparison], nearest: NearestPairs, folder: Path) -> None:
    """Draw histograms of every backbone's features (distributions thesis, figure 4.7), and the nearest pairs."""
    panels = {}
    for name, found in backbones.items():
        real, synthetic = found.histograms
        if real is not None and synthetic is not None:
            families = found.result.families
            title = f"{name}: {name_best_family(families['real'])}, {name_best_family(families['synthetic'])}"
            panels[title] = [real, synthetic]
    if panels:
        figures.histogram_figure(panels, folder / "features.png")
    if len(nearest.synthetic):
        titles = [f"{distance:.1f}" for distance in nearest.distances]
        titled = list(zip(titles, nearest.synthetic, strict=True))
        rows = [("synthetic", titled), ("nearest real", [("", image) for image in nearest.nearest])]
        figures.picture_figure(rows, folder / "nearest.png")
    if not panels and not len(nearest.synthetic):
        (folder / "nothing.txt").write_text("too few images\n", encoding="utf-8")


def name_best_family(families: Families) -> str:
    """Name the family that describes most of the features, and its fraction of them."""
    count, name = max((families.normal, "normal"), (families.exponential, "exponential"), key=lambda item: item[0])
    return f"{count / families.features:.0%} {name}"
