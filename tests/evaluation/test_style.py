"""The style classifier as a two-sample test: known answers, and sets on which little or nothing can be said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy import ndimage

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.tensors import Labelled
from counterweight.evaluation.style.discrimination import (
    StyleAnalysis,
    choose_sizes,
    draw_parts,
    project_hidden,
    train_style_classifiers,
)
from counterweight.evaluation.style.plots import write_style_plots
from counterweight.evaluation.style.training import build_style_classifier, count_epochs, fit_style_classifier
from counterweight.results.discriminate import StyleResult
from counterweight.settings.discriminate import Discriminate

CPU = torch.device("cpu")
QUICK = Discriminate(sizes=[16], steps=400, seeds=2, learning_rate=1e-3)


def image_set(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64] | None = None) -> ImageSet:
    labels = np.zeros(len(images), dtype=np.int64) if labels is None else labels
    origins = np.array([str(number) for number in range(len(images))])
    return ImageSet(images, labels, ("a", "b"), origins, {})


def drawn(count: int, seed: int, size: int = 16) -> npt.NDArray[np.uint8]:
    """Grey images of smooth noise with sharp edges, as photographs have."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(count, 1, size, size)), (0, 0, 2, 2))
    noise = rng.normal(0, 12, size=smooth.shape)
    return (128 + 60 * np.sign(smooth) + noise).clip(0, 255).astype(np.uint8)


def blurred(images: npt.NDArray[np.uint8], strength: float) -> npt.NDArray[np.uint8]:
    return ndimage.gaussian_filter(images.astype(np.float64), (0, 0, strength, strength)).astype(np.uint8)


def auc(found: StyleAnalysis) -> float:
    (size,) = found.result.sizes.values()
    return size.auc.mean


def test_two_halves_of_one_set_cannot_be_told_apart() -> None:
    found = train_style_classifiers(image_set(drawn(150, 0)), image_set(drawn(150, 1)), QUICK, 0, CPU)
    (size,) = found.result.sizes.values()
    low, high = size.interval
    assert low < 0.5 < high
    assert 0.3 < size.average_precision.mean < 0.7


def test_blur_is_told_the_better_the_stronger_it_is() -> None:
    real, other = image_set(drawn(150, 0)), drawn(150, 1)
    areas = [auc(train_style_classifiers(real, image_set(blurred(other, by)), QUICK, 0, CPU)) for by in (0.3, 0.5, 1.0)]
    assert areas == sorted(areas)
    assert areas[-1] > 0.99
    assert areas[0] < 0.65


def test_a_set_of_one_image_is_told_and_nothing_is_nan() -> None:
    found = train_style_classifiers(
        image_set(drawn(60, 0)), image_set(np.repeat(drawn(1, 1), 60, axis=0)), QUICK, 0, CPU
    )
    assert auc(found) > 0.95
    assert StyleResult.model_validate_json(found.result.model_dump_json()) == found.result


def test_constant_images_on_both_sides_are_no_crash() -> None:
    grey = image_set(np.full((20, 1, 16, 16), 90, dtype=np.uint8))
    found = train_style_classifiers(grey, grey, QUICK, 0, CPU)
    assert auc(found) == 0.5


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_images_are_a_reason_and_not_a_number(count: int, tmp_path: Path) -> None:
    found = train_style_classifiers(image_set(drawn(40, 0)), image_set(drawn(count, 1)), QUICK, 0, CPU)
    assert found.result.sizes == {}
    assert "fewer than" in str(found.result.reason)
    write_style_plots(found, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["nothing.txt"]


def test_classes_are_balanced() -> None:
    """Of class b there are 30 real images and 10 synthetic ones, of class a the other way round."""
    labels = np.repeat([0, 1], [10, 30])
    found = train_style_classifiers(image_set(drawn(40, 0), labels), image_set(drawn(40, 1), 1 - labels), QUICK, 0, CPU)
    assert found.result.train == 28
    assert found.result.test == 12


def test_no_video_is_in_both_parts() -> None:
    """Pixels of an image are the number of its video."""
    videos = np.repeat(np.arange(20), np.arange(20) + 1)
    plain = image_set(np.broadcast_to(videos[:, None, None, None], (len(videos), 1, 4, 4)).astype(np.uint8))
    real = replace(plain, group_names=videos.astype(np.str_))
    for settings in (QUICK, QUICK.model_copy(update={"images": 10})):
        for synthetic in (real, plain):
            train, test = draw_parts(real, synthetic, settings, 0)
            for part in (train, test):
                assert part.synthetic.mean() == 0.5
            assert not {*train.images[train.synthetic == 0].flat} & {*test.images[test.synthetic == 0].flat}
    assert (len(train.images), len(test.images)) == (14, 6)


def test_the_same_seed_gives_the_same_numbers_and_figures(tmp_path: Path) -> None:
    real, synthetic = image_set(drawn(30, 0)), image_set(drawn(30, 1))
    folders = tmp_path / "first", tmp_path / "second"
    for folder in folders:
        folder.mkdir()
        settings = QUICK.model_copy(update={"sizes": [16, 8]})
        write_style_plots(train_style_classifiers(real, synthetic, settings, 0, CPU), folder)
    names = sorted(path.name for path in folders[0].iterdir())
    figures = [f"{name}_{size}.png" for name in ("activations", "examples", "pca", "weights") for size in (16, 8)]
    assert names == sorted([*figures, "roc.csv", "roc.png"])
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
        if name.endswith("png"):
            with Image.open(folders[0] / name) as picture:
                paper = Image.new("RGBA", picture.size, "white")  # figures have no background
                assert len(np.unique(np.asarray(Image.alpha_composite(paper, picture).convert("L")))) > 10


@pytest.mark.parametrize(
    ("size", "expected"), [(28, [32]), (112, [32, 64, 128, 224]), (16, [32]), (8, [8]), (64, [32, 64, 128])]
)
def test_images_are_not_blown_up_beyond_the_factor(size: int, expected: list[int]) -> None:
    assert choose_sizes((3, size, size + 5), Discriminate()) == expected


def test_images_of_three_pixels_are_refused() -> None:
    with pytest.raises(UserError, match="3 x 9 pixels; the style classifier needs 4"):
        choose_sizes((3, 3, 9), Discriminate())


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    network = build_style_classifier((1, 16, 16), 0)
    with torch.no_grad():
        network.last.bias.fill_(torch.inf)
    train = Labelled(torch.zeros((8, 1, 16, 16), dtype=torch.uint8), torch.arange(8) % 2)
    with pytest.raises(UserError, match=r"discriminate: training stopped: the loss is (inf|nan) in epoch 1"):
        fit_style_classifier(network, train, Discriminate(epochs=2, steps=0, batch_size=4, learning_rate=1e-3), 0)


@pytest.mark.parametrize(
    ("count", "steps", "expected"), [(1600, 0, 10), (1600, 1000, 10), (160, 1000, 100), (5, 30, 30)]
)
def test_small_sets_get_more_epochs(count: int, steps: int, expected: int) -> None:
    assert count_epochs(Discriminate(epochs=10, steps=steps, batch_size=16), count) == expected


def test_principal_components_of_points_on_a_line() -> None:
    """All variance lies on the first component: its fraction is 1."""
    line = np.outer(np.arange(10.0), np.ones(64))
    points, fractions = project_hidden(line)
    assert fractions[0] == pytest.approx(1)
    assert np.ptp(points[:, 0]) == pytest.approx(9 * 8)  # nine steps of length sqrt(64)
    assert project_hidden(np.ones((5, 64)))[1] == [0.0, 0.0]
