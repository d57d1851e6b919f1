"""What settings fit the images that were found: a table that is made in minutes to hours on a CPU, to begin with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from counterweight.data.decode.greys import choose_range, list_tops
from counterweight.data.findings import Findings
from counterweight.settings.params import Params
from counterweight.settings.scenarios import Drop, Natural, parse_scenario

DARK = 8  # times as large a value as an image's largest makes it dark, as of 12 bits among images of 16
LARGEST_SIZE = 64  # pixels; twice the side is four to five times the training
SMALLEST_SIZE = 8
GREY_SIZE = 32  # pixels; the grey classifier was made for 28
UNEQUAL = 1.5  # times the smallest class
SECONDS = 240  # of training of a generator, or of each phase of one that has two, on one CPU core
PIXELS = 28 * 28  # of the images by which speeds were measured
MOST_EPOCHS = 400
CLASSIFIED = 40_000  # images that a classifier sees in a training
CLASSIFIER_EPOCHS = 5, 60
SMALL = 5000  # images; with fewer, larger batches are too few steps
GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16B", "F"}
SPEEDS = {"cvae": 2400, "bagan": 700, "cgan": 1100, "cvae_gan": 430}  # images of 28 x 28 per second, on one CPU core
PLAIN = ("oversample", "geometric", "smote", "adasyn", "cutpaste")


class Choice(NamedTuple):
    """A value and the reason for it."""

    value: Any
    reason: str


def choose_size(found: Findings, wanted: int | None) -> Choice:
    """Choose the size to which images are brought."""
    if wanted is not None:
        return Choice(wanted, "as asked for")
    median = int(np.median(found.shorter_sides))
    size = min(LARGEST_SIZE, max(SMALLEST_SIZE, median - median % 4))
    why = f"the median of the shorter sides is {median}"
    if median > LARGEST_SIZE:
        why += f", but twice {LARGEST_SIZE} would take four to five times as long"
    shapes = np.maximum(found.widths, found.heights) / found.shorter_sides
    if (middle := float(np.median(shapes))) > 1.25:
        why += f"; most are longer ({middle:.1f} : 1) and get stretched: fit: crop or pad keeps proportions"
    return Choice(size, why)


def choose_channels(found: Findings, wanted: int | None) -> Choice:
    """Choose between grey and colour."""
    if wanted is not None:
        return Choice(wanted, "as asked for")
    if found.has_colours:
        return Choice(3, f"{found.total - found.grey:,} of {found.total:,} images have colours")
    # Greys are often saved as colours: what the pixels are counts, not the mode.
    by_mode = {*found.modes} <= GREY_MODES
    return Choice(1, f"all images are grey{'' if by_mode else ', also those that are kept as colours'}")


def choose_white(found: Findings) -> Choice | None:
    """Choose which value of more than 8 bits becomes white in all files; None where there are none, or of two kinds."""
    white = choose_range(found.facts)
    if white is None:
        return None
    tops = list_tops(found.facts)
    noun = "grey" if {fact.mode for fact in found.facts if fact.top is not None} <= GREY_MODES else "value"
    said = f"the largest {noun} of {len(tops):,} images of more than 8 bits is {max(tops):g}; one range for all"
    dark = sum(top <= white / DARK for top in tops)
    return Choice(white, f"{said}, which {dark:,} images reach less than an eighth of" if dark else said)


def choose_others(found: Findings, changes: Mapping[str, Any]) -> dict[str, Choice]:
    """Return the settings that are asked for, the range of values and what becomes of bad files."""
    chosen = {key: Choice(value, "as asked for") for key, value in changes.items()}
    if "white" not in changes and (white := choose_white(found)):
        chosen = {"white": white, **chosen}
    if changes.get("black") is not None:
        chosen["black"] = describe_black(found, changes["black"], changes["white"])
    if found.bad and "bad_files" not in changes:
        chosen["bad_files"] = Choice("skip", f"{len(found.bad):,} cannot be read; error: stop instead")
    return chosen


def describe_black(found: Findings, black: float, white: float) -> Choice:
    """Return which value becomes black, as it was asked for, and say how many images have others that do."""
    spans = [(fact.bottom, fact.top) for fact in found.facts if fact.bottom is not None and fact.top is not None]
    below, above = sum(low < black for low, _ in spans), sum(high > white for _, high in spans)
    said = (
        f"as asked for; of {len(spans):,} images of more than 8 bits {below:,} have values below it, which become black"
    )
    return Choice(black, f"{said}, and {above:,} above {white:g}, which become white")


def choose_minority(counts: Mapping[str, int], wanted: Sequence[str]) -> Choice:
    """Choose the classes that are called the minority."""
    sizes, mean = [*counts.values()], sum(counts.values()) / len(counts)
    if wanted:
        return Choice([*wanted], "as asked for")
    if are_unequal(counts):
        return Choice([name for name, count in counts.items() if count < mean], f"below the mean of {mean:,.1f} images")
    return Choice([min(counts, key=lambda name: counts[name])], f"the smallest, of {min(sizes):,} images")


def are_unequal(counts: Mapping[str, int]) -> bool:
    """Say whether the classes are clearly unequal."""
    return max(counts.values()) >= UNEQUAL * min(counts.values())


def choose_scenario(counts: Mapping[str, int], params: Params) -> Choice:
    """Choose the scenario to begin with: the classes as they are, or without most of the minority."""
    settings = {name: parse_scenario(params.scenarios, name) for name in params.scenarios}
    natural = [name for name, own in settings.items() if isinstance(own, Natural)]
    drops = sorted((-own.fraction, name) for name, own in settings.items() if isinstance(own, Drop))
    if are_unequal(counts) and natural:
        return Choice(natural[0], "the classes are unequal as they are")
    if drops:
        return Choice(drops[0][1], "the classes are about equal: a minority is made")
    return Choice(next(iter(settings)), "there is no other")


def choose_classifier(size: int, grey: bool, images: int) -> dict[str, Any]:
    """Choose a classifier and its training, for so many training images."""
    network = "mnist_cnn" if grey and size <= GREY_SIZE else "vehicles_cnn"  # cifar10_cnn takes 18 times as long
    few, many = CLASSIFIER_EPOCHS
    epochs = min(many, max(few, round(CLASSIFIED / images)))  # About as many steps whatever the size of the set.
    return {"network": network, "epochs": epochs, "batch_size": choose_batch_size(images), "learning_rate": 0.001}


def choose_batch_size(images: int) -> int:
    """Return the size of batches."""
    return 32 if images < SMALL else 64


def choose_generators(size: int, channels: int, images: int) -> dict[str, dict[str, Any]]:
    """Return settings of generators that train for minutes on so many images of so many pixels a side."""

    def epochs(name: str) -> int:
        seen = SECONDS * SPEEDS[name] * PIXELS / size**2  # Cost grows with the number of pixels.
        return min(MOST_EPOCHS, max(1, round(seen / images)))

    small = {"batch_size": choose_batch_size(images)}
    learned: dict[str, dict[str, Any]] = {
        # Where a class has few images its label says little to the decoder, and the prior shows the larger classes.
        "cvae": {
            "latent_dim": 16,
            "filters": 16,
            "hidden": 128,
            "sampling": "class_gaussian",
            "epochs": epochs("cvae"),
            **small,
        },
        "bagan": {
            "latent_dim": 20,
            "autoencoder_epochs": epochs("bagan"),
            "epochs": epochs("bagan"),
            **small,
            "shrinkage": 1.0,
            "autoencoder_learning_rate": 0.001,
            "learning_rate": 0.0002,
        },
        "cgan": {"width": 32, "balanced": True, "epochs": epochs("cgan"), **small},
        "cvae_gan": {
            "latent_dim": 20,
            "width": 8,
            "kl_weight": 1.0,  # by which MNIST's fours are as alike as the balancing thesis's
            "balanced": True,
            "epochs": epochs("cvae_gan"),
            **small,
            "learning_rate": 0.0005,
            # Colours: the balancing thesis has layers of dropout there for CIFAR-10 and Vehicles, not for MNIST (4.2).
            **({"discriminator_dropout": 0.3} if channels == 3 else {}),
        },
    }
    return {name: {} for name in PLAIN} | learned
