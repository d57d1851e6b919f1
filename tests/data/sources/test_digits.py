"""The digits, and what all sources fraction: sizes, and imports that stay cheap."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.registry import load_module, names_in
from counterweight.core.schema import parse_settings
from counterweight.data.decode.pool import Workers
from counterweight.data.sources import digits
from counterweight.data.sources.base.file_settings import find_shape
from counterweight.data.sources.base.lazy_images import wrap_array
from counterweight.data.sources.base.resizing import resize_array
from counterweight.data.split.reading import choose_all, read_into_memory


def load(**settings: object) -> ImageSet:
    train, test = digits.find(digits.Settings.model_validate(settings), "digits")
    assert test is None
    return read_into_memory(choose_all(train), "digits", "train", Workers())


def test_at_their_own_size_the_digits_are_those_of_the_library() -> None:
    from sklearn.datasets import load_digits

    loaded = load(size=8)
    original = load_digits()
    assert loaded.images.shape == (1797, 1, 8, 8)
    assert loaded.images.dtype == np.uint8
    assert (np.abs(loaded.images[:, 0] / 255 * 16 - original.images) <= 0.5 / 255 * 16 + 1e-9).all()
    assert loaded.images.max() == 255
    assert (loaded.labels == original.target).all()
    assert loaded.counts().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("name", names_in("data/sources"))
def test_the_settings_of_every_source_tell_the_shape_of_its_images(name: str) -> None:
    """A classifier is built for it before any image is read."""
    more = {"subset": "fnt"} if name == "chars74k" else {}
    for size, sides in ((24, (24, 24)), ([24, 40], (24, 40))):
        settings = load_module("data/sources", name).Settings.model_validate({"size": size, "channels": 3, **more})
        assert find_shape(settings) == (3, *sides)


def test_the_set_says_where_it_came_from() -> None:
    train = load()
    assert train.shape == (1, 28, 28)
    assert train.class_names == tuple("0123456789")
    assert train.labels.dtype == np.int64
    assert train.origins[[0, 17]].tolist() == ["digits/0", "digits/17"]
    assert json.loads(json.dumps(train.provenance)) == {
        "source": "digits",
        "settings": {"size": 28, "channels": 1},
        "skipped_files": {},
    }


def test_colour_repeats_the_grey_and_sizes_need_not_be_square() -> None:
    images = load(size=[12, 20], channels=3).images
    assert images.shape == (1797, 3, 12, 20)
    assert (images == images[:, :1]).all()


def test_enlarged_digits_keep_their_ink_and_are_smooth() -> None:
    small = load(size=8).images
    large = load(size=28).images
    assert np.abs(large.mean(axis=(1, 2, 3)) - small.mean(axis=(1, 2, 3))).max() < 8
    steps = [np.abs(np.diff(images.astype(int), axis=3)).mean() for images in (large, small)]
    assert steps[0] < steps[1] / 2  # 3.5 times as many steps to climb the same slopes


def test_precheck_finds_nothing_wrong() -> None:
    digits.precheck(digits.Settings(), "digits")


@pytest.mark.parametrize("size", [[32, 40], [14, 9], [64, 28], [28, 64]])
def test_greys_are_resized_as_pillow_resizes_floats(size: list[int]) -> None:
    greys = np.random.default_rng(0).integers(0, 256, (5, 28, 30), dtype=np.uint8)
    floats = [Image.fromarray(grey.astype(np.float32)) for grey in greys]
    expected = np.stack([np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC)) for image in floats])
    found = resize_array(greys[:, None], size, 1)
    assert found.dtype == np.uint8
    assert np.abs(found[:, 0] - expected.clip(0, 255)).max() <= 0.501


def test_colours_become_grey_as_in_pillow() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 3, 9, 7), dtype=np.uint8)
    expected = [np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L")) for image in colours]
    assert (resize_array(colours, [9, 7], 1)[:, 0] == np.stack(expected)).all()


def test_each_colour_is_resized_by_itself() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (4, 3, 9, 7), dtype=np.uint8)
    found = resize_array(colours, [12, 5], 3)
    assert all((found[:, [channel]] == resize_array(colours[:, [channel]], [12, 5], 1)).all() for channel in range(3))


def test_images_in_memory_are_read_in_chunks_without_a_seam() -> None:
    grey = np.tile(np.random.default_rng(0).integers(0, 256, (1, 1, 6, 6), dtype=np.uint8), (2500, 1, 1, 1))
    labels = np.arange(2500)
    part = wrap_array(ImageSet(grey, labels, ("a",) * 2500, labels.astype(np.str_), {}), 9, 3)
    chunks = [chunk.images for chunk in part.read(labels[1:], None, Workers())]
    assert part.shape == (3, 9, 9)
    assert [len(chunk) for chunk in chunks] == [1024, 1024, 451]
    assert (np.concatenate(chunks) == chunks[0][:1]).all()


@pytest.mark.parametrize("size", [0, -3, True, 28.0, "28", [28], [28, 28, 28], [28, 0], [28, 2.5], None, []])
def test_other_sizes_are_refused_in_one_sentence(size: object) -> None:
    with pytest.raises(
        UserError, match=r"^params.yaml: datasets.d.size: .*: one side in pixels, or \[height, width\], from 1 to 2048$"
    ):
        parse_settings(digits.Settings, {"size": size}, "params.yaml: datasets.d")


@pytest.mark.parametrize("channels", [0, 2, 4, "3"])
def test_other_channels_are_refused(channels: object) -> None:
    with pytest.raises(UserError, match=r"^params.yaml: datasets.d.channels: .* 1 or 3$"):
        parse_settings(digits.Settings, {"channels": channels}, "params.yaml: datasets.d")


@pytest.mark.parametrize("source", ["digits", "mnist", "folder"])
def test_validating_settings_imports_no_heavy_library(source: str) -> None:
    heavy = "{'torch', 'sklearn', 'scipy'}"
    code = f"import sys, counterweight.data.sources.{source}; assert not {heavy} & {{*sys.modules}}"
    subprocess.run([sys.executable, "-c", code], check=True)
