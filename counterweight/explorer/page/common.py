"""Parts that all views share."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import panel as pn

from counterweight.explorer.exploration import Exploration, Pixels
from counterweight.explorer.pictures import render_strip
from counterweight.explorer.real import Keys, find_neighbours

FOLDER = Path(__file__).parent
PARTS = (FOLDER / "parts.css").read_text(encoding="utf-8")
WIDGETS = (FOLDER / "widgets.css").read_text(encoding="utf-8")
NEIGHBOURS = 3


def make_html(text: str, name: str) -> Any:  # noqa: ANN401  panel has types of its own
    """Return a part of the page; `name` is its class for style sheets and tests."""
    return pn.pane.HTML(text, stylesheets=[PARTS], css_classes=[name], sizing_mode="stretch_width", margin=(0, 5))


def make_problem(message: str) -> Any:  # noqa: ANN401
    """Return a part of the page that says what is wrong."""
    return make_html(f'<p class="problem" role="alert">{escape(message)}</p>', "problem-part")


def make_classes(exploration: Exploration) -> Any:  # noqa: ANN401
    """Return a list of a model's classes, that to begin with chosen."""
    classes = make_select("Class", {exploration.name(label): label for label in exploration.labels}, 170)
    classes.value = exploration.first_label
    return classes


def make_select(name: str, options: dict[str, Any], width: int) -> Any:  # noqa: ANN401
    """Return a list to choose from."""
    return pn.widgets.Select(name=name, options=options, width=width, stylesheets=[WIDGETS])


def make_number(name: str, value: int, last: int | None) -> Any:  # noqa: ANN401
    """Return a field for a number from 0 on."""
    return pn.widgets.IntInput(name=name, value=value, start=0, end=last, width=110, stylesheets=[WIDGETS])


def make_button(name: str, action: Callable[[], None]) -> Any:  # noqa: ANN401
    """Return a button that does something."""
    button = pn.widgets.Button(name=name, stylesheets=[WIDGETS])
    button.on_click(lambda _: action())
    return button


def make_choice(name: str, options: list[str]) -> Any:  # noqa: ANN401
    """Return buttons of which one is down."""
    return pn.widgets.RadioButtonGroup(name=name, options=options, stylesheets=[WIDGETS])


def make_download(label: str, make: Callable[[], Any], file_name: str) -> Any:  # noqa: ANN401
    """Return a link that downloads what `make` returns when it is clicked."""
    return pn.widgets.FileDownload(
        callback=make, filename=file_name, label=label, embed=False, width=150, stylesheets=[WIDGETS]
    )


def watch(widget: Any, action: Callable[[], None]) -> None:  # noqa: ANN401
    """Do something whenever a widget's value changes."""
    widget.param.watch(lambda _: action(), "value")


def change_figure(change: Callable[[], None]) -> None:
    """Change a Bokeh figure when the document is free for that: panel sees to its own parts alone."""
    document = pn.state.curdoc
    if document is None:  # without a browser
        change()
    else:
        document.add_next_tick_callback(change)


def render_neighbours(exploration: Exploration, image: Pixels) -> str:
    """Return HTML of the real images that are nearest to an image."""
    real = exploration.real
    if real is None:
        return f'<p class="faint">No real images beside it: {escape(exploration.missing)}</p>'
    parts = [
        ("Nearest images that it learned from", real.train),
        ("Nearest real images that it never saw", real.unseen),
    ]
    note = '<p class="faint">Distances: root mean square of the differences of pixels, in levels of 255.</p>'
    return "".join(render_nearest(title, image, keys) for title, keys in parts) + note


def render_nearest(title: str, image: Pixels, keys: Keys) -> str:
    """Return HTML of the nearest images of a set."""
    images = keys.images
    shown = [
        (images.images[near.place], f"{images.class_names[images.labels[near.place]]}, distance {near.distance:.1f}")
        for near in find_neighbours(image, keys, NEIGHBOURS)
    ]
    return render_strip(shown, title, "small")
