"""What an audit measures of two sets: what the stages measure of a pair, with pictures, the quickest part first."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from counterweight.core.devices import choose_device
from counterweight.core.features import FeatureSet
from counterweight.core.images import ImageSet
from counterweight.core.params_file import ParamsFile, RunSettings
from counterweight.core.schema import parse_settings
from counterweight.core.seeds import derive_seed
from counterweight.evaluation.audit.sides import ITEM, Sides
from counterweight.evaluation.comparison.plots import draw_comparison
from counterweight.evaluation.comparison.sets import SetComparison, add_backbones, compare_sets
from counterweight.evaluation.latent_space.moved_images import MeasureSettings, measure_latent_space
from counterweight.evaluation.latent_space.plots import draw_latents
from counterweight.evaluation.prechecks import check_latent
from counterweight.evaluation.style.discrimination import train_style_classifiers
from counterweight.evaluation.style.plots import write_style_plots
from counterweight.features.extractor import build_extractors, draw_some_rows, extract_features
from counterweight.features.weights import check_backbones
from counterweight.results.discriminate import StyleResult
from counterweight.results.latent import LatentResult
from counterweight.settings.compare import Compare
from counterweight.settings.discriminate import Discriminate
from counterweight.settings.extract import Extract
from counterweight.settings.latent import Latent

WITHOUT_FILE: dict[str, Any] = {
    "seed": 0,
    "device": "auto",
    "extract": {"input_size": 64, "images": 1000},
    "compare": {},
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


class Wanted(NamedTuple):
    """What is asked for; None, or no backbone, where the settings file or, without one, the defaults decide."""

    backbones: tuple[str, ...] = ()
    weights: str | None = None
    full: bool = False
    """More than the verdict needs: further feature spaces, the style classifier, a latent space."""
    seed: int | None = None
    device: str | None = None


class AuditPlan(NamedTuple):
    """How two sets are measured."""

    settings: MeasureSettings
    first: list[str]
    """Backbones that the first verdict goes by."""
    full: bool
    device: torch.device
    streams: int
    """Style classifiers that a GPU trains at once."""

    def check(self) -> None:
        """Refuse what can be seen to be impossible before any work.

        Raises:
            UserError: a backbone or its weights are missing, or an autoencoder has no such setting.
        """
        weights, backbones = self.settings.extract.weights, self.settings.extract.backbones
        check_backbones(backbones if self.full else self.first, weights, "extract.backbones")
        if self.full:
            check_backbones(self.settings.latent.backbones, weights, "latent.backbones")
            check_latent(self.settings.latent)


class Measured(NamedTuple):
    """What is known so far; None of what was not measured."""

    compared: SetComparison
    as_they_are: SetComparison | None = None
    """Of sets that are made the same, as all else is then: the same sets before that."""
    style: StyleResult | None = None
    latent: LatentResult | None = None

    def list_missing(self, plan: AuditPlan) -> list[str]:
        """Name the parts that were left out, of all that can be measured."""
        further = [name for name in plan.settings.extract.backbones if name not in self.compared.backbones]
        parts = {
            f"feature spaces ({', '.join(further)})": further == [],
            "style classifier": self.style is not None,
            "latent space": self.latent is not None,
        }
        return [name for name, known in parts.items() if not known]


def plan_audit(file: ParamsFile | None, wanted: Wanted) -> AuditPlan:
    """Return how two sets are measured: as is wanted, else as a settings file says, else by the defaults.

    Raises:
        UserError: a setting is not allowed, or there is no such device.
    """
    file = file or ParamsFile(Path("defaults"), WITHOUT_FILE)
    extract, compare = file.section("extract", Extract), file.section("compare", Compare)
    discriminate, latent = file.section("discriminate", Discriminate), file.section("latent", Latent)
    # Validated anew: what is wanted comes from a command line, or from a user's code.
    run = parse_settings(
        RunSettings, file.run.model_dump() | drop_unknown({"seed": wanted.seed, "device": wanted.device}), "audit"
    )
    changes = drop_unknown({"backbones": list(wanted.backbones) or None, "weights": wanted.weights})
    extract = parse_settings(Extract, extract.model_dump() | changes, "extract")
    if wanted.backbones:
        compare = compare.model_copy(update={"headline": None})
        latent = latent.model_copy(update={"backbones": extract.backbones})
    first = extract.backbones if wanted.backbones else [compare.choose_headline(extract.backbones)]
    settings = MeasureSettings(extract, compare, discriminate, latent, run.seed)
    return AuditPlan(settings, first, wanted.full, choose_device(run.device), run.streams)


def drop_unknown(values: dict[str, object]) -> dict[str, object]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def measure_sides(sides: Sides, plan: AuditPlan, folder: Path) -> Iterator[Measured]:
    """Measure as the stages do, draw it into a folder, and yield all that is known whenever a part is added to it.

    The first part is what a verdict needs; in a full audit further spaces, the style classifier and a latent space
    follow. Sets that differ in more than pictures are measured made the same, and for the first part as they are, too.
    """
    settings, seed = plan.settings, plan.settings.project_seed
    own = derive_seed(seed, ITEM, "compare")
    real, synthetic = pair = sides.same or (sides.real, sides.synthetic)
    features = extract_sides(pair, plan.first, plan)
    found = Measured(compare_sets(real, synthetic, None, features, settings.compare, own))
    if sides.same is not None:
        plain = sides.real, sides.synthetic
        features = extract_sides(plain, plan.first, plan)
        found = found._replace(as_they_are=compare_sets(*plain, None, features, settings.compare, own))
    yield found
    if plan.full:
        tell_progress("1 of 3: further feature spaces")
        if others := [name for name in settings.extract.backbones if name not in plan.first]:
            features = extract_sides(pair, others, plan)
            found = found._replace(compared=add_backbones(found.compared, features, settings.compare, own))
        yield found
    draw_comparison(found.compared.backbones, found.compared.nearest, folder)
    if plan.full:
        tell_progress("2 of 3: style classifier")
        own = derive_seed(seed, ITEM, "discriminate")
        style = train_style_classifiers(real, synthetic, settings.discriminate, own, plan.device, plan.streams)
        write_style_plots(style, folder)
        yield (found := found._replace(style=style.result))
        tell_progress("3 of 3: latent space")
        own = derive_seed(seed, ITEM, "latent")
        space = measure_latent_space(real, synthetic, settings, own, plan.device, plan.streams)
        draw_latents(space, folder)
        yield found._replace(latent=space.result)


def extract_sides(
    sides: tuple[ImageSet, ImageSet], backbones: Sequence[str], plan: AuditPlan
) -> tuple[dict[str, FeatureSet], dict[str, FeatureSet]]:
    """Return the features of real and of synthetic images, of as many as the settings say."""
    extract, seed = plan.settings.extract, plan.settings.project_seed
    extractors = build_extractors(backbones, extract, seed, plan.device)
    rows = [draw_some_rows(images, extract.images, seed) for images in sides]
    # All of them are no copy: a folder of photographs may fill half of the memory.
    some = [images if len(own) == len(images) else images.take(own) for images, own in zip(sides, rows, strict=True)]
    of_real, of_synthetic = (extract_features(each, extractors, extract.batch_size, plan.device) for each in some)
    return of_real, of_synthetic


def tell_progress(text: str) -> None:
    """Say on standard error what is being measured; bars below it show the time left."""
    print(f"full audit, {text}", file=sys.stderr, flush=True)
