"""Pictures that other stages drew, inside the page as WebP: as many as keep it small enough to be sent by mail."""

import base64
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

LIMIT = 8_000_000
"""Bytes of all pictures as text. With charts' library and tables the page stays under 10 MB."""
QUALITY = 88
"""Of WebP, up to 100: at this a grid of images is a third of its PNG and shows no difference at reading distance."""
WIDEST = 1440
"""Pixels: what figures are drawn at; wider ones are brought to it."""


@dataclass(frozen=True)
class Picture:
    """A picture with what stands below it."""

    path: Path
    caption: str
    data: str | None
    """A data URI; None where there was no room left."""
    width: int
    height: int


@dataclass
class Pictures:
    """What fits into one page, the first that are asked for before others."""

    room: int = LIMIT
    left_out: list[Path] = field(default_factory=list)

    def embed(self, path: Path, caption: str) -> Picture | None:
        """Return a picture, None where no stage drew one; one that does not fit has no data."""
        return self.place(path, caption, *encode(path)) if path.is_file() else None

    def embed_all(self, folder: Path, pattern: str, caption: str) -> list[Picture]:
        """Return the pictures of a folder whose names match, in the order of their names."""
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
        with ThreadPoolExecutor() as pool:  # Pillow lets go of Python's lock while it encodes.
            encoded = [*pool.map(encode, paths)]
        return [
            self.place(path, caption.format(name=path.stem), *found) for path, found in zip(paths, encoded, strict=True)
        ]

    def place(self, path: Path, caption: str, text: str, size: tuple[int, int]) -> Picture:
        """Return an encoded picture, without its data where there is no room left for it."""
        if len(text) > self.room:
            self.left_out.append(path)
            return Picture(path, caption, None, *size)
        self.room -= len(text)
        return Picture(path, caption, text, *size)


def encode(path: Path) -> tuple[str, tuple[int, int]]:
    """Return a picture's data URI, and its width and height in pixels there."""
    with Image.open(path) as image:
        picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "webp", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii"), picture.size
