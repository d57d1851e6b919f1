"""The whole page: which model is explored, and the view of it."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from counterweight.core.errors import UserError
from counterweight.explorer.exploration import Exploration, open_exploration
from counterweight.explorer.folders import Model, find_models
from counterweight.explorer.page.common import FOLDER, make_html, make_problem, make_select, watch
from counterweight.explorer.page.latent_view import LatentView
from counterweight.explorer.page.source_view import DenoisingView, SourceView
from counterweight.generators.base.generator import NotApplicable
from counterweight.generators.ddpm import DDPM

AXES = ("dataset", "scenario", "generator", "draw")


class Shelf:
    """The models of a folder, each opened once, whoever looks at it."""

    def __init__(self, root: Path, path: Path | None) -> None:
        self.root, self.path = root, path
        self.opened: dict[Path, Exploration] = {}

    def find(self) -> list[Model]:
        """Return the models that are there now; errors as of `find_models`."""
        return find_models(self.root, self.path)

    def open(self, model: Model) -> Exploration:
        """Return a model, read if it was not yet; errors as of `open_exploration`."""
        if model.folder not in self.opened:
            self.opened[model.folder] = open_exploration(model)
        return self.opened[model.folder]


class Choice:
    """Lists for dataset, scenario, generator and draw, each of what goes with those before."""

    def __init__(self, models: Sequence[Model], act: Callable[[], None]) -> None:
        self.models, self.act = models, act
        self.changing = False
        self.lists = [make_select(axis.capitalize(), {}, 170) for axis in AXES]
        self.offer()
        for chosen in self.lists:
            watch(chosen, self.change)

    def offer(self) -> None:
        """Offer in each list what there is for the choices before it, and keep a choice that still is there."""
        left = [*self.models]
        for axis, chosen in zip(AXES, self.lists, strict=True):
            values = sorted({getattr(model, axis) for model in left})
            names = {str(value + 1) if axis == "draw" else value or "(not known)": value for value in values}
            value = chosen.value if chosen.value in values else values[0]
            chosen.param.update(options=names, value=value)
            left = [model for model in left if getattr(model, axis) == value]
        self.model = left[0]

    def change(self) -> None:
        """Take over a choice."""
        if self.changing:
            return
        self.changing = True
        try:
            self.offer()
        finally:
            self.changing = False
        self.act()


class App:
    """One visitor's page."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.body = pn.Column(sizing_mode="stretch_width")
        self.choice: Choice | None = None
        try:
            self.choice = Choice(shelf.find(), self.show)
        except UserError as error:
            self.body.objects = [make_problem(str(error))]
        else:
            self.show()

    def show(self) -> None:
        """Say that the chosen model is opened, which may take seconds, and then show it."""
        assert self.choice is not None, "shown where there are models"
        self.body.objects = [make_html(f"<p>Opening {escape(self.choice.model.item)} ...</p>", "opening")]
        document = pn.state.curdoc
        if document is None:  # without a browser
            self.open()
        else:
            document.add_next_tick_callback(self.open)

    def open(self) -> None:
        """Show the chosen model, or why it cannot be shown."""
        assert self.choice is not None, "shown where there are models"
        try:
            model = self.choice.model
            view = make_view(self.shelf.open(model))
            self.body.objects = [make_html(f"<h2>{escape(model.item)}</h2>", "item"), view]
        except UserError as error:
            self.body.objects = [make_problem(str(error))]

    def lay_out(self) -> Any:  # noqa: ANN401  panel has types of its own
        """Return the page."""
        lists = [] if self.choice is None else [pn.FlexBox(*self.choice.lists)]
        return pn.Column(*lists, self.body, sizing_mode="stretch_width")


def make_view(exploration: Exploration) -> Any:  # noqa: ANN401
    """Return the view that fits a generator."""
    if not exploration.labels:
        return make_problem(f"{exploration.model.folder}: no class needed images, so that nothing was trained")
    if isinstance(exploration.generator, DDPM):
        return DenoisingView(exploration).lay_out()
    try:
        if exploration.latents(exploration.labels[0]) is None:
            return SourceView(exploration).lay_out()
        return LatentView(exploration).lay_out()
    except NotApplicable as error:
        return make_problem(str(error))


def make_page(shelf: Shelf) -> Any:  # noqa: ANN401
    """Return the page of a new visitor."""
    template = pn.Template((FOLDER / "page.html.jinja").read_text(encoding="utf-8"))
    template.add_variable("style", (FOLDER / "page.css").read_text(encoding="utf-8"))
    template.add_variable("app_title", "Counterweight explorer")
    template.add_panel("main", App(shelf).lay_out())
    return template
