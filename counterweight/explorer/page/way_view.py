"""The way between two real images."""

from collections.abc import Callable
from typing import Any

import numpy as np
import panel as pn
from torch import Tensor

from counterweight.explorer.exploration import Exploration, encode_image
from counterweight.explorer.interpolation import End, Way, interpolate
from counterweight.explorer.page.common import (
    make_button,
    make_choice,
    make_html,
    make_number,
    make_select,
    watch,
)
from counterweight.explorer.pictures import render_strip

STEPS = 10
WAYS: dict[str, Way] = {"Straight": "linear", "Spherical": "spherical"}


class WayEnd:
    """A real image that is chosen by its class and its number among those that the generator never saw."""

    def __init__(self, exploration: Exploration, label: int, name: str, number: int, act: Callable[[], None]) -> None:
        self.exploration = exploration
        self.classes = make_select(f"{name}: class", {}, 130)
        self.number = make_number("image", number, None)
        self.offer(label)
        watch(self.classes, act)
        watch(self.number, act)

    def offer(self, label: int) -> None:
        """Offer the classes that share the latents of one, and choose that if there is an image of it."""
        assert self.exploration.real is not None, "real images are chosen"
        present = set(self.exploration.real.unseen.images.labels.tolist())
        names = self.exploration.generator.class_names
        labels = [label] if self.exploration.has_model_per_class else range(len(names))
        options = {names[own]: own for own in labels if own in present}
        if options != self.classes.options:
            self.classes.param.update(options=options, value=next(iter(options.values()), None))
        if label in options.values():
            self.classes.value = label

    def find(self) -> End | None:
        """Return the chosen image; None where there is none."""
        assert self.exploration.real is not None, "real images are chosen"
        images = self.exploration.real.unseen.images
        own = np.flatnonzero(images.labels == self.classes.value)
        # Numbers go round: any of them is some image.
        return End(images.images[own[self.number.value % len(own)]], self.classes.value) if len(own) else None


class WayView:
    """Two real images, and what lies between them."""

    def __init__(self, exploration: Exploration, label: int, start_from: Callable[[int, Tensor], None]) -> None:
        self.exploration, self.start_from = exploration, start_from
        self.changing = False
        self.ends = [WayEnd(exploration, label, name, number, self.change) for name, number in (("From", 0), ("To", 1))]
        self.way = make_choice("Way", [*WAYS])
        self.strip, self.real = make_html("", "way"), make_html("", "way-ends")
        watch(self.way, self.change)
        self.change()

    def change(self) -> None:
        """Show the way between the chosen images."""
        if self.changing:
            return
        start, end = (each.find() for each in self.ends)
        if start is None or end is None:
            self.real.object, self.strip.object = '<p class="faint">No real image of this class.</p>', ""
            return
        images = interpolate(self.exploration, start, end, STEPS, WAYS[self.way.value])
        shown = [(image, f"{place / (STEPS - 1):.0%}") for place, image in enumerate(images)]
        self.real.object = render_strip([(start.image, "from"), (end.image, "to")], "The real images", "small")
        self.strip.object = render_strip(shown, "What is made on the way", "small")

    def change_class(self, label: int) -> None:
        """Offer the images of another class."""
        self.changing = True
        try:
            for each in self.ends:
                each.offer(label)
        finally:
            self.changing = False
        self.change()

    def begin(self) -> None:
        """Let the sliders start from the first image."""
        if (start := self.ends[0].find()) is not None:
            self.start_from(start.label, encode_image(self.exploration, start.label, start.image))

    def lay_out(self) -> Any:  # noqa: ANN401  panel has types of its own
        """Return the part of the page."""
        return pn.Column(
            make_html("<h2>The way between two real images</h2>", "way-title"),
            *(pn.FlexBox(each.classes, each.number) for each in self.ends),
            pn.FlexBox(self.way, make_button("Sliders to the first", self.begin)),
            self.real,
            self.strip,
            sizing_mode="stretch_width",
        )
