r"""How often sets of one kind are called different where real images of a dataset are there twice.

    python -m benchmarks.repeats ~/caltech101/airplanes ~/caltech101/Motorbikes --features /tmp/repeats.npz \
        --out metrics/benchmarks/repeats.json

A random half of the first folder's photographs is a class of a dataset, some of them there twice; the second folder has
its other class. The dataset goes through `ingest` and a draw of `imbalance`, as the graph calls them. Its reference set
is compared with the other half, which a perfect generator would make, by features of the pretrained backbone: once with
the groups that `ingest` wrote, and once as if each image stood alone. Features are made once and kept.
"""

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks.alarm import HEADLINE, as_set
from counterweight.core.draws import read_draws
from counterweight.core.images import ImageSet, read_images
from counterweight.core.process import use_one_thread
from counterweight.data.decode.images import find_image_files
from counterweight.evaluation.comparison.harness import LabelledFeatures, run_statistic
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.reporting.verdicts import find_different
from counterweight.results.compare import BackboneResult
from counterweight.settings.extract import Extract
from counterweight.statistics.two_sample.exchange import STATISTIC
from stages import imbalance, ingest

SIZE = 64
HALF = 400
OTHERS = 120
BATCH = 32
TWICE = (24, 8, 0)
"""Photographs of the class that are there twice, before some of them are fitted."""
SETTINGS = "  pets:\n    source: folder\n    size: 64\n    minority: [own]\n"
STAGES = (
    (ingest.main, "--dataset pets --train train --test test --account account"),
    (imbalance.main, "--dataset pets --scenario drop75 --train train --test test --out draws --counts counts"),
)


def read_small(folder: Path, most: int) -> list[Image.Image]:
    """Return the first photographs of a folder at the size of the dataset."""
    found = []
    for path in find_image_files(folder, folder).files[:most]:
        with Image.open(path) as file:
            found.append(file.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX))
    return found


def make_features(images: Sequence[Image.Image], cache: Path) -> npt.NDArray[np.float32]:
    """Return the backbone's features (N, D), from the cache where they are there."""
    if not cache.exists():
        pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
        device, settings = torch.device("cpu"), Extract(backbones=[HEADLINE], input_size=SIZE, batch_size=BATCH)
        extractors = build_extractors([HEADLINE], settings, 0, device)
        np.savez(cache, extract_features(as_set(pixels), extractors, BATCH, device)[HEADLINE].features)
    with np.load(cache) as stored:
        features: npt.NDArray[np.float32] = stored["arr_0"]
        return features


def make_reference(folder: Path, own: dict[str, Image.Image], others: Sequence[Image.Image]) -> ImageSet:
    """Return the reference set of a dataset whose class has these images, by the names of their files."""
    folder.mkdir()
    text = Path("params.yaml").read_text(encoding="utf-8").replace("\ndatasets:\n", f"\ndatasets:\n{SETTINGS}", 1)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    named = {"own": own, "other": {str(place): image for place, image in enumerate(others)}}
    for name, images in named.items():
        (folder / "images/pets" / name).mkdir(parents=True)
        for stem, image in images.items():
            image.save(folder / f"images/pets/{name}/{stem}.png", compress_level=1)
    with contextlib.chdir(folder), contextlib.redirect_stderr(io.StringIO()):
        for main_of_stage, words in STAGES:
            main_of_stage(words.split())
        train, test = read_images(Path("train")), read_images(Path("test"))
        return read_draws(Path("draws"), train).reference(train, test, 1)


def is_different(real: LabelledFeatures, synthetic: LabelledFeatures, seed: int) -> bool:
    """Say whether the verdict calls features different."""
    tested = run_statistic(STATISTIC, real, synthetic, np.random.default_rng(seed), 1, {})
    found = {HEADLINE: BackboneResult.model_construct(statistics={"exchange": tested})}
    return bool(find_different(found, HEADLINE))


def try_splits(
    twice: int,
    trials: int,
    images: Sequence[Image.Image],
    others: Sequence[Image.Image],
    features: npt.NDArray[np.float32],
) -> dict[str, float]:
    """Return how many splits are called different, and how many images the reference has, on average, and repeats."""
    found = {"splits": trials, "alone": 0, "in_groups": 0, "reference": 0.0, "repeats": 0.0}
    for trial in tqdm(range(trials), f"{twice} there twice"):
        order = np.random.default_rng(trial).permutation(len(images))
        own = {str(place): images[place] for place in order[:HALF]}
        own |= {f"{place}_again": images[place] for place in order[:twice]}
        with tempfile.TemporaryDirectory() as folder:
            reference = make_reference(Path(folder) / "dataset", own, others)
        rows = [int(Path(origin).stem.split("_")[0]) for origin in reference.origins]
        rest = LabelledFeatures(features[order[HALF:]], np.zeros(len(order) - HALF, np.int64))
        for way, groups in (("alone", None), ("in_groups", reference.groups)):
            found[way] += is_different(LabelledFeatures(features[rows], reference.labels * 0, groups), rest, trial)
        found["reference"] += len(rows) / trials
        found["repeats"] += (len(rows) - len({*rows})) / trials
    return {name: round(number, 1) for name, number in found.items()}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="800 photographs of one kind")
    parser.add_argument("others", type=Path, help="photographs of another kind")
    parser.add_argument("--features", type=Path, required=True, help="file in which features are kept, an .npz")
    parser.add_argument("--trials", type=int, default=40, help="splits")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    images = read_small(arguments.folder.expanduser(), 2 * HALF)
    others = read_small(arguments.others.expanduser(), OTHERS)
    features = make_features(images, arguments.features)
    found = {str(twice): try_splits(twice, arguments.trials, images, others, features) for twice in TWICE}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    use_one_thread()
    main()
