"""How long the variant VAE's prediction takes beside the vanilla VAE's, encoder and decoder, at 256 x 256 and D = 1024.

    python -m benchmarks.variant_vae --out metrics/benchmarks/variant_vae.json

The log-ends thesis (5.2) has 1108 s against 38.6 s on 10,000 images, a ratio of 28.7, since its D sub-networks run one
after another. Both networks predict the same batches in turn, several times; medians, and the median of the rounds'
ratios, are written.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor

from counterweight.cli.gallery import name_hardware
from counterweight.core.devices import choose_device
from counterweight.generators import vanilla_vae, variant_vae
from counterweight.generators.base.vae import VariationalAutoencoder

SHAPE = (3, 256, 256)


def measure_seconds(model: VariationalAutoencoder, images: Tensor, batches: int) -> float:
    """Return how long it takes to encode and decode a batch so many times."""
    started = time.perf_counter()
    for _ in range(batches):
        mean, _ = model.encode(images, torch.zeros(len(images), dtype=torch.int64, device=images.device))
        model.decode(mean, torch.zeros(len(images), dtype=torch.int64, device=images.device))
    if images.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


@torch.inference_mode()
def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--batches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    device = choose_device("auto")
    vanilla = vanilla_vae.VanillaVAE(SHAPE, ["one"], vanilla_vae.Settings()).to(device).eval()
    variant = variant_vae.VariantVAE(SHAPE, ["one"], variant_vae.Settings()).to(device).eval()
    images = torch.rand((arguments.batch, *SHAPE), generator=torch.Generator().manual_seed(0)).to(device) * 2 - 1
    rounds = []
    for place in range(arguments.rounds + 1):
        both = measure_seconds(vanilla, images, arguments.batches), measure_seconds(variant, images, arguments.batches)
        if place:  # the first warms up
            rounds.append(both)
    count = arguments.batch * arguments.batches
    facts = {
        "vanilla_images_per_second": round(count / statistics.median(first for first, _ in rounds), 1),
        "variant_images_per_second": round(count / statistics.median(second for _, second in rounds), 1),
        "time_ratio": round(statistics.median(second / first for first, second in rounds), 3),
        "on": name_hardware(device),
        "torch": torch.__version__,
    }
    print(json.dumps(facts))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
