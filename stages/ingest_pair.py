"""Read a pair, real and synthetic images that were collected elsewhere, into the image table format."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from counterweight.core.images import FILE_DIFFERENCES
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.data.besides.pairs import name_pair_differences
from counterweight.data.decode.pool import Workers
from counterweight.data.split.reading import draw_some, write_part
from counterweight.settings.pairs import plan_pair


def main(argv: Sequence[str]) -> None:
    """Find and read the images of a pair."""
    parser = stage_parser(__doc__)
    parser.add_argument("--pair", required=True, help="name of a block under pairs")
    parser.add_argument("--real", type=Path, required=True, help="image table to write")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    plan = plan_pair(file.blocks("pairs"), arguments.pair)
    with atomic_output(arguments.real) as real, atomic_output(arguments.synthetic) as synthetic, Workers() as workers:
        found = plan.source.find(plan.settings, arguments.pair)
        # One name for both sides: of images made of one another, equal draws take both or neither.
        item = f"pairs/{arguments.pair}"
        seed = derive_seed(file.run.seed, item)
        differences = name_pair_differences(found, np.random.default_rng(seed))
        for part, side, path in ((found.real, "real", real), (found.synthetic, "synthetic", synthetic)):
            facts = {"item": item, **({FILE_DIFFERENCES: differences} if differences else {})}
            own = replace(part, provenance={**part.provenance, **facts})
            chosen = draw_some(own, plan.common.images, np.random.default_rng(seed))
            write_part(chosen, path, f"params.yaml: pairs.{arguments.pair}", side, workers)


if __name__ == "__main__":
    run(main)
