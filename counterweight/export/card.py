"""The page beside the images: a data card whose header Hugging Face's readers and its hub understand."""

import json
from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from counterweight.export.contents import COLLECTED, COLUMNS, Contents
from counterweight.export.formats.base import Format
from counterweight.reporting.markdown import Grid, render_table

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
"""Names that the hub has for sets of fewer images."""
LEFT_OUT = "(a place of whoever exported this)"
LICENCE = """\
# The licence is for you to choose, and nobody else: that of the real images decides what is allowed. Write it here, as
# in `license: cc-by-4.0`, and below under Licence.
# license:
"""


def write_card(contents: Contents, format_: Format, verdicts: list[str], folder: Path) -> None:
    """Write `README.md` into a folder that has the images.

    Args:
        verdicts: what the pipeline found of the images, a sentence each.
    """
    values = {
        "contents": contents,
        "item": contents.item,
        "collected": COLLECTED,
        "title": describe_title(contents),
        "summary": describe(contents),
        "table": tabulate_counts(contents),
        "added": sum(len(part) for part in contents.splits[0].parts[1:]),
        "fitted": len(contents.splits[0].parts[0]),
        "generator": None if contents.generator is None else write_settings(contents.generator),
        "settings": {key: write_settings(block) for key, block in contents.settings.items()},
        "columns": {**format_.columns, **COLUMNS},
        "verdicts": verdicts,
        "usage": format_.describe_usage(contents),
    }
    text = load_template().render(values).rstrip("\n") + "\n"
    header = f"---\n{LICENCE}{render_header(contents, format_, folder)}---\n\n"
    (folder / "README.md").write_text(header + text, encoding="utf-8")


@cache
def load_template() -> Template:
    """Return the page's template; a name that is not there is an error."""
    environment = Environment(
        loader=PackageLoader("counterweight.export"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown, not HTML
    )
    return environment.get_template("card.md.jinja")


def write_settings(block: Mapping[str, Any]) -> str:
    """Return settings in a line, without places on this machine or in its network, which are nobody else's."""
    return json.dumps({key: LEFT_OUT if is_place(value) else value for key, value in block.items()}, ensure_ascii=False)


def is_place(value: object) -> bool:
    """Say whether a setting is a path from the root, or an address."""
    return isinstance(value, str) and (value.startswith(("/", "~")) or "://" in value)


def describe_title(contents: Contents) -> str:
    """Return the page's title."""
    item = contents.item
    return f"{item.dataset}, {item.scenario}, {item.method}, draw {item.draw + 1}"


def describe(contents: Contents) -> str:
    """Say in two sentences what the dataset is."""
    item, made = contents.item, contents.count_synthetic()
    channels, height, width = contents.shape
    colours = "grey" if channels == 1 else "colour"
    first = (
        f"{len(contents):,} {colours} images of {height} x {width} pixels in {len(contents.class_names)} classes:"
        f" dataset {item.dataset} in scenario {item.scenario}, as classifiers are trained on it in draw"
        f" {item.draw + 1} of {contents.draws}."
    )
    if item.has_generator:
        return f"{first} {made:,} of the training images are synthetic (`{item.method}`); all others are real."
    return f"{first} All of them are real."


def render_header(contents: Contents, format_: Format, folder: Path) -> str:
    """Return the header in YAML, but for the licence."""
    features = format_.describe_features(contents)
    size = next((label for most, label in SIZES.items() if len(contents) < most), "n>1M")
    files = [{"split": split.name, "path": format_.locate(split.name)} for split in contents.splits]
    config: dict[str, Any] = {"config_name": "default", "data_files": files}
    if format_.has_guessed_columns:
        config["features"] = features
    sizes = {split.name: sum_bytes(folder, format_.locate(split.name)) for split in contents.splits}
    values = {
        "pretty_name": describe_title(contents),
        "task_categories": ["image-classification"],
        "size_categories": [size],
        "tags": ["class-imbalance", *(["synthetic"] if contents.item.has_generator else []), "counterweight"],
        "configs": [config],
        "dataset_info": {
            "features": features,
            "splits": [
                {"name": split.name, "num_bytes": sizes[split.name], "num_examples": len(split)}
                for split in contents.splits
            ],
            "download_size": sum(sizes.values()),
            "dataset_size": sum(sizes.values()),
        },
    }
    text, yaml = StringIO(), YAML()
    yaml.width = 2**20
    yaml.dump(quote_texts(values), text)
    return text.getvalue()


def sum_bytes(folder: Path, pattern: str) -> int:
    """Return the size of the files that a pattern matches."""
    # pathlib's `**` are folders alone.
    found = folder.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)
    return sum(path.stat().st_size for path in found if path.is_file())


def quote_texts(value: object) -> object:
    """Return values whose texts are written in quotes: older YAML, which readers go by, takes `no` for false."""
    if isinstance(value, Mapping):
        # Keys that are numbers, those of labels, have to stay texts.
        return {
            DoubleQuotedScalarString(key) if key.isdecimal() else key: quote_texts(own) for key, own in value.items()
        }
    if isinstance(value, list):
        return [quote_texts(own) for own in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value


def tabulate_counts(contents: Contents) -> str:
    """Return a row for each class, and their sums: real and synthetic images of each split."""
    columns: dict[str, list[int]] = {}
    for split in contents.splits:
        if contents.item.has_generator and split.name == "train":
            columns[f"{split.name}, real"] = split.counts(synthetic=False)
            columns[f"{split.name}, synthetic"] = split.counts(synthetic=True)
        else:
            columns[split.name] = split.counts(synthetic=False)
    names = [name.replace("\n", " ") for name in contents.class_names]  # It would end the row.
    rows = [[name, *(str(counts[label]) for counts in columns.values())] for label, name in enumerate(names)]
    return render_table(Grid(["class", *columns], [*rows, ["all", *(f"{sum(counts)}" for counts in columns.values())]]))
