"""The structural similarity of a generator's images in each draw, for docs/documents.md; `compare` has the first's.

    python -m benchmarks.ssim_of_draws mnist_cpu drop75 cvae_gan --out metrics/documents/mnist_drop75_ssim_cvae_gan.json

Both ranges of pixels, each draw with random pairs of its own.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from counterweight.core.images import read_draws
from counterweight.statistics.images.ssim import pairwise_ssim


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dataset")
    parser.add_argument("scenario")
    parser.add_argument("generator")
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout in which the stages ran")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    table = arguments.root / "data" / arguments.dataset / arguments.scenario / arguments.generator / "synthetic.parquet"
    lines = []
    for draw, images in enumerate(read_draws(table)):
        found = pairwise_ssim(images.images, images.labels, arguments.pairs, np.random.default_rng(draw))
        assert found.unsigned is not None, "images as large as the window"
        assert found.signed is not None, "images as large as the window"
        ranges = {"unsigned": found.unsigned.model_dump(), "signed": found.signed.model_dump()}
        lines.append({"draw": draw, "pairs": arguments.pairs, **ranges})
    arguments.out.write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
