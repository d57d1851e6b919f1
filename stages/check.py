"""Check the whole of params.yaml before any work: every key, value, class of generator and source.

The graph's first stage. Its output never changes, so that nothing else runs again because it did. DVC keeps no copy of
it, so that it runs first in the folder of each experiment, too, where it brings the images that git does not keep.
"""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.outputs import atomic_output
from counterweight.core.process import run, stage_parser
from counterweight.data.experiment_folder import bring_images, find_workspace
from counterweight.evaluation.prechecks import check_params
from counterweight.settings.params import load_params

MEASURED = ("ingest", "imbalance", "classify", "compare", "discriminate", "latent", "recognition")
DRAWN = (
    "confusion",
    "discriminate",
    "compare",
    "latent",
    "recognize",
    "samples",
    "train",
    "triplets",
    "vae_experiment",
)
AWAITED = ("data/predictions", *(f"metrics/{each}" for each in MEASURED), *(f"plots/{each}" for each in DRAWN))
"""Folders that reports and `dvc plots show` wait for; where the table has nothing of their kind no stage makes them."""


def main(argv: Sequence[str]) -> None:
    """Validate the settings file and write the stamp on which the graph's other stages wait."""
    parser = stage_parser(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="stamp to write")
    arguments = parser.parse_args(argv)
    if (workspace := find_workspace(Path.cwd())) is not None:
        bring_images(workspace, Path.cwd())
    check_params(load_params(arguments.params))
    for folder in AWAITED:
        Path(folder).mkdir(parents=True, exist_ok=True)
    with atomic_output(arguments.out) as partial:
        partial.write_text("the settings are valid\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
