"""A generator as imbalanced-learn's samplers are used: `fit_resample` fills small classes up with synthetic images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from imblearn.over_sampling.base import BaseOverSampler
from numpy.random import RandomState
from sklearn.utils import check_array, check_random_state

from counterweight.api.forms import Bytes, Channels, ImageForm, find_form
from counterweight.api.running import keep_main_to_itself, use_one_thread
from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.registry import names_in
from counterweight.core.seeds import derive_seed
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import Generator, LearnedGenerator, NotApplicable, find_generator
from counterweight.generators.base.saved import build_generator
from counterweight.settings.train import TrainingConfig
from counterweight.training.draws import train_draws

Array = npt.NDArray[Any]

QUIET = TrainingConfig(previews=0, checkpoint_seconds=None)


class Resampler(BaseOverSampler):  # type: ignore[misc]  # imbalanced-learn has no types
    """Over-sampling by any generator of this library, as a sampler of imbalanced-learn.

    `fit_resample(X, y)` trains the generator on all images of `X`, lets it make those that `sampling_strategy` asks
    for, and returns them after the real ones, which stay as they are, in the same form and of the same type.

    `X` holds images (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, (N, H, W) of greys, or (N, D), one in each row
    (an array, lists, or a DataFrame); bytes, or numbers in [0, 1], [-1, 1] or [0, 255]. Which of these is found by
    looking (`image_form_`), with a warning where two are possible. Generators see 256 levels. `y` holds labels of any
    kind.

    Args:
        generator: name of a generator (`counterweight describe` lists them).
        settings: of the generator, by name, in place of its defaults, which are its paper's, made for a GPU and hours.
        sampling_strategy: as of imbalanced-learn's over-samplers: `auto` fills every class up to the largest.
        random_state: seed, or a RandomState; the same number gives the same bytes on one machine.
        device: as in `cuda:1`; None: the first CUDA device, else the CPU.
        image_shape: of images that are rows of numbers: (H, W), (C, H, W) or (H, W, C); None: they are squares.
        channels: `first` or `last`; None: as the shape says.
        value_range: the values of black and of white, where they are none of those above.

    Attributes:
        sampling_strategy_: how many images are made, by class.
        synthetic_: bool (N',), which of those returned were made.
        image_form_: in which form the images were found.
        generator_: the generator, trained if any class needed images.

    Raises:
        ValueError: there is no such generator or setting, the form cannot be told, or the generator cannot work on
            these images, as SMOTE on a class of one.

    >>> images = np.random.default_rng(0).integers(256, size=(12, 8, 8), dtype=np.uint8)
    >>> labels = np.array(["cat"] * 8 + ["dog"] * 4)
    >>> resampler = Resampler("smote", random_state=0)
    >>> X, y = resampler.fit_resample(images, labels)
    >>> X.shape, y[resampler.synthetic_].tolist()
    ((16, 8, 8), ['dog', 'dog', 'dog', 'dog'])
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        **BaseOverSampler._parameter_constraints,
        "generator": [str],
        "device": [str, None],
        "image_shape": [Sequence, None],
        "channels": [str, None],
        "value_range": [Sequence, None],
    }

    def __init__(
        self,
        generator: str = "smote",
        *,
        sampling_strategy: float | str | Mapping[Any, int] | Callable[[Array], Mapping[Any, int]] = "auto",
        random_state: int | RandomState | None = None,
        device: str | None = None,
        image_shape: Sequence[int] | None = None,
        channels: Channels | None = None,
        value_range: Sequence[float] | None = None,
        **settings: object,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.generator = generator
        self.settings = settings
        self.random_state = random_state
        self.device = device
        self.image_shape = image_shape
        self.channels = channels
        self.value_range = value_range

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, the generator's settings among them."""
        return {**super().get_params(deep), **self.settings}

    def set_params(self, **params: object) -> Resampler:
        """Change arguments of the constructor; what is none of its own is a setting of the generator."""
        own = {name: value for name, value in params.items() if name in self._get_param_names()}
        super().set_params(**own)
        self.settings = {**self.settings, **{name: value for name, value in params.items() if name not in own}}
        return self

    def _check_X_y(  # noqa: N802
        self,
        X: npt.ArrayLike,  # noqa: N803
        y: npt.ArrayLike,
        accept_sparse: object = None,
    ) -> tuple[Array, Array, bool]:
        """Return images and labels as arrays, and whether labels stood in a column for each class."""
        if np.ndim(X) == 2:
            images, labels, binarized = super()._check_X_y(X, y, accept_sparse=False)
            return images, labels, bool(binarized)
        images = check_array(X, allow_nd=True, ensure_all_finite=False, estimator=self)
        # scikit-learn looks at rows: labels are checked beside images that are such.
        _, labels, binarized = super()._check_X_y(images.reshape(len(images), -1), y, accept_sparse=False)
        return images, labels, bool(binarized)

    def _fit_resample(self, X: Array, y: Array) -> tuple[Array, Array]:  # noqa: N803
        """Train the generator, and return real images followed by synthetic ones, and their labels."""
        form = find_form(X, self.image_shape, self.channels, self.value_range)
        classes, codes = np.unique(y, return_inverse=True)
        wanted = np.array([self.sampling_strategy_.get(label, 0) for label in classes.tolist()])
        names = tuple(str(label) for label in classes.tolist())
        labels, origins = codes.astype(np.int64), np.array([""] * len(X))
        real = ImageSet(form.to_bytes(X), labels, names, origins, {"wanted": wanted.tolist()})
        self.generator_, made = self._synthesize(real)
        self.image_form_: ImageForm = form
        self.synthetic_ = np.repeat([False, True], [len(X), len(made)])
        return np.concatenate([X, form.from_bytes(made)]), np.concatenate([y, np.repeat(classes, wanted)])

    def _synthesize(self, real: ImageSet) -> tuple[Generator, Bytes]:
        """Return a generator that was trained on a set, and the images that this needs, class by class."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        seeds = {step: derive_seed(seed, "resampler", str(self.generator), step) for step in ("train", "synthesize")}
        wanted = torch.from_numpy(np.repeat(np.arange(len(real.class_names)), real.read_fact("wanted")))
        try:
            device = self._choose_device()
            generator = self._build(real, seeds["train"])
            if len(wanted) == 0:
                return generator, np.empty((0, *real.shape), dtype=np.uint8)
            if isinstance(generator, LearnedGenerator):
                with TemporaryDirectory() as folder:
                    train_draws([generator.to(device)], [real], [seeds["train"]], QUIET, [Path(folder) / "unfinished"])

            rng = torch.Generator().manual_seed(seeds["synthesize"])
            with use_one_thread(), keep_main_to_itself():
                made: Bytes = generator.sample(wanted, to_labelled(real.images, real.labels), rng).numpy()
            return generator, made
        except (UserError, NotApplicable) as error:
            raise ValueError(str(error).removeprefix("draw 1: ")) from error

    def _build(self, real: ImageSet, seed: int) -> Generator:
        """Return an untrained generator for a set.

        Raises:
            UserError: there is no such generator or setting, or it makes images of no class that could be asked for.
        """
        name, names, where = self.generator, names_in("generators"), f"settings of {self.generator}"
        if name not in names:
            raise UserError(f"generator: there is no '{name}'; there are: {', '.join(names)}")
        generator = build_generator(name, self.settings, real, seed, where)
        kind = find_generator(name).generator
        if issubclass(kind, LearnedGenerator) and kind.is_unconditional(generator.settings):
            raise UserError(f"{where}: unconditional: its images are of any class, and those of some are needed")
        kind.precheck(generator.settings, real.class_names)
        return generator

    def _choose_device(self) -> torch.device:
        """Return the device.

        Raises:
            UserError: there is none of that name.
        """
        try:
            return choose_device(self.device or "auto")
        except (UserError, RuntimeError) as error:
            reason = str(error).splitlines()[0].removeprefix("params.yaml: ").removeprefix("device: ")
            raise UserError(f"device: {reason}") from error

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags
