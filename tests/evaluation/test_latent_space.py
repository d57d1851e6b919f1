"""Real and synthetic images in one latent space: what is found of sets whose answer is known, and of too few images."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import ndimage

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.evaluation.latent_space.analysis import LatentSpace, analyse_latent_space
from counterweight.evaluation.latent_space.plots import draw_latents
from counterweight.results.latent import LatentResult
from counterweight.settings.compare import Compare
from counterweight.settings.latent import Latent

CPU = torch.device("cpu")
AUTOENCODER = {
    "block_channels": 4,
    "filters": 4,
    "epochs": 1,
    "batch_size": 16,
    "learning_rate": 4e-3,
    "lowest_rate": 1e-3,
    "kl_weight": 0.1,
}
QUICK = Latent(autoencoders={"residual_vae": AUTOENCODER}, steps=150)
TESTS = Compare(repeats=5)


def image_set(images: npt.NDArray[np.uint8]) -> ImageSet:
    origins = np.array([str(number) for number in range(len(images))])
    return ImageSet(images, np.zeros(len(images), dtype=np.int64), ("image",), origins, {})


def drawn(count: int, seed: int, level: float = 128) -> npt.NDArray[np.uint8]:
    """Grey blobs (N, 1, 16, 16) around a level of brightness."""
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(count, 1, 16, 16)), (0, 0, 2, 2))
    return (level + 60 * np.sign(smooth)).clip(0, 255).astype(np.uint8)


def test_two_halves_of_one_set_lie_together() -> None:
    """Corrected t-tests find nothing between them, as within each."""
    found = analyse_latent_space(image_set(drawn(60, 0)), image_set(drawn(60, 1)), QUICK, TESTS, 0, CPU)
    assert found.result.t_test is not None
    tests = found.result.t_test
    for row in (tests.baseline, tests.within, tests.between):
        assert row is not None
        assert row["fraction_rejected_fdr"].mean < 0.05  # 3 of 16 latents in 5 draws
    assert found.result.latents == 4 * 2 * 2


def test_a_set_of_another_brightness_is_moved_to_the_real_one() -> None:
    """Dark images lie elsewhere; with the mean of the bright ones they are decoded to that brightness, roughly."""
    real, dark = image_set(drawn(60, 0, 170)), image_set(drawn(60, 1, 70))
    found = analyse_latent_space(real, dark, QUICK, TESTS, 0, CPU)
    assert found.result.t_test is not None
    assert found.result.t_test.between is not None
    assert found.result.t_test.between["fraction_rejected_fdr"].mean > 0.3
    assert found.shown is not None
    level = {name: images.images.mean() for name, images in found.shown.decoded.items()}
    assert level["real_decoded"] - level["synthetic_decoded"] > 60
    assert abs(level["mean_shift"] - level["real_decoded"]) < 25
    assert abs(level["optimal_map"] - level["real_decoded"]) < 25
    density = found.result.density
    assert density is not None
    assert density["mean_shift"].effective_dimension == pytest.approx(density["synthetic"].effective_dimension)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    sets = image_set(drawn(20, 0)), image_set(drawn(20, 1))
    results = [analyse_latent_space(*sets, QUICK, TESTS, 0, CPU) for _ in range(2)]
    assert results[0].result == results[1].result
    for number, found in enumerate(results):
        (tmp_path / str(number)).mkdir()
        draw_latents(found, tmp_path / str(number))
    names = sorted(path.name for path in (tmp_path / "0").iterdir())
    assert names == ["latents.png", "moved.png", "reconstructions.png"]
    for name in names:
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "1" / name).read_bytes()


@pytest.mark.parametrize("count", [0, 1, 9])
def test_few_images_are_a_reason(count: int, tmp_path: Path) -> None:
    found = analyse_latent_space(image_set(drawn(30, 0)), image_set(drawn(count, 1)), QUICK, TESTS, 0, CPU)
    assert found.shown is None
    assert "fewer than 10 images" in str(found.result.reason)
    draw_latents(found, tmp_path)
    assert (tmp_path / "nothing.txt").read_text(encoding="utf-8").startswith("fewer than 10")


def test_a_collapsed_set_and_constant_images_are_no_crash() -> None:
    same = image_set(np.repeat(drawn(1, 1), 20, axis=0))
    grey = image_set(np.full((20, 1, 16, 16), 90, dtype=np.uint8))
    quick = QUICK.model_copy(update={"steps": 5})
    for real, synthetic in ((image_set(drawn(20, 0)), same), (grey, grey)):
        found: LatentSpace = analyse_latent_space(real, synthetic, quick, TESTS, 0, CPU)
        assert LatentResult.model_validate_json(found.result.model_dump_json()) == found.result
        assert found.result.reason is None


def test_a_training_that_diverges_is_one_line() -> None:
    wild = QUICK.model_copy(
        update={"autoencoders": {"residual_vae": {**AUTOENCODER, "learning_rate": 1e30, "lowest_rate": 1e30}}}
    )
    with pytest.raises(
        UserError, match=r"params\.yaml: latent\.autoencoders\.residual_vae: training stopped: 'loss' of update"
    ):
        analyse_latent_space(image_set(drawn(20, 0)), image_set(drawn(20, 1)), wild, TESTS, 0, CPU)
