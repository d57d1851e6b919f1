"""How long the explorer takes from a moved slider to a new picture and its neighbours, on one core.

    python -m benchmarks.explorer --out metrics/benchmarks/explorer.json

Networks have the sizes that their settings give them by default and weights as they are before training, which cost the
same. A change moves one slider, decodes, writes the PNG, and finds the nearest of 10,000 training images and 2,000
others. What is written are medians and 95 % quantiles over repeated changes, after some that are not counted, and how
long it took to open the model's latents, which happens once.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from counterweight.core.images import ImageSet
from counterweight.core.process import use_one_thread
from counterweight.explorer.exploration import Exploration, decode_offset, draw_offset, move_slider, require_latents
from counterweight.explorer.folders import Model
from counterweight.explorer.pictures import write_png
from counterweight.explorer.real import RealImages, find_neighbours, make_keys
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.generators.base.saved import build_generator

CASES: list[tuple[str, tuple[int, int, int], dict[str, object]]] = [
    ("cvae", (1, 28, 28), {"latent_dim": 2}),
    ("cvae", (3, 64, 64), {}),
    ("bagan", (1, 28, 28), {}),
    ("bagan_gp", (3, 64, 64), {}),
    ("cgan", (1, 28, 28), {}),
    ("cgan", (3, 64, 64), {}),
    ("cvae_gan", (3, 64, 64), {}),
    ("variant_vae", (3, 64, 64), {}),
]
CLASSES = tuple("0123456789")
TRAINED, UNSEEN = 10_000, 2_000
IGNORED = 5
LIMIT = 0.1  # seconds


def draw_images(shape: tuple[int, int, int], count: int, rng: np.random.Generator) -> ImageSet:
    """Return noise of ten classes."""
    images = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    return ImageSet(images, np.arange(count) % len(CLASSES), CLASSES, np.arange(count).astype(np.str_), {})


def open_case(name: str, shape: tuple[int, int, int], settings: dict[str, object]) -> Exploration:
    """Return an untrained generator with images, ready to be explored."""
    rng = np.random.default_rng(0)
    train, unseen = (draw_images(shape, count, rng) for count in (TRAINED, UNSEEN))
    generator = build_generator(name, settings, train, 0, name)
    assert isinstance(generator, LearnedGenerator)
    generator.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    real = RealImages(make_keys(train), make_keys(unseen), unseen, [])
    return Exploration(Model(Path(name), "noise", "none", name, 0, None), generator, real, "")


def measure(exploration: Exploration, changes: int) -> dict[str, float]:
    """Return seconds of opening, and of changes of a slider, picture alone and with neighbours."""
    started = time.perf_counter()
    directions = require_latents(exploration, 0).principal
    opened = time.perf_counter() - started
    offset, real = draw_offset(exploration, 0, 0), exploration.real
    assert real is not None
    pictures, wholes = [], []
    for change in range(IGNORED + changes):
        started = time.perf_counter()
        place = change % min(10, len(directions.names))
        offset = move_slider(offset, directions, place, 3 * np.sin(change).item())
        image = decode_offset(exploration, 0, offset)
        write_png(image)
        pictures.append(time.perf_counter() - started)
        for keys in (real.train, real.unseen):
            find_neighbours(image, keys, 3)
        wholes.append(time.perf_counter() - started)
    found = {"seconds_to_open": round(opened, 3)}
    for key, seconds in (("picture", pictures[IGNORED:]), ("with_neighbours", wholes[IGNORED:])):
        found |= {f"{key}_median": round(float(np.median(seconds)), 5)}
        found |= {f"{key}_quantile_95": round(float(np.quantile(seconds, 0.95)), 5)}
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    use_one_thread()
    rows = []
    for name, shape, settings in CASES:
        rows.append({"generator": name, "shape": shape, **measure(open_case(name, shape, settings), arguments.changes)})
        print(json.dumps(rows[-1]), flush=True)
    within = all(float(str(row["with_neighbours_median"])) < LIMIT for row in rows)
    text = json.dumps(
        {"changes": arguments.changes, "all_within_seconds": LIMIT if within else None, "rows": rows}, indent=1
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
