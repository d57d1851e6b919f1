"""Retrain classifiers on the baselines, or on a generator's images, with several seeds each, and test them."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import choose_device
from counterweight.core.images import read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import read_params_file
from counterweight.core.process import run, stage_parser
from counterweight.core.results import NotApplicable, write_result
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.retraining import Variant, retrain_classifiers, write_confusion
from counterweight.results.classify import Scores, VariantScores
from counterweight.settings.classify import Classify, parse_classifier_config
from counterweight.statistics.classification import classification_scores


def main(argv: Sequence[str]) -> None:
    """Train and test every variant with every seed, write the scores."""
    parser = stage_parser(__doc__)
    parser.add_argument("--dataset", required=True, help="name of a block under classifiers")
    parser.add_argument("--imbalanced", type=Path, required=True, help="image table of the imbalanced training part")
    parser.add_argument("--test", type=Path, required=True, help="image table to test on")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--balanced", type=Path, help="image table of the whole training part: score the baselines")
    what.add_argument("--added", type=Path, help="image table of synthetic images: score training with them")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of scores to write")
    parser.add_argument("--confusion", type=Path, required=True, help="folder for predictions, a CSV per variant")
    arguments = parser.parse_args(argv)
    file = read_params_file(arguments.params)
    settings = file.section("classify", Classify)
    config = parse_classifier_config(file.blocks("classifiers"), arguments.dataset)
    device = choose_device(file.run.device)
    imbalanced, test = read_images(arguments.imbalanced), read_images(arguments.test)
    results: dict[str, VariantScores | NotApplicable] = {}
    if arguments.added:
        variant = Variant(imbalanced, read_images(arguments.added))
        variants = {arguments.out.stem: variant} if variant.not_applicable is None else {}
        if variant.not_applicable is not None:
            results[arguments.out.stem] = NotApplicable(not_applicable=variant.not_applicable)
    else:
        variants = {"balanced": Variant(read_images(arguments.balanced)), "imbalanced": Variant(imbalanced)}
        variants["reweighted"] = Variant(imbalanced, reweighted=True)
    # No variant's name is in the seeds: variants share splits and first weights as far as they can.
    seeds = [derive_seed(file.run.seed, imbalanced.item, "classify", str(at)) for at in range(settings.seeds)]
    with atomic_output(arguments.out) as out, atomic_output(arguments.confusion) as confusion:
        confusion.mkdir()
        part = settings.validation_fraction
        predictions = retrain_classifiers(list(variants.values()), test, seeds, config, part, device)
        for (name, variant), predicted in zip(variants.items(), predictions, strict=True):
            minority, classes = imbalanced.read_fact("minority"), len(test.class_names)
            scores = [classification_scores(test.labels, found, minority, classes) for found in predicted]
            results[name] = VariantScores(images=len(variant), seeds=scores)
            write_confusion(test, predicted[0], confusion / f"{name}.csv")
        write_result(Scores(results), out)


if __name__ == "__main__":
    run(main)
