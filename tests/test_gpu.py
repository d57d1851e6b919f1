"""Every part that computes on a device, on a GPU, and what it gives beside what the CPU gives.

The same runs on the CPU, where there is no GPU to be tested: so that these tests themselves are known to work.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.evaluation.latent_space.analysis import analyse_latent_space
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.features.extractor import build_extractors, extract_features
from counterweight.generators.base.saved import build_generator
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import fit
from tests.generators.test_contract import LEARNED, SMALL
from tests.stages.made import lay_out
from tests.stages.test_classify import classify

CPU = torch.device("cpu")
no_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
on_devices = pytest.mark.parametrize(
    "device", [CPU, pytest.param(torch.device("cuda"), marks=[pytest.mark.gpu, no_gpu])], ids=str
)
TRIED = ("bagan", "cvae", "ddpm")
"""Generators whose test is tried on the CPU, where the contract's tests train all of them."""
CLASSES = ("dark", "bright")


def images(count: int, seed: int, size: int = 32) -> ImageSet:
    rng, labels = np.random.default_rng(seed), np.arange(count) % 2
    pixels = rng.integers(0, 120, (count, 1, size, size)) + 100 * labels[:, None, None, None]
    origins, facts = np.array([str(number) for number in range(count)]), {"item": "x/y", "wanted": [0, 4]}
    return ImageSet(pixels.astype(np.uint8), labels.astype(np.int64), CLASSES, origins, facts)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        *((name, CPU) for name in TRIED),
        *(pytest.param(name, torch.device("cuda"), marks=[pytest.mark.gpu, no_gpu]) for name in LEARNED),
    ],
    ids=str,
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_generator_trains_and_samples(name: str, precision: str, device: torch.device, tmp_path: Path) -> None:
    real = images(24, 0)
    generator = build_generator(name, SMALL[name], real, 0, name).to(device)  # type: ignore[attr-defined]
    config = TrainingConfig.model_validate({"precision": precision, "previews": 1, "checkpoint_seconds": 0.0})
    history = fit(generator, to_labelled(real.images, real.labels), 0, config, tmp_path)
    assert all(np.isfinite(float(row["loss"])) for row in history)
    assert all(value.device.type == device.type for value in generator.parameters())
    wanted = torch.tensor(generator.trained_labels).repeat(3)
    made = generator.sample(wanted, to_labelled(real.images, real.labels), torch.Generator().manual_seed(0))
    assert (made.device, made.dtype, made.shape) == (CPU, torch.uint8, (len(wanted), 1, 32, 32))


@on_devices
def test_features_are_those_of_the_cpu_but_for_rounding(device: torch.device) -> None:
    settings = Extract.model_validate({"input_size": 64, "backbones": ["alexnet", "mnasnet0_5"]})
    real = images(40, 0)

    def extract(where: torch.device) -> dict[str, np.ndarray]:
        extractors = build_extractors(settings.backbones, settings, 0, where)
        return {name: found.features for name, found in extract_features(real, extractors, 16, where).items()}

    expected = extract(CPU)
    for name, found in extract(device).items():
        # A GPU's convolutions may round to 10 bits (TF32).
        assert np.abs(found - expected[name]).mean() < 0.02 * expected[name].std()


@on_devices
def test_a_small_network_tells_sets_by_their_style(device: torch.device) -> None:
    settings, made = Discriminate(sizes=[32], steps=60, epochs=1, seeds=1, learning_rate=0.003), images(80, 1)
    smooth = replace(made, images=np.full_like(made.images, 100))
    found = train_style_classifiers(images(80, 0), smooth, settings, 0, device).result
    assert found.sizes["32"].auc.mean > 0.9


@on_devices
def test_an_autoencoder_has_a_latent_space(device: torch.device) -> None:
    block = {"block_channels": 4, "filters": 4, "epochs": 1, "batch_size": 16}
    settings = Latent.model_validate({"autoencoders": {"residual_vae": block}, "steps": 4})
    found = analyse_latent_space(images(40, 0), images(40, 1), settings, Compare(repeats=2), 0, device).result
    assert found.reason is None
    assert found.latents


@on_devices
def test_classifiers_are_retrained(device: torch.device, tmp_path: Path) -> None:
    folder = lay_out(tmp_path, 2, table={"recipes": ["reweighted", "mixup", "trivial_augment"]})
    params = folder / "params.yaml"
    params.write_text(params.read_text(encoding="utf-8").replace('"device": "cpu"', f'"device": "{device}"'))
    classify(folder, "baselines")
