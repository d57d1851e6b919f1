"""What is asked of an opened model: its classes, where sliders lead, ways and planes, what is near, and its files."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from counterweight.core.images import write_images
from counterweight.core.tensors import to_bytes
from counterweight.explorer import exploration as tool
from counterweight.explorer.exploration import (
    Exploration,
    decode_latents,
    decode_offset,
    draw_offset,
    encode_image,
    find_latent,
    move_slider,
    open_exploration,
    read_sliders,
    require_latents,
)
from counterweight.explorer.folders import find_models
from counterweight.explorer.interpolation import End, interpolate
from counterweight.explorer.pictures import make_file_name, render_image, render_strip, write_latent, write_png
from counterweight.explorer.plane import Extent, decode_plane, encode_cloud, find_extent
from counterweight.explorer.real import find_neighbours, make_keys
from counterweight.generators.base.saved import save_generator
from tests.explorer.made import CLASSES, CVAE, FEW, MINORITY, TEST, TRAIN, lay_out, make_draws

BAGAN: dict[str, object] = {
    **{"latent_dim": 5, "autoencoder_epochs": 2, "epochs": 1, "batch_size": 64},
    "autoencoder_learning_rate": 0.002,
}
MODELS: dict[str, dict[str, object]] = {
    "cvae": CVAE,
    "bagan": BAGAN,
    "gan": {"latent_dim": 6, "width": 2, "epochs": 1},
    "vae": {"latent_dim": 3, "filters": 4, "hidden": 8, "epochs": 1},
    "cgan": {"latent_dim": 12, "width": 2, "epochs": 1},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return lay_out(tmp_path_factory.mktemp("explored"), MODELS)


def open_row(root: Path, name: str, draw: int = 0) -> Exploration:
    return open_exploration(find_models(root, root / f"models/digits/drop/{name}/{draw}")[0])


@pytest.fixture(scope="module")
def cvae(root: Path) -> Exploration:
    return open_row(root, "cvae")


@pytest.fixture(params=[*MODELS])
def any_model(root: Path, request: pytest.FixtureRequest) -> Exploration:
    return open_row(root, request.param)


def test_real_images_are_those_of_the_draw(root: Path) -> None:
    for draw in range(2):
        real = open_row(root, "cvae", draw).real
        assert real is not None
        fitted = make_draws().fitted(TRAIN, draw)
        assert (real.train.images.origins == fitted.origins).all()
        assert (real.train.images.labels == MINORITY).sum() == FEW
        assert {*real.unseen.images.origins} == {*TRAIN.origins, *TEST.origins} - {*fitted.origins}
        assert (real.test.origins == TEST.origins).all()


def test_labels_are_those_that_were_trained(root: Path, cvae: Exploration) -> None:
    assert cvae.labels == [*range(10)]
    assert open_row(root, "gan").labels == [MINORITY]
    assert cvae.name(3) == "3"


def test_axes_say_how_they_were_found(root: Path, cvae: Exploration) -> None:
    assert re.fullmatch(r"the principal axes of [\d,]+ encoded training images", require_latents(cvae, 0).found)
    gan = require_latents(open_row(root, "gan"), MINORITY)
    assert gan.found == "the directions along which the image changes most"


def test_images_are_missed_in_words(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    save_generator("cvae", open_row(root, "cvae").generator, folder)
    alone = open_exploration(find_models(tmp_path, folder)[0])
    assert alone.real is None
    assert "not in a folder models/DATASET/SCENARIO/NAME" in alone.missing
    assert require_latents(alone, 0).found == "the directions along which the image changes most"
    assert decode_offset(alone, 0, draw_offset(alone, 0, 1)).shape == (1, 8, 8)


def test_images_of_another_dataset_are_not_taken(root: Path, tmp_path: Path) -> None:
    moved = lay_out(tmp_path, {"smote": {}})
    other = replace(TEST, class_names=tuple("abcdefghij"))
    write_images(other, moved / "data/digits/test.parquet")
    write_images(replace(TRAIN, class_names=other.class_names), moved / "data/digits/train.parquet")
    found = open_row(moved, "smote")
    assert found.real is None
    assert "of other classes or another shape than the model" in found.missing


def test_a_slider_moves_along_its_direction_alone(any_model: Exploration) -> None:
    label = any_model.labels[0]
    latents, offset = require_latents(any_model, label), draw_offset(any_model, label, 3)
    for directions in (latents.principal, latents.inputs):
        before = read_sliders(offset, directions, slice(0, None))
        after = read_sliders(move_slider(offset, directions, 1, 2.5), directions, slice(0, None))
        assert after[1] == pytest.approx(2.5, abs=1e-4)
        assert after[:1] + after[2:] == pytest.approx(before[:1] + before[2:], abs=1e-3)
        assert torch.allclose(directions.vectors @ directions.vectors.T, torch.eye(len(before)), atol=1e-4)


def test_all_sliders_together_are_the_latent(any_model: Exploration) -> None:
    label = any_model.labels[-1]
    latents, offset = require_latents(any_model, label), draw_offset(any_model, label, 5)
    for directions in (latents.principal, latents.inputs):
        values = torch.tensor(read_sliders(offset, directions, slice(0, None)))
        assert torch.allclose((values * directions.steps) @ directions.vectors, offset, atol=1e-4)


def test_a_step_is_a_deviation_of_what_is_drawn(cvae: Exploration) -> None:
    # Of 256 standard normal numbers: the deviation's standard error is 1 / sqrt(512) = 0.044.
    assert torch.allclose(require_latents(cvae, 0).inputs.steps, torch.ones(2), atol=0.2)


def test_the_strongest_directions_come_first(root: Path) -> None:
    model = open_row(root, "cgan")
    latents, zero = require_latents(model, 0), torch.zeros(12)

    def change(place: int) -> float:
        """Root mean square of what a small move to both sides changes, over all classes."""
        return sum(
            float(
                (
                    latents.space.decode(zero[None] + 0.1 * latents.principal.vectors[place], torch.tensor([label]))
                    - latents.space.decode(zero[None] - 0.1 * latents.principal.vectors[place], torch.tensor([label]))
                ).norm()
            )
            for label in range(10)
        )

    with torch.no_grad():
        assert change(0) > 2 * change(11)


def test_a_seed_gives_the_same_latent(any_model: Exploration) -> None:
    label = any_model.labels[0]
    assert torch.equal(draw_offset(any_model, label, 4), draw_offset(any_model, label, 4))
    assert not torch.equal(draw_offset(any_model, label, 4), draw_offset(any_model, label, 5))


def test_the_image_is_what_the_generator_decodes(cvae: Exploration) -> None:
    offset = torch.tensor([0.5, -1.0])
    model = require_latents(cvae, 0).space
    with torch.no_grad():
        wanted = to_bytes(model.decode(find_latent(cvae, 7, offset)[None], torch.tensor([7])))[0].numpy()
    assert (decode_offset(cvae, 7, offset) == wanted).all()
    assert (decode_offset(cvae, 6, offset) != wanted).any()


def test_another_class_is_another_image_where_latents_alone_say_so(root: Path) -> None:
    bagan = open_row(root, "bagan")
    zero = torch.zeros(5)
    assert (decode_offset(bagan, 0, zero) != decode_offset(bagan, 1, zero)).any()


def test_an_encoded_image_is_near_its_reconstruction(cvae: Exploration) -> None:
    # Nearer than the class's mean image, which is what an autoencoder without latents can do at best.
    assert cvae.real is not None
    distances = []
    for place in range(60):
        image, label = TEST.images[place], int(TEST.labels[place])
        made = decode_offset(cvae, label, encode_image(cvae, label, image))
        mean = TRAIN.images[TRAIN.labels == label].mean(axis=0)
        distances.append((np.square(made - image.astype(float)).mean(), np.square(mean - image).mean()))
    ours, means = np.mean(distances, axis=0)
    assert ours < means


def test_only_some_images_are_encoded_for_a_draw(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "PER_CLASS", 7)
    latents = require_latents(open_row(root, "vae"), 0)
    assert latents.real is not None
    assert torch.bincount(latents.real.labels).tolist() == [7] * 10


@pytest.mark.parametrize("way", ["linear", "spherical"])
def test_a_way_begins_and_ends_at_the_images(cvae: Exploration, way: str) -> None:
    ends = [End(TEST.images[place], int(TEST.labels[place])) for place in (0, 10)]
    assert ends[0].label == ends[1].label
    assert way in ("linear", "spherical")
    made = interpolate(cvae, ends[0], ends[1], 9, "linear" if way == "linear" else "spherical")
    assert made.shape == (9, 1, 8, 8)
    offsets = [encode_image(cvae, end.label, end.image) for end in ends]
    for place, (end, offset) in ((0, (ends[0], offsets[0])), (8, (ends[1], offsets[1]))):
        assert np.abs(made[place].astype(int) - decode_offset(cvae, end.label, offset)).max() <= 1
    middle = decode_offset(cvae, ends[0].label, (offsets[0] + offsets[1]) / 2)
    straight = np.abs(made[4].astype(int) - middle).max() <= 1
    assert straight or way == "spherical"


def test_the_label_changes_half_way(cvae: Exploration) -> None:
    first, last = End(TEST.images[0], 0), End(TEST.images[0], 1)
    made = interpolate(cvae, first, last, 4, "linear")
    latents = torch.stack(
        [find_latent(cvae, end.label, encode_image(cvae, end.label, end.image)) for end in (first, last)]
    )
    third = latents[0] + torch.tensor([[1 / 3], [2 / 3]]) * (latents[1] - latents[0])
    assert np.abs(made[1:2].astype(int) - decode_latents(cvae, 0, third[:1])).max() <= 1
    assert np.abs(made[2:3].astype(int) - decode_latents(cvae, 1, third[1:])).max() <= 1


def test_a_plane_shows_latents_where_they_are(cvae: Exploration) -> None:
    picture = decode_plane(cvae, 3, Extent(-2, 2, -1, 1), 4)
    assert picture.shape == (1, 32, 32)
    # The tile at the left edge of the second row from the top: middles at -1.5, and at 1 - 1.5 / 4 * 2.
    tile = decode_latents(cvae, 3, torch.tensor([[-1.5, 0.25]]))[0]
    assert np.abs(picture[:, 8:16, :8].astype(int) - tile).max() <= 1


def test_a_cloud_is_every_images_own_latent(cvae: Exploration) -> None:
    cloud = encode_cloud(cvae, TEST, 0)
    assert (cloud.labels == TEST.labels).all()
    own = find_latent(cvae, int(TEST.labels[5]), encode_image(cvae, int(TEST.labels[5]), TEST.images[5]))
    assert cloud.points[5] == pytest.approx(own.numpy(), abs=1e-4)
    assert len(encode_cloud(cvae, TEST.take(np.arange(0)), 0).points) == 0


def test_an_extent_holds_nearly_everything() -> None:
    drawn = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    extent = find_extent(drawn, None)
    inside = (drawn[:, 0] > extent.left) & (drawn[:, 0] < extent.right)
    assert inside.float().mean() > 0.98
    assert -4 < extent.bottom < -2 < 2 < extent.top < 4


def test_the_nearest_image_is_itself() -> None:
    keys = make_keys(TRAIN)
    near = find_neighbours(TRAIN.images[17], keys, 3)
    assert near[0] == (17, 0.0)
    everything = np.sqrt(np.square(TRAIN.images - TRAIN.images[17].astype(float)).mean(axis=(1, 2, 3)))
    order = np.argsort(everything, kind="stable")[:3]
    assert [found.distance for found in near] == pytest.approx(everything[order].tolist(), rel=1e-5)
    assert len(find_neighbours(TRAIN.images[0], make_keys(TRAIN.take(np.arange(2))), 3)) == 2
    assert find_neighbours(TRAIN.images[0], make_keys(TRAIN.take(np.arange(0))), 3) == []


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_pixels(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (channels, 5, 7), dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(write_png(image))))
    assert (read.reshape(5, 7, channels).transpose(2, 0, 1) == image).all()


def test_a_latent_is_written_with_whose_it_is(cvae: Exploration) -> None:
    offset = torch.tensor([0.1, -0.7])
    facts = json.loads(write_latent(cvae, 4, offset))
    assert facts.pop("latent") == find_latent(cvae, 4, offset).double().tolist()
    assert facts == {"dataset": "digits", "scenario": "drop", "generator": "cvae", "draw": 1, "class": "4"}


def test_names_of_classes_are_text_on_the_page_and_in_file_names(cvae: Exploration) -> None:
    image = np.zeros((1, 2, 2), dtype=np.uint8)
    assert "<b>" not in render_image(image, "<b>", "small") + render_strip([(image, "<b>")], "<b>", "small")
    assert make_file_name(cvae, 3, "png") == "digits_drop_cvae_draw1_3.png"
    odd = replace(cvae, generator=open_named(cvae, "a/b ü"))
    assert make_file_name(odd, 3, "png") == "digits_drop_cvae_draw1_a-b-ü.png"


def open_named(exploration: Exploration, name: str) -> object:
    """Return something that calls all classes by one name."""

    class Named:
        class_names = (name,) * len(CLASSES)

    return Named()
