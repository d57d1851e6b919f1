"""How fast the table's classifiers are trained, beside a plain loop over torch's DataLoader around the same network.

    python -m benchmarks.classify --out metrics/benchmarks/classify.json

Here it is done as the classify stage does it, with its own function: the classifiers of all draws side by side, a
thread each. The plain loop is what a tutorial has: one classifier after the other, a Dataset that turns one image after
another into a tensor, a DataLoader with two workers that shuffles and stacks them, the loss fetched after every step.
Both start from the same weights and take as many steps of the same optimiser on the same images, look at the validation
images after each epoch, keep the best epoch's weights and test them; how many test images either gets right is told,
too. They take turns, several times; medians, and the ratio of the two speeds in each round, with all draws and with the
first alone.
"""

import argparse
import json
import statistics
import time
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from benchmarks.training import WORKERS, Pictures
from counterweight.cli.gallery import name_hardware, read_parts
from counterweight.core.devices import choose_device
from counterweight.core.images import ImageSet
from counterweight.core.seeds import derive_seed
from counterweight.data.imbalance import make_imbalance
from counterweight.evaluation.retraining.methods import PLAIN, Parts, build_method
from counterweight.evaluation.retraining.training import Outcomes, retrain_classifiers
from counterweight.recipes.base.classifier_network import build_classifier
from counterweight.recipes.base.recipe import Context
from counterweight.settings.classify import ClassifierConfig
from counterweight.settings.datasets import parse_dataset_settings
from counterweight.settings.params import Params, load_params
from counterweight.settings.scenarios import parse_scenario


class Work(NamedTuple):
    """What is trained: on which images, with which seeds and settings, where."""

    parts: Parts
    seeds: list[int]
    config: ClassifierConfig
    context: Context

    @property
    def steps(self) -> int:
        """Steps of all classifiers together."""
        fitted = [len(self.parts.draws.fitted(self.parts.train, draw)) for draw in range(len(self.seeds))]
        return self.config.epochs * sum(count // self.config.batch_size for count in fitted)


class Run(NamedTuple):
    """Seconds of all trainings and tests, and the fraction of test images that were got right."""

    seconds: float
    right: float


def make_work(params: Params, dataset: str, scenario: str) -> Work:
    """Return what the graph's classify stage would train without a generator's images."""
    train, test = read_parts(params, dataset)
    common = parse_dataset_settings(params.datasets, dataset)
    minority = [train.class_names.index(name) for name in common.minority]
    item, count = f"{dataset}/{scenario}", params.table.draws
    seeds = [derive_seed(params.seed, dataset, "draw", str(draw)) for draw in range(count)]
    fraction = params.table.validation_fraction
    how, near = parse_scenario(params.scenarios, scenario), common.finds_near_duplicates
    draws = make_imbalance(train, test, how, fraction, minority, item, seeds, near).draws
    seeds = [derive_seed(params.seed, item, "classify", str(draw)) for draw in range(count)]
    context = Context(params.seed, choose_device(params.device))
    return Work(Parts(train, test, draws), seeds, params.classifiers[dataset], context)


def run_ours(work: Work) -> Run:
    """Train and test the classifiers by the stage's own function."""
    methods = {"imbalanced": build_method(PLAIN, {})}
    started = time.perf_counter()
    outcomes = retrain_classifiers(methods, work.parts, work.seeds, work.config, work.context, Outcomes())["imbalanced"]
    seconds = time.perf_counter() - started
    return Run(seconds, float(np.mean([outcome.test == work.parts.test.labels for outcome in outcomes])))


def run_plain(work: Work) -> Run:
    """Train and test the classifiers by plain loops, one after the other."""
    runs = [train_plainly(work, draw) for draw in range(len(work.seeds))]
    return Run(sum(run.seconds for run in runs), statistics.mean(run.right for run in runs))


def load(images: ImageSet, config: ClassifierConfig, shuffle: bool) -> DataLoader:  # type: ignore[type-arg]
    """Return a loader whose workers have started; an epoch that is shuffled leaves out an incomplete batch."""
    loader = DataLoader(
        Pictures(images), config.batch_size, shuffle, num_workers=WORKERS, drop_last=shuffle, persistent_workers=True
    )
    next(iter(loader))
    return loader


def train_plainly(work: Work, draw: int) -> Run:
    """Train and test a draw's classifier by a plain loop; workers start before the clock."""
    (train, test, draws), config, device = work.parts, work.config, work.context.device
    network = build_classifier(config, test.shape, len(test.class_names), work.seeds[draw], "benchmark").to(device)
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate)
    fitted = load(draws.fitted(train, draw), config, True)
    validation, tested = (load(images, config, False) for images in (draws.validation(train, draw), test))
    best, kept = float("inf"), {}
    started = time.perf_counter()
    for _ in range(config.epochs):
        network.train()
        for images, labels in fitted:
            loss = functional.cross_entropy(network(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        score = look(network, validation, device)[0]
        if score < best:
            best, kept = score, deepcopy(network.state_dict())
    network.load_state_dict(kept)
    right = look(network, tested, device)[1]
    return Run(time.perf_counter() - started, right)


@torch.no_grad()
def look(network: nn.Module, loader: DataLoader, device: torch.device) -> tuple[float, float]:  # type: ignore[type-arg]
    """Return the mean loss of images and the fraction of them that are got right."""
    network.eval()
    loss, right, count = 0.0, 0, 0
    for images, labels in loader:
        logits = network(images.to(device))
        loss += functional.cross_entropy(logits, labels.to(device), reduction="sum").item()
        right += int((logits.argmax(1) == labels.to(device)).sum())
        count += len(labels)
    return loss / count, right / count


def measure(work: Work, rounds: int) -> dict[str, object]:
    """Let both train in turn and return medians; the first round, which warms up, does not count."""
    pairs = [(run_ours(work), run_plain(work)) for _ in range(rounds + 1)][1:]
    images = work.steps * work.config.batch_size
    ours, plain = (statistics.median(images / run.seconds for run in runs) for runs in zip(*pairs, strict=True))
    ratios = [other.seconds / own.seconds for own, other in pairs]
    return {
        "classifiers": len(work.seeds),
        "steps": work.steps,
        "images_per_second": round(ours),
        "plain_images_per_second": round(plain),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "right": round(pairs[0][0].right, 3),
        "plain_right": round(pairs[0][1].right, 3),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--dataset", default="digits", help="dataset and block of settings")
    parser.add_argument("--scenario", default="drop75")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    work = make_work(load_params(Path("params.yaml")), arguments.dataset, arguments.scenario)
    found = {
        "settings": work.config.model_dump(),
        "all_draws": measure(work, arguments.rounds),
        "one_draw": measure(work._replace(seeds=work.seeds[:1]), arguments.rounds),
        "on": name_hardware(work.context.device),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
