"""Make the sets of triplets that recognition is trained on, of real images and from latent spaces (log-ends, 5.3)."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.identities import read_parts
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.evaluation.triplets.plots import draw_pictures
from counterweight.evaluation.triplets.sets import (
    Source,
    describe_all,
    describe_set,
    draw_set,
    draw_test,
    load_autoencoders,
)
from counterweight.evaluation.triplets.table import write_triplets
from counterweight.results.triplets import TripletsResult
from counterweight.settings.triplets import TESTED, Triplets


def main(argv: Sequence[str]) -> None:
    """Read images and autoencoders, write a table for each set, pictures, and what the sets are."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under recognition")
    parser.add_argument("--images", type=Path, required=True, help="image table whose classes are identities")
    parser.add_argument("--parts", type=Path, required=True, help="table of draws, which says what images are for")
    parser.add_argument("--models", type=Path, required=True, help="folder of autoencoders")
    parser.add_argument("--triplets", type=Path, required=True, help="folder to write tables of triplets into")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder to write pictures into")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings = file.part("recognition", arguments.dataset, "triplets", Triplets)
    device = choose_device(file.run.device)
    images = read_images(arguments.images)
    parts = read_parts(arguments.parts, images)
    models = load_autoencoders(arguments.models, settings.autoencoders, len(parts), device)
    source = Source(images, parts, describe_all(images, parts, models), file.run.seed)
    with atomic_outputs(arguments.triplets, arguments.out, arguments.plots) as (tables, out, plots):
        tables.mkdir()
        made = {name: draw_set(name, own, source) for name, own in settings.sets.items()}
        for name, draws in made.items():
            write_triplets(draws, tables / f"{name}.parquet")
        test = draw_test(source)
        write_triplets([test], tables / f"{TESTED}.parquet")
        described = {name: describe_set(own, made[name], source) for name, own in settings.sets.items()}
        write_result(TripletsResult(sets=described, test=len(test), by_image=parts.by_image), out)
        plots.mkdir()
        draw_pictures(settings, made, source, models, plots)


if __name__ == "__main__":
    run(main)
