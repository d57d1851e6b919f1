"""All measurements of speed beside what one would use instead, in a quarter of an hour, and the page that has them.

    python -m benchmarks.bench --page docs/speed.md

Each is a script of this folder and a process of its own, with fewer rounds than it has by itself; its figures go to
metrics/benchmarks/bench_NAME.json, and the table of the page is written anew. The machine should do nothing else
meanwhile: how busy it was before is said above the table.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

BEGIN, END = "<!-- written by benchmarks.bench -->\n", "<!-- end -->\n"
FIGURES = Path("metrics/benchmarks")
TITLES = {"frechet": "Frechet distance", "kid": "KID", "prdc": "precision, recall, density, coverage"}


class Row(NamedTuple):
    """A line of the table: what is done, our figure, what stands beside it, and how many times as good ours is."""

    what: str
    ours: str
    other: str
    ratio: float


class Script(NamedTuple):
    """A script, what it is called with, and what the table has of its JSON."""

    name: str
    words: str
    read: Callable[[Any], list[Row]]


def read_training(found: Any) -> list[Row]:  # noqa: ANN401 - JSON
    """Images a second beside a plain loop over a DataLoader."""
    return [
        Row(
            f"train {name}, images a second",
            f"{own['images_per_second']:,}",
            f"DataLoader loop: {own['plain_images_per_second']:,}",
            own["ratio"],
        )
        for name, own in found["generators"].items()
    ]


def read_classify(found: Any) -> list[Row]:  # noqa: ANN401
    """Images a second of all draws' classifiers, and of one, beside plain loops over a DataLoader."""
    return [
        Row(
            f"train {what}, images a second",
            f"{own['images_per_second']:,}",
            f"DataLoader loop: {own['plain_images_per_second']:,}",
            own["ratio"],
        )
        for what, own in (
            (f"the classifiers of {found['all_draws']['classifiers']} draws", found["all_draws"]),
            ("one classifier", found["one_draw"]),
        )
    ]


def read_extraction(found: Any) -> list[Row]:  # noqa: ANN401
    """Seconds of the stage's pass over images beside the bare one; its start is told apart."""
    return [
        Row(
            f"features of {own['images']:,} images at {own['input_size']} px, {name}",
            f"{own['pass_seconds']:.2f} s, after a start of {own['start_seconds']:.1f} s",
            f"forward pass alone: {own['bare_seconds']:.2f} s",
            own["ratio"],
        )
        for name, own in found.items()
        if isinstance(own, dict)
    ]


def read_libraries(found: Any) -> list[Row]:  # noqa: ANN401
    """Seconds of statistics beside those of libraries."""
    return [
        Row(
            f"{title} of {own['images']:,} images against as many, {own['dimension']:,} features",
            f"{own['seconds']:.2f} s",
            f"{library}: {other['seconds']:.2f} s",
            other["seconds"] / own["seconds"],
        )
        for name, title in TITLES.items()
        for own in found[name]
        for library, other in own["others"].items()
    ]


def read_ingest(found: Any) -> list[Row]:  # noqa: ANN401
    """JPEGs a second beside Pillow's."""
    ours, theirs = f"{found['stage_images_per_second']:,}", f"Pillow alone: {found['pillow_images_per_second']:,}"
    return [Row("JPEGs read to a table, a second", ours, theirs, found["stage_ratio"])]


def read_smote(found: Any) -> list[Row]:  # noqa: ANN401
    """Seconds of SMOTE beside imbalanced-learn's."""
    ours, theirs = f"{found['ours_seconds']:.3f} s", f"imbalanced-learn: {found['imblearn_seconds']:.3f} s"
    return [Row(f"SMOTE, {found['made']:,} images of {found['known']:,}", ours, theirs, found["ratio"])]


def read_scheduler(found: Any) -> list[Row]:  # noqa: ANN401
    """Seconds of stages side by side beside one after the other, and of nothing to do beside DVC's."""
    stages, sleep = found["stages"], found["sleep"]
    naps = [
        Row(
            f"{stages} stages that sleep {sleep:g} s, {own['workers']} at a time",
            f"{own['seconds']:.0f} s",
            f"one after the other: {stages * sleep:.0f} s",
            own["speed_up"],
        )
        for own in found["naps"]
    ]
    idle = [
        Row(
            f"nothing to do in {own['stages']} stages",
            f"{own['ours']:.1f} s",
            f"dvc repro: {own['dvc']:.1f} s",
            own["dvc"] / own["ours"],
        )
        for own in found["idle"]
    ]
    return naps + idle


def read_precision(found: Any) -> list[Row]:  # noqa: ANN401
    """Milliseconds an image with channels last, and with folded batch normalisation, too, beside those without."""
    return [
        Row(
            f"an image by {name}, {what}",
            f"{own['ms_an_image'][now]:.2f} ms",
            f"{beside}: {own['ms_an_image'][before]:.2f} ms",
            own["ms_an_image"][before] / own["ms_an_image"][now],
        )
        for name, own in found.items()
        for what, now, beside, before in (
            ("channels last", "channels_last", "as it is", "plain"),
            ("batch normalisation folded", "folded", "channels last alone", "channels_last"),
        )
    ]


SCRIPTS = (
    Script("training", "cvae residual_vae cgan bagan --epochs 2 --rounds 3", read_training),
    Script("classify", "--rounds 3", read_classify),
    Script("extraction", "--divide 2 --rounds 5", read_extraction),
    Script("precision", "--backbones efficientnet_lite0 mnasnet0_5 --rounds 5", read_precision),
    Script("metric_libraries", "--counts 500 2000 --rounds 3", read_libraries),
    Script("ingest", "--rounds 3", read_ingest),
    Script("smote", "--rounds 7", read_smote),
    Script("scheduler", "--stages 32 --idle 35 150", read_scheduler),
)


def run(script: Script) -> dict[str, Any]:
    """Run a script and return its figures, with how busy the machine was before and how long it took."""
    path = FIGURES / f"bench_{script.name}.json"
    load, began = os.getloadavg()[0], time.monotonic()
    print(f"benchmarks.{script.name} {script.words}", file=sys.stderr)
    command = [sys.executable, "-m", f"benchmarks.{script.name}", *script.words.split(), "--out", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {"figures": found, "load_before": load, "seconds": time.monotonic() - began}


def tabulate(rows: list[Row], busiest: float) -> str:
    """Return the table as Markdown."""
    cores = len(os.sched_getaffinity(0))
    lines = [
        f"On {cores} cores ({platform.machine()}) without a GPU; load before a script at most {busiest:.1f}.",
        "",
        "| | here | beside it | ratio |",
        "| - | ---: | --------: | ----: |",
        *(f"| {row.what} | {row.ours} | {row.other} | {row.ratio:.2f} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def replace_table(page: str, table: str) -> str:
    """Return a page with another table between its marks.

    Raises:
        ValueError: it has no marks.
    """
    head, found, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"no {BEGIN.strip()} ... {END.strip()}")
    return f"{head}{BEGIN}{table}{END}{tail}"


def main() -> None:
    """Measure everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--page", type=Path, required=True, help="Markdown with the marks of the table")
    parser.add_argument("--only", nargs="+", choices=[script.name for script in SCRIPTS], help="some, and no page")
    arguments = parser.parse_args()
    wanted = [script for script in SCRIPTS if arguments.only is None or script.name in arguments.only]
    found = [run(script) for script in wanted]
    rows = [row for script, own in zip(wanted, found, strict=True) for row in script.read(own["figures"])]
    table = tabulate(rows, max(own["load_before"] for own in found))
    print(table)
    print(f"{sum(own['seconds'] for own in found) / 60:.1f} minutes", file=sys.stderr)
    if arguments.only is None:
        page = replace_table(arguments.page.read_text(encoding="utf-8"), table)
        arguments.page.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
