"""What channels last, folded normalisation and bfloat16 save, and what they change of statistics, backbone by backbone.

    python -m benchmarks.precision --out metrics/benchmarks/precision.json

Real images are 400 of scikit-learn's digits, synthetic ones 400 that SMOTE makes of 400 others. Features of both are
taken four times: by the network as it is, with the channels of each pixel side by side in memory, with batch
normalisation folded into convolutions, too, and with all that and bfloat16. Written is of every statistic by how much
the number between real and synthetic images changes, in standard deviations of its baseline, which is the number
between halves of the real images, over twenty draws of halves. Times are of one thread's processor: the middle of some
rounds, in which the four take turns.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import numpy as np
import torch
from sklearn.datasets import load_digits

from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.data.sources.base.resizing import resize_array
from counterweight.evaluation.comparison.features import compare_features
from counterweight.features.extractor import Extractor, build_extractor, extract_features, run_extractor
from counterweight.generators.smote import SMOTE, Settings
from counterweight.results.compare import BackboneResult
from counterweight.settings.compare import Compare
from counterweight.settings.extract import Extract

CPU = torch.device("cpu")
COUNT, BATCH = 400, 16
WAYS: dict[str, dict[str, object]] = {
    "plain": {"fold": False, "channels_last": False},
    "channels_last": {"fold": False},
    "folded": {"fold": True},
    "bfloat16": {"fold": True, "precision": "bfloat16"},
}


def make_sets() -> tuple[ImageSet, ImageSet]:
    """Return real digits, and what SMOTE makes of others."""
    found, order = load_digits(), np.random.default_rng(0).permutation(1797)[: 2 * COUNT]
    pixels = resize_array(np.rint(found.images[order] * (255 / 16)).astype(np.uint8)[:, None], 28, 1)
    labels, names = found.target[order].astype(np.int64), tuple(map(str, range(10)))
    smote, known = SMOTE((1, 28, 28), names, Settings()), to_labelled(pixels[COUNT:], labels[COUNT:])
    wanted = torch.from_numpy(labels[:COUNT])
    made = smote.sample(wanted, known, torch.Generator().manual_seed(0)).numpy()
    origins = np.arange(COUNT).astype(np.str_)
    return (
        ImageSet(pixels[:COUNT], labels[:COUNT], names, origins, {}),
        ImageSet(made, labels[:COUNT], names, origins, {}),
    )


def measure_times(extractors: Mapping[str, Extractor], rounds: int) -> dict[str, float]:
    """Return milliseconds an image of each way."""
    taken: dict[str, list[float]] = {name: [] for name in extractors}
    for _ in range(rounds + 1):
        for name, extractor in extractors.items():
            size = extractor.size or 224
            images = torch.randint(0, 256, (BATCH, 3, size, size), dtype=torch.uint8)
            began = time.process_time()
            run_extractor(extractor, images)
            taken[name].append(1000 * (time.process_time() - began) / BATCH)
    return {name: round(median(each[1:]), 3) for name, each in taken.items()}  # The first round warms up.


def measure_changes(plain: BackboneResult, other: BackboneResult) -> dict[str, float]:
    """Return by how much each number between the sets differs, in deviations of the first one's baseline."""
    changes = {}
    for name, own in plain.statistics.items():
        if own.between is None or own.baseline is None:
            continue
        now = other.statistics[name].between
        assert now is not None
        for key, number in own.between.items():
            spread = own.baseline[key].std
            if spread > 0:
                changes[f"{name}.{key}"] = round(abs(now[key].mean - number.mean) / spread, 4)
    return changes


def measure(name: str, rounds: int) -> dict[str, object]:
    """Return times and changes of a backbone."""
    sets = make_sets()
    made, results = {}, {}
    for way, settings in WAYS.items():
        own = Extract.model_validate({"input_size": 64, **settings})
        made[way] = build_extractor(name, own, 0, CPU)
        real, synthetic = (extract_features(images, [made[way]], BATCH, CPU, None)[name] for images in sets)
        results[way] = compare_features(real, synthetic, Compare(), np.random.default_rng(0)).result
    times = measure_times(made, rounds)
    found: dict[str, object] = {"ms_an_image": times}
    for way in list(WAYS)[1:]:
        changes = measure_changes(results["plain"], results[way])
        found[way] = {
            "ratio": round(times[way] / times["plain"], 3),
            "largest": max(changes.values()),
            "changes": changes,
        }
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--backbones", nargs="+", default=Extract().backbones)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {name: measure(name, arguments.rounds) for name in arguments.backbones}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
