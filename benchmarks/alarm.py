r"""How often sets that agree are called different, and how small a change of photographs is found.

    python -m benchmarks.alarm ~/caltech101/airplanes ~/caltech101/Motorbikes --features /tmp/alarm \
        --out metrics/benchmarks/alarm.json

Two disjoint random parts of one folder are compared as `counterweight audit` does it, by the features of the pretrained
backbone. That is repeated for splits of the photographs as they are, with the thesis's eight untrained backbones, too,
and then with one part changed: recompressed, blurred, noised, or a tenth of it replaced by photographs of the other
folder. What is written is how often the verdict says that their features differ. Copies have `benchmarks/copies.py`,
and the style network would have to be trained for each split: the level of 0.01 that each of them has is not used up
here. Features are made once for each change and kept in a folder.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageFilter
from scipy.stats import binomtest

from counterweight.core.devices import map_in_parallel
from counterweight.core.images import ImageSet
from counterweight.core.process import use_one_thread
from counterweight.data.decode.images import Target, decode, find_image_files
from counterweight.data.decode.opening import Embedded
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.reporting.verdicts import HEADLINE_LEVEL, find_different
from counterweight.results.compare import BackboneResult
from counterweight.settings.extract import THESIS, Extract
from counterweight.statistics.two_sample.exchange import STATISTIC

HEADLINE = "efficientnet_lite0"
SIZE = 154  # pixels; what `audit` brings Caltech 101's airplanes to, the median of their shorter sides
UNTRAINED_SIZE = 64  # pixels, as in params.yaml
IMAGES = 800
UNTRAINED_IMAGES = 400
SIDES = (100, 400)
CPU = torch.device("cpu")

Change = Callable[[Image.Image, np.random.Generator], Image.Image]
Photographs = npt.NDArray[np.uint8]
Photos = Mapping[str, npt.NDArray[np.float32]]
"""Features (N, D) of the same photographs, by backbone."""


def recompress(image: Image.Image, rng: np.random.Generator, quality: int) -> Image.Image:
    """Return a photograph as a JPEG of a quality shows it."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def blur(image: Image.Image, rng: np.random.Generator, radius: float) -> Image.Image:
    """Return a photograph blurred by a Gaussian of so many pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def add_noise(image: Image.Image, rng: np.random.Generator, levels: float) -> Image.Image:
    """Return a photograph with normal noise of so many levels of 255."""
    values = np.asarray(image) + rng.normal(0, levels, (image.height, image.width, 3))
    return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))


CHANGES: Mapping[str, Change] = {
    **{f"jpeg {quality}": partial(recompress, quality=quality) for quality in (90, 75, 50, 30)},
    **{f"blur {radius}": partial(blur, radius=radius) for radius in (0.5, 1.0)},
    **{f"noise {levels}": partial(add_noise, levels=levels) for levels in (2, 5)},
}
"""Quality of the JPEG, standard deviation of the Gaussian in pixels, that of the noise in levels of 255."""


def read_changed(folder: Path, change: Change | None, most: int) -> Photographs:
    """Return the first photographs of a folder, changed at their own size and then brought to one."""
    rng, found = np.random.default_rng(0), []
    for path in find_image_files(folder, folder).files[:most]:
        with Image.open(path) as file:
            image = file.convert("RGB")
        buffer = BytesIO()
        (change(image, rng) if change else image).save(buffer, "PNG", compress_level=0)
        found.append(decode(Embedded(path.name, buffer.getvalue()), Target((SIZE, SIZE), 3, "stretch")))
    return np.stack(found)


def make_features(
    folder: Path, name: str, change: Change | None, most: int, backbones: list[str], cache: Path
) -> Photos:
    """Return the features of photographs, from the cache where they are there."""
    path = cache / f"{folder.name} {name}.npz"
    if not path.exists():
        images = read_changed(folder, change, most)
        settings = Extract(backbones=backbones, input_size=UNTRAINED_SIZE, batch_size=32)
        extractors = build_extractors(backbones, settings, 0, CPU)
        features = extract_features(as_set(images), extractors, settings.batch_size, CPU)
        np.savez(path, **{key: each.features for key, each in features.items()})  # type: ignore[arg-type]
    with np.load(path) as stored:
        return {name: stored[name] for name in backbones}


def as_set(images: Photographs) -> ImageSet:
    """Return images as a set of one class."""
    labels, origins = np.zeros(len(images), dtype=np.int64), np.arange(len(images)).astype(np.str_)
    return ImageSet(images, labels, ("image",), origins, {})


def test_features(real: Photos, synthetic: Photos, seed: int) -> dict[str, BackboneResult]:
    """Return of each backbone what the verdict reads of it."""
    found = {}
    for name, features in real.items():
        a, b = (LabelledFeatures(each, np.zeros(len(each), np.int64)) for each in (features, synthetic[name]))
        tested = run_statistic(STATISTIC, a, b, np.random.default_rng(seed), 1, {})
        found[name] = BackboneResult.model_construct(statistics={"exchange": tested})
    return found


def take(photos: Photos, rows: npt.NDArray[np.int64]) -> Photos:
    """Return some of the photographs."""
    return {name: table[rows] for name, table in photos.items()}


def replace_tenth(photos: Photos, others: Photos) -> Photos:
    """Return photographs of which a tenth is replaced by others."""
    count = len(photos[HEADLINE]) // 10
    return {name: np.concatenate([others[name][:count], table[count:]]) for name, table in photos.items()}


class Outcome(NamedTuple):
    """Whether the verdict says that sets differ, and the p-value of each backbone."""

    alarm: bool
    p_values: dict[str, float]


def judge_split(trial: int, side: int, plain: Photos, changed: Photos, others: Photos | None) -> Outcome:
    """Compare a random part of the photographs with a disjoint one, changed."""
    rng = np.random.default_rng(trial)
    order = rng.permutation(len(plain[HEADLINE]))[: 2 * side]
    real, synthetic = take(plain, order[:side]), take(changed, order[side:])
    if others is not None:
        synthetic = replace_tenth(synthetic, take(others, rng.permutation(len(others[HEADLINE]))))
    found = test_features(real, synthetic, trial)
    firsts = {name: each.statistics["exchange"].first for name, each in found.items()}
    p_values = {name: first["p_value"] for name, first in firsts.items() if first}
    return Outcome(bool(find_different(found, HEADLINE)), p_values)


def run_splits(trials: int, side: int, plain: Photos, changed: Photos, others: Photos | None = None) -> list[Outcome]:
    """Judge as many splits, side by side."""
    judge = partial(judge_split, side=side, plain=plain, changed=changed, others=others)
    return map_in_parallel(judge, range(trials), CPU, f"{side} a side")


def summarize_alarms(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return how many splits raised the alarm, with the 95 % interval, and how many p-values were below levels."""
    alarms = sum(outcome.alarm for outcome in outcomes)
    interval = binomtest(alarms, len(outcomes)).proportion_ci()
    names = outcomes[0].p_values
    return {
        "alarms": alarms,
        "splits": len(outcomes),
        "interval": [interval.low, interval.high],
        "p_values_below": {
            name: {
                str(level): sum(each.p_values[name] <= level for each in outcomes) for level in (0.05, HEADLINE_LEVEL)
            }
            for name in names
        },
    }


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return both tables."""
    folder, cache, trials = arguments.folder.expanduser(), arguments.features, arguments.trials
    cache.mkdir(parents=True, exist_ok=True)
    own = [HEADLINE]
    plain = make_features(folder, "as they are", None, IMAGES, own, cache)
    others = make_features(arguments.others.expanduser(), "as they are", None, IMAGES // 4, own, cache)
    untrained = make_features(folder, "untrained", None, UNTRAINED_IMAGES, list(THESIS), cache)
    every = {HEADLINE: plain[HEADLINE][:UNTRAINED_IMAGES], **untrained}
    half = UNTRAINED_IMAGES // 2
    alarms = {f"{HEADLINE}, {side} a side": summarize_alarms(run_splits(trials, side, plain, plain)) for side in SIDES}
    alarms[f"all nine, {half} a side"] = summarize_alarms(run_splits(trials, half, every, every))
    print(json.dumps(alarms), flush=True)
    found: dict[str, dict[str, float]] = {}
    for name, change in [*CHANGES.items(), ("a tenth replaced", None)]:
        changed = make_features(folder, name, change, IMAGES, own, cache) if change else plain
        for side in SIDES:
            outcomes = run_splits(arguments.power_trials, side, plain, changed, None if change else others)
            found.setdefault(name, {})[str(side)] = sum(each.alarm for each in outcomes) / len(outcomes)
        print(name, found[name], flush=True)
    return {"false_alarms": alarms, "trials": arguments.power_trials, "found": found}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="800 photographs of one kind")
    parser.add_argument("others", type=Path, help="photographs of another kind, by which a tenth is replaced")
    parser.add_argument("--features", type=Path, required=True, help="folder in which features are kept")
    parser.add_argument("--trials", type=int, default=200, help="splits in which nothing is changed")
    parser.add_argument("--power-trials", type=int, default=50, help="splits for each change")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    text = json.dumps(measure(arguments), indent=1)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    use_one_thread()
    main()
