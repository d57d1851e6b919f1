"""Where a page's numbers come from: settings, versions, machine, data, and how long stages took."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from counterweight.core.params_file import ParamsFile
from counterweight.core.schema import Settings
from counterweight.core.yaml_texts import load_yaml
from counterweight.reporting.markdown import Grid
from counterweight.reporting.page.times import read_times
from counterweight.settings.classify import Classify
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent
from counterweight.settings.synthesize import Synthesize
from counterweight.settings.table import Table

SECTIONS: dict[str, type[Settings]] = {
    "table": Table,
    "synthesize": Synthesize,
    "extract": Extract,
    "compare": Compare,
    "discriminate": Discriminate,
    "latent": Latent,
    "classify": Classify,
}
PACKAGES = (
    "counterweight",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "imbalanced-learn",
    "dvc",
)
OF_DATASETS = ("scenarios", "generators", "recipes")
"""Lists of the table that nothing is made of where it has no dataset."""
LOCK = Path("dvc.lock")
PAGE = "page"
"""The stage that writes this; it has not ended yet."""


def describe_provenance(file: ParamsFile, table: Table) -> dict[str, Grid]:
    """Return tables by title; those without a row are of nothing that is known here."""
    stages = read_lock(LOCK)
    return {
        "Settings: what is not a default, and all of the table's own datasets, scenarios and generators": list_settings(
            file, table
        ),
        "Versions and machine": list_versions(),
        "Data": list_data(table.datasets, stages),
        "Time of each stage's last run": list_times(table, stages),
    }


def list_settings(file: ParamsFile, table: Table) -> Grid:
    """Return every setting that is not its default, and the blocks of the table's own items as they stand.

    What a generator's block leaves out is its paper's.
    """
    rows = [["seed", str(file.run.seed)], ["device", file.run.device]]
    for name, model in SECTIONS.items():
        own = file.section(name, model).model_dump(mode="json", exclude_defaults=True)
        unused = OF_DATASETS if name == "table" and not table.datasets else ()
        rows += flatten(name, {key: value for key, value in own.items() if key not in unused})
    for section, names in (("datasets", table.datasets), ("scenarios", table.scenarios), ("pairs", table.pairs)):
        blocks = file.blocks(section)
        rows += [row for name in names if name in blocks for row in flatten(f"{section}.{name}", blocks[name])]
    generators = file.blocks("generators")
    for name in table.generators:
        for dataset in table.datasets:
            block = generators.get(name, {}).get(dataset)
            rows += flatten(f"generators.{name}.{dataset}", block) if isinstance(block, dict) else []
    return Grid(["setting", "value"], rows)


def flatten(name: str, value: object) -> list[list[str]]:
    """Return a row for each value in a block."""
    if isinstance(value, Mapping) and value:
        return [row for key, own in value.items() for row in flatten(f"{name}.{key}", own)]
    if value == {}:
        return [[name, "all defaults"]]
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    # Folders are a user's own affair, and a page is sent on.
    return [[name, "a folder" if Path(text).is_absolute() else text]]


def list_versions() -> Grid:
    """Return the versions of what computed, and the machine."""
    found = [[name, version] for name in PACKAGES if (version := find_version(name)) is not None]
    rows = [["Python", platform.python_version()], *found]
    rows.append(["machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"])
    revision = find_revision()
    return Grid(["part", "version"], [*rows, ["git revision", revision]] if revision else rows)


def find_version(package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def find_revision() -> str | None:
    """Return the revision that the page was made at, and whether files were changed since; None outside of git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip().replace("-dirty", " with changes")


def list_data(datasets: Sequence[str], stages: Mapping[str, Any]) -> Grid:
    """Return the hash of every dataset's parts, as DVC wrote it down; none outside of a workspace.

    Args:
        stages: what `read_lock` returns.
    """
    outputs = {
        output["path"]: output
        for stage in stages.values()
        for output in stage.get("outs", ())
        if re.fullmatch(rf"data/({'|'.join(map(re.escape, datasets))})/(train|test)\.parquet", output["path"])
    }
    header = ["part", "MD5", "bytes"]
    return Grid(header, [[path, own.get("md5", ""), f"{own.get('size', 0):,}"] for path, own in outputs.items()])


def read_lock(path: Path) -> dict[str, Any]:
    """Return the stages that DVC has written down; none where it did not run."""
    try:
        found = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError):
        return {}
    stages = found.get("stages", {}) if isinstance(found, dict) else {}
    return stages if isinstance(stages, dict) else {}


def list_times(table: Table, recorded: Mapping[str, Any]) -> Grid:
    """Return what each stage of the table's items took when it last ran; what never ran here came from a cache.

    Args:
        recorded: the stages that `read_lock` returns.
    """
    items = {*table.datasets, *table.pairs, *table.recognition}
    # An item's name begins with its dataset's or pair's: train@digits-drop75-cvae.
    stages = [name for name in recorded if "@" not in name or name.split("@")[1].split("-")[0] in items]
    found = {name: own for name, own in read_times().items() if name in stages}
    rows = [
        [
            stage,
            f"{own['seconds']:.1f} s",
            f"{own['cpu_seconds']:.1f} s",
            f"{own['peak_bytes'] / 2**20:,.0f} MiB",
            own.get("device", ""),
        ]
        for stage, own in found.items()
    ]
    rows += [[stage, "from a cache", "", "", ""] for stage in stages if stage not in found and stage != PAGE]
    return Grid(["stage", "time", "processor time", "memory", "device"], rows)
