"""Streets, photographed and rendered: Berkeley DeepDrive against SYNTHIA and Grand Theft Auto V.

The first pair of the distributions thesis (3.1). Its real photographs are BDD100K (Yu et al., A Diverse Driving
Dataset, https://arxiv.org/abs/1805.04687). Its renderings are SYNTHIA-SF (Hernandez-Juarez et al., Slanted Stixels,
https://arxiv.org/abs/1707.05397) and, since these are few, frames of the game with labels of 19 classes. For these the
thesis cites Martinez et al., 2017, who published none; they are taken from Richter et al., Playing for Data,
https://arxiv.org/abs/1608.02192. None may be passed on, so people fetch them themselves.

Frames of one video are much alike: whoever saw some knows the others. So what names a sequence (SEQUENCE) is kept, and
no sequence is in the part that a classifier is trained on and in the part that it is tested on, nor in two halves.
"""

from pathlib import Path
from types import MappingProxyType

from counterweight.core.errors import UserError
from counterweight.data.decode.facts import Facts
from counterweight.data.decode.tree import Collected
from counterweight.data.pairs.base import Collection, ImagePair, check_sample, list_side_files, make_side
from counterweight.data.sources.base.file_settings import FileSettings

BDD = Collection(
    "BDD100K",
    "register at http://bdd-data.berkeley.edu, download '100K Images' (or '10K Images') and unpack it there",
    r"(.*/)?[0-9a-f]{8}-[0-9a-f]{8}\.jpg",
)
SYNTHIA = Collection(
    "SYNTHIA",
    "download SYNTHIA-SF (or SYNTHIA-RAND-CITYSCAPES) from https://synthia-dataset.net and unpack it there",
    r"(.*/)?(RGB|RGBLeft|RGBRight)/[0-9]+\.png",
)
GTA = Collection(
    "GTA V",
    "download the images, ten archives, from https://download.visinf.tu-darmstadt.de/data/from_games and unpack them",
    r"(.*/)?images/[0-9]{5}\.png",
)
FOLDERS = MappingProxyType({"real": BDD, "synthetic/synthia": SYNTHIA, "synthetic/gta": GTA})
SEQUENCE = (
    r".*/([0-9a-f]{8})-[0-9a-f]{8}\.jpg"  # BDD100K: a ride, from which there may be several videos, a frame of each
    r"|(.*/)RGB(?:Left|Right)/"  # SYNTHIA-SF: a folder for each drive; SYNTHIA-RAND's frames (RGB) stand alone
    r"|(.*/images/[0-9]{3})[0-9]{2}\.png"  # GTA V: names tell no sequence, but each hundred of frames was played on end
    r"|(.+)"
)
SMALLEST = (
    512  # pixels of a frame's longer side: all three publish larger ones, and thumbnails are another distribution
)


class Settings(FileSettings):
    """Settings of the streets, which lie in `images/`, the pair's name, and there in the folders of FOLDERS."""


def precheck(settings: Settings, name: str) -> None:
    """Check that all three sets are there and that some frames of each are of the published kind.

    Raises:
        UserError: one is missing, with the address where it is to be had, or is something else.
    """
    for folder, found in list_frames(name).items():
        check_sample(found.files, f"params.yaml: pairs.{name}: {FOLDERS[folder].title}", refuse_thumbnail)


def find(settings: Settings, name: str, progress: bool = True) -> ImagePair:
    """List the frames of all three sets.

    Raises:
        UserError: as in `precheck`.
    """
    real, synthia, gta = list_frames(name).values()
    root = Path("images") / name
    synthetic = Collected([*synthia.files, *gta.files], synthia.left_out + gta.left_out)
    sides = (make_side(own, root, settings, "city", SEQUENCE) for own in (real, synthetic))
    return ImagePair(*sides)


def list_frames(name: str) -> dict[str, Collected]:
    """Return the frames in each of the folders."""
    found, missing = {}, []
    for folder, own in FOLDERS.items():
        try:
            found[folder] = list_side_files(Path("images") / name / folder, f"params.yaml: pairs.{name}", False, own)
        except UserError as error:  # all of them in one go: each takes a day to get
            missing.append(str(error))
    if missing:
        raise UserError("; ".join(missing))
    return found


def refuse_thumbnail(frame: Facts) -> str | None:
    """Say that a frame is too small to be one as published."""
    if max(frame.width, frame.height) >= SMALLEST:
        return None
    return f"{frame.width} x {frame.height} pixels; the frames as published have {SMALLEST} or more"
