"""In which form arrays hold images: what is found by looking, what is guessed with a warning, and there and back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from counterweight.api.forms import find_form

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> npt.NDArray[np.uint8]:
    images = RNG.integers(256, size=shape, dtype=np.uint8)
    images.reshape(-1)[:2] = 0, 255
    return images


FOUND: dict[str, tuple[tuple[int, ...], dict[str, Any], str, tuple[int, int, int]]] = {
    "channels first": ((5, 3, 8, 9), {}, "NCHW", (3, 8, 9)),
    "channels last": ((5, 8, 9, 3), {}, "NHWC", (3, 8, 9)),
    "one channel": ((5, 8, 9, 1), {}, "NHWC", (1, 8, 9)),
    "grey": ((5, 8, 9), {}, "NHW", (1, 8, 9)),
    "a grey square": ((5, 64), {}, "ND", (1, 8, 8)),
    "a grey shape": ((5, 72), {"image_shape": (8, 9)}, "ND", (1, 8, 9)),
    "colours, first": ((5, 216), {"image_shape": (3, 8, 9)}, "ND", (3, 8, 9)),
    "colours, last": ((5, 216), {"image_shape": (8, 9, 3)}, "ND", (3, 8, 9)),
    "a colour square, first": ((5, 192), {"channels": "first"}, "ND", (3, 8, 8)),
    "a colour square, last": ((5, 192), {"channels": "last"}, "ND", (3, 8, 8)),
    "told which": ((5, 3, 8, 3), {"channels": "last"}, "NHWC", (3, 3, 8)),
}


@pytest.mark.parametrize("case", FOUND)
def test_the_form_is_found_and_bytes_are_the_same_there_and_back(case: str) -> None:
    size, words, axes, shape = FOUND[case]
    images = drawn(*size)
    form = find_form(images, **words)
    assert (form.axes, form.shape, form.value_range) == (axes, shape, (0.0, 255.0))
    made = form.to_bytes(images)
    assert made.shape == (5, *shape)
    back = form.from_bytes(made)
    assert back.dtype == np.uint8
    assert np.array_equal(back, images)


def test_every_way_of_writing_the_same_images_gives_the_same_bytes() -> None:
    known = drawn(4, 3, 6, 6)
    last = known.transpose(0, 2, 3, 1)
    ways: list[tuple[npt.NDArray[Any], dict[str, Any]]] = [
        (known, {}),
        (last, {}),
        (known.reshape(4, -1), {"channels": "first"}),
        (last.reshape(4, -1), {"channels": "last"}),
        (known / 255, {}),
        (known.astype(np.float32) / 127.5 - 1, {}),
        (known.astype(np.int64), {}),
        (last.astype(np.float64) * 3 + 7, {"value_range": (7, 772)}),
    ]
    for images, words in ways:
        form = find_form(images, **words)
        assert np.array_equal(form.to_bytes(images), known)
        back = form.from_bytes(known)
        assert (back.shape, back.dtype) == (images.shape, images.dtype)
        # A float32 in [-1, 1] is rounded at 6e-8, in [0, 772] a float64 at 1e-13.
        assert np.allclose(back, images, rtol=0, atol=1e-6)


RANGES: dict[str, tuple[npt.NDArray[Any], tuple[float, float]]] = {
    "bytes": (np.array([[0, 9, 255, 7]], np.uint8), (0, 255)),
    "from 0 to 1": (np.array([[0.0, 0.9, 1.0, 0.2]], np.float32), (0, 1)),
    "from -1 to 1": (np.array([[-0.1, 0.9, 1.0, 0.2]]), (-1, 1)),
    "whole floats": (np.array([[0.0, 9.0, 200.0, 7.0]]), (0, 255)),
    "truths": (np.array([[True, False, True, True]]), (0, 1)),
}


@pytest.mark.parametrize("case", RANGES)
def test_ranges_are_found(case: str) -> None:
    images, known = RANGES[case]
    form = find_form(images)
    assert form.value_range == known
    assert form.from_bytes(form.to_bytes(images)).dtype == images.dtype


GUESSED: dict[str, tuple[npt.NDArray[Any], dict[str, Any], str]] = {
    "either axis": (drawn(5, 3, 8, 3), {}, r"images \(3, 8, 3\): channels could be the first or the last .*channels="),
    "colours in a row": (drawn(5, 192), {}, "rows of 192 numbers: 3 colours of 8 x 8, taken one after another"),
    "either, as said": (drawn(5, 72), {"image_shape": (3, 8, 3)}, r"image_shape \(3, 8, 3\): channels could be"),
    "sixteen greys": (
        np.array([[0.0, 16, 3, 4]]),
        {},
        "numbers up to 16, taken as dark ones of 0 to 255; say value_ra",
    ),
    "bytes of 0 and 1": (np.array([[0, 1, 1, 0]], np.uint8), {}, "no byte is above 1"),
}


@pytest.mark.parametrize("case", GUESSED)
def test_what_is_guessed_is_said(case: str) -> None:
    images, words, message = GUESSED[case]
    with pytest.warns(UserWarning, match=message):
        find_form(images, **words)


REFUSED: dict[str, tuple[npt.NDArray[Any], dict[str, Any], str]] = {
    "one axis": (drawn(5), {}, r"\(N, C, H, W\), .* or \(N, D\) wanted, got \(5,\)"),
    "no image": (np.empty((0, 3, 8, 8), np.uint8), {}, r"wanted, got \(0, 3, 8, 8\)"),
    "four channels": (drawn(5, 4, 8, 8), {}, r"1 or 3 channels wanted, first or last, got \(4, 8, 8\)"),
    "channels elsewhere": (drawn(5, 8, 8, 3), {"channels": "first"}, "1 or 3 channels wanted"),
    "channels not last": (drawn(5, 3, 8, 8), {"channels": "last"}, "as the last axis"),
    "another word": (drawn(5, 3, 8, 8), {"channels": "middle"}, "channels: 'first' or 'last' wanted, got 'middle'"),
    "no square": (drawn(5, 20), {}, r"rows of 20 numbers are no squares in grey or colour; say image_shape=\(H, W\)"),
    "another shape": (
        drawn(5, 20),
        {"image_shape": (3, 5)},
        r"image_shape: \(3, 5\) is said, but images are rows of 20",
    ),
    "a shape beside axes": (
        drawn(5, 8, 8),
        {"image_shape": (8, 9)},
        r"image_shape: \(8, 9\) is said, but images are \(8, 8\)",
    ),
    "texts": (np.array([["a", "b", "c", "d"]]), {}, "numbers wanted, got <U1"),
    "not finite": (np.array([[0.0, np.nan, 0, 0]]), {}, "some numbers are not finite"),
    "below": (np.array([[-3.0, 0, 0, 0]]), {}, "-3 to 0 are none of the usual ranges; say value_range="),
    "above": (np.array([[300.0, 0, 0, 0]]), {}, "0 to 300 are none of the usual ranges"),
    "outside": (np.array([[3.0, 0, 0, 0]]), {"value_range": (0, 2)}, r"\(0\.0, 2\.0\) is said, but images have 0 to 3"),
    "upside down": (np.array([[3.0, 0, 0, 0]]), {"value_range": (5, 2)}, "black below white, wanted"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_told_is_refused_in_one_line(case: str) -> None:
    images, words, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        find_form(images, **words)
    assert "\n" not in str(caught.value)
