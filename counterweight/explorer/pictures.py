"""Images as files and as parts of a page."""

import base64
import io
import json
from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from counterweight.explorer.exploration import Exploration, find_latent

Pixels = npt.NDArray[np.uint8]


def write_png(image: Pixels) -> bytes:
    """Return an image uint8 (C, H, W), C being 1 or 3, as a PNG file."""
    buffer = io.BytesIO()
    to_picture(image).save(buffer, "PNG", compress_level=1)  # It is looked at once: size matters less than time.
    return buffer.getvalue()


def to_picture(image: Pixels) -> Image.Image:
    """Return an image uint8 (C, H, W) as Pillow's."""
    return Image.fromarray(image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0)))


def write_latent(exploration: Exploration, label: int, offset: Tensor) -> bytes:
    """Return a latent vector as a JSON file that says whose it is."""
    model = exploration.model
    facts = {
        "dataset": model.dataset,
        "scenario": model.scenario,
        "generator": model.generator,
        "draw": model.draw + 1,
        "class": exploration.name(label),
        "latent": find_latent(exploration, label, offset).double().tolist(),
    }
    return (json.dumps(facts, indent=1) + "\n").encode()


def render_image(image: Pixels, name: str, kind: str) -> str:
    """Return HTML of an image in itself, pixels as squares; `kind` is its class in the style sheet."""
    source = base64.b64encode(write_png(image)).decode()
    return f'<img class="{kind}" src="data:image/png;base64,{source}" alt="{escape(name)}">'


def render_strip(images: Sequence[tuple[Pixels, str]], title: str, kind: str) -> str:
    """Return HTML of images in a row, each above its caption."""
    figures = [
        f"<figure>{render_image(image, caption or title, kind)}<figcaption>{escape(caption)}</figcaption></figure>"
        for image, caption in images
    ]
    return f'<h3>{escape(title)}</h3><div class="strip">{"".join(figures)}</div>'


def make_file_name(exploration: Exploration, label: int, ending: str) -> str:
    """Return a name for a file about an image, of letters that every system takes."""
    model = exploration.model
    parts = [model.dataset, model.scenario, model.generator, f"draw{model.draw + 1}", exploration.name(label)]
    words = ["".join(letter if letter.isalnum() else "-" for letter in part) for part in parts if part]
    return f"{'_'.join(words)}.{ending}"
