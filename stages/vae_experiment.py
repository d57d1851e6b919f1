"""Train autoencoders on the same images, several times each, and compare their losses (log-ends thesis, 6.1)."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.identities import read_parts
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.evaluation.autoencoders.losses import check_counts, compare_runs, pair_runs
from counterweight.evaluation.autoencoders.training import describe_run, train_run, write_run
from counterweight.results.vae_experiment import VaeResult
from counterweight.settings.train import TrainingConfig
from counterweight.settings.vae_experiment import VaeExperiment


def main(argv: Sequence[str]) -> None:
    """Train all autoencoders of a dataset, or go on with it; write them, their losses and reconstructions."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under recognition")
    parser.add_argument("--images", type=Path, required=True, help="image table whose classes are identities")
    parser.add_argument("--parts", type=Path, required=True, help="table of draws, which says who learns from which")
    parser.add_argument("--models", type=Path, required=True, help="folder to write the autoencoders into")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--plots", type=Path, required=True, help="folder to write histories and pictures into")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="folder for unfinished trainings")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    runs = file.part("recognition", arguments.dataset, "vae_experiment", VaeExperiment).runs
    config, device = file.section("train", TrainingConfig), choose_device(file.run.device)
    seed, streams = file.run.seed, file.run.streams
    images = read_images(arguments.images)
    parts = read_parts(arguments.parts, images)
    check_counts(runs, parts)
    unfinished: list[Path] = []
    with atomic_outputs(arguments.models, arguments.out, arguments.plots) as (models, out, plots):
        models.mkdir()
        plots.mkdir()
        results = {}
        for name, own in runs.items():
            print(f"{name}:", flush=True)
            trained = train_run(name, own, images, parts, seed, config, arguments.checkpoints, device, streams)
            results[name] = describe_run(own, trained, seed)
            write_run(own, trained, models / name, plots / name)
            unfinished += trained.folders
        write_result(VaeResult(runs=results, differences=compare_runs(results, pair_runs(runs))), out)
    for folder in unfinished:  # not before the outputs are in their places
        shutil.rmtree(folder)


if __name__ == "__main__":
    run(main)
