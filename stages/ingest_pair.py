"""Read a pair, real and synthetic images that were collected elsewhere, into the image table format."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np

from counterweight.core.images import FILE_DIFFERENCES
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.core.seeds import derive_seed
from counterweight.data.besides.pairs import compare_pair, scale_pair, write_same, write_sides
from counterweight.data.decode.pool import Workers
from counterweight.data.split.reading import draw_some
from counterweight.settings.pairs import plan_pair


def main(argv: Sequence[str]) -> None:
    """Find and read the images of a pair."""
    parser = stage_parser(__doc__)
    parser.add_argument("--pair", required=True, help="name of a block under pairs")
    parser.add_argument("--real", type=Path, required=True, help="image table to write")
    parser.add_argument("--synthetic", type=Path, required=True, help="image table to write")
    parser.add_argument("--same", type=Path, nargs=2, required=True, help="tables of both made the same, to write")
    parser.add_argument("--besides", type=Path, required=True, help="JSON of what they differ in, to write")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    plan = plan_pair(file.blocks("pairs"), arguments.pair)
    paths = (arguments.real, arguments.synthetic, *arguments.same, arguments.besides)
    with ExitStack() as stack:
        outputs = [stack.enter_context(atomic_output(path)) for path in paths]
        workers = stack.enter_context(Workers())
        pair = plan.source.find(plan.settings, arguments.pair)
        # One name for both sides: of images made of one another, equal draws take both or neither.
        item, where = f"pairs/{arguments.pair}", f"params.yaml: pairs.{arguments.pair}"
        seed = derive_seed(file.run.seed, item)
        found = compare_pair(pair, plan.settings, np.random.default_rng(seed))
        facts = {"item": item, **({FILE_DIFFERENCES: found.differences} if found.differences else {})}
        pair = scale_pair(pair, found, plan.settings)
        parts = [replace(part, provenance={**part.provenance, **facts}) for part in pair]
        chosen = [draw_some(part, plan.common.images, np.random.default_rng(seed)) for part in parts]
        accounts = write_sides(chosen, outputs[:2], where, workers)
        settings, own_seed = (plan.settings if plan.common.equalise else None), derive_seed(file.run.seed, item, "same")
        how = write_same((chosen[0], chosen[1]), found, settings, own_seed, outputs[2:4], where, workers)
        write_result(found.model_copy(update={"equalised": how, "accounts": accounts}), outputs[4])


if __name__ == "__main__":
    run(main)
