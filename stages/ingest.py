"""Read a dataset from its source into the image table format, split into a training and a test part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.registry import require_one_of
from counterweight.core.seeds import derive_seed
from counterweight.data.decode.pool import Workers, warm_up
from counterweight.data.sources.base.group_names import find_groups
from counterweight.data.sources.base.lazy_images import require_two_classes
from counterweight.data.split.parts import Splitting, split_parts
from counterweight.data.split.pictures import report_same
from counterweight.data.split.reading import check_present, report_account, write_part
from counterweight.settings.datasets import plan_dataset


def main(argv: Sequence[str]) -> None:
    """Find, split and read the images of a dataset."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--train", type=Path, required=True, help="image table to write")
    parser.add_argument("--test", type=Path, required=True, help="image table to write")
    arguments = parser.parse_args(argv)
    warm_up()
    file = read_params_file(arguments.params)
    plan = plan_dataset(file.blocks("datasets"), arguments.dataset)
    where = f"params.yaml: datasets.{arguments.dataset}"
    with atomic_output(arguments.train) as train_partial, atomic_output(arguments.test) as test_partial:
        found = find_groups(plan.source.find(plan.settings, arguments.dataset), plan.common.group_pattern, where)
        check_present(found, where)
        require_two_classes(found.train.class_names, where)
        for name in plan.common.minority:
            require_one_of(name, found.train.class_names, f"{where}.minority")
        rng = np.random.default_rng(derive_seed(file.run.seed, arguments.dataset, "split"))
        with Workers() as workers:
            common, near = plan.common, plan.common.finds_near_duplicates
            how = Splitting(common.keep_split, common.test_fraction, near, where, train_partial.parent)
            train, test = split_parts(found, how, rng, workers)
            trained = write_part(train, train_partial, where, "train", workers, near=near)
            tested = write_part(test, test_partial, where, "test", workers, train=trained, near=near)
        report_account(found, where)
        kept = found.test is not None and plan.common.keep_split
        report_same(trained, tested, where, kept, found.train.class_names)


if __name__ == "__main__":
    run(main)
