"""What the sources of images share: what they find, settings of images in files, and the target size."""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from annotated_types import Le
from PIL import Image
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from counterweight.core import schema
from counterweight.core.errors import UserError
from counterweight.core.images import Fit, ImageSet
from counterweight.core.registry import require_one_of
from counterweight.data.decode.facts import Ends
from counterweight.data.decode.images import DEEP_GREY, Target
from counterweight.data.decode.opening import Encoded
from counterweight.data.decode.pool import Decoded, Workers, decode_images
from counterweight.data.sources.base.labels import describe_lookalikes, order_names

LARGEST = 2048  # pixels; more is surely a slip, and would fill the memory
CHUNK = 1024
VALIDATION = ("val", "valid", "validation", "dev")
TESTS = ("test", "eval", "evaluation", "holdout")  # the first that is there is tested on
PARTS = ("train", *TESTS, *VALIDATION)
HELD_OUT = re.compile(r"h[eo]ld[ _-]?out")
JOINED = re.compile(r"train[ _-]?val(?![a-z])")  # what is trained on at last
NAMED_PART = re.compile(rf"(?<![a-z])({'|'.join(PARTS)})(?:ing|set|data)?(?![a-z])")  # in lower case: test_images
LUMINANCE = np.array([19595, 38470, 7471], dtype=np.uint32)  # fractions of red, green and blue, times 2^16

Indices = npt.NDArray[np.int64]
Fetch = Callable[[Indices], Iterable[Encoded]]
Validation = Literal["use", "leave_out"]
MissingClasses = Literal["refuse", "leave_out", "split_anew"]


@dataclass(frozen=True)
class LazyImages:
    """Labelled images that are read when they are wanted.

    `labels` is int64 (N,) with values that index `class_names`; `origins` says for each image where it comes from, and
    `provenance` (plain JSON) where all do; `shape` is channels, height and width once they are read. `read` yields the
    images at some indices, in that order, some at a time, with a progress bar of the given name if there is one; those
    that are files are decoded by workers.
    """

    labels: npt.NDArray[np.int64]
    class_names: tuple[str, ...]
    origins: Sequence[str]
    shape: tuple[int, int, int]
    provenance: dict[str, Any]
    read: Callable[[Indices, str | None, Workers], Iterator[Decoded]]
    skip_bad: bool = False
    """Leave out images that cannot be read, instead of stopping."""
    fetch: Fetch | None = None
    """What yields the images at some indices as files, where they are such."""
    files: Sequence[Path] = ()
    """The files that a table names, there or not."""
    groups: Sequence[str] | None = None
    """Names of patients, videos and the like, (N,), of each of which no split may part the images; None: of none."""

    def __len__(self) -> int:
        return len(self.labels)

    def concatenate(self, other: "LazyImages") -> "LazyImages":
        """Return these images followed by those of `other`, which has the same shape and classes."""

        def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
            # Indices increase, so those of the first part all come before those of the second.
            yield from self.read(indices[indices < len(self)], bar, workers)
            yield from other.read(indices[indices >= len(self)] - len(self), bar, workers)

        labels, origins = np.concatenate([self.labels, other.labels]), [*self.origins, *other.origins]
        groups = None if self.groups is None or other.groups is None else [*self.groups, *other.groups]
        return replace(self, labels=labels, origins=origins, read=read, fetch=None, files=(), groups=groups)


class DatasetSplits(NamedTuple):
    """The parts of a dataset; `test` is None where the source brings no split of its own."""

    train: LazyImages
    test: LazyImages | None


def wrap_array(images: ImageSet, size: int | list[int], channels: int) -> LazyImages:
    """Return images that are there already as a part of a dataset; they are resized when they are read."""

    def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
        for start in range(0, len(indices), CHUNK):
            chosen = resize_array(images.images[indices[start : start + CHUNK]], size, channels)
            yield Decoded(chosen, [None] * len(chosen))

    shape = (channels, *parse_size(size))
    return LazyImages(images.labels, images.class_names, images.origins.tolist(), shape, images.provenance, read)


def wrap_files(
    fetch: Fetch,
    labels: npt.NDArray[np.int64],
    class_names: tuple[str, ...],
    origins: Sequence[str],
    provenance: dict[str, Any],
    settings: "FileSettings",
    white: float | None = None,
) -> LazyImages:
    """Return image files, or contents of such files, as a part of a dataset: all cores decode them.

    Args:
        fetch: yields the images at some indices, in that order, one at a time.
        white: which grey of more than 8 bits becomes white in all of them; None: as the settings have it.
    """
    target = settings.target if white is None else settings.target._replace(white=white)

    def read(indices: Indices, bar: str | None, workers: Workers) -> Iterator[Decoded]:
        return decode_images(fetch(indices), len(indices), target, bar, workers)

    skip_bad = settings.bad_files == "skip"
    return LazyImages(labels, class_names, origins, target.shape, provenance, read, skip_bad, fetch)


def make_fetch(images: Sequence[Encoded]) -> Fetch:
    """Return what fetches images from a list of all."""
    return lambda indices: (images[index] for index in indices.tolist())


def parse_part_name(name: str) -> str | None:
    """Return which of PARTS a name means, however it is written (`Train`, `testing`); None if it is none."""
    word = JOINED.sub("train", HELD_OUT.sub("holdout", name.strip().lower())).removesuffix("ing")
    return word if word in PARTS else None


def guess_part_name(name: str) -> str | None:
    """Return which of PARTS is the only one named in a name (`seg_train`, `TestSet`); None if none or several are."""
    found = {*find_part_words(name)}
    return found.pop() if len(found) == 1 else None


def find_part_words(name: str) -> list[str]:
    """Return which of PARTS are named in a name, those in `TestSet` and `trainA`, too."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return NAMED_PART.findall(JOINED.sub("train", HELD_OUT.sub("holdout", spaced)))


def are_part_names(names: Sequence[str]) -> bool:
    """Say whether names of folders look like those of parts, as `train_images` and `test_images`, not of classes."""
    found = [find_part_words(name) for name in names]
    exact = all(parse_part_name(name) for name in names)
    return bool(names) and all(found) and (exact or any("train" in words for words in found))


def strip_root(root: Path, files: Iterable[Path]) -> list[str]:
    """Return the paths of files below a folder, which they were found in; pathlib takes a second for 50,000."""
    start = len(os.path.join(root, ""))
    return [os.fspath(file)[start:] for file in files]


def assign_parts(present: Collection[str], validation: Validation) -> tuple[list[str], list[str]]:
    """Return the names of the parts that make the training part, and of those that make the test part.

    Those of a second test part (`holdout` beside `test`) are in neither.

    Args:
        present: names of PARTS, among them `train`.
    """
    own = [word for word in VALIDATION if validation == "use" and word in present]
    tested = [word for word in TESTS if word in present][:1] or own
    return ["train", *(word for word in own if word not in tested)], tested


def describe_joined(trained: Collection[str]) -> list[str]:
    """Return a note if images of other parts are trained on beside those of `train`.

    Args:
        trained: names of PARTS.
    """
    others = [word for word in trained if word != "train"]
    if not others or len(others) == len(trained):
        return []
    return [f"images of {', '.join(others)} join the training part; set validation: leave_out leaves them out"]


def check_counts(names: Sequence[str], labels: npt.NDArray[np.int64], where: str, layout: str, mend: str) -> None:
    """Refuse classes without images.

    Args:
        where: begins the error's message.
        layout: what is expected instead, for a part that has no classes.
        mend: what to do about a class without images.
    """
    counts = np.bincount(labels, minlength=len(names))
    if not counts.any():
        raise UserError(f"{where}: no images; {layout}")
    if not counts.all():
        empty = ", ".join(names[label] for label in np.flatnonzero(counts == 0).tolist())
        raise UserError(f"{where}: no images of class {empty}; every class needs some, {mend}")


def require_two_classes(names: Sequence[str], where: str) -> None:
    """Refuse a dataset of one class, of which a classifier has nothing to tell from."""
    if len(names) < 2:
        way_out = "a table needs two or more; `counterweight gallery` shows generators of one class"
        raise UserError(f"{where}: images of one class only, {names[0]}: {way_out}")


class CommonClasses(NamedTuple):
    """The classes that parts are read with, what is to be said of them, and whether the parts are joined."""

    names: tuple[str, ...]
    notes: list[str]
    joined: bool


def agree_on_classes(
    train: Mapping[str, int], test: Mapping[str, int], missing: MissingClasses, where: str
) -> CommonClasses:
    """Return the classes of two parts, given the images of each in them.

    Raises:
        UserError: a part lacks one that the other has, and nothing is said about such, or no class is in both.
    """
    every = tuple(order_names({*train, *test}))
    lacks = {"test": [name for name in every if not test.get(name)], "train": [n for n in every if not train.get(n)]}
    if not any(lacks.values()):
        return CommonClasses(every, [], False)
    counts = {"test": train, "train": test}
    others = {"test": "train", "train": "test"}
    alike = "".join(f"; {note}" for note in describe_lookalikes(every))
    said = "; ".join(
        f"{part} lacks {', '.join(f'{name} ({counts[part].get(name, 0):,} images in {others[part]})' for name in own)}"
        for part, own in lacks.items()
        if own
    )
    if missing == "refuse":
        ways = "set missing_classes: leave_out goes on without, set missing_classes: split_anew splits all images here"
        raise UserError(f"{where}: train and test differ in classes: {said}{alike}; {ways}")
    if missing == "split_anew":
        return CommonClasses(every, [f"{said}: the parts are joined and split anew"], True)
    both = tuple(name for name in every if train.get(name) and test.get(name))
    if not both:
        raise UserError(f"{where}: train and test have no class in common: {said}; set missing_classes: split_anew")
    return CommonClasses(both, [f"{said}: left out"], False)


def check_size(value: object) -> object:
    """Let pass a side in pixels or a list of height and width.

    Raises:
        ValueError: it is something else, or a side is not between 1 and LARGEST.
    """
    both = value if isinstance(value, list) else [value, value]
    if len(both) != 2 or not all(type(side) is int and 0 < side <= LARGEST for side in both):
        raise ValueError(f"One side in pixels, or [height, width], from 1 to {LARGEST}")
    return value


Size = Annotated[int | list[int], BeforeValidator(check_size)]


class FileSettings(schema.Settings):
    """Settings of sources whose images are files in one of the usual formats."""

    size: Size
    """Side in pixels to which images are resized, or height and width."""
    channels: Literal[1, 3] = 3
    """1 for grey, 3 for colour; what is transparent becomes white."""
    fit: Fit = "stretch"
    """`stretch` to the size whatever the proportions (as the balancing thesis did), `crop` or `pad` with white."""
    bad_files: Literal["error", "skip"] = "error"
    """What to do about image files that cannot be read: stop, or leave them out and count them."""

    @property
    def ends(self) -> Ends | None:
        """Which values of more than 8 bits become black and white; None: not known before, and none may be below 0."""
        black, white = self.target.black, self.target.white
        return None if black is None or white is None else (black, white)

    @property
    def target(self) -> Target:
        """The shape that every image is brought to."""
        return Target(parse_size(self.size), self.channels, self.fit)


class RangeSettings(FileSettings):
    """Settings of images that may have greys and colours of more than 8 bits."""

    black: float | None = None
    """Which value of greys and colours of more than 8 bits becomes black, in all files alike: -1024 where CT has air,
    -1 of floats around 0; it needs `white`, and what lies outside of both becomes the nearer one, and is counted; null:
    0, and files with values outside are not read."""
    white: Annotated[float, Le(DEEP_GREY)] | None = Field(default=None, validate_default=True)
    """Which value of greys and colours of more than 8 bits becomes white, in all files alike: 4095 where 12 bits are
    used, 1 or 255 of most floats; above `black`, or 0; null: 65535, of each file of floats 1 or, if any exceeds it,
    255. `counterweight add` chooses it."""

    @field_validator("white")
    @classmethod
    def above_black(cls, white: float | None, info: ValidationInfo) -> float | None:
        """Refuse a white that is not above black, and a black alone.

        Raises:
            ValueError: it is so.
        """
        black = info.data.get("black")
        if white is None and black is not None:
            raise ValueError(f"White must be set, too, where black is ({black:g})")
        if white is not None and white <= (black or 0):
            raise ValueError(f"White must be above {'0, or set black' if black is None else f'black, {black:g}'}")
        return white

    @property
    def target(self) -> Target:
        """The shape and the range of greys that every image is brought to."""
        return super().target._replace(white=self.white, black=self.black)


def parse_range(ends: Mapping[str, object]) -> RangeSettings:
    """Return `black` and `white` as the options of a command say them, in settings whose size is not known yet.

    Raises:
        UserError: one of them cannot be, or something else is there.
    """
    for key in ends:
        require_one_of(key, ("black", "white"), "--set")
    return schema.parse_settings(RangeSettings, {"size": 1, **ends}, "--set")


class OwnFileSettings(RangeSettings):
    """Settings of images of one's own."""

    merge_labels: bool = False
    """Whether labels that differ by case only, as `Cat` and `cat`, are one class, by the name that most images have."""


def parse_size(size: int | list[int]) -> tuple[int, int]:
    """Return height and width in pixels."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def find_shape(settings: schema.Settings) -> tuple[int, int, int]:
    """Return channels, height and width of the images that a source makes; all have a size and channels among theirs.

    Args:
        settings: those of any source.
    """
    values = settings.model_dump(include={"size", "channels"})
    return (values["channels"], *parse_size(values["size"]))


def name_setting(dataset: str, key: str) -> str:
    """Return file and key of a dataset's setting, to begin an error's message with."""
    return f"params.yaml: datasets.{dataset}.{key}"


def resize_array(images: npt.NDArray[np.uint8], size: int | list[int], channels: int) -> npt.NDArray[np.uint8]:
    """Bring images, uint8 (N, C, h, w), to a size, bicubically, and to a number of channels, 1 or 3.

    Grey is repeated over the channels; colours become grey by their luminance (ITU-R 601, rounded as Pillow does).
    """
    if images.shape[1] > channels:
        # 2^15 is a half: rounds.
        images = ((images.transpose(0, 2, 3, 1) @ LUMINANCE + 2**15) >> 16).astype(np.uint8)[:, None]
    height, width = parse_size(size)
    if images.shape[2:] != (height, width):
        rows, columns = (
            compute_resampling_matrix(images.shape[2], height),
            compute_resampling_matrix(images.shape[3], width),
        )
        # (new h, h) @ (N, C, h, w) @ (w, new w); clipped, since bicubic weights are negative in part and overshoot.
        images = np.rint(rows @ images @ columns.T).clip(0, 255).astype(np.uint8)
    return np.repeat(images, channels // images.shape[1], axis=1)


def compute_resampling_matrix(old: int, new: int) -> npt.NDArray[np.float32]:
    """Return the matrix (new, old) by which Pillow resizes a line of pixels: what it makes of unit vectors."""
    # Resizing is linear, so unit vectors tell all; a product then resizes a whole array at once.
    lines = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(lines.resize((old, new), Image.Resampling.BICUBIC))
