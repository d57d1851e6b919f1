"""Let a small network tell synthetic images from real ones by their style, and show what it looks at."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from stages import figures
from stages.imageset import read_images
from stages.process import run, stage_parser, writing
from stages.settings import derived_seed, load_params
from stages.style import Discrimination, discriminated
from stages.style_pictures import draw_style
from stages.training.devices import choose_device


def main(argv: Sequence[str]) -> None:
    """Read both sets of images, write one JSON file and a folder of figures and their data."""
    parser = stage_parser(__doc__)
    parser.add_argument("--real", type=Path, required=True, help="image table of real images no generator saw")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table of synthetic images")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder of figures to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    real, synthetic = read_images(arguments.real), read_images(arguments.synthetic)
    with writing(arguments.out) as partial, writing(arguments.plots) as plots:
        plots.mkdir()
        if synthetic.not_applicable is not None:
            found = Discrimination({"not_applicable": synthetic.not_applicable}, None)
        else:
            seed = derived_seed(params.seed, synthetic.item, "discriminate")
            found = discriminated(real, synthetic, params.discriminate, seed, choose_device(params.device))
        partial.write_text(json.dumps(found.result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        write_plots(found, plots)


def write_plots(found: Discrimination, folder: Path) -> None:
    """Write ROC curves of all sizes, as a table for DVC and as a figure, and the figures of one network.

    Where there is nothing to draw, a line of text says why.
    """
    if found.shown is None:
        why = found.result.get("reason") or found.result["not_applicable"]
        (folder / "nothing.txt").write_text(f"{why}\n", encoding="utf-8")
        return
    sizes = found.result["sizes"]
    assert isinstance(sizes, dict)
    curves = {
        f"{side} px, AUC {result['auc']['mean']:.2f}": tuple(result["curve"].values()) for side, result in sizes.items()
    }
    figures.roc_figure(curves, folder / "roc.png")
    with (folder / "roc.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["size", "false_positive_rate", "true_positive_rate"])
        for side, result in sizes.items():
            rows.writerows(
                zip([side] * len(result["curve"]["false_positive_rate"]), *result["curve"].values(), strict=True)
            )
    draw_style(found.shown, folder)


if __name__ == "__main__":
    run(main)
