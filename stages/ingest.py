"""Read a dataset from its source into the image table format, split into a training and a test part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from stages.errors import UserError
from stages.imageset import ImageSet, stratified, write_images
from stages.process import run, stage_parser, writing
from stages.settings import Dataset, dataset_plan, derived_seed, load_params, one_of


def main(argv: Sequence[str]) -> None:
    """Load, check and split a dataset."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--train", type=Path, required=True, help="image table to write")
    parser.add_argument("--test", type=Path, required=True, help="image table to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    plan = dataset_plan(params, arguments.dataset)
    with writing(arguments.train) as train_partial, writing(arguments.test) as test_partial:
        train, test = plan.source.load(plan.settings, arguments.dataset)
        for name in plan.common.minority:
            one_of(name, train.class_names, f"params.yaml: datasets.{arguments.dataset}.minority")
        rng = np.random.default_rng(derived_seed(params.seed, arguments.dataset, "split"))
        train, test = split(train, test, plan.common, rng)
        for part in (train, test):
            if empty := [name for name, count in zip(part.class_names, part.counts(), strict=True) if not count]:
                where = f"params.yaml: datasets.{arguments.dataset}"
                raise UserError(f"{where}: class '{empty[0]}' has too few images for a training and a test part")
        write_images(train, train_partial)
        write_images(test, test_partial)


def split(
    train: ImageSet, test: ImageSet | None, settings: Dataset, rng: np.random.Generator
) -> tuple[ImageSet, ImageSet]:
    """Return the source's own parts where they are to be kept, else a stratified random split of all its images."""
    if test is not None and settings.keep_split:
        return train, test
    images = train if test is None else train.joined(test)
    chosen = stratified(images.labels, settings.test_share, rng)
    return images.take(np.flatnonzero(~chosen)), images.take(np.flatnonzero(chosen))


if __name__ == "__main__":
    run(main)
