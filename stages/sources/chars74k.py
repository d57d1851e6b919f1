"""Chars74K: English letters and digits, in 1,016 computer fonts or photographed in the street; 62 classes.

De Campos, Babu and Varma, Character Recognition in Natural Images, VISAPP 2009,
http://www.ee.surrey.ac.uk/CVSSP/demos/chars74k; one of the four datasets of the GAN-vs-VAE report (V). The publisher
gives no checksums.
"""

from string import ascii_lowercase, ascii_uppercase, digits
from types import MappingProxyType
from typing import Literal

from stages.downloads import Remote
from stages.sources.base import Found, setting
from stages.sources.base_archive import Archive, ArchiveSettings, by_class, check_mirror, file_part, unpacked

CLASSES = tuple(digits + ascii_uppercase + ascii_lowercase)
ADDRESS = "http://www.ee.surrey.ac.uk/CVSSP/demos/chars74k"


def archive(name: str) -> Archive:
    """Return one of the publisher's archives."""
    return Archive(Remote(name, (f"{ADDRESS}/{name}",)), limit_bytes=2**31)


ARCHIVES = MappingProxyType({"fnt": archive("EnglishFnt.tgz"), "img": archive("EnglishImg.tgz")})
FOLDERS = MappingProxyType({"fnt": ("English/Fnt",), "img": ("English/Img/GoodImg/Bmp", "English/Img/BadImag/Bmp")})


class Settings(ArchiveSettings):
    """Settings of Chars74K, whose fonts are 128 x 128; photographs are of all sizes."""

    subset: Literal["fnt", "img"]
    """`fnt`: 62,992 characters of computer fonts; `img`: those photographed."""
    hard_to_read: bool = False
    """Of `img`: take those, too, which the publisher calls bad."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the archive; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks the archive.
    """
    check_mirror([ARCHIVES[settings.subset].remote], settings, setting(name, "mirror"))
    return CLASSES


def find(settings: Settings, name: str, progress: bool = True) -> Found:
    """List all images, which come without a split.

    Raises:
        UserError: the archive cannot be had, is damaged, or lacks a class.
    """
    folder = unpacked(ARCHIVES[settings.subset], "chars74k", settings, setting(name, "mirror"), progress)
    chosen = FOLDERS[settings.subset][: 2 if settings.hard_to_read else 1]
    samples = [f"Sample{number + 1:03}" for number in range(len(CLASSES))]
    images = by_class(
        (folder / inner / sample, label, None) for inner in chosen for label, sample in enumerate(samples)
    )
    return Found(file_part(images, CLASSES, "chars74k", settings), None)
