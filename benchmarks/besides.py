r"""How often files of one kind of picture are called different, as they are and once they are made the same.

    python -m benchmarks.besides ~/caltech101/airplanes ~/caltech101/Motorbikes --out metrics/benchmarks/besides.json

The photographs of a folder, cut to squares, are stored in two ways: as two people would store them, of which one made
the pictures with a program. Both are read as `counterweight audit` reads them. Then disjoint random parts of the one
and of the other are compared by the features of the pretrained backbone, as they are and made the same: they show
pictures of one kind, so that "differs" is a verdict on files. Beside it how often a change of the pictures is found: a
blur of a pixel, noise, and a tenth of them replaced by photographs of the other folder.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmarks.alarm import CPU, HEADLINE, Change, Photos, add_noise, blur, run_splits
from counterweight.core.images import ImageSet
from counterweight.core.process import use_one_thread
from counterweight.data.decode.images import find_image_files
from counterweight.evaluation.audit.reading import read_folders
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.settings.extract import Extract

SIDE = 128  # pixels of the photographs
IMAGES = 200
NOISE = 25  # levels

Store = Callable[[Image.Image, Path, int], None]
"""Writes a picture under a path without an ending; the number is its place."""


def store(picture: Image.Image, path: Path, place: int, kind: str, **options: Any) -> None:  # noqa: ANN401
    """Write a picture in a format, with Pillow's options for it."""
    picture.save(path.with_suffix(f".{kind.lower()}"), kind, **options)


def store_smaller(picture: Image.Image, path: Path, place: int, way: Image.Resampling, then: Store) -> None:
    """Write a picture at half of its size."""
    then(picture.resize((SIDE // 2, SIDE // 2), way), path, place)


def store_noisy(picture: Image.Image, path: Path, place: int, then: Store) -> None:
    """Write a picture with noise in each of its colours, of which a JPEG keeps a quarter."""
    levels = np.asarray(picture, dtype=np.float64)
    noisy = levels + np.random.default_rng(place).normal(0, NOISE, levels.shape)
    then(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), path, place)


def store_in_mode(picture: Image.Image, path: Path, place: int, mode: str, **options: Any) -> None:  # noqa: ANN401
    """Write a picture as a PNG of another mode, with Pillow's options for the conversion."""
    picture.convert(mode, **options).save(path.with_suffix(".png"))


def store_mixed(picture: Image.Image, path: Path, place: int, ways: list[Store]) -> None:
    """Write pictures in turn in several ways."""
    ways[place % len(ways)](picture, path, place)


PNG = partial(store, kind="PNG")
JPEG = {quality: partial(store, kind="JPEG", quality=quality) for quality in (50, 60, 75, 85, 95)}
FULL_COLOURS = partial(store, kind="JPEG", quality=75, subsampling="4:4:4")
HALVED = {
    way.name.lower(): partial(store_smaller, way=way, then=PNG)
    for way in (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS, Image.Resampling.BOX)
}
WAYS: Mapping[str, tuple[Store, Store]] = {
    "PNG, PNG": (PNG, PNG),
    "JPEG 75, JPEG 75": (JPEG[75], JPEG[75]),
    "JPEG 75, PNG": (JPEG[75], PNG),
    "JPEG 50, PNG": (JPEG[50], PNG),
    "JPEG 95, JPEG 75": (JPEG[95], JPEG[75]),
    "noisy JPEG 95, noisy PNG": (partial(store_noisy, then=JPEG[95]), partial(store_noisy, then=PNG)),
    "PNG and JPEG 75 in turn, JPEG 75": (partial(store_mixed, ways=[PNG, JPEG[75]]), JPEG[75]),
    "JPEG 50 to 95, JPEG 75": (partial(store_mixed, ways=[JPEG[50], JPEG[60], JPEG[85], JPEG[95]]), JPEG[75]),
    "JPEG 75, JPEG 75 with 4:4:4": (JPEG[75], FULL_COLOURS),
    "WebP 60, PNG": (partial(store, kind="WEBP", quality=60), PNG),
    "WebP 80, PNG": (partial(store, kind="WEBP", quality=80), PNG),
    "JPEG 75, WebP 80": (JPEG[75], partial(store, kind="WEBP", quality=80)),
    **{
        f"PNG, halved PNG ({name})": (PNG, way) for name, way in HALVED.items() if name in ("bicubic", "lanczos", "box")
    },
    "JPEG 75, halved JPEG 75": (JPEG[75], partial(store_smaller, way=Image.Resampling.LANCZOS, then=JPEG[75])),
    "JPEG 75, halved PNG": (JPEG[75], partial(store_smaller, way=Image.Resampling.LANCZOS, then=PNG)),
    "PNG, palette of its own": (PNG, partial(store_in_mode, mode="P", palette=Image.Palette.ADAPTIVE)),
    "PNG, dithered palette": (PNG, partial(store_in_mode, mode="P")),
    "PNG, grey PNG": (PNG, partial(store_in_mode, mode="L")),
}
"""How real and synthetic images are stored."""
CHANGED = ("PNG, PNG", "JPEG 75, PNG", "JPEG 75, WebP 80", "JPEG 75, halved JPEG 75")
CHANGES: Mapping[str, Change] = {
    "blur of 1 pixel": partial(blur, radius=1.0),
    "noise of 5": partial(add_noise, levels=5),
}


class Features(NamedTuple):
    """Features of both sides as they are and made the same, and what was done for that."""

    plain: tuple[Photos, Photos]
    same: tuple[Photos, Photos]
    differences: list[str]
    steps: list[str]


def read_squares(folder: Path, most: int) -> list[Image.Image]:
    """Return the first photographs of a folder, their middles cut to squares."""
    squares = []
    for path in find_image_files(folder, folder).files[:most]:
        with Image.open(path) as file:
            image = file.convert("RGB")
        side = min(image.size)
        left, upper = (image.width - side) // 2, (image.height - side) // 2
        squares.append(image.resize((SIDE, SIDE), box=(left, upper, left + side, upper + side)))
    return squares


def make_features(real: list[Image.Image], synthetic: list[Image.Image], ways: tuple[Store, Store]) -> Features:
    """Store pictures in two ways, read them as an audit does, and return their features."""
    with TemporaryDirectory() as root:
        folders = Path(root, "real"), Path(root, "synthetic")
        for folder, pictures, way in zip(folders, (real, synthetic), ways, strict=True):
            folder.mkdir()
            for place, picture in enumerate(pictures):
                way(picture, folder / f"{place:04}", place)
        sides = read_folders(*folders, None, 0, {})
    plain = describe(sides.real), describe(sides.synthetic)
    same = plain if sides.same is None else (describe(sides.same[0]), describe(sides.same[1]))
    assert sides.files is not None
    return Features(plain, same, sides.files.differences, sides.equalised.steps if sides.equalised else [])


def describe(images: ImageSet) -> Photos:
    """Return the features of images."""
    settings = Extract(backbones=[HEADLINE], batch_size=32)
    extractors = build_extractors([HEADLINE], settings, 0, CPU)
    return {HEADLINE: extract_features(images, extractors, settings.batch_size, CPU)[HEADLINE].features}


def count_alarms(found: Features, trials: int, side: int) -> dict[str, float]:
    """Return the fraction of splits that are called different, as they are and made the same."""
    ways = {"as they are": found.plain, **({} if found.same is found.plain else {"made the same": found.same})}
    outcomes = {name: run_splits(trials, side, *pair) for name, pair in ways.items()}
    return {name: sum(each.alarm for each in own) / trials for name, own in outcomes.items()}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, help="200 photographs of one kind")
    parser.add_argument("others", type=Path, help="photographs of another kind, by which a tenth is replaced")
    parser.add_argument("--trials", type=int, default=50, help="splits for each way")
    parser.add_argument("--side", type=int, default=80, help="images a side")
    parser.add_argument("--only", nargs="+", choices=[*WAYS], help="some ways, and no changes of the pictures")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    pictures, others = (read_squares(folder.expanduser(), IMAGES) for folder in (arguments.folder, arguments.others))
    alarms: dict[str, Any] = {}
    for name in arguments.only or WAYS:
        found = make_features(pictures, pictures, WAYS[name])
        alarms[name] = {"differ in": found.differences, "steps": found.steps}
        alarms[name]["alarms"] = count_alarms(found, arguments.trials, arguments.side)
        print(name, alarms[name], flush=True)
    power: dict[str, Any] = {}
    for name in () if arguments.only else CHANGED:
        for kind, change in CHANGES.items():
            rng = np.random.default_rng(0)
            found = make_features(pictures, [change(picture, rng) for picture in pictures], WAYS[name])
            power[f"{name}, {kind}"] = count_alarms(found, arguments.trials, arguments.side)
        found, foreign = (make_features(pictures, each, WAYS[name]) for each in (pictures, others))
        own = {
            "as they are": run_splits(arguments.trials, arguments.side, *found.plain, foreign.plain[1]),
            "made the same": run_splits(arguments.trials, arguments.side, *found.same, foreign.same[1]),
        }
        power[f"{name}, a tenth replaced"] = {
            key: sum(each.alarm for each in outcomes) / arguments.trials for key, outcomes in own.items()
        }
        print(name, power, flush=True)
    result = {"trials": arguments.trials, "side": arguments.side, "alarms": alarms, "found": power}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    use_one_thread()
    main()
