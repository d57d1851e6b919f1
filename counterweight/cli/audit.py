"""The whole audit of two folders of images, or two image tables, without DVC."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from counterweight.cli.add import inspect_folder
from counterweight.cli.choices import choose_channels
from counterweight.core.devices import choose_device
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_images
from counterweight.core.outputs import atomic_output
from counterweight.core.params_file import RunSettings, read_params_file
from counterweight.core.schema import Settings, parse_settings
from counterweight.core.seeds import derive_seed
from counterweight.data.decode.images import find_image_files
from counterweight.data.decode.pool import Workers
from counterweight.data.inspection import Findings
from counterweight.data.pairs.base import make_side
from counterweight.data.sources.base.lazy_images import FileSettings
from counterweight.data.split import choose_all, read_into_memory
from counterweight.evaluation.comparison.plots import draw_comparison
from counterweight.evaluation.comparison.sets import compare_sets
from counterweight.evaluation.latent_space.moved_images import MeasureSettings, measure_latent_space
from counterweight.evaluation.latent_space.plots import draw_latents
from counterweight.evaluation.prechecks import check_latent
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.evaluation.style.network import SMALLEST_SIZE
from counterweight.evaluation.style.plots import write_style_plots
from counterweight.features.extractor import build_extractors, draw_some_images, extract_features
from counterweight.features.weights import check_backbones
from counterweight.reporting.differences import render_differences
from counterweight.reporting.markdown import render
from counterweight.reporting.results import Comparison
from counterweight.reporting.verdicts import verdict
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
    latent: bool


def audit(request: Request, out: Path, as_json: bool) -> str:
    """Audit two sets, write results, report and pictures into a new folder, and return the report, or all as JSON.

    Raises:
        UserError: a folder is missing or empty, the sets do not fit together, or `out` cannot be written.
    """
    settings, device = load_settings(request)
    check_out(out, (request.real, request.synthetic))
    weights = settings.extract.weights
    check_backbones(settings.extract.backbones, weights, "extract.backbones")
    if request.latent:
        check_backbones(settings.latent.backbones, weights, "latent.backbones")
        check_latent(settings.latent)
    with atomic_output(out) as folder:
        folder.mkdir()
        real, synthetic = read_sets(request)
        comparison = measure_sets(real, synthetic, settings, request.latent, device, folder)
        text = render_audit(real, comparison)
        result = json.dumps(to_json(comparison), indent=1, allow_nan=False) + "\n"
        (folder / "audit.json").write_text(result, encoding="utf-8")
        (folder / "report.md").write_text(text, encoding="utf-8")
    return result.rstrip() if as_json else f"{text}\nPictures and numbers: {out}/"


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
        run, found = RunSettings(seed=0, device="auto"), [model() for model in SECTIONS.values()]
    extract, compare, discriminate, latent = found
    assert isinstance(extract, Extract)
    assert isinstance(compare, Compare)
    assert isinstance(discriminate, Discriminate)
    assert isinstance(latent, Latent)
    # One space is enough for an answer, and quick; more of them are asked for by name.
    changes: dict[str, Any] = {"backbones": list(request.backbones) or [compare.choose_headline(extract.backbones)]}
    if request.weights is not None:
        changes["weights"] = request.weights
    # Validated anew: changes come from the command line.
    extract = parse_settings(Extract, {**extract.model_dump(), **changes}, "extract")
    if request.backbones:
        compare = compare.model_copy(update={"headline": None})
        latent = latent.model_copy(update={"backbones": extract.backbones})
    return MeasureSettings(extract, compare, discriminate, latent, run.seed), choose_device(run.device)


def read_sets(request: Request) -> tuple[ImageSet, ImageSet]:
    """Read both sets, brought to one shape."""
    for path in (request.real, request.synthetic):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder; two folders of images or two image tables are compared")
    one, other = request.real.resolve(), request.synthetic.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise UserError(f"{request.synthetic}: the real images, too, or some of them; two separate sets are compared")
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
        real, synthetic = read_folders(request)
    if min(real.shape[1:]) < SMALLEST_SIZE:
        raise UserError(
            f"{request.real}: brought to {real.shape[1]} x {real.shape[2]} pixels; --size {SMALLEST_SIZE} at least"
        )
    for path, images in ((request.real, real), (request.synthetic, synthetic)):
        if len(images) < FEWEST:
            raise UserError(f"{path}: {len(images)} images that can be read; at least {FEWEST} are needed")
    return rename_set(real), rename_set(synthetic)


def rename_set(images: ImageSet) -> ImageSet:
    """Return a set under the name that its random draws are derived from, whatever folder it lies in."""
    return replace(images, provenance={**images.provenance, "item": "audit"})


def read_folders(request: Request) -> tuple[ImageSet, ImageSet]:
    """Read two folders of images at any depth, whose sub-folders are not looked at as classes."""
    found = [inspect_folder(path, word) for path, word in ((request.real, "real"), (request.synthetic, "synthetic"))]
    colours = max(choose_channels(each, None).value for each in found)  # 3 if either has colours.
    settings = FileSettings(size=request.size or choose_common_size(found), channels=colours, bad_files="skip")
    read = []
    with Workers() as workers:
        for path, word in ((request.real, "real"), (request.synthetic, "synthetic")):
            part = make_side(find_image_files(path, path).files, path, settings, "folder")
            read.append(read_into_memory(choose_all(part), str(path), word, workers))
    return read[0], read[1]


def choose_common_size(found: Sequence[Findings]) -> int:
    """Return the side in pixels to which images are brought: the smaller of both sets' medians, 224 at most."""
    # The smaller one: enlarged images lack what sharp ones have.
    return min(LARGEST_SIZE, *(int(np.median(each.shorter_sides)) for each in found))


def measure_sets(
    real: ImageSet, synthetic: ImageSet, settings: MeasureSettings, latent: bool, device: torch.device, folder: Path
) -> Comparison:
    """Measure everything, as the stages do, and draw it into a folder."""
    extract, seed = settings.extract, settings.project_seed
    extractors = build_extractors(extract.backbones, extract, seed, device)
    some = [draw_some_images(images, extract.images, seed) for images in (real, synthetic)]
    of_real, of_synthetic = (extract_features(each, extractors, extract.batch_size, device) for each in some)
    own = derive_seed(seed, "audit", "compare")
    compared = compare_sets(real, synthetic, None, (of_real, of_synthetic), settings.compare, own)
    draw_comparison(compared.backbones, compared.nearest, folder)
    own = derive_seed(seed, "audit", "discriminate")
    style = train_style_classifiers(real, synthetic, settings.discriminate, own, device)
    write_style_plots(style, folder)
    if not latent:
        return Comparison(compared.result, style.result, None)
    space = measure_latent_space(real, synthetic, settings, derive_seed(seed, "audit", "latent"), device)
    draw_latents(space, folder)
    return Comparison(compared.result, style.result, space.result)


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as plain JSON, the verdict first."""
    parts = {"features": comparison.features, "style": comparison.style, "latent": comparison.latent}
    plain = {name: part.model_dump(mode="json") if part is not None else None for name, part in parts.items()}
    return {"verdict": verdict("synthetic", comparison), **plain}


def render_audit(real: ImageSet, comparison: Comparison) -> str:
    """Return the verdict and the tables."""
    channels, height, width = real.shape
    return render(
        "audit.md.jinja",
        {
            "sentence": verdict("synthetic", comparison),
            "sizes": comparison.features.images,
            "height": height,
            "width": width,
            "colours": "grey" if channels == 1 else "in colour",
            "differences": render_differences({"synthetic": comparison}),
        },
    )
