"""Read a dataset from its source into the image table format, split into a training and a test part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.registry import require_one_of
from counterweight.core.results import write_result
from counterweight.core.seeds import derive_seed
from counterweight.data.decode.pool import Workers, warm_up
from counterweight.data.sources.base.group_names import describe_shared_groups, find_groups
from counterweight.data.sources.base.lazy_images import require_two_classes
from counterweight.data.split.accounts import make_account, name_parts, report_account, say
from counterweight.data.split.parts import Splitting, split_parts
from counterweight.data.split.pictures import describe_same, number_parts
from counterweight.data.split.reading import check_present, write_part
from counterweight.data.split.repeats import group_repeats
from counterweight.settings.datasets import plan_dataset


def main(argv: Sequence[str]) -> None:
    """Find, split and read the images of a dataset."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--train", type=Path, required=True, help="image table to write")
    parser.add_argument("--test", type=Path, required=True, help="image table to write")
    parser.add_argument("--account", type=Path, required=True, help="JSON of what was read and left out, to write")
    arguments = parser.parse_args(argv)
    warm_up()
    file = read_params_file(arguments.params)
    plan = plan_dataset(file.blocks("datasets"), arguments.dataset)
    where = f"params.yaml: datasets.{arguments.dataset}"
    with atomic_outputs(arguments.train, arguments.test, arguments.account) as (train_partial, test_partial, account):
        found = find_groups(plan.source.find(plan.settings, arguments.dataset), plan.common.grouping, where)
        check_present(found, where)
        names = found.train.class_names
        require_two_classes(names, where)
        for name in plan.common.minority:
            require_one_of(name, names, f"{where}.minority")
        rng = np.random.default_rng(derive_seed(file.run.seed, arguments.dataset, "split"))
        with Workers() as workers:
            common, near = plan.common, plan.common.finds_near_duplicates
            how = Splitting(common.keep_split, common.test_fraction, near, where, train_partial.parent)
            train, test = split_parts(found, how, rng, workers)
            trained = write_part(train, train_partial, where, "train", workers, near=near)
            tested = write_part(test, test_partial, where, "test", workers, train=trained.images, near=near)
        kept, written = found.test is not None and plan.common.keep_split, {"train": trained, "test": tested}
        notes = report_account(name_parts(found), where, None if kept else written, common.test_fraction)
        parts = trained.images, tested.images
        group_repeats((pictures := number_parts(*parts)).near, parts, (train_partial, test_partial))
        say(same := describe_same(*parts, pictures, kept, names) + describe_shared_groups(found, kept), where)
        write_result(make_account(name_parts(found), written, [*notes, *same]), account)


if __name__ == "__main__":
    run(main)
