"""Read all images of a dataset into one image table whose classes are identities, and choose what each is for."""

import sys
from collections.abc import Sequence
from pathlib import Path

from counterweight.core.identities import write_parts
from counterweight.core.images import read_images, write_images
from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.seeds import derive_seed
from counterweight.data.decode.pool import Workers, warm_up
from counterweight.data.identities import (
    describe_identical,
    draw_parts,
    join_identical,
    join_parts,
    plan_identities,
)
from counterweight.data.split.accounts import name_parts, report_account
from counterweight.data.split.reading import choose_all, write_part
from counterweight.settings.identities import Identities


def main(argv: Sequence[str]) -> None:
    """Find and read the images, then draw roles for their identities."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets and under recognition")
    parser.add_argument("--images", type=Path, required=True, help="image table to write")
    parser.add_argument("--parts", type=Path, required=True, help="table of draws to write")
    arguments = parser.parse_args(argv)
    warm_up()
    file, dataset = read_params_file(arguments.params), arguments.dataset
    settings = file.part("recognition", dataset, "identities", Identities)
    plan = plan_identities(file.blocks("datasets"), dataset, settings)
    with atomic_outputs(arguments.images, arguments.parts) as (images, parts):
        split = plan.source.find(plan.settings, dataset)
        found = join_parts(split, settings)
        with Workers() as workers:
            where = f"params.yaml: datasets.{dataset}"
            written = write_part(choose_all(found.images), images, where, "images", workers, every_class=False)
        report_account(name_parts(split), where)
        table, digests = read_images(images), written.images.digests
        if said := describe_identical(table, digests, found.by_image):
            print(f"{where}: {said}", file=sys.stderr)
            if found.by_image:
                table = join_identical(table, digests)
                write_images(table, images)
        test_seed = derive_seed(file.run.seed, dataset, "identities")
        seeds = [derive_seed(file.run.seed, dataset, "identities", str(draw)) for draw in range(settings.draws)]
        write_parts(draw_parts(table.labels, settings, found.by_image, dataset, test_seed, seeds), parts)


if __name__ == "__main__":
    run(main)
