"""Generators as samplers of imbalanced-learn: its own checks and scikit-learn's, every generator, what is refused."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from imblearn.pipeline import make_pipeline
from imblearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
)
from imblearn.utils.estimator_checks import estimator_checks_generator as list_checks
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import estimator_checks_generator as list_sklearn_checks

import counterweight as cw
from counterweight.core.registry import names_in
from tests.generators.test_contract import SMALL

NAMES = names_in("generators")
LABELS = np.array(["cat"] * 12 + ["dog"] * 6 + ["emu"] * 4)
WIDE: dict[str, Any] = {"value_range": (-500.0, 500.0), "random_state": 0}

# Checks of imbalanced-learn make rows of 20, 2 or 3 numbers, which are images of these shapes here.
SHAPES = {20: (4, 5), 2: (1, 2), 3: (1, 3)}
OTHER_ROWS = "its rows are of another length, which is an image's here"
NUMBERS = {
    "check_samplers_fit": 2,
    "check_sampler_get_feature_names_out": 3,
    "check_sampler_get_feature_names_out_pandas": 3,
}
# Checks that cannot pass, and why.
CANNOT_PASS = {
    "check_samplers_pandas_sparse": "sparse tables are refused, as sparse matrices are: pixels are dense",
    "check_no_attributes_set_in_init": "a generator's settings are one attribute: one called `fit` would hide a method",
}


def mark(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=CANNOT_PASS[name], strict=True)] if name in CANNOT_PASS else []


def name_of(check: Callable[..., object]) -> str:
    return check.func.__name__ if isinstance(check, partial) else check.__name__


def common_checks() -> list[Any]:
    found = []
    for numbers, shape in SHAPES.items():
        for resampler, check in list_checks(cw.Resampler("smote", image_shape=shape, **WIDE)):
            name = name_of(check)
            if NUMBERS.get(name, 20) == numbers:
                found.append(pytest.param(resampler, check, id=name, marks=mark(name)))
    return found


@pytest.mark.parametrize(("resampler", "check"), common_checks())
def test_imbalanced_learns_common_checks(resampler: cw.Resampler, check: Callable[[object], None]) -> None:
    check(resampler)


def test_every_common_check_is_made() -> None:
    made = [param.id for param in common_checks()]
    assert sorted(made) == sorted(name_of(check) for _, check in list_checks(cw.Resampler("smote")))
    assert len(made) > 10


@pytest.mark.parametrize("check", [check_param_validation, check_dataframe_column_names_consistency])
def test_parameters_and_columns_are_checked(check: Callable[[str, object], None]) -> None:
    check("Resampler", cw.Resampler("smote"))


SKLEARN = [
    pytest.param(resampler, check, id=name_of(check), marks=mark(name_of(check)))
    for resampler, check in list_sklearn_checks(cw.Resampler("smote", **WIDE))
]


@pytest.mark.parametrize(("resampler", "check"), SKLEARN)
def test_scikit_learns_common_checks(resampler: cw.Resampler, check: Callable[[object], None]) -> None:
    check(resampler)


def drawn(*shape: int) -> npt.NDArray[np.uint8]:
    """Images (22, ...) whose brightness tells the class."""
    noise = np.random.default_rng(0).integers(-40, 41, (len(LABELS), *shape))
    levels = np.repeat([50, 128, 206], [12, 6, 4]).reshape(-1, *[1] * len(shape))
    return (levels + noise).astype(np.uint8)


@pytest.fixture
def collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that another program made, for the generator that reads them."""
    for name in ("dog", "emu"):
        (tmp_path / "collected" / name).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(drawn(8, 8)[number]).save(tmp_path / "collected" / name / f"{number}.png")
    monkeypatch.chdir(tmp_path)


def small(
    name: str, sampling_strategy: float | str | dict[str, int] | Callable[..., dict[str, int]] = "auto"
) -> cw.Resampler:
    """A resampler that trains for moments."""
    return cw.Resampler(name, sampling_strategy=sampling_strategy, random_state=0, **SMALL.get(name, {}))


def spread() -> npt.NDArray[np.uint8]:
    """Images whose classes are neighbours of each other, without which ADASYN does not work."""
    return np.random.default_rng(0).integers(256, size=(len(LABELS), 8, 8), dtype=np.uint8)


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("name", NAMES)
def test_every_generator_fills_classes_up_after_the_real_images_and_again_with_the_same_bytes(name: str) -> None:
    images = spread() if name == "adasyn" else drawn(8, 8)
    resampler = small(name)
    made, labels = resampler.fit_resample(images, LABELS)
    assert made.shape == (36, 8, 8)
    assert made.dtype == np.uint8
    assert np.array_equal(made[:22], images)
    assert Counter(labels.tolist()) == {"cat": 12, "dog": 12, "emu": 12}
    assert labels[22:].tolist() == ["dog"] * 6 + ["emu"] * 8
    assert resampler.synthetic_.tolist() == [False] * 22 + [True] * 14
    assert resampler.sampling_strategy_ == {"dog": 6, "emu": 8}
    again, _ = clone(resampler).fit_resample(images, LABELS)
    assert np.array_equal(made, again)
    other, _ = clone(resampler).set_params(random_state=1).fit_resample(images, LABELS)
    assert not np.array_equal(made, other)


def test_images_are_those_of_the_class_asked_for() -> None:
    """Copies of an image of the class, whose brightness is 50, 128 or 206, at most 40 off."""
    made, labels = small("oversample").fit_resample(drawn(8, 8), LABELS)
    known = {"cat": 50, "dog": 128, "emu": 206}
    off = [abs(float(image.mean()) - known[label]) for image, label in zip(made, labels.tolist(), strict=True)]
    assert max(off) < 40


FORMS: dict[str, npt.NDArray[Any]] = {
    "channels first": drawn(3, 6, 8),
    "channels last": drawn(6, 8, 3),
    "grey": drawn(6, 8),
    "rows": drawn(36),
    "from 0 to 1": (drawn(3, 6, 8) / 255).astype(np.float32),
    "from -1 to 1": drawn(6, 8, 3) / 127.5 - 1,
    "half precision": (drawn(6, 8) / 255).astype(np.float16),
    "whole numbers": drawn(36).astype(np.int64),
}


@pytest.mark.parametrize("case", FORMS)
def test_images_come_back_in_the_form_in_which_they_were_given(case: str) -> None:
    images = FORMS[case]
    made, labels = small("smote").fit_resample(images, LABELS)
    assert (made.shape, made.dtype) == ((36, *images.shape[1:]), images.dtype)
    assert np.array_equal(made[:22], images)
    assert images.min() <= made[22:].min() < made[22:].max() <= images.max()  # SMOTE lies between real images
    assert labels.dtype == LABELS.dtype


def test_channels_first_and_last_give_the_same_images() -> None:
    first, _ = small("smote").fit_resample(drawn(3, 6, 8), LABELS)
    last, _ = small("smote").fit_resample(drawn(3, 6, 8).transpose(0, 2, 3, 1), LABELS)
    assert np.array_equal(first.transpose(0, 2, 3, 1), last)


def test_a_table_of_pixels_comes_back_as_one() -> None:
    table = pd.DataFrame(drawn(16), columns=[f"pixel{place}" for place in range(16)])
    made, labels = small("smote").fit_resample(table, pd.Series(LABELS, name="animal"))
    assert list(made.columns) == list(table.columns)
    assert set(made.dtypes) == {np.dtype(np.uint8)}
    assert (len(made), len(labels), labels.name) == (36, 36, "animal")


def test_the_sampling_strategy_is_imbalanced_learns() -> None:
    images = drawn(8, 8)
    wanted: list[tuple[Any, dict[str, int]]] = [
        ({"emu": 7}, {"cat": 12, "dog": 6, "emu": 7}),
        ("minority", {"cat": 12, "dog": 6, "emu": 12}),
        ("not majority", {"cat": 12, "dog": 12, "emu": 12}),
        (lambda y: {"dog": 9}, {"cat": 12, "dog": 9, "emu": 4}),
    ]
    for strategy, known in wanted:
        _, labels = small("oversample", sampling_strategy=strategy).fit_resample(images, LABELS)
        assert Counter(labels.tolist()) == known
    _, labels = small("oversample", sampling_strategy=0.75).fit_resample(images[:18], LABELS[:18])
    assert Counter(labels.tolist()) == {"cat": 12, "dog": 9}


def test_balanced_classes_come_back_as_they_are() -> None:
    images, labels = drawn(8, 8)[6:18], LABELS[6:18]
    resampler = small("cvae")
    made, answer = resampler.fit_resample(images, labels)
    assert np.array_equal(made, images)
    assert np.array_equal(answer, labels)
    assert not resampler.synthetic_.any()


def test_labels_may_be_numbers_in_any_order() -> None:
    labels = np.repeat([7, -3, 1000], [12, 6, 4])
    _, answer = small("smote").fit_resample(drawn(8, 8), labels)
    assert Counter(answer.tolist()) == {7: 12, -3: 12, 1000: 12}
    assert answer[22:].tolist() == [-3] * 6 + [1000] * 8


def test_the_form_that_was_found_is_told() -> None:
    resampler = small("smote")
    resampler.fit_resample(drawn(6, 8, 3), LABELS)
    form = resampler.image_form_
    assert (form.axes, form.shape, form.value_range) == ("NHWC", (3, 6, 8), (0.0, 255.0))
    with pytest.warns(UserWarning, match="channels could be the first or the last axis; taken as first; say channels="):
        small("smote").fit_resample(drawn(3, 8, 3), LABELS)


def test_settings_are_parameters_of_a_search() -> None:
    resampler = cw.Resampler("cvae", latent_dim=2, epochs=3)
    assert resampler.get_params()["latent_dim"] == 2
    copy = clone(resampler).set_params(epochs=4, generator="vae", device="cpu")
    assert (copy.generator, copy.device, copy.settings) == ("vae", "cpu", {"latent_dim": 2, "epochs": 4})
    assert resampler.settings == {"latent_dim": 2, "epochs": 3}
    assert repr(copy) == "Resampler(device='cpu', epochs=4, generator='vae', latent_dim=2)"


def test_it_is_a_step_of_a_pipeline() -> None:
    steps = make_pipeline(small("smote"), LogisticRegression(max_iter=1000))
    steps.fit(drawn(16) / 255, LABELS)
    assert steps.score(drawn(16) / 255, LABELS) == 1.0  # the classes are 78 levels apart


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "generator": ({"generator": "bagn"}, "generator: there is no 'bagn'; there are: acgan, .*bagan, .*wgan_gp"),
    "setting": ({"k_neighbours": 3}, "settings of smote: k_neighbours: unknown key; did you mean 'k_nei"),
    "value": ({"k_neighbors": 0}, "settings of smote: k_neighbors: 0 is not allowed"),
    "epochs": ({"epochs": 3}, "settings of smote: epochs: unknown key; allowed: k_neighbors"),
    "any class": ({"generator": "vae", "unconditional": True}, "its images are of any class"),
    "device": ({"device": "cuda:99"}, "device: 'cuda:99' is not there; "),
    "no device": ({"device": "tpux"}, "device: Expected one of cpu, cuda"),
    "fewer": ({"sampling_strategy": {"cat": 3}}, "should be greater or equal"),
    "shape": ({"image_shape": (9, 9)}, r"image_shape: \(9, 9\) is said, but images are \(8, 8\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_one_clear_line(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        cw.Resampler(**{"generator": "smote", **arguments}).fit_resample(drawn(8, 8), LABELS)


@pytest.mark.parametrize("name", ["smote", "adasyn"])
def test_a_class_of_one_image_is_refused_by_what_interpolates(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name.upper()} needs two images of class 'emu', there are 1"):
        cw.Resampler(name).fit_resample(spread()[:19], LABELS[:19])


def test_images_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        small("smote").fit_resample(np.full((22, 8, 8), np.nan), LABELS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small("smote").fit_resample(drawn(8, 8)[:20], LABELS)
    with pytest.raises(ValueError, match="no squares in grey or colour"):
        small("smote").fit_resample(drawn(20), LABELS)
