"""Dogs, photographed and generated: Stanford Dogs against dogs that GANs made.

The second pair of the distributions thesis (3.1). The real photographs are those of the source `stanford_dogs`; the
generated ones come from Kaggle's Generative Dog Images competition (2019): 10,000 images of 64 x 64 pixels, the form in
which entries were handed in. Such sets lie behind Kaggle's login, so people fetch one themselves.

Photographs are made as small as these. The thesis brings both to its networks' sizes, up to 224 pixels, where an image
that was enlarged from 64 has no detail left: the mean absolute Laplacian alone tells photographs brought to 224 pixels
from others that were at 64 in between with an area under the ROC curve of 1.00, and at 64 pixels of 0.52 (0.44 to 0.60;
208 of Caltech's). That would be the file's size, and not what a GAN cannot do.
"""

from collections import Counter
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.facts import Facts
from counterweight.data.decode.tree import Collected
from counterweight.data.pairs.base import Collection, ImagePair, check_sample, list_side_files, make_side
from counterweight.data.sources import stanford_dogs
from counterweight.data.sources.base.file_settings import Size

GENERATED = Collection(
    "dogs that a GAN made",
    "log in at https://www.kaggle.com/c/generative-dog-images, open an entry's notebook, download its images.zip"
    " (10,000 images of 64 x 64 pixels) and unpack it there",
    r"(.*/)?[^/]+\.png",
)
PUBLISHED = 10_000
SIZE = 64


class Settings(stanford_dogs.Settings):
    """Settings of the dogs: those of Stanford Dogs; generated ones lie in `images/`, the pair's name, `synthetic`."""

    size: Size = SIZE
    """Side in pixels to which images are resized, or height and width; above 64 photographs are told by being sharp."""


def precheck(settings: Settings, name: str) -> None:
    """Check the mirror of Stanford Dogs, if there is one, and that there are as many generated dogs as an entry has.

    Raises:
        UserError: it is not so.
    """
    stanford_dogs.check(settings, name_mirror_key(name))
    find_generated(name)


def find(settings: Settings, name: str, progress: bool = True) -> ImagePair:
    """List all photographs of Stanford Dogs and all generated dogs.

    Raises:
        UserError: the photographs cannot be had, or as in `precheck`.
    """
    folder, paths = stanford_dogs.list_photographs(settings, name_mirror_key(name), progress)
    root, found = find_generated(name)
    real = make_side(Collected([folder / path for path in paths], Counter()), folder, settings, "dogs")
    return ImagePair(real, make_side(found, root, settings, "dogs"))


def name_mirror_key(name: str) -> str:
    """Return file and key of the mirror's setting."""
    return f"params.yaml: pairs.{name}.mirror"


def find_generated(name: str) -> tuple[Path, Collected]:
    """Return the folder of generated dogs and what is in it."""
    root = Path("images") / name / "synthetic"
    found = list_side_files(root, f"params.yaml: pairs.{name}", False, GENERATED)
    if len(found.files) != PUBLISHED:
        raise UserError(f"params.yaml: pairs.{name}: {root}: {len(found.files)} images, but an entry has {PUBLISHED}")
    check_sample(found.files, f"params.yaml: pairs.{name}", refuse_other_size)
    return root, found


def refuse_other_size(image: Facts) -> str | None:
    """Say that an image is not of the size of a competition's entry."""
    if (image.width, image.height) == (SIZE, SIZE):
        return None
    return f"{image.width} x {image.height} pixels; an entry's have {SIZE} x {SIZE}"
