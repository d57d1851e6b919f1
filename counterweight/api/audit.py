"""How synthetic images differ from real ones, from folders, image tables, arrays or torch's datasets."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits
from torch.utils.data import Dataset

from counterweight.api.audit_shown import draw_audit, tabulate_audit
from counterweight.api.auditing import Found, carry_out, check_out
from counterweight.api.forms import check_range, find_form
from counterweight.api.running import keep_main_to_itself, use_one_thread
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import ParamsFile, read_params_file
from counterweight.data.pairs.base import ONE_CLASS
from counterweight.data.sources.base.resizing import resize_array
from counterweight.evaluation.audit.measuring import Wanted, plan_audit
from counterweight.evaluation.audit.reading import read_sides
from counterweight.evaluation.audit.sides import Sides, check_sides
from counterweight.evaluation.style.network import SMALLEST_SIZE

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LARGEST = 2048  # pixels, as in sources of images

Images: TypeAlias = "str | Path | npt.NDArray[Any] | torch.Tensor | Dataset[Any]"


class Audit:
    """What an audit found. As text it is the report, in a notebook a table."""

    def __init__(self, found: Found, files: dict[str, bytes], inputs: Sequence[Path]) -> None:
        self._found = found
        self._files = files
        self._inputs = inputs

    @property
    def verdict(self) -> str:
        """Whether synthetic images differ from real ones, and by what, and whether that can be believed."""
        return str(self._found.result["verdict"])

    @property
    def report(self) -> str:
        """The verdict and all tables as Markdown, as the command prints them."""
        return self._found.report

    @property
    def backbones(self) -> list[str]:
        """The feature spaces that were measured; the first one's numbers are those of `table()`."""
        features = self._found.comparison.features
        return [features.headline, *(name for name in features.backbones if name != features.headline)]

    @property
    def differences(self) -> list[str]:
        """What the sets differ in besides pictures, a few words for each: their files, and their mix of classes."""
        found = self._found.comparison
        return [*(found.files.differences if found.files else []), *([found.mix.difference] if found.mix else [])]

    @property
    def made_same(self) -> bool:
        """Whether the sets were made the same in that before they were judged: re-encoded, or of one mix of classes."""
        return self._found.comparison.as_they_are is not None

    def table(self, backbone: str | None = None, *, as_they_are: bool = False) -> pd.DataFrame:
        """Return the report's table as numbers: what synthetic images get, and real ones among themselves.

        Args:
            backbone: the feature space; None: the headline's.
            as_they_are: of the images before they were made the same, where they were.

        Returns:
            Two rows, `real` and `synthetic`; fractions from 0 to 1, NaN where there is no value. `attrs` says of each
            column what it means.

        Raises:
            ValueError: that space was not measured.
        """
        found = self._found.comparison
        features = found.plain.features if as_they_are else found.features
        name = backbone or self.backbones[0]
        if name not in features.backbones:
            raise ValueError(f"backbone: '{name}' was not measured; there are: {', '.join(features.backbones)}")
        return tabulate_audit(features, name)

    def plot(self) -> Figure:
        """Return a figure: how features are distributed, and the synthetic images nearest to real ones, with these."""
        return draw_audit(self._found.measured.compared)

    def save(self, folder: str | Path) -> Path:
        """Write report.md, audit.json and the pictures into a new folder, as the command does; return it.

        Raises:
            ValueError: something else than an earlier audit lies there, or it cannot be written.
        """
        out = Path(folder).expanduser()
        with translate_errors():
            check_out(out, self._inputs, "folder")
            with atomic_output(out) as partial:
                partial.mkdir()
                for name, content in self._files.items():
                    (partial / name).write_bytes(content)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Return all that was measured as plain JSON: what the command writes as audit.json."""
        return self._found.result

    def __repr__(self) -> str:
        return f"Audit: {self.verdict}"

    def __str__(self) -> str:
        return self.report

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.verdict)}</p>{self.table().to_html(na_rep='-', float_format='{:.3f}'.format)}"


def audit(
    real: Images,
    synthetic: Images,
    *,
    size: int | None = None,
    value_range: Sequence[float] | None = None,
    backbones: Sequence[str] = (),
    weights: str | None = None,
    full: bool = False,
    seed: int | None = None,
    device: str | None = None,
    params: str | Path | None = None,
) -> Audit:
    """Say how synthetic images differ from real ones, as the command `counterweight audit` does, with its numbers.

    Both are folders of images (at any depth), or image tables (.parquet), or images in memory: arrays (N, C, H, W),
    (N, H, W, C) or (N, H, W) of bytes or of numbers in [0, 1], [-1, 1] or [0, 255], or torch Datasets whose items are
    an image or begin with one (array, tensor or PIL image). Classes of images in memory are not looked at.

    What two folders differ in besides pictures is named first: formats, quality of JPEGs, sizes, colour modes, and the
    mix of classes, which are sub-folders of the same names. The judgement is of both made the same in that, beside it
    the one of what they are (`differences`, `made_same`). In memory, where one set is grey and the other in colour,
    grey images get three equal channels, with a warning: the colours are what differs then.

    Args:
        size: side in pixels to which images of folders, or in memory, are brought; None: what they have.
        value_range: the values of black and of white: of images in memory, where they are none of those above; of
            files, those of greys and colours of more than 8 bits, as `black` and `white` of the command's `--set`.
        backbones: feature extractors, also of torchvision or timm; none: `compare.headline`.
        weights: `random`, `imagenet` or a folder; None: as the settings file says.
        full: further feature spaces, a style classifier and a latent space, too: minutes more.
        seed: of all that is random; None: as the settings file says, or 0.
        device: `auto`, `cpu`, `cuda` or `cuda:1`; None: as the settings file says, or `auto`.
        params: settings file; None: the defaults. The command alone looks for a params.yaml by itself.

    Raises:
        ValueError: a set is missing, too small or of no known form, both do not fit together, a name is unknown, or
            weights cannot be had.
    """
    if size is not None and not SMALLEST_SIZE <= size <= LARGEST:
        raise ValueError(f"size: {SMALLEST_SIZE} to {LARGEST} pixels wanted, got {size}")
    chosen = (backbones,) if isinstance(backbones, str) else tuple(backbones)
    with translate_errors(), threadpool_limits(1), use_one_thread(), TemporaryDirectory() as temporary:
        file = None if params is None else read_settings(Path(params).expanduser())
        plan = plan_audit(file, Wanted(chosen, weights, full, seed, device))
        plan.check()
        folder = Path(temporary)
        sides = read_both(real, synthetic, size, value_range, plan.settings.project_seed)
        found = carry_out(sides, plan, folder, lambda text: None)
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    inputs = [Path(images).expanduser() for images in (real, synthetic) if isinstance(images, str | Path)]
    return Audit(found, files, inputs)


def read_settings(path: Path) -> ParamsFile:
    """Return a settings file; errors as of `read_params_file`."""
    if not path.is_file():
        raise UserError(f"params: {path}: no such file")
    return read_params_file(path)


def read_both(
    real: Images, synthetic: Images, size: int | None, value_range: Sequence[float] | None, seed: int
) -> Sides:
    """Return both sets, brought to one shape; `seed` is the project's."""
    if isinstance(real, str | Path) and isinstance(synthetic, str | Path):
        ends = None if value_range is None else dict(zip(("black", "white"), check_range(value_range), strict=True))
        if ends and Path(real).suffix == Path(synthetic).suffix == ".parquet":
            raise UserError("value_range: of images in memory or in folders; the images of tables are bytes")
        with keep_main_to_itself():
            return read_sides(Path(real).expanduser(), Path(synthetic).expanduser(), size, seed, ends)
    if isinstance(real, str | Path) or isinstance(synthetic, str | Path):
        raise UserError("real, synthetic: two folders, two image tables, or two sets in memory wanted, not one of each")
    sets = [take_images(given, which, value_range) for given, which in ((real, "real"), (synthetic, "synthetic"))]
    colours = max(images.shape[1] for images in sets)
    shapes = [images.shape[2:] for images in sets]
    if size is None and shapes[0] != shapes[1]:
        raise UserError(f"synthetic: images of {shapes[1]} pixels, but {shapes[0]} in real; say size=")
    for images, which in zip(sets, ("real", "synthetic"), strict=True):
        if images.shape[1] < colours:
            warnings.warn(f"{which}: grey images beside coloured ones; they get three equal channels", stacklevel=2)
    wanted = list(shapes[0]) if size is None else [size, size]
    brought = [
        images
        if [*images.shape[2:]] == wanted and images.shape[1] == colours
        else resize_array(images, wanted, colours)
        for images in sets
    ]
    return check_sides(Sides(wrap(brought[0]), wrap(brought[1])), "real", "synthetic")


def wrap(images: npt.NDArray[np.uint8]) -> ImageSet:
    """Return images of one class."""
    origins = np.array([str(place) for place in range(len(images))])
    return ImageSet(images, np.zeros(len(images), dtype=np.int64), ONE_CLASS, origins, {})


def take_images(
    given: npt.NDArray[Any] | torch.Tensor | Dataset[Any], which: str, value_range: Sequence[float] | None
) -> npt.NDArray[np.uint8]:
    """Return images in memory as uint8 (N, C, H, W); errors name which of the sets it is."""
    try:
        if isinstance(given, torch.Tensor | np.ndarray):
            images = np.asarray(given.detach().cpu() if isinstance(given, torch.Tensor) else given)
        elif hasattr(given, "__getitem__") and hasattr(given, "__len__"):
            images = stack_items(given)
        else:
            raise ValueError(f"a folder, an image table, an array or a Dataset wanted, got {type(given).__name__}")
        if images.ndim == 2:
            raise ValueError("rows of numbers; give them the shape (N, H, W) or (N, C, H, W)")
        return find_form(images, value_range=value_range).to_bytes(images)
    except ValueError as error:
        raise UserError(f"{which}: {error}") from error


def stack_items(items: Any) -> npt.NDArray[Any]:  # noqa: ANN401  # whatever can be counted and indexed
    """Return the images of a Dataset, whose items are an image or begin with one."""
    images = []
    for place in range(len(items)):
        item = items[place]
        image = item[0] if isinstance(item, tuple | list) else item
        images.append(np.asarray(image.detach().cpu() if isinstance(image, torch.Tensor) else image))
        if images[place].shape != images[0].shape:
            sizes = f"{images[place].shape}, but the first is {images[0].shape}"
            raise ValueError(f"item {place} is {sizes}; let a transform bring them to one size")
    if not images:
        raise ValueError("no image")
    return np.stack(images)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Let a user's mistake be a ValueError, which those who call a library expect."""
    try:
        yield
    except UserError as error:
        raise ValueError(str(error)) from error
