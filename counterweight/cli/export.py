"""The dataset of a row of the table, taken along: real and synthetic images in a form that others read."""

import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from counterweight.export.card import tabulate_counts
from counterweight.export.contents import Contents, Item
from counterweight.export.formats.base import find_format
from counterweight.export.reading import read_contents
from counterweight.export.verdicts import list_verdicts
from counterweight.export.write import check_folder, write_export


def export(params: Path, item: Item, format_name: str, folder: Path, as_json: bool) -> str:
    """Write the images of a draw into a new folder, and return what was written, as text or as JSON.

    Raises:
        UserError: a name is not known, what is exported is not there, or the folder is.
    """
    check_folder(folder)
    contents = read_contents(params, item)
    verdicts = list_verdicts(params.parent, item)
    # None: only where there is a terminal.
    with tqdm(total=len(contents), desc="export", unit="image", disable=None, dynamic_ncols=True) as bar:
        write_export(contents, format_name, verdicts, folder, lambda: bar.update() and None)
    facts = list_facts(contents, format_name, folder)
    return json.dumps({**facts, "verdicts": verdicts}, indent=1) if as_json else render_account(contents, facts)


def list_facts(contents: Contents, format_name: str, folder: Path) -> dict[str, Any]:
    """Return what was written as plain JSON."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        **contents.item._asdict(),
        "draw": contents.item.draw + 1,
        "format": format_name,
        "folder": str(folder),
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "images": len(contents),
        "synthetic": contents.count_synthetic(),
        "splits": {
            split.name: {
                "images": len(split),
                "real": dict(zip(contents.class_names, split.counts(synthetic=False), strict=True)),
                "synthetic": dict(zip(contents.class_names, split.counts(synthetic=True), strict=True)),
            }
            for split in contents.splits
        },
        "load": find_format(format_name).describe_usage(contents).load.replace("PATH", str(folder)),
    }


def render_account(contents: Contents, facts: dict[str, Any]) -> str:
    """Return what was written as text for people."""
    size = f"{facts['images']:,} images, {facts['synthetic']:,} of them synthetic; {facts['bytes'] / 1e6:,.1f} MB"
    where = f"{facts['folder']}: {size} in {facts['files']:,} files"
    left = "README.md is its data card; its licence is for you to write there."
    usage = find_format(facts["format"]).describe_usage(contents)
    notes = [usage.note] if usage.note else []
    return "\n\n".join([tabulate_counts(contents), where, left, *notes, facts["load"]])
