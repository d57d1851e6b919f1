"""Settings of images that are read from files: their size and colours, and what greys become black and white."""

from collections.abc import Mapping
from typing import Annotated, Literal

from annotated_types import Le
from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from counterweight.core import schema
from counterweight.core.images import Fit
from counterweight.core.registry import require_one_of
from counterweight.data.decode.facts import Ends
from counterweight.data.decode.images import DEEP_GREY, Target

LARGEST = 2048  # pixels; more is surely a slip, and would fill the memory
MissingClasses = Literal["refuse", "leave_out", "split_anew"]


def check_size(value: object) -> object:
    """Let pass a side in pixels or a list of height and width.

    Raises:
        ValueError: it is something else, or a side is not between 1 and LARGEST.
    """
    both = value if isinstance(value, list) else [value, value]
    if len(both) != 2 or not all(type(side) is int and 0 < side <= LARGEST for side in both):
        raise ValueError(f"One side in pixels, or [height, width], from 1 to {LARGEST}")
    return value


def write_number(value: object) -> object:
    """Return a whole number, as folders may be called, as its digits."""
    return str(value) if type(value) is int else value


Name = Annotated[str, BeforeValidator(write_number)]
"""The name of a file or folder, which YAML may take for a number."""
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
