"""How much work is done, counted instead of timed: an image is decoded once, seen once by a network, written once."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from counterweight.core.features import FeatureSet
from counterweight.data.decode import pool
from counterweight.evaluation.comparison import features as comparison
from counterweight.features import extractor
from counterweight.settings.compare import Compare
from counterweight.statistics.base.contract import Statistic, find_statistics
from stages import extract, ingest, synthesize, train
from tests.stages.made import TRAIN, WANTED, lay_out, words

FILES, SIDE = 30, 16


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with thirty PNG files of two classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(FILES):
        path = tmp_path / "images/pets" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(path)
    pets = {"source": "folder", "size": SIDE, "channels": 3, "minority": ["cat"]}
    return lay_out(tmp_path, 2, datasets={"pets": pets})


def test_every_file_is_decoded_once_and_its_pixels_are_written_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: Counter[str] = Counter()
    work = pool.process_images

    def counted(images: Any, total: int, job: Any, *others: Any) -> Iterator[Any]:  # noqa: ANN401 - as it is called
        images = [*images]
        if getattr(job.work, "func", job.work) is pool.decode_picture:
            decoded.update(pool.name_image(image) for image in images)
        return work(images, total, job, *others)

    monkeypatch.setattr(pool, "process_images", counted)
    outs = [f"{part}={folder / 'read' / part}.parquet" for part in ("train", "test")]
    ingest.main(words(folder, "dataset=pets", *outs, f"account={folder / 'account.json'}"))
    assert len(decoded) == FILES
    assert set(decoded.values()) == {1}
    raw = FILES * 3 * SIDE * SIDE
    written = sum(path.stat().st_size for path in (folder / "read").iterdir())
    assert raw < written < raw + FILES * 200 + 2 * 4096, "noise is not compressed; a name, a label, and two headers"


def test_every_image_is_seen_once_by_every_backbone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    built: Counter[str] = Counter()
    run, build = extractor.run_extractor, extractor.build_extractor

    def counted(each: extractor.Extractor, images: torch.Tensor) -> Any:  # noqa: ANN401
        seen[each.name] += len(images)
        return run(each, images)

    def building(name: str, *others: Any) -> extractor.Extractor:  # noqa: ANN401
        built[name] += 1
        return build(name, *others)

    monkeypatch.setattr(extractor, "run_extractor", counted)
    monkeypatch.setattr(extractor, "build_extractor", building)
    lay_out(folder, 2, extract={"backbones": ["mnasnet0_5", "alexnet"], "images": None, "batch_size": 16})
    extract.main(words(folder, f"images={folder / 'train.parquet'}", f"out={folder / 'features'}"))
    assert seen == {"mnasnet0_5": len(TRAIN), "alexnet": len(TRAIN)}
    assert built == {"mnasnet0_5": 1, "alexnet": 1}
    raw = len(TRAIN) * 4 * (1280 + 4096)
    assert sum(path.stat().st_size for path in (folder / "features").iterdir()) < raw + 2 * 4096


def test_an_epoch_takes_a_step_a_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the images that are fitted: 48 in batches of 8, three epochs, two draws; each is one pass there and back."""
    passes: Counter[str] = Counter()
    backward, step = torch.Tensor.backward, torch.optim.Adam.step

    def counted(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            passes[kind] += 1
            return function(*arguments, **named)

        return call

    monkeypatch.setattr(torch.Tensor, "backward", counted("backward", backward))
    monkeypatch.setattr(torch.optim.Adam, "step", counted("step", step))
    inputs = [f"{part}={folder / part}.parquet" for part in ("train", "draws")]
    made = [f"out={folder / 'models/cvae'}", f"curves={folder / 'curves'}", f"checkpoints={folder / 'c'}"]
    train.main(words(folder, "dataset=noise", "generator=cvae", *inputs, *made))
    assert passes == {"backward": 2 * 3 * 6, "step": 2 * 3 * 6}


def test_as_many_images_are_made_as_are_wanted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def count(module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        if not module.training:
            decoded.append(len(output))

    inputs = [f"{part}={folder / part}.parquet" for part in ("train", "draws")]
    made = [f"out={folder / 'models/cvae'}", f"curves={folder / 'curves'}", f"checkpoints={folder / 'c'}"]
    train.main(words(folder, "dataset=noise", "generator=cvae", *inputs, *made))
    load = synthesize.load_generators

    def hooked(*arguments: Any) -> Any:  # noqa: ANN401
        found = load(*arguments)
        for generator in found:
            generator.decoder.register_forward_hook(count)
        return found

    monkeypatch.setattr(synthesize, "load_generators", hooked)
    outs = [f"out={folder / 'made.parquet'}", f"picture={folder / 'made.png'}"]
    synthesize.main(words(folder, f"generator={folder / 'models/cvae'}", *inputs, *outs))
    assert sum(decoded) == 2 * sum(WANTED)


def test_a_half_is_prepared_once_for_all_that_it_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three draws: the real half once for both comparisons, and where a statistic has `within` the synthetic one."""
    prepared: Counter[str] = Counter()

    def counting(name: str, statistic: Statistic) -> Statistic:
        prepare = statistic.prepare
        if prepare is None or statistic.enter_space is not None:
            return statistic

        def call(rows: Any) -> Any:  # noqa: ANN401
            prepared[name] += 1
            return prepare(rows)

        return Statistic(**{**vars(statistic), "prepare": call})

    own = {name: counting(name, statistic) for name, statistic in find_statistics().items()}
    monkeypatch.setattr(comparison, "find_statistics", lambda: own)
    rng = np.random.default_rng(0)
    facts: dict[str, object] = {"backbone": "x", "layer": "y", "weights": "z", "input_size": 8}
    sets = [FeatureSet(rng.normal(size=(60, 6)).astype(np.float32), np.zeros(60, np.int64), facts) for _ in range(2)]
    comparison.compare_features(sets[0], sets[1], Compare(repeats=3), rng)
    assert prepared == {"ttest": 6, "frechet": 3, "kid": 3, "prdc": 3}
