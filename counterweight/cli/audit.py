"""The audit of two folders of images, or two image tables, without DVC."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from counterweight.cli.add import inspect_folder
from counterweight.cli.choices import choose_channels
from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.features import FeatureSet
from counterweight.core.images import ImageSet, read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import RunSettings, read_params_file
from counterweight.core.schema import Settings, parse_settings
from counterweight.core.seeds import derive_seed
from counterweight.data.decode.images import find_image_files
from counterweight.data.decode.pool import Workers
from counterweight.data.file_facts import compare_files
from counterweight.data.inspection import Findings
from counterweight.data.pairs.base import make_side
from counterweight.data.sources.base.lazy_images import FileSettings
from counterweight.data.split import choose_all, read_into_memory
from counterweight.evaluation.comparison.plots import draw_comparison
from counterweight.evaluation.comparison.sets import add_backbones, compare_sets
from counterweight.evaluation.latent_space.moved_images import MeasureSettings, measure_latent_space
from counterweight.evaluation.latent_space.plots import draw_latents
from counterweight.evaluation.prechecks import check_latent
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.evaluation.style.network import SMALLEST_SIZE
from counterweight.evaluation.style.plots import write_style_plots
from counterweight.features.extractor import build_extractors, draw_some_images, extract_features
from counterweight.features.weights import check_backbones
from counterweight.reporting.differences import render_differences, render_section
from counterweight.reporting.markdown import render
from counterweight.reporting.results import Comparison
from counterweight.reporting.verdicts import verdict
from counterweight.results.files import FileFacts
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent

DEFAULT_PARAMS = Path("params.yaml")
SECTIONS: dict[str, type[Settings]] = {
    "extract": Extract,
    "compare": Compare,
    "discriminate": Discriminate,
    "latent": Latent,
}
LARGEST_SIZE = 224  # pixels; what the backbones and the largest style classifier look at
WITHOUT_FILE: dict[str, dict[str, Any]] = {
    "extract": {"input_size": 64, "images": 1000},
    "discriminate": {"sizes": [128, 64, 32], "steps": 600},
    "latent": {
        "autoencoders": {
            "residual_vae": {
                "block_channels": 16,
                "filters": 8,
                "epochs": 8,
                "batch_size": 16,
                "learning_rate": 0.002,
                "lowest_rate": 0.0001,
                "cycle": 500,
                "kl_weight": 0.1,
            }
        },
        "steps": 100,
        "images": 200,
    },
}
"""In place of the papers' settings where there is no settings file, for minutes on two cores instead of hours."""
SECTIONS_OF_FULL = ("other_spaces", "style", "latent")
FEWEST = 2
RESULTS = {"audit.json", "report.md"}


class Request(NamedTuple):
    """What is asked for; None where the settings file (or, without one, the defaults) or the images decide."""

    params: Path | None
    real: Path
    synthetic: Path
    size: int | None
    backbones: tuple[str, ...]
    weights: str | None
    full: bool
    """More than the verdict needs: further feature spaces, the style classifier, a latent space."""


class Audit(NamedTuple):
    """What an audit ends with: the verdict of all that was measured, and all of it as JSON."""

    verdict: str
    result: str


class Sides(NamedTuple):
    """Both sets, brought to one shape, and what their files differ in, where they come from files."""

    real: ImageSet
    synthetic: ImageSet
    files: FileFacts | None


def audit(request: Request, out: Path, tell: Callable[[str], None]) -> Audit:
    """Audit two sets, and write results, report and pictures into a new folder.

    Args:
        tell: is given each part of the report when it is ready, the verdict first.

    Raises:
        UserError: a folder is missing or empty, the sets do not fit together, or `out` cannot be written.
    """
    settings, device = load_settings(request)
    check_out(out, (request.real, request.synthetic))
    weights, backbones = settings.extract.weights, settings.extract.backbones
    check_backbones(backbones if request.full else list_first(request, settings), weights, "extract.backbones")
    if request.full:
        check_backbones(settings.latent.backbones, weights, "latent.backbones")
        check_latent(settings.latent)
    with atomic_output(out) as folder:
        folder.mkdir()
        sides = read_sets(request)
        parts = measure_sets(sides, request, settings, device, folder)
        found = next(parts)
        tell(render_audit(sides.real, found, list_not_measured(found, backbones), request.full))
        for section, found in zip(SECTIONS_OF_FULL, parts, strict=False):
            tell(render_section(section, {"synthetic": found}))
        missing = list_not_measured(found, backbones)
        result = json.dumps(to_json(found, missing), indent=1, allow_nan=False) + "\n"
        (folder / "audit.json").write_text(result, encoding="utf-8")
        (folder / "report.md").write_text(render_audit(sides.real, found, missing, request.full), encoding="utf-8")
    return Audit(verdict("synthetic", found), result.rstrip())


def check_out(out: Path, inputs: Sequence[Path]) -> None:
    """Refuse to write where something else lies: an earlier audit alone is replaced.

    Raises:
        UserError: `out` is one of the inputs, in or around one, or is there and no audit.
    """
    goal = out.resolve()
    for path in inputs:
        own = path.resolve()
        if goal.is_relative_to(own) or own.is_relative_to(goal):
            raise UserError(f"--out: {out}: the images in {path} lie there; name another folder")
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or is_audit(out))):
        raise UserError(f"--out: {out}: is there already and is no audit; name another folder")


def is_audit(folder: Path) -> bool:
    """Say whether a folder holds an audit and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return names >= RESULTS and all(name in RESULTS or Path(name).suffix in (".png", ".csv", ".txt") for name in names)


def load_settings(request: Request) -> tuple[MeasureSettings, torch.device]:
    """Return the settings, and the device: of the file that is named, else of params.yaml here, else the defaults.

    What the command line says counts instead.
    """
    path = request.params or DEFAULT_PARAMS
    if request.params or path.is_file():
        file = read_params_file(path)
        run, found = file.run, [file.section(name, model) for name, model in SECTIONS.items()]
    else:
        run = RunSettings(seed=0, device="auto")
        found = [parse_settings(model, WITHOUT_FILE.get(name, {}), name) for name, model in SECTIONS.items()]
    extract, compare, discriminate, latent = found
    assert isinstance(extract, Extract)
    assert isinstance(compare, Compare)
    assert isinstance(discriminate, Discriminate)
    assert isinstance(latent, Latent)
    changes: dict[str, Any] = {"backbones": list(request.backbones)} if request.backbones else {}
    if request.weights is not None:
        changes["weights"] = request.weights
    # Validated anew: changes come from the command line.
    extract = parse_settings(Extract, {**extract.model_dump(), **changes}, "extract")
    if request.backbones:
        compare = compare.model_copy(update={"headline": None})
        latent = latent.model_copy(update={"backbones": extract.backbones})
    return MeasureSettings(extract, compare, discriminate, latent, run.seed), choose_device(run.device)


def list_first(request: Request, settings: MeasureSettings) -> list[str]:
    """Return the backbones that the first verdict goes by: those named on the command line, else the headline."""
    backbones = settings.extract.backbones
    return backbones if request.backbones else [settings.compare.choose_headline(backbones)]


def read_sets(request: Request) -> Sides:
    """Read both sets, brought to one shape."""
    for path in (request.real, request.synthetic):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; two folders of images or two image tables are compared")
    one, other = request.real.resolve(), request.synthetic.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(f"{request.synthetic}: the real images, too, or some of them; two separate sets are compared")
    files = None
    tables = [path.is_file() and path.suffix == ".parquet" for path in (request.real, request.synthetic)]
    if all(tables):
        real, synthetic = read_images(request.real), read_images(request.synthetic)
        if real.shape != synthetic.shape:
            raise UserError(f"{request.synthetic}: images {synthetic.shape}, but {real.shape} in {request.real}")
        if real.class_names != synthetic.class_names:
            raise UserError(f"{request.synthetic}: other classes than in {request.real}; both need the same")
    elif any(tables):
        raise UserError(f"{request.real}, {request.synthetic}: two folders or two image tables wanted, not one of each")
    else:
        real, synthetic, files = read_folders(request)
    if min(real.shape[1:]) < SMALLEST_SIZE:
        raise UserError(
            f"{request.real}: brought to {real.shape[1]} x {real.shape[2]} pixels; --size {SMALLEST_SIZE} at least"
        )
    for path, images in ((request.real, real), (request.synthetic, synthetic)):
        if len(images) < FEWEST:
            raise UserError(f"{path}: {len(images)} images that can be read; at least {FEWEST} are needed")
    return Sides(rename_set(real), rename_set(synthetic), files)


def rename_set(images: ImageSet) -> ImageSet:
    """Return a set under the name that its random draws are derived from, whatever folder it lies in."""
    return replace(images, provenance={**images.provenance, "item": "audit"})


def read_folders(request: Request) -> Sides:
    """Read two folders of images at any depth, whose sub-folders are not looked at as classes."""
    found = [inspect_folder(path, word) for path, word in ((request.real, "real"), (request.synthetic, "synthetic"))]
    colours = max(choose_channels(each, None).value for each in found)  # 3 if either has colours.
    settings = FileSettings(size=request.size or choose_common_size(found), channels=colours, bad_files="skip")
    read = []
    with Workers() as workers:
        for path, word in ((request.real, "real"), (request.synthetic, "synthetic")):
            part = make_side(find_image_files(path, path).files, path, settings, "folder")
            read.append(read_into_memory(choose_all(part), str(path), word, workers))
    return Sides(read[0], read[1], compare_files(found[0], found[1]))


def choose_common_size(found: Sequence[Findings]) -> int:
    """Return the side in pixels to which images are brought: the smaller of both sets' medians, 224 at most."""
    # The smaller one: enlarged images lack what sharp ones have.
    return min(LARGEST_SIZE, *(int(np.median(each.shorter_sides)) for each in found))


def measure_sets(
    sides: Sides, request: Request, settings: MeasureSettings, device: torch.device, folder: Path
) -> Iterator[Comparison]:
    """Measure as the stages do, draw it into a folder, and yield all that is known whenever a part is added to it.

    The first part is what a verdict needs; in a full audit those of `SECTIONS_OF_FULL` follow.
    """
    seed, first, (real, synthetic, files) = settings.project_seed, list_first(request, settings), sides
    own = derive_seed(seed, "audit", "compare")
    features = extract_sides(sides, first, settings, device)
    compared = compare_sets(real, synthetic, None, features, settings.compare, own)
    found = Comparison(compared.result, None, None, files)
    yield found
    if request.full:
        tell_progress("1 of 3: further feature spaces")
        if others := [name for name in settings.extract.backbones if name not in first]:
            features = extract_sides(sides, others, settings, device)
            compared = add_backbones(compared, features, settings.compare, own)
        yield (found := replace(found, features=compared.result))
    draw_comparison(compared.backbones, compared.nearest, folder)
    if request.full:
        tell_progress("2 of 3: style classifier")
        own = derive_seed(seed, "audit", "discriminate")
        style = train_style_classifiers(real, synthetic, settings.discriminate, own, device)
        write_style_plots(style, folder)
        yield (found := replace(found, style=style.result))
        tell_progress("3 of 3: latent space")
        space = measure_latent_space(real, synthetic, settings, derive_seed(seed, "audit", "latent"), device)
        draw_latents(space, folder)
        yield replace(found, latent=space.result)


def extract_sides(
    sides: Sides, backbones: Sequence[str], settings: MeasureSettings, device: torch.device
) -> tuple[dict[str, FeatureSet], dict[str, FeatureSet]]:
    """Return the features of real and of synthetic images, of as many as the settings say."""
    extract, seed = settings.extract, settings.project_seed
    extractors = build_extractors(backbones, extract, seed, device)
    some = [draw_some_images(images, extract.images, seed) for images in (sides.real, sides.synthetic)]
    of_real, of_synthetic = (extract_features(each, extractors, extract.batch_size, device) for each in some)
    return of_real, of_synthetic


def tell_progress(text: str) -> None:
    """Say on standard error what is being measured; bars below it show the time left."""
    print(f"audit --full, {text}", file=sys.stderr, flush=True)


def list_not_measured(found: Comparison, backbones: Sequence[str]) -> list[str]:
    """Name the parts that were left out, of all that can be measured."""
    further = [name for name in backbones if name not in found.features.backbones]
    parts = {f"feature spaces ({', '.join(further)})": further == [], "style classifier": found.style is not None}
    return [name for name, known in {**parts, "latent space": found.latent is not None}.items() if not known]


def to_json(comparison: Comparison, missing: list[str]) -> dict[str, Any]:
    """Return a comparison as plain JSON, the verdict first."""
    parts = {name: getattr(comparison, name) for name in ("files", "features", "style", "latent")}
    plain = {name: part.model_dump(mode="json") if part is not None else None for name, part in parts.items()}
    left_out = {"parts": missing, "measured_by": "counterweight audit --full"} if missing else None
    return {"verdict": verdict("synthetic", comparison), "not_measured": left_out, **plain}


def render_audit(real: ImageSet, comparison: Comparison, missing: list[str], full: bool) -> str:
    """Return the verdict and the tables, and which parts are missing, or still to come in a full audit."""
    channels, height, width = real.shape
    return render(
        "audit.md.jinja",
        {
            "sentence": verdict("synthetic", comparison),
            "sizes": comparison.features.images,
            "height": height,
            "width": width,
            "colours": "grey" if channels == 1 else "in colour",
            "not_measured": missing,
            "full": full,
            "differences": render_differences({"synthetic": comparison}),
        },
    )
