"""A latent space in pictures: figures 4.10 to 4.15 of the distributions thesis, of our images."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from counterweight.evaluation.latent_space.analysis import LatentSpace
from counterweight.plots import figures

COLUMNS = 10

Titled = list[tuple[str, npt.NDArray[np.generic]]]


def draw_latents(found: LatentSpace, folder: Path) -> None:
    """Draw reconstructions, moved images and the latent space; where there is nothing to draw, say why in a line."""
    shown = found.shown
    if shown is None:
        (folder / "nothing.txt").write_text(f"{found.result.reason}\n", encoding="utf-8")
        return
    places = np.linspace(0, len(shown.real) - 1, min(COLUMNS, len(shown.real))).round().astype(np.int64)
    sets = {"real": shown.real, "synthetic": shown.synthetic, **shown.decoded}

    def rows(*names: str) -> list[tuple[str, Titled]]:
        return [(name.replace("_", " "), [("", sets[name].images[place]) for place in places]) for name in names]

    both = rows("real", "real_decoded", "synthetic", "synthetic_decoded")
    figures.picture_figure(both, folder / "reconstructions.png")
    moved = rows("synthetic", "synthetic_decoded", "mean_shift", "optimal_map", "real_decoded")
    figures.picture_figure(moved, folder / "moved.png")
    points = shown.points
    title = "latents of real and synthetic images"
    figures.scatter_figure(points["real"], points["synthetic"], shown.fractions, title, folder / "latents.png")
