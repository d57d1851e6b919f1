"""Retraining of classifiers: of every method in every draw, all on the same real images."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from counterweight.core.devices import count_workers, map_in_parallel
from counterweight.core.draws import FITTED, VALIDATION
from counterweight.core.images import ImageSet
from counterweight.core.schema import Settings
from counterweight.core.tensors import Labelled, to_labelled
from counterweight.evaluation.retraining.memory import choose_workers, foresee_memory
from counterweight.evaluation.retraining.methods import Method, Parts
from counterweight.networks.classifiers.base import Frozen
from counterweight.recipes.base.classifier_network import build_classifier, check_dense_end, represent_frozen
from counterweight.recipes.base.network_recipe import NetworkRecipe
from counterweight.recipes.base.recipe import Context, Recipe, find_recipe
from counterweight.settings.classify import ClassifierConfig

Labels = npt.NDArray[np.int64]


def name_block(parts: Parts) -> str:
    """Return where the settings of a dataset's classifier stand, for an error's message."""
    return f"params.yaml: classifiers.{parts.draws.item.split('/')[0]}"


class Outcome(NamedTuple):
    """Labels that a classifier gave to a draw's validation and test images, and how many images it learned from."""

    validation: Labels
    test: Labels
    fitted: int


class Outcomes:
    """Where outcomes are kept while others are awaited: nowhere, unless a subclass says otherwise."""

    def find(self, method: str, draw: int) -> Outcome | None:
        """Return an outcome, None if it is not known yet."""
        return None

    def keep(self, method: str, draw: int, outcome: Outcome) -> None:
        """Keep an outcome."""


def retrain_classifiers(
    methods: Mapping[str, Method],
    parts: Parts,
    seeds: Sequence[int],
    config: ClassifierConfig,
    context: Context,
    outcomes: Outcomes,
    streams: int = 1,
) -> dict[str, list[Outcome]]:
    """Return what classifiers of each method say in each draw; methods that are not applicable are left out.

    A draw's seed sets first weights, batches and dropout, whatever the method, and all methods share its images: their
    differences are paired. A GPU computes so many `streams` of them at once.
    """
    able = {name: method for name, method in methods.items() if method.not_applicable is None}
    jobs = [(name, draw) for name in able for draw in range(len(seeds))]
    found = {job: known for job in jobs if (known := outcomes.find(*job)) is not None}
    missing = [job for job in jobs if job not in found]
    train, most = make_trainer({name: able[name] for name, _ in missing}, parts, seeds, config, context)

    def train_and_keep(job: tuple[str, int]) -> Outcome:
        outcome = train(*job)
        outcomes.keep(*job, outcome)
        return outcome

    libraries = [name for method, _ in missing for name in find_recipe(able[method].recipe).recipe.libraries]
    imports = dict.fromkeys(libraries)
    trained = map_in_parallel(
        train_and_keep, missing, context.device, "classify", imports=imports, streams=streams, most=most
    )
    found |= zip(missing, trained, strict=True)
    return {name: [found[name, draw] for draw in range(len(seeds))] for name in able}


def make_trainer(
    methods: Mapping[str, Method], parts: Parts, seeds: Sequence[int], config: ClassifierConfig, context: Context
) -> tuple[Callable[[str, int], Outcome], int | None]:
    """Return what trains and tests the classifier of a method in a draw, and how many threads may call it side by side.

    None is no limit, as on a GPU.

    Raises:
        UserError: there is no memory for one.
    """
    device, classes = context.device, len(parts.train.class_names)
    # Before the threads start, which share the generator that torch draws first weights from.
    where = name_block(parts)
    untrained = [build_classifier(config, parts.test.shape, classes, seed, where).to(device) for seed in seeds]
    first, recipes = untrained[0], [method.recipe for method in methods.values()]
    check_dense_end(first, config, parts.test.shape, classes, recipes, where)
    needed = foresee_memory(methods, parts, first, config.batch_size, device)
    count = count_workers(len(methods) * len(seeds), device)
    most = None if device.type == "cuda" else choose_workers(needed, parts.draws.item, count)
    for other in untrained[1:]:
        if isinstance(first, Frozen) and isinstance(other, Frozen):
            other.trunk = first.trunk  # what does not learn is the same in all draws, and sees the images once
    pool = Pool(context, config, first)
    shown = {name: Shown(method, parts, pool) for name, method in methods.items()}

    def train(name: str, draw: int) -> Outcome:
        method, own = methods[name], shown[name]
        fitted, validation = own.fitted(draw), own.validation(draw)
        counts = torch.bincount(fitted.labels, minlength=classes).float()
        recipe = find_recipe(method.recipe).recipe(method.settings, counts)
        start = untrained[draw]
        if isinstance(start, Frozen) and fitted.images.is_floating_point():
            start = start.head
        network = deepcopy(start)  # Every method starts from the same weights.
        classifier = recipe.fit(fitted, validation, network, config, seeds[draw])
        labels = [choose_classes(classifier(images)) for images in (validation.images, own.test)]
        return Outcome(labels[0], labels[1], len(fitted.labels))

    return train, most


class Pool:
    """Sets of images on a device, each of them once, however many methods learn from it.

    Args:
        network: an untrained classifier; a frozen one sees the images here, once for all draws.
    """

    def __init__(self, context: Context, config: ClassifierConfig, network: nn.Module) -> None:
        self.context, self.config, self.network = context, config, network
        self.sets: dict[int, Labelled] = {}
        self.features: dict[int, Tensor] = {}

    def show(self, images: ImageSet, method: Method) -> Labelled:
        """Return what a method learns from, and its labels: images, or what its recipe or a frozen network sees."""
        # By identity: the caller holds all of them as long as this lives.
        if id(images) not in self.sets:
            self.sets[id(images)] = to_labelled(images.images, images.labels).to(self.context.device)
        own, recipe = self.sets[id(images)], find_recipe(method.recipe).recipe
        made = recipe.represent(method.settings, images, self.context)
        if made is None and isinstance(self.network, Frozen) and self.sees_once(recipe):
            if id(images) not in self.features:
                self.features[id(images)] = represent_frozen(self.network, own.images)
            made = self.features[id(images)]
        return own if made is None else Labelled(made, own.labels)

    def sees_once(self, recipe: type[Recipe[Settings]]) -> bool:
        """Say whether images are the same in every step of a recipe."""
        return issubclass(recipe, NetworkRecipe) and not recipe.changes_images and not self.config.augmentation


class Shown:
    """What a method's recipe makes of all images, once for all draws, and which of it each draw uses."""

    def __init__(self, method: Method, parts: Parts, pool: Pool) -> None:
        self.roles = parts.draws.roles
        self.train, self.test = pool.show(parts.train, method), pool.show(parts.test, method).images
        self.added = None if method.added is None else [pool.show(images, method) for images in method.added]

    def fitted(self, draw: int) -> Labelled:
        """Return what a classifier is fitted to: real images, and then what is added to them."""
        real = self.take(draw, FITTED)
        if self.added is None:
            return real
        added = self.added[draw]
        return Labelled(torch.cat([real.images, added.images]), torch.cat([real.labels, added.labels]))

    def validation(self, draw: int) -> Labelled:
        """Return the real images that choose the epoch."""
        return self.take(draw, VALIDATION)

    def take(self, draw: int, role: int) -> Labelled:
        """Return the training images that have a role."""
        place = torch.from_numpy(np.flatnonzero(self.roles[draw] == role)).to(self.train.labels.device)
        return Labelled(self.train.images[place], self.train.labels[place])


def choose_classes(logits: Tensor) -> Labels:
    """Return the most likely classes, int64 (N,)."""
    labels: Labels = logits.argmax(dim=1).cpu().numpy()
    return labels
