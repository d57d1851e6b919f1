"""The view of a generator that makes images of latent vectors."""

import io
from html import escape
from typing import Any

import panel as pn

from counterweight.explorer.exploration import Exploration, Pixels, decode_offset, require_latents
from counterweight.explorer.page.common import make_classes, make_download, make_html, render_neighbours, watch
from counterweight.explorer.page.plane_view import PlaneView
from counterweight.explorer.page.sliders import Sliders
from counterweight.explorer.page.way_view import WayView
from counterweight.explorer.pictures import make_file_name, render_image, write_latent, write_png


class LatentView:
    """Class, sliders and the image, with what stands beside it."""

    def __init__(self, exploration: Exploration) -> None:
        self.exploration = exploration
        self.label = exploration.first_label
        self.image: Pixels = decode_offset(exploration, self.label, self.start())
        self.classes = make_classes(exploration)
        self.sliders = Sliders(exploration, self.label, self.change)
        self.picture, self.neighbours = make_html("", "picture"), make_html("", "neighbours")
        self.plane = PlaneView(exploration, self.label, self.sliders.place) if self.is_flat else None
        self.way = WayView(exploration, self.label, self.start_from) if self.can_encode else None
        self.downloads = [
            make_download("Picture (PNG)", lambda: io.BytesIO(write_png(self.image)), self.name_file("png")),
            make_download("Latent vector (JSON)", self.write_latent, self.name_file("json")),
        ]
        watch(self.classes, self.change_class)
        self.change()

    def start(self) -> Any:  # noqa: ANN401
        """Return the offset to begin with: none."""
        return require_latents(self.exploration, self.label).principal.vectors[0] * 0

    @property
    def is_flat(self) -> bool:
        """Whether the latents are a plane."""
        return require_latents(self.exploration, self.label).space.dim == 2

    @property
    def can_encode(self) -> bool:
        """Whether real images have latents, and are known."""
        real = self.exploration.real
        encoder = require_latents(self.exploration, self.label).space.has_encoder
        return encoder and real is not None and len(real.unseen.images) > 0

    def change(self) -> None:
        """Show the image of the offset; first itself, then what takes longer."""
        self.image = decode_offset(self.exploration, self.label, self.sliders.offset)
        name = self.exploration.name(self.label)
        self.picture.object = render_image(self.image, f"a made image of class {name}", "large")
        if self.plane is not None:
            self.plane.point_to(self.sliders.offset)
        self.neighbours.object = render_neighbours(self.exploration, self.image)

    def change_class(self) -> None:
        """Show another class."""
        self.label = self.classes.value
        self.sliders.change_class(self.label)
        if self.plane is not None:
            self.plane.change_class(self.label)
        if self.way is not None:
            self.way.change_class(self.label)
        for download, ending in zip(self.downloads, ("png", "json"), strict=True):
            download.filename = self.name_file(ending)
        self.change()

    def start_from(self, label: int, offset: Any) -> None:  # noqa: ANN401
        """Go to the latent of a real image."""
        self.classes.value = label  # which changes the class, if it is another one
        self.sliders.place(offset)

    def name_file(self, ending: str) -> str:
        """Return a name for a download."""
        return make_file_name(self.exploration, self.label, ending)

    def write_latent(self) -> io.BytesIO:
        """Return the latent vector as a file."""
        return io.BytesIO(write_latent(self.exploration, self.label, self.sliders.offset))

    def describe(self) -> str:
        """Return in a few sentences what is explored."""
        latents = require_latents(self.exploration, self.label)
        channels, height, width = self.exploration.generator.shape
        told = "the label joins them" if latents.told else "which alone say what the image shows"
        colours = "grey" if channels == 1 else "colour"
        parts = [f"{colours.capitalize()} images of {height} x {width} pixels; {latents.space.dim:,} latents, {told}."]
        parts.append(f"A step of a slider is a standard deviation of what is drawn. Axes: {latents.found}.")
        return f'<p class="faint">{escape(" ".join(parts))}</p>'

    def lay_out(self) -> Any:  # noqa: ANN401
        """Return the view."""
        # What changes stays in sight while sliders below it are moved, on a narrow screen, too.
        styles = {"position": "sticky", "top": "0", "z-index": "2", "background": "var(--paper)", "padding": "4px 0"}
        shown = pn.Column(self.classes, self.picture, pn.FlexBox(*self.downloads), width=345, styles=styles)
        sliders = pn.Column(self.sliders.lay_out(), width=330)
        plane, way = (part.lay_out() if part is not None else None for part in (self.plane, self.way))
        rest = pn.Column(plane, self.neighbours, way, styles={"flex": "1 1 330px"}, min_width=300)
        return pn.Column(
            make_html(self.describe(), "description"),
            pn.FlexBox(shown, sliders, rest, gap="20px", sizing_mode="stretch_width", align_items="start"),
            sizing_mode="stretch_width",
        )
