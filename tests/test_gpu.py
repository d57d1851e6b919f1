"""Every part that computes on a device, on a GPU, and what it gives beside what the CPU gives.

The same runs on a device that is pretended, where there is no GPU: what a GPU would refuse is refused there, too.
"""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import counterweight as cw
from counterweight.cli.audit import audit
from counterweight.cli.gallery import gallery
from counterweight.core.identities import write_parts
from counterweight.core.images import ImageSet, write_images
from counterweight.core.tensors import resize_square, to_labelled
from counterweight.data.identities import draw_parts
from counterweight.engines.jobs import Job
from counterweight.engines.warm import Warm, can_be_warm
from counterweight.evaluation.latent_space.analysis import analyse_latent_space
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.generators.base.saved import build_generator
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.identities import Identities
from counterweight.settings.latent import Latent
from counterweight.settings.train import TrainingConfig
from counterweight.training import loop
from counterweight.training.loop import fit
from stages import recognize, synthesize, train, triplets, vae_experiment
from tests.cli.test_audit import drawn, folder, params, request_for
from tests.cli.test_gallery import write_params
from tests.evaluation.recognition.test_learning import patterns
from tests.generators.test_contract import LEARNED, SMALL
from tests.pretended import PRETENDED, Device
from tests.stages.made import BLOCKS, lay_out, words
from tests.stages.test_classify import classify

__all__ = ["params"]  # a fixture: quick settings of an audit

CPU = torch.device("cpu")
CLASSES = ("dark", "bright")
no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
PATIENCE = 120
CLASSIFIER = {"network": "mnist_cnn", "epochs": 2, "batch_size": 8}


def images(count: int, seed: int, size: int = 32) -> ImageSet:
    rng, labels = np.random.default_rng(seed), np.arange(count) % 2
    pixels = rng.integers(0, 120, (count, 1, size, size)) + 100 * labels[:, None, None, None]
    origins, facts = np.array([str(number) for number in range(count)]), {"item": "x/y", "wanted": [0, 4]}
    return ImageSet(pixels.astype(np.uint8), labels.astype(np.int64), CLASSES, origins, facts)


def learn(name: str, where: torch.device, folder: Path, **config: Any) -> tuple[float, Tensor]:  # noqa: ANN401
    """Return the last loss of a training, and samples."""
    real = images(24, 0)
    generator = build_generator(name, SMALL[name], real, 0, name).to(where)  # type: ignore[attr-defined]
    settings = TrainingConfig.model_validate({"previews": 1, "checkpoint_seconds": 0.0} | config)
    history = fit(generator, to_labelled(real.images, real.labels), 0, settings, folder)
    assert all(np.isfinite(float(row["loss"])) for row in history)
    assert all(value.device.type == where.type for value in generator.parameters())
    wanted = torch.tensor(generator.trained_labels).repeat(3)
    made = generator.sample(wanted, to_labelled(real.images, real.labels), torch.Generator().manual_seed(0))
    assert (type(made), made.device, made.dtype, made.shape) == (Tensor, CPU, torch.uint8, (len(wanted), 1, 32, 32))
    return float(history[-1]["loss"]), made


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", LEARNED)
def test_a_generator_trains_and_samples(name: str, precision: str, device: Device, tmp_path: Path) -> None:
    loss, made = learn(name, device.name, tmp_path / "device", precision=precision)
    if device.kind == PRETENDED:  # which draws what the CPU draws; kernels choose other orders of sums
        with device.left():
            expected, others = learn(name, CPU, tmp_path / "cpu", precision=precision)
        assert loss == pytest.approx(expected, rel=0.02, abs=0.01)
        assert (made.float() - others.float()).abs().mean() < 4


@pytest.mark.parametrize("name", LEARNED)
def test_a_resumed_training_goes_on_where_it_was(name: str, device: Device, tmp_path: Path) -> None:
    first = learn(name, device.name, tmp_path)
    assert [*tmp_path.glob("checkpoint.safetensors")]
    again = learn(name, device.name, tmp_path)
    assert first[0] == again[0]
    assert torch.equal(first[1], again[1])


# Generators of which a step waits for the device, and why.
WAITING = {
    "realnvp": "normflows makes its checkerboards on the CPU and sends them in every step",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.xfail(reason=WAITING[name], strict=True)] if name in WAITING else [])
        for name in LEARNED
    ],
)
def test_no_step_waits_for_the_device(
    name: str, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the batches' being sent, once an epoch, and their losses' being fetched."""
    send, flush = loop.send_batches, loop.Record.flush
    steps = loop.Loop.take_step
    seen = []

    def send_and_refuse(batches: Any, where: torch.device) -> Any:  # noqa: ANN401
        sent = send(batches, where)
        if len(seen) > 1:  # What is made once, as an optimiser's state, may be sent then.
            device.refuse_waits(True)
        return sent

    def allow_and_flush(self: loop.Record) -> dict[str, str]:
        device.refuse_waits(False)
        return flush(self)

    def count(self: loop.Loop, *given: Any) -> dict[str, Tensor]:  # noqa: ANN401
        seen.append(1)
        return steps(self, *given)

    monkeypatch.setattr(loop, "send_batches", send_and_refuse)
    monkeypatch.setattr(loop.Record, "flush", allow_and_flush)
    monkeypatch.setattr(loop.Loop, "take_step", count)
    longer = {key: 3 if "epochs" in key else value for key, value in SMALL[name].items()}
    monkeypatch.setitem(SMALL, name, longer)
    learn(name, device.name, tmp_path)
    assert len(seen) > 5


@pytest.mark.gpu
@no_gpu
def test_networks_are_compiled(tmp_path: Path) -> None:
    plain, _ = learn("cvae", torch.device("cuda"), tmp_path / "plain")
    compiled, _ = learn("cvae", torch.device("cuda"), tmp_path / "compiled", compile=True)
    assert compiled == pytest.approx(plain, rel=0.02)


def test_features_are_those_of_the_cpu_but_for_rounding(device: Device) -> None:
    settings = Extract.model_validate({"input_size": 64, "backbones": ["alexnet", "mnasnet0_5"]})
    real = images(40, 0)

    def extract(where: torch.device) -> dict[str, np.ndarray]:
        extractors = build_extractors(settings.backbones, settings, 0, where)
        return {name: found.features for name, found in extract_features(real, extractors, 16, where).items()}

    expected = extract(CPU)
    for name, found in extract(device.name).items():
        # A GPU's convolutions may round to 10 bits (TF32).
        assert np.abs(found - expected[name]).mean() < 0.02 * expected[name].std()


@pytest.mark.parametrize("size", [16, 64, 100])
def test_resized_images_are_those_of_the_cpu(size: int, device: Device) -> None:
    given = torch.from_numpy(images(10, 0).images)
    found = resize_square(given.to(device.name), size)
    assert found.dtype == torch.uint8
    assert torch.equal(found.cpu(), resize_square(given, size))


def test_a_small_network_tells_sets_by_their_style(device: Device) -> None:
    settings, made = Discriminate(sizes=[32], steps=60, epochs=1, seeds=1, learning_rate=0.003), images(80, 1)
    smooth = replace(made, images=np.full_like(made.images, 100))
    found = train_style_classifiers(images(80, 0), smooth, settings, 0, device.name).result
    assert found.sizes["32"].auc.mean > 0.9


def test_an_autoencoder_has_a_latent_space(device: Device) -> None:
    block = {"block_channels": 4, "filters": 4, "epochs": 1, "batch_size": 16}
    settings = Latent.model_validate({"autoencoders": {"residual_vae": block}, "steps": 4})
    found = analyse_latent_space(images(40, 0), images(40, 1), settings, Compare(repeats=2), 0, device.name).result
    assert found.reason is None
    assert found.latents


def ask_for(device: Device, params: Path) -> Path:
    """Let a file of settings ask for the device, and for two streams of it."""
    settings = json.loads(params.read_text(encoding="utf-8"))
    params.write_text(json.dumps(settings | {"device": str(device.name), "streams": 2}), encoding="utf-8")
    return params


def test_classifiers_are_retrained(device: Device, tmp_path: Path) -> None:
    changes = {"augmentation": ["flip", "crop"], "optimizer": "sgd", "schedule": "cosine"}
    recipes = ["reweighted", "mixup", "trivial_augment"]
    laid = lay_out(tmp_path, 2, table={"recipes": recipes}, classifiers={"noise": CLASSIFIER | changes})
    ask_for(device, laid / "params.yaml")
    classify(laid, "baselines")


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "efficientnet_lite0", "weights": "imagenet", "frozen": True},
        {"network": "resnet18", "input_size": 32, "optimizer": "adamw"},
    ],
    ids=lambda changes: str(changes["network"]),
)
def test_a_librarys_network_is_retrained(changes: dict[str, object], device: Device, tmp_path: Path) -> None:
    block = {"epochs": 1, "batch_size": 16, **changes}
    laid = lay_out(tmp_path, 1, table={"recipes": ["ldam_drw"]}, classifiers={"noise": block})
    ask_for(device, laid / "params.yaml")
    classify(laid, "baselines")


def test_a_linear_probe_sees_features(device: Device, tmp_path: Path) -> None:
    block = {"linear_probe": {"backbone": "mobilenet_v2", "weights": "random", "input_size": 64}}
    laid = lay_out(tmp_path, 1, table={"recipes": ["linear_probe"]}, recipes=block)
    ask_for(device, laid / "params.yaml")
    classify(laid, "baselines")


@pytest.mark.parametrize("name", [*BLOCKS])
def test_stages_train_and_synthesize(name: str, device: Device, tmp_path: Path) -> None:
    laid = lay_out(tmp_path, 2)
    ask_for(device, laid / "params.yaml")
    parts = [f"{part}={laid / part}.parquet" for part in ("train", "draws")]
    outs = [f"{part}={laid / part}" for part in ("out", "curves", "checkpoints")]
    train.main(words(laid, "dataset=noise", f"generator={name}", *parts, *outs))
    generator = f"generator={laid / 'out'}"
    made = laid / "made.parquet"
    synthesize.main(words(laid, generator, *parts, f"out={made}", f"picture={laid / 'made.png'}"))
    assert made.stat().st_size > 0


RECOGNITION = {
    "vae_experiment": {
        "runs": {
            "one": {"autoencoder": "vanilla_vae", "settings": {**SMALL["vanilla_vae"]}},
            "two": {"autoencoder": "variant_vae", "settings": {**SMALL["variant_vae"]}},
        }
    },
    "triplets": {
        "sets": {
            "real": {"kind": "real"},
            "blurred": {"kind": "reconstructed", "autoencoder": "one"},
            "sampled": {"kind": "sampled", "autoencoder": "two", "count": 20},
            "seen": {"kind": "sampled", "autoencoder": "two", "count": 20, "positive": "view", "negative": "other"},
        }
    },
    "recognize": {"embedding_dim": 8, "epochs": 2, "views": 2, "batch_size": 8, "input_size": 32},
}


@pytest.mark.parametrize(
    "changes",
    [
        {"backbone": "small_cnn", "frozen": False, "weights": "random"},
        {"backbone": "small_cnn", "frozen": True, "weights": "random", "mining": "given"},
        {"backbone": "efficientnet_lite0", "input_size": 64},
        {"backbone": "resnet18", "weights": "random", "input_size": 64, "frozen": False},
    ],
    ids=lambda changes: f"{changes['backbone']}-{changes.get('frozen', True)}",
)
def test_things_are_recognised(changes: dict[str, object], device: Device, tmp_path: Path) -> None:
    things = patterns(60)
    write_images(things, tmp_path / "images.parquet")
    parts = draw_parts(things.labels, Identities(by="class", real_triplets=40), False, "d", 5, [1, 2])
    write_parts(parts, tmp_path / "parts.parquet")
    block = {"d": RECOGNITION | {"recognize": RECOGNITION["recognize"] | changes}}
    ask_for(device, lay_out(tmp_path, 1, recognition=block) / "params.yaml")
    shared = ["dataset=d", *(f"{part}={tmp_path / part}.parquet" for part in ("images", "parts"))]
    shared += [f"models={tmp_path / 'models'}"]
    outs = [f"checkpoints={tmp_path / 'checkpoints'}"]
    vae_experiment.main(words(tmp_path, *shared, f"out={tmp_path / 'a.json'}", f"plots={tmp_path / 'a'}", *outs))
    tables = f"triplets={tmp_path / 'triplets'}"
    triplets.main(words(tmp_path, *shared, tables, f"out={tmp_path / 'b.json'}", f"plots={tmp_path / 'b'}"))
    outs += [f"hits={tmp_path / 'hits.parquet'}", f"plots={tmp_path / 'c'}"]
    recognize.main(words(tmp_path, *shared, tables, f"out={tmp_path / 'c.json'}", *outs))
    rows = json.loads((tmp_path / "c.json").read_text())["rows"]
    assert set(rows) == {"untrained", "real", "blurred", "sampled", "seen"}


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_audit_measures(params: Path, full: bool, device: Device, tmp_path: Path) -> None:
    own = tmp_path / "params.yaml"
    own.write_text(params.read_text(encoding="utf-8"), encoding="utf-8")
    real, other = (folder(tmp_path / name, drawn(60, seed)) for seed, name in ((2, "real"), (3, "other")))
    request = request_for(ask_for(device, own), real, other, full)
    assert audit(request, tmp_path / "out", lambda text: None).result


@pytest.mark.parametrize("name", ["cvae", "gan", "smote"])
def test_a_resampler_fills_classes_up(name: str, device: Device) -> None:
    labels = np.array(["cat"] * 12 + ["dog"] * 6)
    real = np.random.default_rng(0).integers(256, size=(18, 8, 8), dtype=np.uint8)
    own = cw.Resampler(name, random_state=0, device=str(device.name), **SMALL.get(name, {}))
    made, now = own.fit_resample(real, labels)
    assert made.shape == (24, 8, 8)
    assert now[18:].tolist() == ["dog"] * 6


def test_a_gallery_is_judged(device: Device, tmp_path: Path) -> None:
    params = write_params(tmp_path)
    text = params.read_text(encoding="utf-8")
    assert "device: auto" in text
    params.write_text(text.replace("device: auto", f"device: {device.name}"), encoding="utf-8")
    (row,) = json.loads(gallery(params, "digits", ["cvae"], 10, tmp_path, as_json=True))["generators"]
    assert row["training"]["device"] == torch.cuda.get_device_name()
    assert row["judge_on_real_images"] > 0.5


USES_CUDA = "import torch; print(torch.cuda.is_initialized(), int(torch.ones(2, device='cuda').sum()))"


@pytest.mark.gpu
@no_gpu
@pytest.mark.skipif(not can_be_warm(), reason="not on Linux, or threads are set")
def test_a_stage_forked_of_the_warm_process_uses_the_device(tmp_path: Path) -> None:
    for package in ("counterweight", "stages"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "stages/__main__.py").write_text(USES_CUDA)
    ended, deadline = [], time.monotonic() + PATIENCE
    warm = Warm(Path(__file__).parents[1], ended.append)
    try:
        while not warm.ready:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        own = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        command = ["/bin/sh", "-c", "exec python -m stages train"]
        assert warm.start(Job("train", command, tmp_path, own, tmp_path / "log", devices=1)) is not None
        while not ended:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        warm.stop()
    assert (tmp_path / "log").read_text() == "False 2\n"
    assert ended[0].code == 0
