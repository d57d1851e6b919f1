"""What numbers of colours mean that are not those of sRGB: a profile, or a gamma, that a file has beside them."""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

STANDARD = 1 / 2.2
"""The gamma of files that say sRGB's."""
AROUND = 0.01
CHANGE = 8  # of 255, by which sRGB's own profiles, and those nearly the same, change a colour at most
STEPS = 6  # of each colour
MODES = {"RGB": "RGB", "GRAY": "L"}


def name_profile(file: Image.Image) -> str | None:
    """Return what an image's numbers stand for, as in `Display P3` or `gamma 1`; None: sRGB, or nothing says so."""
    if content := file.info.get("icc_profile"):
        return name_icc(bytes(content))
    gamma = file.info.get("gamma")
    if not isinstance(gamma, float) or gamma <= 0 or "srgb" in file.info or abs(gamma - STANDARD) < AROUND:
        return None
    return f"gamma {1 / gamma:.3g}"


@lru_cache(maxsize=256)
def name_icc(content: bytes) -> str | None:
    """Return what an ICC profile calls itself; None: it says hardly anything else than sRGB, or cannot be read."""
    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(content))
        mode = MODES.get(profile.profile.xcolor_space.strip())
        if mode is not None and measure_change(profile, mode) <= CHANGE:
            return None
        return ImageCms.getProfileDescription(profile).strip() or "a profile without a name"
    except (ImageCms.PyCMSError, OSError):  # as programs do that show such images
        return None


def measure_change(profile: ImageCms.ImageCmsProfile, mode: str) -> int:
    """Return by how many levels a profile's colours differ from sRGB's at most."""
    levels = np.linspace(0, 255, STEPS).round().astype(np.uint8)
    if mode == "RGB":
        levels = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(STEPS, -1, 3)
    image = Image.fromarray(np.atleast_2d(levels))
    shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert shown is not None, "a new image was asked for"
    return int(np.abs(np.asarray(shown, np.int16) - np.asarray(image.convert("RGB"), np.int16)).max())
