"""Retrain classifiers in every draw, by every recipe or with a generator's images, and test them."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.draws import read_draws
from counterweight.core.images import read_draws as read_added
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_outputs
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import write_result
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.retraining.methods import Parts, list_baselines, list_generator_methods
from counterweight.evaluation.retraining.outcomes import score_methods, write_confusions, write_predictions
from counterweight.evaluation.retraining.training import retrain_classifiers
from counterweight.evaluation.retraining.unfinished import keep_outcomes
from counterweight.recipes.base.recipe import Context
from counterweight.settings.classify import Classify, parse_classifier_config


def main(argv: Sequence[str]) -> None:
    """Train and test a classifier of every method in every draw, write scores and predictions."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under classifiers")
    parser.add_argument("--train", type=Path, required=True, help="image table of the training part")
    parser.add_argument("--test", type=Path, required=True, help="image table to test on")
    parser.add_argument("--draws", type=Path, required=True, help="table of draws")
    parser.add_argument("--added", type=Path, help="image table of synthetic images; without it: what needs none")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of scores to write")
    parser.add_argument("--predictions", type=Path, required=True, help="table of predicted labels to write")
    parser.add_argument("--confusion", type=Path, required=True, help="folder for the first draw's, a CSV per method")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"), help="folder for unfinished work")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    recipes, seed = file.blocks("recipes"), file.run.seed
    config = parse_classifier_config(file.blocks("classifiers"), arguments.dataset)
    train = read_images(arguments.train)
    parts = Parts(train, read_images(arguments.test), read_draws(arguments.draws, train))
    if arguments.added:
        added, names = read_added(arguments.added), file.section("classify", Classify).generator_recipes
        methods = list_generator_methods(arguments.out.stem, names, recipes, added, parts.draws)
    else:
        methods = list_baselines(file.read_names("table", "recipes"), recipes, train, parts.draws, seed)
    # No method's name is in the seeds: methods share first weights and batches as far as they can.
    seeds = [derive_seed(seed, parts.draws.item, "classify", str(draw)) for draw in range(len(parts.draws))]
    context, targets = Context(seed, choose_device(file.run.device)), (arguments.out, arguments.predictions)
    with (
        keep_outcomes(arguments.checkpoints, methods, parts, seeds, config, context.device) as kept,
        atomic_outputs(*targets, arguments.confusion) as (out, predictions, folder),
    ):
        outcomes = retrain_classifiers(methods, parts, seeds, config, context, kept, file.run.streams)
        write_result(score_methods(methods, outcomes, parts), out)
        write_predictions(outcomes, parts.test, predictions)
        write_confusions(outcomes, parts.test, folder)


if __name__ == "__main__":
    run(main)
