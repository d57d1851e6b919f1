"""Train networks to recognise things by triplets of real or of sampled images; test all on the same real triplets."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.identities import read_parts
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.evaluation.recognition import recognition
from counterweight.evaluation.recognition.unfinished import keep_outcomes
from counterweight.evaluation.triplets.sets import load_autoencoders
from counterweight.evaluation.triplets.table import read_triplets
from counterweight.settings.recognize import Recognize
from counterweight.settings.triplets import TESTED, Triplets


def main(argv: Sequence[str]) -> None:
    """Read triplets and what they are made of; write accuracies, and what is right of each test triplet."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under recognition")
    parser.add_argument("--images", type=Path, required=True, help="image table whose classes are identities")
    parser.add_argument("--parts", type=Path, required=True, help="table of draws, which says what images are for")
    parser.add_argument("--models", type=Path, required=True, help="folder of autoencoders")
    parser.add_argument("--triplets", type=Path, required=True, help="folder of tables of triplets")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--hits", type=Path, required=True, help="table to write: what is right of each test triplet")
    parser.add_argument("--plots", type=Path, required=True, help="folder to write the accuracies into as a table")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="folder for unfinished work")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    device, seed = choose_device(file.run.device), file.run.seed
    sets = file.part("recognition", arguments.dataset, "triplets", Triplets)
    settings = file.part("recognition", arguments.dataset, "recognize", Recognize)
    images = read_images(arguments.images)
    draws = len(read_parts(arguments.parts, images))
    tables = {name: read_triplets(arguments.triplets / f"{name}.parquet") for name in sets.sets}
    (test,) = read_triplets(arguments.triplets / f"{TESTED}.parquet")
    models = load_autoencoders(arguments.models, sets.autoencoders, draws, device)
    material = recognition.Material(arguments.dataset, images, tables, test, sets, models)
    with (
        keep_outcomes(arguments.checkpoints, material, settings, draws, seed, device) as kept,
        atomic_outputs(arguments.out, arguments.hits, arguments.plots) as (out, hits, plots),
    ):
        outcomes = recognition.recognize(material, settings, draws, seed, device, kept, file.run.streams)
        write_result(recognition.describe_outcomes(outcomes, material, settings), out)
        recognition.write_hits(outcomes, hits)
        recognition.write_accuracies(outcomes, plots)


if __name__ == "__main__":
    run(main)
