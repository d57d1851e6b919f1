"""The views of generators without latent vectors: what an image was made of, or the steps of a diffusion."""

import io
from html import escape
from typing import Any

import panel as pn

from counterweight.explorer.exploration import Exploration
from counterweight.explorer.page.common import (
    WIDGETS,
    make_button,
    make_classes,
    make_download,
    make_html,
    make_number,
    render_neighbours,
    watch,
)
from counterweight.explorer.pictures import make_file_name, render_image, render_strip, write_png
from counterweight.explorer.sources import Denoising, denoise_stepwise, make_image
from counterweight.generators.ddpm import DDPM

STEPS = 50  # of a diffusion, at most
FRAMES = 8


class SourceView:
    """A class, a seed, and an image that is made with them."""

    def __init__(self, exploration: Exploration) -> None:
        self.exploration = exploration
        self.classes = make_classes(exploration)
        self.seed = make_number("Seed", 0, None)
        self.picture, self.parents = make_html("", "picture"), make_html("", "parents")
        self.neighbours = make_html("", "neighbours")
        self.download = make_download("Picture (PNG)", self.write, "")
        self.png = b""
        for widget in (self.classes, self.seed):
            watch(widget, self.change)
        self.change()

    @property
    def label(self) -> int:
        """The class that is chosen."""
        label: int = self.classes.value
        return label

    def change(self) -> None:
        """Make an image and show it."""
        made = make_image(self.exploration, self.label, self.seed.value)
        self.download.filename = make_file_name(self.exploration, self.label, "png")
        self.download.visible = made.image is not None
        if made.image is None:
            self.picture.object, self.neighbours.object = "", ""
            self.parents.object = f'<p class="problem">{escape(made.how)}</p>'
            return
        self.png = write_png(made.image)
        name = self.exploration.name(self.label)
        self.picture.object = render_image(made.image, f"a made image of class {name}", "large")
        strip = render_strip([*made.parents], "Made of", "small") if made.parents else ""
        self.parents.object = f"<p>{escape(made.how)}</p>{strip}"
        self.neighbours.object = render_neighbours(self.exploration, made.image)

    def write(self) -> io.BytesIO:
        """Return the picture as a file."""
        return io.BytesIO(self.png)

    def draw_next(self) -> None:
        """Make another image."""
        self.seed.value += 1

    def lay_out(self) -> Any:  # noqa: ANN401  panel has types of its own
        """Return the view."""
        name = self.exploration.model.generator
        left = pn.Column(self.classes, pn.FlexBox(make_button("Another", self.draw_next), self.seed), width=330)
        return pn.Column(
            make_html(
                f'<p class="faint">{escape(name)} takes no latent vector: there are no sliders.</p>', "description"
            ),
            pn.FlexBox(
                left,
                pn.Column(self.picture, self.download, self.parents, width=330),
                pn.Column(self.neighbours, width=330),
                gap="20px",
            ),
            sizing_mode="stretch_width",
        )


class DenoisingView:
    """A class, a seed, and the steps from noise to an image."""

    def __init__(self, exploration: Exploration) -> None:
        assert isinstance(exploration.generator, DDPM)
        self.exploration = exploration
        self.classes = make_classes(exploration)
        self.seed = make_number("Seed", 0, None)
        settings = exploration.generator.settings
        self.steps = min(STEPS, settings.sampling_steps, settings.timesteps)
        self.step = pn.widgets.IntSlider(
            name="Step", end=self.steps, value=self.steps, sizing_mode="stretch_width", stylesheets=[WIDGETS]
        )
        self.picture, self.frames = make_html("", "picture"), make_html("", "frames")
        self.neighbours = make_html("", "neighbours")
        self.found: Denoising = self.denoise()
        for widget in (self.classes, self.seed):
            watch(widget, self.change)
        watch(self.step, self.show)
        self.show_all()

    def denoise(self) -> Denoising:
        """Return the steps of the chosen class and seed."""
        return denoise_stepwise(self.exploration, self.classes.value, self.seed.value, self.steps)

    def change(self) -> None:
        """Make another image."""
        self.found = self.denoise()
        self.show_all()

    def show(self) -> None:
        """Show the chosen step."""
        place = self.step.value
        assert place is not None, "a slider is somewhere"
        images = [(self.found.noisy[place], f"at time {self.found.times[place]}")]
        images.append((self.found.predicted[place], "predicted from it"))
        self.picture.object = render_strip(images, f"Step {place} of {self.steps}", "medium")

    def show_all(self) -> None:
        """Show the chosen step, some of all, and what is nearest to the last."""
        self.show()
        places = sorted({round(self.steps * part / (FRAMES - 1)) for part in range(FRAMES)})
        shown = [(self.found.noisy[place], f"step {place}") for place in places]
        self.frames.object = render_strip(shown, "From noise to the image", "small")
        self.neighbours.object = render_neighbours(self.exploration, self.found.noisy[-1])

    def write(self) -> io.BytesIO:
        """Return the last picture as a file."""
        return io.BytesIO(write_png(self.found.noisy[-1]))

    def draw_next(self) -> None:
        """Make another image."""
        self.seed.value += 1

    def lay_out(self) -> Any:  # noqa: ANN401
        """Return the view."""
        text = (
            "A diffusion model takes noise of the image's size and removes it step by step: there are no sliders of it."
        )
        buttons = pn.FlexBox(make_button("Another", self.draw_next), self.seed)
        download = make_download(
            "Picture (PNG)", self.write, make_file_name(self.exploration, self.classes.value, "png")
        )
        return pn.Column(
            make_html(f'<p class="faint">{text}</p>', "description"),
            pn.FlexBox(
                pn.Column(self.classes, buttons, self.step, download, width=330),
                pn.Column(self.picture, self.frames, width=330),
                pn.Column(self.neighbours, width=330),
                gap="20px",
            ),
            sizing_mode="stretch_width",
        )
