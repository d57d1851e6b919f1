"""The page beside the images: a data card whose header Hugging Face's readers and its hub understand."""

import json
from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from counterweight.export.contents import COLUMNS, Contents
from counterweight.export.formats.base import Format
from counterweight.reporting.markdown import render_table

SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
"""Names that the hub has for sets of fewer images."""
LICENCE = """\
# The licence is for you to choose, and nobody else: that of the real images decides what is allowed. Write it here, as
# in `license: cc-by-4.0`, and below under Licence.
# license:
"""


def write_card(contents: Contents, name: str, format_: Format, verdicts: list[str], folder: Path) -> None:
    """Write `README.md` into a folder that has the images.

    Args:
        name: of the format.
        verdicts: what the pipeline found of the images, a sentence each.
    """
    values = {
        "contents": contents,
        "item": contents.item,
        "title": describe_title(contents),
        "summary": describe(contents),
        "table": tabulate_counts(contents),
        "added": sum(len(part) for part in contents.splits[0].parts[1:]),
        "fitted": len(contents.splits[0].parts[0]),
        "generator": None if contents.generator is None else json.dumps(contents.generator, ensure_ascii=False),
        "settings": {key: json.dumps(block, ensure_ascii=False) for key, block in contents.settings.items()},
        "columns": COLUMNS,
        "verdicts": verdicts,
        "format": name,
        "usage": format_.describe_usage(contents),
    }
    text = load_template().render(values).rstrip("\n") + "\n"
    header = f"---\n{LICENCE}{render_header(contents, name, format_)}---\n\n"
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
        return f"{first} {made:,} of the training images are synthetic, made by {item.method}; all others are real."
    return f"{first} All of them are real."


def render_header(contents: Contents, name: str, format_: Format) -> str:
    """Return the header in YAML, but for the licence."""
    features = format_.describe_features(contents)
    size = next((label for most, label in SIZES.items() if len(contents) < most), "n>1M")
    files = [{"split": split.name, "path": format_.locate(split.name)} for split in contents.splits]
    config = {"config_name": "default", "data_files": files}
    if name == "imagefolder":
        # Without these, readers guess from the table: a class called `04` would be 4.
        config["features"] = features
    values = {
        "pretty_name": describe_title(contents),
        "task_categories": ["image-classification"],
        "size_categories": [size],
        "tags": ["class-imbalance", *(["synthetic"] if contents.item.has_generator else []), "counterweight"],
        "configs": [config],
        "dataset_info": {
            "features": features,
            "splits": [{"name": split.name, "num_examples": len(split)} for split in contents.splits],
        },
    }
    text, yaml = StringIO(), YAML()
    yaml.width = 2**20
    yaml.dump(quote_texts(values), text)
    return text.getvalue()


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
    names = [name.replace("|", r"\|").replace("\n", " ") for name in contents.class_names]  # Either would end the cell.
    rows = [[name, *(str(counts[label]) for counts in columns.values())] for label, name in enumerate(names)]
    return render_table(["class", *columns], [*rows, ["all", *(f"{sum(counts)}" for counts in columns.values())]])
