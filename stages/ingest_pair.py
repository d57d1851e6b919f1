"""Read a pair, real and synthetic images that were collected elsewhere, into the image table format."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stages.process import run, stage_parser, writing
from stages.reading import Chosen, whole, write_part
from stages.settings import derived_seed, load_params, pair_plan
from stages.sources.base import Part
from stages.workers import Workers


def main(argv: Sequence[str]) -> None:
    """Find and read the images of a pair."""
    parser = stage_parser(__doc__)
    parser.add_argument("--pair", required=True, help="name of a block under pairs")
    parser.add_argument("--real", type=Path, required=True, help="image table to write")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    plan = pair_plan(params, arguments.pair)
    with writing(arguments.real) as real, writing(arguments.synthetic) as synthetic, Workers() as workers:
        found = plan.source.find(plan.settings, arguments.pair)
        for part, side, path in ((found.real, "real", real), (found.synthetic, "synthetic", synthetic)):
            # One name for both sides: of images made of one another, equal draws take both or neither.
            item = f"pairs/{arguments.pair}"
            rng = np.random.default_rng(derived_seed(params.seed, item))
            chosen = drawn(replace(part, provenance={**part.provenance, "item": item}), plan.common.images, rng)
            write_part(chosen, path, f"params.yaml: pairs.{arguments.pair}", side, workers)


def drawn(part: Part, most: int | None, rng: np.random.Generator) -> Chosen:
    """Choose all images, or as many as are wanted at most, at random."""
    if most is None or most >= len(part):
        return whole(part)
    return Chosen(part, np.sort(rng.permutation(len(part))[:most]))


if __name__ == "__main__":
    run(main)
