"""How long the classifiers of a whole table take: every recipe in every draw, on images of CIFAR-10's counts.

    python -m benchmarks.row --device cuda --out metrics/benchmarks/row.json
    python -m benchmarks.row --device cuda --streams 4 --out metrics/benchmarks/row_streams.json
    python -m benchmarks.row --images 100 --tests 100 --epochs 1 --draws 2 --out metrics/benchmarks/row.json

The images are noise about a pattern of their class, 42,000 to train on and 18,000 to test on as by default, of which
one class is thinned out as `drop75` says. Classifiers are those of the `classify` stage, with the recipes and draws of
params.yaml and the network of the preset cifar10.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from counterweight.cli.gallery import name_hardware
from counterweight.core.devices import prepare_workers
from counterweight.core.images import ImageSet
from counterweight.core.seeds import derive_seed
from counterweight.data.imbalance import make_imbalance
from counterweight.evaluation.retraining.methods import Parts, list_baselines
from counterweight.evaluation.retraining.training import Outcome, Outcomes, retrain_classifiers
from counterweight.recipes.base.recipe import Context
from counterweight.settings.classify import parse_classifier_config
from counterweight.settings.params import load_params
from counterweight.settings.presets import read_preset
from counterweight.settings.scenarios import parse_scenario

CLASSES, SHAPE = 10, (3, 32, 32)
ITEM = "cifar10/drop75"
PARAMS = Path("params.yaml")


class Clock(Outcomes):
    """Keeps no outcomes, but the seconds until each came."""

    def __init__(self) -> None:
        self.last, self.seconds = time.perf_counter(), dict[str, float]()

    def keep(self, row: str, draw: int, outcome: Outcome) -> None:
        """Count the seconds since the last outcome for a method."""
        now = time.perf_counter()
        self.seconds[row] = self.seconds.get(row, 0.0) + now - self.last
        self.last = now


def make_images(per_class: int, seed: int) -> ImageSet:
    """Return noise about a pattern of the class, so many images of each."""
    labels = np.arange(CLASSES * per_class) % CLASSES
    patterns = np.random.default_rng(0).integers(64, 192, (CLASSES, *SHAPE), dtype=np.uint8)
    noise = np.random.default_rng(seed).integers(0, 64, (len(labels), *SHAPE), dtype=np.uint8)
    origins = np.array([str(number) for number in range(len(labels))])
    return ImageSet(patterns[labels] + noise, labels, tuple("0123456789"), origins, {})


def measure(arguments: argparse.Namespace) -> dict[str, object]:
    """Train all classifiers and return how long that took."""
    params, device = load_params(PARAMS), torch.device(arguments.device)
    config = parse_classifier_config(read_preset(PARAMS, "cifar10").classifiers, "cifar10")
    config = config.model_copy(update={"epochs": arguments.epochs or config.epochs})
    train, test = make_images(arguments.images, 1), make_images(arguments.tests, 2)
    seeds = [derive_seed(params.seed, ITEM, str(draw)) for draw in range(arguments.draws or params.table.draws)]
    scenario, aside = parse_scenario(params.scenarios, "drop75"), params.table.validation_fraction
    draws = make_imbalance(train, test, scenario, aside, [CLASSES - 1], ITEM, seeds, near=False).draws
    methods = list_baselines(params.table.recipes, params.recipes, train, draws, params.seed)
    clock, began = Clock(), time.perf_counter()
    parts, context = Parts(train, test, draws), Context(params.seed, device)
    retrain_classifiers(methods, parts, seeds, config, context, clock, arguments.streams)
    found: dict[str, object] = {
        "draws": len(seeds),
        "streams": arguments.streams,
        "classifier": config.model_dump(),
        "images": [len(train), len(test)],
        "seconds": round(time.perf_counter() - began, 1),
    }
    if prepare_workers(len(seeds), device, [], arguments.streams) == 1:  # one after the other
        found["seconds_by_method"] = {name: round(seconds, 2) for name, seconds in clock.seconds.items()}
    if device.type == "cuda":
        found["peak_mebibytes"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
        found["reserved_mebibytes"] = round(torch.cuda.max_memory_reserved(device) / 2**20)
    return found | {"on": name_hardware(device), "torch": torch.__version__}


def main() -> None:
    """Measure with the settings on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--images", type=int, default=4200, help="of each class to train on, as in CIFAR-10's 70 %%")
    parser.add_argument("--tests", type=int, default=1800, help="of each class to test on")
    parser.add_argument("--draws", type=int, help="as in params.yaml by default")
    parser.add_argument("--epochs", type=int, help="as in the preset by default")
    parser.add_argument("--streams", type=int, default=1, help="classifiers that a GPU trains at once")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    found = measure(arguments)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
