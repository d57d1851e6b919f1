"""What a style classifier looks at, in pictures: figures 4.3 to 4.6 of the distributions thesis, of our images."""

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from counterweight.core.tensors import resize_square, to_network_input
from counterweight.evaluation.style.discrimination import Outcome, StyleAnalysis, project_hidden
from counterweight.plots import figures

EXAMPLES = 8
WEIGHTS = 8

Titled = list[tuple[str, npt.NDArray[np.generic]]]


def draw_style(shown: Outcome, folder: Path) -> None:
    """Draw example images with their scores, activation maps, weight maps and the hidden space of one size's network.

    Figures are named after the size.
    """
    size = shown.trial.size
    images = resize_square(torch.from_numpy(shown.trial.test.images), size).numpy()
    chance = 1 / (1 + np.exp(-shown.logits))  # Sigmoid: the network ends in logits.
    groups = {"real": 0, "synthetic": 1}
    places = {name: np.flatnonzero(shown.trial.test.synthetic == value) for name, value in groups.items()}
    some = {name: choose_spread(found, shown.logits) for name, found in places.items()}
    rows: list[tuple[str, Titled]] = [
        (name, [(f"{chance[place]:.2f}", images[place]) for place in found]) for name, found in some.items()
    ]
    figures.picture_figure(rows, folder / f"examples_{size}.png")
    middle = {name: found[len(found) // 2] for name, found in some.items()}
    maps = [(name, draw_maps(shown, images[place])) for name, place in middle.items()]
    figures.picture_figure(maps, folder / f"activations_{size}.png")
    figures.picture_figure(choose_weights(shown), folder / f"weights_{size}.png")
    points, fractions = project_hidden(shown.hidden)
    title = f"last hidden layer, {size} px, test part"
    figures.scatter_figure(
        points[places["real"]], points[places["synthetic"]], fractions, title, folder / f"pca_{size}.png"
    )


def choose_spread(places: npt.NDArray[np.int64], logits: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Choose a few images evenly over the range of their scores, the most real-looking first."""
    ordered = places[np.argsort(logits[places], kind="stable")]
    return ordered[np.linspace(0, len(ordered) - 1, min(EXAMPLES, len(ordered))).round().astype(np.int64)]


@torch.inference_mode()
def draw_maps(shown: Outcome, image: npt.NDArray[np.uint8]) -> Titled:
    """Return an image (C, H, W) and what both convolutions make of it."""
    network = shown.trial.network
    pixels = to_network_input(torch.from_numpy(image)[None].to(next(network.parameters()).device))
    first, second = (maps[0].float().cpu().numpy() for maps in network.maps(pixels))
    named = [
        (f"conv {layer}.{number + 1}", each)
        for layer, maps in ((1, first), (2, second))
        for number, each in enumerate(maps)
    ]
    return [("image", image), *named]


@torch.inference_mode()
def choose_weights(shown: Outcome) -> list[tuple[str, Titled]]:
    """Return the weights of the neurons that the decision rests on most, each as a map per channel it looks at.

    A neuron's part in the decision is its weight in the last layer times how much it varies over the test part.
    """
    network = shown.trial.network
    part = network.last.weight[0].cpu().numpy() * shown.hidden.std(axis=0)
    weights = network.hidden.weight.cpu().numpy().reshape(-1, *network.map_shape)  # (64, 8 h w) -> (64, 8, h, w)
    chosen = np.argsort(-np.abs(part), kind="stable")[:WEIGHTS]
    return [
        (f"{part[neuron]:+.2f}", [(f"channel {number + 1}", each) for number, each in enumerate(weights[neuron])])
        for neuron in chosen
    ]


def write_style_plots(found: StyleAnalysis, folder: Path) -> None:
    """Write ROC curves of all sizes, as a table for DVC and as a figure, and the figures of one network of each.

    Where there is nothing to draw, a line of text says why.
    """
    if not found.shown:
        (folder / "nothing.txt").write_text(f"{found.result.reason}\n", encoding="utf-8")
        return
    curves = {
        f"{size} px, AUC {result.auc.mean:.2f}": (result.curve.false_positive_rate, result.curve.true_positive_rate)
        for size, result in found.result.sizes.items()
    }
    figures.roc_figure(curves, folder / "roc.png")
    with (folder / "roc.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["size", "false_positive_rate", "true_positive_rate"])
        for size, result in found.result.sizes.items():
            points = zip(result.curve.false_positive_rate, result.curve.true_positive_rate, strict=True)
            rows.writerows((size, *point) for point in points)
    for shown in found.shown:
        draw_style(shown, folder)
