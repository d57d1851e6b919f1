"""How long the variant VAE takes to predict a set of images beside the vanilla VAE, at 256 x 256 and D = 1024.

    python -m benchmarks.variant_vae --out metrics/benchmarks/variant_vae.json

Table 6.12 of the log-ends thesis has means of five runs over 10,000 images, 1108.081 s against 38.591 s, a ratio of
28.7, since its D sub-networks run one after another. `--images 10000` predicts as many. Both networks encode and decode
the same images in turn; seconds of every run, their medians, and the median of the runs' ratios are written.
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
THESIS = {"images": 10_000, "vanilla_seconds": 38.591, "variant_seconds": 1108.081, "time_ratio": 28.71}


def measure_seconds(model: VariationalAutoencoder, batch: Tensor, images: int) -> float:
    """Return how long it takes to encode and decode so many images, the same batch again and again."""
    labels = torch.zeros(len(batch), dtype=torch.int64, device=batch.device)
    started = time.perf_counter()
    for _ in range(images // len(batch)):
        mean, _ = model.encode(batch, labels)
        model.decode(mean, labels)
    if batch.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


@torch.inference_mode()
def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=int, default=160, help="of a set; a multiple of the batch")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    if arguments.images % arguments.batch:
        parser.error("--images: a multiple of --batch wanted")
    device = choose_device("auto")
    networks = {
        "vanilla": vanilla_vae.VanillaVAE(SHAPE, ["one"], vanilla_vae.Settings()).to(device).eval(),
        "variant": variant_vae.VariantVAE(SHAPE, ["one"], variant_vae.Settings()).to(device).eval(),
    }
    batch = torch.rand((arguments.batch, *SHAPE), generator=torch.Generator().manual_seed(0)).to(device) * 2 - 1
    for model in networks.values():  # warm up
        measure_seconds(model, batch, 2 * arguments.batch)
    runs = [
        {name: measure_seconds(model, batch, arguments.images) for name, model in networks.items()}
        for _ in range(arguments.runs)
    ]
    facts = {
        "images": arguments.images,
        **{f"{name}_seconds": [round(own[name], 3) for own in runs] for name in networks},
        **{f"{name}_median": round(statistics.median(own[name] for own in runs), 3) for name in networks},
        "time_ratio": round(statistics.median(own["variant"] / own["vanilla"] for own in runs), 3),
        "thesis": THESIS,
        "on": name_hardware(device),
        "torch": torch.__version__,
    }
    print(json.dumps(facts))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
