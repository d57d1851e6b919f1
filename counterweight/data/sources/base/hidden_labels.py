"""Parts of which no image has a label, or all have the word for none: tests whose labels their makers keep."""

from collections import Counter
from collections.abc import Sequence

from counterweight.data.sources.base.table_rows import DROPPED, UNLISTED, Table

HIDDEN = frozenset({"-1", "?", "hidden", "unknown", "unlabeled", "unlabelled"})
"""In lower case; what stands for a label that is not told."""


def drop_hidden(tables: Sequence[Table]) -> tuple[list[Table], list[str]]:
    """Return tables without the labels of parts all of whose images have one word for none, which no other has; notes.

    Such rows are left out, as are those of tables without any label.
    """
    counts: dict[str, Counter[str]] = {}
    for own in tables:
        for part, name in zip(own.parts, own.classes, strict=True):
            if part not in (None, DROPPED, UNLISTED) and name is not None:
                counts.setdefault(str(part), Counter())[name] += 1
    every = sum(counts.values(), Counter[str]())
    hidden = {
        part: name
        for part, own in counts.items()
        for name in own
        if len(own) == 1 and name.lower() in HIDDEN and own[name] == every[name] and len(every) > len(own) + 1
    }
    notes = [
        f"all {every[name]:,} labels of part {part} are '{name}', which no other has: taken for hidden, and left out"
        for part, name in hidden.items()
    ]
    notes += [
        f"{own.columns.file.name}: none of its {len(own.classes):,} rows has a label: left out"
        for own in tables
        if own.classes and not any(name is not None for name in own.classes)
    ]
    return [forget_labels(own, [*hidden]) for own in tables] if hidden else [*tables], notes


def forget_labels(table: Table, hidden: Sequence[str]) -> Table:
    """Return a table whose rows of some parts have no label, and so are in none."""
    out = [part in hidden for part in table.parts]
    return table._replace(
        classes=[None if own else name for own, name in zip(out, table.classes, strict=True)],
        parts=[None if own else part for own, part in zip(out, table.parts, strict=True)],
    )
