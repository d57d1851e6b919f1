"""One measurement of a synthetic set written down: a result and figures, or why there are none."""

from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel

from counterweight.core.image_file import Images
from counterweight.core.outputs import atomic_output
from counterweight.core.results import NotApplicable, write_result

Measurement = tuple[BaseModel, Callable[[Path], None]]
"""A result, and what draws its figures into a folder."""


def write_measurement(synthetic: Images, measure: Callable[[], Measurement], out: Path, plots: Path) -> None:
    """Measure a synthetic set and write JSON and a folder of figures.

    Where a generator could make no images, both say why, and nothing is measured.
    """
    with atomic_output(out) as partial, atomic_output(plots) as folder:
        folder.mkdir()
        if synthetic.not_applicable is not None:
            write_result(NotApplicable(not_applicable=synthetic.not_applicable), partial)
            (folder / "nothing.txt").write_text(f"{synthetic.not_applicable}\n", encoding="utf-8")
            return
        result, draw = measure()
        write_result(result, partial)
        draw(folder)
