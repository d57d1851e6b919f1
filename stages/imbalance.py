"""Make the training part imbalanced, and set aside real images that no generator will see."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from stages.errors import UserError
from stages.imageset import read_images, write_images
from stages.process import run, stage_parser, writing
from stages.scenarios import kept_counts, nothing_to_balance, smallest_classes, wanted_counts
from stages.settings import dataset_plan, derived_seed, load_params, one_of, scenario_settings


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
    wanted = wanted_counts(scenario, before, kept)
    if not wanted.any():
        where = f"params.yaml: scenarios.{arguments.scenario}: nothing to balance in {arguments.dataset}"
        raise UserError(f"{where}: {nothing_to_balance(scenario, before)}")
    minority = minority or smallest_classes(scenario, kept, wanted)
    rng = np.random.default_rng(derived_seed(params.seed, arguments.dataset, arguments.scenario, "imbalance"))
    stays = np.zeros(len(train), dtype=bool)
    for label, count in enumerate(kept):
        stays[rng.permutation(np.flatnonzero(train.labels == label))[:count]] = True
    removed = train.take(np.flatnonzero(~stays))
    reference = removed.joined(test.take(np.flatnonzero(wanted[test.labels] > 0)))
    facts = {**train.provenance, "item": f"{arguments.dataset}/{arguments.scenario}"}
    reference = replace(reference, provenance=facts)
    facts = {**facts, "wanted": wanted.tolist(), "minority": minority}
    thinned = replace(train.take(np.flatnonzero(stays)), provenance=facts)
    sizes = {"before": before, "train": kept, "wanted": wanted, "reference": reference.counts(), "test": test.counts()}
    table = {
        name: {part: int(count[label]) for part, count in sizes.items()} | {"minority": label in minority}
        for label, name in enumerate(train.class_names)
    }
    with writing(arguments.out) as out, writing(arguments.reference) as aside, writing(arguments.counts) as counts:
        write_images(thinned, out)
        write_images(reference, aside)
        counts.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
