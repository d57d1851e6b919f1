"""Make the training part imbalanced, and set aside real images that no generator will see."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.errors import UserError
from stages.imageset import read_images, write_images
from stages.process import run, stage_parser, writing
from stages.settings import (
    Drop,
    Longtail,
    Natural,
    Scenario,
    dataset_plan,
    derived_seed,
    load_params,
    one_of,
    scenario_settings,
)

Counts = npt.NDArray[np.int64]


def main(argv: Sequence[str]) -> None:
    """Remove images as the scenario says; the rest, the reference set and the counts are written."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under datasets")
    parser.add_argument("--scenario", required=True, help="name of a block under scenarios")
    parser.add_argument("--train", type=Path, required=True, help="image table to thin out")
    parser.add_argument("--test", type=Path, required=True, help="image table whose images complete the reference set")
    for name in ("out", "reference", "counts"):
        parser.add_argument(f"--{name}", type=Path, required=True, help="file to write")
    arguments = parser.parse_args(argv)
    params = load_params(arguments.params)
    scenario = scenario_settings(params, arguments.scenario)
    train, test = read_images(arguments.train), read_images(arguments.test)
    names = dataset_plan(params, arguments.dataset).common.minority
    minority = [train.class_names.index(one_of(name, train.class_names, "minority")) for name in names]
    before = train.counts()
    kept = kept_counts(scenario, before, minority)
    if empty := [name for name, count in zip(train.class_names, kept, strict=True) if not count]:
        raise UserError(f"params.yaml: scenarios.{arguments.scenario}: nothing would be left of class '{empty[0]}'")
    wanted = before.max() - before if isinstance(scenario, Natural) else before - kept
    if not wanted.any():
        why = "the classes are equally large" if isinstance(scenario, Natural) else "not one image would be dropped"
        where = f"params.yaml: scenarios.{arguments.scenario}"
        raise UserError(f"{where}: nothing to balance in {arguments.dataset}: {why}")
    rng = np.random.default_rng(derived_seed(params.seed, arguments.dataset, arguments.scenario, "imbalance"))
    stays = np.zeros(len(train), dtype=bool)
    for label, count in enumerate(kept):
        stays[rng.permutation(np.flatnonzero(train.labels == label))[:count]] = True
    removed = train.take(np.flatnonzero(~stays))
    reference = removed.joined(test.take(np.flatnonzero(wanted[test.labels] > 0)))
    facts = {"item": f"{arguments.dataset}/{arguments.scenario}", "wanted": wanted.tolist()}
    facts["minority"] = minority or np.flatnonzero(kept == kept.min()).tolist()
    thinned = train.take(np.flatnonzero(stays))
    thinned = replace(thinned, provenance={**train.provenance, **facts})
    reference = replace(reference, provenance={**train.provenance, "item": facts["item"]})
    sizes = {"before": before, "train": kept, "wanted": wanted, "reference": reference.counts(), "test": test.counts()}
    table = {
        name: {part: int(count[label]) for part, count in sizes.items()} for label, name in enumerate(train.class_names)
    }
    with writing(arguments.out) as out, writing(arguments.reference) as aside, writing(arguments.counts) as counts:
        write_images(thinned, out)
        write_images(reference, aside)
        counts.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def kept_counts(scenario: Scenario, counts: Counts, minority: list[int]) -> Counts:
    """Return how many images of each class (K,) stay in the training part.

    `longtail` orders the classes as the dataset does, but with the minority classes at the tail (Cui et
    al., Class-Balanced Loss Based on Effective Number of Samples, https://arxiv.org/abs/1901.05555).
    """
    kept = counts.copy()
    if isinstance(scenario, Drop):
        kept[minority] = np.rint(counts[minority] * (1 - scenario.share)).astype(np.int64)
    if isinstance(scenario, Longtail):
        order = [label for label in range(len(counts)) if label not in minority] + minority
        sizes = counts.max() * scenario.ratio ** (-np.arange(len(counts)) / (len(counts) - 1))
        kept[order] = np.minimum(counts[order], np.rint(sizes).astype(np.int64))
    return kept


if __name__ == "__main__":
    run(main)
