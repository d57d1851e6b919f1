"""How fast 10,000 JPEGs of about 200 x 200 become a table of 64 x 64, beside Pillow alone in as many processes.

    python -m benchmarks.ingest --out metrics/benchmarks/ingest.json [--photographs FOLDER]

Pillow alone opens, converts and shrinks each file in a pool of processes and throws the pixels away. The stage does its
whole work, from the start of Python to the renamed tables: settings, list of files, split, EXIF, transparency, Parquet.
Between them stands the stage's stream of decoded images alone. All take turns, several times; medians, and the median
of the rounds' ratios, are written. Without photographs, from which as many JPEGs are made as are wanted, their content
is drawn: smooth colours with some noise.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from PIL import Image
from ruamel.yaml import YAML

from counterweight.data.decode.images import Target, find_image_files
from counterweight.data.decode.pool import Workers, decode_images

SIDE = 64
CLASSES = 5


def shrink(path: str) -> npt.NDArray[np.uint8]:
    """Return one image as a beginner's loop would read it."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def run_pillow(files: Sequence[str], processes: int) -> None:
    """Decode and shrink all files."""
    with get_context("spawn").Pool(processes) as pool:
        for _ in pool.imap(shrink_and_forget, files, chunksize=64):
            pass


def shrink_and_forget(path: str) -> int:
    """Shrink one image and return a number, so that nothing large travels between processes."""
    return int(shrink(path)[0, 0, 0])


def run_stage(params: Path, folder: Path) -> None:
    """Run the ingest stage as DVC does, with byte code cached as the Makefile sees to."""
    words = (
        f"-m stages ingest --params {params} --dataset benchmark --train {folder}/a.parquet --test {folder}/b.parquet "
        f"--account {folder}/account.json"
    )
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words.split()], check=True, env=environment)


def run_stream(files: Sequence[str]) -> None:
    """Decode all files as the stage does, and throw the pixels away."""
    images = map(Path, files)
    with Workers() as workers:
        for _ in decode_images(images, len(files), Target((SIDE, SIDE), 3, "stretch"), None, workers):
            pass


def write_files(folder: Path, count: int, photographs: Path | None) -> list[str]:
    """Write JPEGs of about 200 x 200 pixels in as many sub-folders as there are classes; return their paths."""
    rng = np.random.default_rng(0)
    originals = find_image_files(photographs, photographs).files if photographs else []
    paths = []
    for number in range(count):
        size = (int(rng.integers(180, 221)), int(rng.integers(180, 221)))
        path = folder / f"class{number % CLASSES}" / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        make_picture(originals[number % len(originals)] if originals else None, size, rng).save(path, quality=90)
        paths.append(str(path))
    return paths


def make_picture(original: Path | None, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Return a photograph in a size, or a drawn picture."""
    if original:
        with Image.open(original) as image:
            return image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    smooth = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    noisy = np.asarray(smooth, dtype=np.float64) + rng.normal(0, 4, (size[1], size[0], 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def write_params(folder: Path, images: Path) -> Path:
    """Write settings that name the files as a dataset."""
    params = YAML(typ="safe", pure=True).load(Path("params.yaml").read_text(encoding="utf-8"))
    params["datasets"]["benchmark"] = {"source": "folder", "path": str(images), "size": SIDE}
    path = folder / "params.yaml"
    path.write_text(json.dumps(params), encoding="utf-8")
    return path


def measure_seconds(work: Callable[[], None]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--photographs", type=Path, help="folder of images to make the files from")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    processes = len(os.sched_getaffinity(0))
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = write_files(folder / "images", arguments.count, arguments.photographs)
        params = write_params(folder, folder / "images")
        rounds = [
            (
                measure_seconds(lambda: run_pillow(files, processes)),
                measure_seconds(lambda: run_stream(files)),
                measure_seconds(lambda: run_stage(params, folder)),
            )
            for _ in range(arguments.rounds)
        ]
    facts = {
        "files": "photographs" if arguments.photographs else "drawn",
        "pillow_images_per_second": round(arguments.count / statistics.median(pillow for pillow, _, _ in rounds)),
        "stream_images_per_second": round(arguments.count / statistics.median(stream for _, stream, _ in rounds)),
        "stage_images_per_second": round(arguments.count / statistics.median(stage for _, _, stage in rounds)),
        "stream_ratio": round(statistics.median(pillow / stream for pillow, stream, _ in rounds), 3),
        "stage_ratio": round(statistics.median(pillow / stage for pillow, _, stage in rounds), 3),
        "rounds": [[round(value, 2) for value in times] for times in rounds],
        "processes": processes,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
