"""The sliders of a latent vector, some on a page."""

from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
import torch
from torch import Tensor

from counterweight.explorer.exploration import (
    Directions,
    Exploration,
    draw_offset,
    move_slider,
    read_sliders,
    require_latents,
)
from counterweight.explorer.page.common import WIDGETS, make_button, make_choice, make_html, make_number, watch
from counterweight.generators.base.generator import NotApplicable

PER_PAGE = 10
REACH = 4.0  # steps to either side
PRINCIPAL, INPUTS = "Principal axes", "Latent dimensions"


class Sliders:
    """Sliders that move an offset in a latent space, and buttons that draw or forget it.

    `act` is called after every change by a person, with `offset` changed.
    """

    def __init__(self, exploration: Exploration, label: int, act: Callable[[], None]) -> None:
        self.exploration, self.label, self.act = exploration, label, act
        self.offset: Tensor = torch.zeros(require_latents(exploration, label).space.dim)
        self.first = 0
        self.setting = False
        self.kind = make_choice("Directions", [PRINCIPAL, INPUTS])
        self.seed = make_number("Seed", 0, None)
        self.where = make_html("", "slider-page")
        self.sliders = [self.make_slider(row) for row in range(PER_PAGE)]
        watch(self.kind, self.start_over)
        watch(self.seed, self.draw)
        self.show()

    @property
    def directions(self) -> Directions:
        """What the sliders move along now."""
        latents = require_latents(self.exploration, self.label)
        return latents.principal if self.kind.value == PRINCIPAL else latents.inputs

    def make_slider(self, row: int) -> Any:  # noqa: ANN401  panel has types of its own
        """Return the slider of a row."""
        slider = pn.widgets.FloatSlider(
            start=-REACH,
            end=REACH,
            step=0.05,
            sizing_mode="stretch_width",
            stylesheets=[WIDGETS],
            css_classes=["latent-slider"],
        )
        watch(slider, lambda: self.move(row))
        return slider

    def move(self, row: int) -> None:
        """Take over the value of a slider."""
        if not self.setting:
            self.offset = move_slider(self.offset, self.directions, self.first + row, self.sliders[row].value)
            self.act()

    def show(self) -> None:
        """Let the sliders say where the offset lies."""
        names = self.directions.names[self.first : self.first + PER_PAGE]
        values = read_sliders(self.offset, self.directions, slice(self.first, self.first + PER_PAGE))
        self.setting = True
        try:
            for row, slider in enumerate(self.sliders):
                slider.visible = row < len(names)
                if slider.visible:
                    reach = max(REACH, float(torch.tensor(abs(values[row])).ceil()))
                    slider.param.update(name=names[row], start=-reach, end=reach, value=round(values[row], 4))
        finally:
            self.setting = False
        last, total = self.first + len(names), len(self.directions.names)
        self.where.object = f'<p class="faint">{self.first + 1} to {last} of {total:,}, the strongest first</p>'

    def place(self, offset: Tensor) -> None:
        """Go to an offset."""
        self.offset = offset
        self.show()
        self.act()

    def draw(self) -> None:
        """Go to a latent that is drawn with the seed, or say why the generator draws none."""
        try:
            offset = draw_offset(self.exploration, self.label, self.seed.value)
        except NotApplicable as error:
            self.where.object = f'<p class="problem" role="alert">{escape(str(error))}</p>'
        else:
            self.place(offset)

    def draw_next(self) -> None:
        """Go to another one."""
        self.seed.value += 1  # which draws it

    def reset(self) -> None:
        """Go to the mean of what is drawn of the class."""
        self.place(torch.zeros_like(self.offset))

    def turn(self, pages: int) -> None:
        """Show the next sliders, or those before."""
        first = self.first + pages * PER_PAGE
        if 0 <= first < len(self.directions.names):
            self.first = first
            self.show()

    def start_over(self) -> None:
        """Show the first sliders of other directions."""
        self.first = 0
        self.show()

    def change_class(self, label: int) -> None:
        """Keep the offset, under another class."""
        self.label = label
        self.show()

    def lay_out(self) -> Any:  # noqa: ANN401
        """Return all of it."""
        buttons = [make_button("Random", self.draw_next), make_button("Reset", self.reset)]
        pages = [make_button("Back", lambda: self.turn(-1)), make_button("Next", lambda: self.turn(1))]
        many = len(self.directions.names) > PER_PAGE
        return pn.Column(
            pn.FlexBox(*buttons, self.seed, align_items="end"),
            self.kind,
            *self.sliders,
            pn.FlexBox(*pages, align_items="center") if many else None,
            self.where,
            sizing_mode="stretch_width",
        )
