"""The plane of two latents, with a point that is dragged."""

from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import numpy as np
import panel as pn
import torch
from bokeh.events import Event, Pan, PanStart, PointEvent, Tap
from bokeh.models import ColumnDataSource, Range1d
from bokeh.palettes import Category10, Category20, Turbo256
from bokeh.plotting import figure
from torch import Tensor

from counterweight.explorer.exploration import Exploration, Pixels, draw_latents, find_latent, require_latents
from counterweight.explorer.page.common import WIDGETS, change_figure, make_html, watch
from counterweight.explorer.plane import Cloud, Extent, decode_plane, encode_cloud, find_extent
from counterweight.generators.base.generator import NotApplicable

SIDE = 15
DRAWN = 500  # latents that say how far the plane reaches


def choose_colours(count: int) -> list[str]:
    """Return a colour for each of so many classes."""
    if count <= 20:
        return [*(Category10[10] if count <= 10 else Category20[20])[:count]]
    return [Turbo256[round(place * 255 / (count - 1))] for place in range(count)]


def to_rgba(picture: Pixels) -> Any:  # noqa: ANN401
    """Return a picture uint8 (C, H, W) as Bokeh takes one: uint32 (H, W), from the bottom up."""
    channels = picture if len(picture) == 3 else picture.repeat(3, axis=0)
    opaque = np.concatenate([channels, np.full_like(channels[:1], 255)])
    return np.ascontiguousarray(opaque.transpose(1, 2, 0)[::-1]).view(np.uint32)[..., 0]


class PlaneView:
    """What is decoded all over the plane, the encoded test images, and the point that is looked at."""

    def __init__(self, exploration: Exploration, label: int, place: Callable[[Tensor], None]) -> None:
        self.exploration, self.label, self.place = exploration, label, place
        self.colours = choose_colours(len(exploration.generator.class_names))
        self.point = ColumnDataSource({"x": [0.0], "y": [0.0]})
        self.tiles = ColumnDataSource({"image": [], "x": [], "y": [], "dw": [], "dh": []})
        self.cloud = ColumnDataSource({"x": [], "y": [], "colour": []})
        self.shown = pn.widgets.CheckBoxGroup(
            name="Shown",
            options=["Decoded images", "Encoded test images"],
            value=["Decoded images", "Encoded test images"],
            inline=True,
            stylesheets=[WIDGETS],
        )
        self.figure = self.draw()
        watch(self.shown, self.choose_shown)
        self.change_class(label)

    @property
    def has_points(self) -> bool:
        """Whether there are test images to encode."""
        real, latents = self.exploration.real, require_latents(self.exploration, self.label)
        return latents.space.has_encoder and real is not None and len(real.test) > 0

    def draw(self) -> Any:  # noqa: ANN401  Bokeh has types of its own
        """Return the figure."""
        plot = figure(
            tools="",
            toolbar_location=None,
            sizing_mode="stretch_width",
            height=430,
            x_range=Range1d(),
            y_range=Range1d(),
        )
        plot.image_rgba("image", "x", "y", "dw", "dh", source=self.tiles, name="tiles")
        plot.scatter(
            "x", "y", color="colour", line_color="white", line_width=0.5, size=7, source=self.cloud, name="cloud"
        )
        plot.scatter("x", "y", size=17, fill_color=None, line_color="white", line_width=5, source=self.point)
        plot.scatter("x", "y", size=17, fill_color=None, line_color="#d2342a", line_width=3, source=self.point)
        plot.css_classes = ["plane"]
        plot.background_fill_color = plot.border_fill_color = None
        plot.grid.visible = False
        plot.outline_line_color = None
        plot.axis.axis_label_text_color = plot.axis.major_label_text_color = "#808890"
        plot.axis.axis_line_color = plot.axis.major_tick_line_color = plot.axis.minor_tick_line_color = "#808890"
        plot.xaxis.axis_label, plot.yaxis.axis_label = "latent 1", "latent 2"
        for event in (Tap, PanStart, Pan):
            plot.on_event(event, self.go)
        return plot

    def go(self, event: Event) -> None:
        """Go to where a person points."""
        centre = find_latent(self.exploration, self.label, torch.zeros(2))
        if isinstance(event, PointEvent) and event.x is not None and event.y is not None:
            self.place(torch.tensor([event.x, event.y]) - centre)

    def point_to(self, offset: Tensor) -> None:
        """Show where an offset lies."""
        x, y = find_latent(self.exploration, self.label, offset).tolist()
        change_figure(lambda: self.point.update(data={"x": [x], "y": [y]}))

    def change_class(self, label: int) -> None:
        """Show the plane of another class."""
        self.label = label
        real, latents = self.exploration.real, require_latents(self.exploration, label)
        cloud = None
        if self.has_points and real is not None:
            cloud = encode_cloud(self.exploration, real.test, label)
        try:
            drawn = draw_latents(self.exploration, label, DRAWN, 0)
        except NotApplicable:  # of a class without an image to draw by: then where the others lie
            drawn = latents.centres
        extent = find_extent(drawn, cloud)
        picture = to_rgba(decode_plane(self.exploration, label, extent, SIDE))
        change_figure(lambda: self.fill(extent, picture, cloud))

    def fill(self, extent: Extent, picture: Any, cloud: Cloud | None) -> None:  # noqa: ANN401
        """Put images and points into the figure."""
        self.figure.x_range.update(start=extent.left, end=extent.right)
        self.figure.y_range.update(start=extent.bottom, end=extent.top)
        sides = {"dw": [extent.right - extent.left], "dh": [extent.top - extent.bottom]}
        self.tiles.data = {"image": [picture], "x": [extent.left], "y": [extent.bottom], **sides}
        if cloud is not None:
            colours = [self.colours[own] for own in cloud.labels]
            self.cloud.data = {"x": cloud.points[:, 0], "y": cloud.points[:, 1], "colour": colours}

    def choose_shown(self) -> None:
        """Show or hide the images and the points."""
        for name, option in (("tiles", "Decoded images"), ("cloud", "Encoded test images")):
            part, visible = self.figure.select_one({"name": name}), option in self.shown.value
            change_figure(partial(part.update, visible=visible))

    def lay_out(self) -> Any:  # noqa: ANN401
        """Return the part of the page."""
        names = self.exploration.generator.class_names
        keys = [
            f'<span class="key"><i style="background:{colour}"></i>{escape(name)}</span>'
            for name, colour in zip(names, self.colours, strict=True)
        ]
        return pn.Column(
            make_html("<h2>The plane of both latents</h2><p class='faint'>Drag the ring, or tap.</p>", "plane-title"),
            self.shown,
            pn.pane.Bokeh(self.figure, sizing_mode="stretch_width"),
            make_html(f"<p>{''.join(keys)}</p>", "plane-key") if self.has_points else None,
            sizing_mode="stretch_width",
        )
