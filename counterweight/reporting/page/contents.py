"""All that the page shows: a section for each item of the table, and a glossary."""

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from counterweight.reporting.page.notes import (
    CLASS_NOTES,
    DETAIL_NOTES,
    HELP_NOTES,
    LATENT_NOTES,
    RECOGNITION_NOTES,
    describe_columns,
    describe_methods,
)
from counterweight.reporting.page.parts import Section
from counterweight.reporting.page.pictures import Pictures
from counterweight.reporting.page.recognition import add_recognition_details, open_recognition
from counterweight.reporting.page.sections import add_details, add_pair_details, open_pair, open_section
from counterweight.reporting.recognition import Recognition
from counterweight.reporting.results import Everything


def build_sections(
    found: Everything, recognized: Mapping[str, Recognition], plots: Path
) -> tuple[list[Section], list[Path]]:
    """Return a section for each item of the table, and the pictures that there was no room for.

    What every item's images look like goes before any details.

    Args:
        recognized: by dataset.
        plots: folder with what other stages drew.
    """
    pictures = Pictures()
    items = [open_section(results, plots, pictures) for results in found.results]
    pairs = [open_pair(name, comparison, plots, pictures) for name, comparison in found.pairs.items()]
    others = [open_recognition(own, plots, pictures) for own in recognized.values()]
    shares = share_room(pictures, len(items) + len(pairs) + len(others))
    for section, results in zip(items, found.results, strict=True):
        next(shares)
        add_details(section, results, plots, pictures)
    for section, (name, comparison) in zip(pairs, found.pairs.items(), strict=True):
        next(shares)
        add_pair_details(section, name, comparison, plots, pictures)
    for section, own in zip(others, recognized.values(), strict=True):
        next(shares)
        add_recognition_details(section, own, plots, pictures)
    return items + pairs + others, pictures.left_out


def share_room(pictures: Pictures, sections: int) -> Iterator[None]:
    """Give each of so many sections in turn as much room as the others; what one leaves is shared by those after it."""
    left = pictures.room
    for after in range(sections, 0, -1):
        pictures.room = share = left // after
        yield
        left -= share - pictures.room


def write_glossary(found: Everything, recognized: Mapping[str, Recognition]) -> dict[str, str]:
    """Return a line for each method and for each number that tables show."""
    compared = [*chain.from_iterable(results.comparisons.values() for results in found.results), *found.pairs.values()]
    lines: dict[str, str] = {}
    if found.results:
        names = chain.from_iterable((*results.scores, *results.not_applicable) for results in found.results)
        lines |= describe_methods(dict.fromkeys(names)) | HELP_NOTES | CLASS_NOTES
    if compared:
        lines |= describe_columns(compared[0].features.columns) | DETAIL_NOTES | LATENT_NOTES
    return lines | (RECOGNITION_NOTES if recognized else {})
