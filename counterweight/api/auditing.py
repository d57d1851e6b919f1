"""An audit from two sets to a verdict, a report, JSON and pictures: what the command and `audit` have in common."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.evaluation.audit.measuring import AuditPlan, Measured, measure_sides
from counterweight.evaluation.audit.sides import Sides
from counterweight.reporting.besides import describe_greys, describe_same
from counterweight.reporting.differences import render_differences, render_section, tabulate_statistics
from counterweight.reporting.markdown import render
from counterweight.reporting.results import Comparison
from counterweight.reporting.verdicts import verdict

SECTIONS_OF_FULL = ("other_spaces", "style", "latent")
FULL = "counterweight audit --full, or from Python audit(full=True)"
RESULTS = {"audit.json", "report.md"}


class Found(NamedTuple):
    """What an audit ends with."""

    measured: Measured
    comparison: Comparison
    result: dict[str, Any]
    """All that was measured as plain JSON, the verdict first."""
    report: str


def carry_out(sides: Sides, plan: AuditPlan, folder: Path, tell: Callable[[str], None]) -> Found:
    """Audit two sets, and write results, report and pictures into a folder that is there and empty.

    Args:
        tell: is given each part of the report when it is ready, the verdict first.

    Raises:
        UserError: weights cannot be had, or a training diverges.
    """
    parts = measure_sides(sides, plan, folder)
    measured = next(parts)
    found = summarize(measured, sides)
    real = sides.real if sides.same is None else sides.same[0]
    tell(render_audit(real, found, measured.list_missing(plan), plan.full))
    for section, measured in zip(SECTIONS_OF_FULL, parts, strict=False):
        found = summarize(measured, sides)
        tell(render_section(section, {"synthetic": found}))
    missing = measured.list_missing(plan)
    result, report = to_json(found, missing), render_audit(real, found, missing, plan.full)
    (folder / "audit.json").write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "report.md").write_text(report, encoding="utf-8")
    return Found(measured, found, result, report)


def summarize(measured: Measured, sides: Sides) -> Comparison:
    """Return what was measured as reports take it."""
    plain = None if measured.as_they_are is None else Comparison(measured.as_they_are.result, None, None)
    style, latent = measured.style, measured.latent
    besides = Comparison(measured.compared.result, style, latent, sides.files, sides.mix, sides.equalised)
    return replace(besides, as_they_are=plain)


def to_json(comparison: Comparison, missing: list[str]) -> dict[str, Any]:
    """Return a comparison as plain JSON, the verdict first.

    Of sets that differ in more than pictures `equalised` says how they were made the same, before all else was measured
    of them, `mix` has their classes, and `as_they_are` the features without that.
    """
    parts = {name: getattr(comparison, name) for name in ("files", "features", "style", "latent")}
    plain = {name: part.model_dump(mode="json") if part is not None else None for name, part in parts.items()}
    left_out = {"parts": missing, "measured_by": FULL} if missing else None
    before = None if comparison.as_they_are is None else comparison.as_they_are.features
    differing = {"mix": comparison.mix, "equalised": comparison.equalised, "as_they_are": before}
    plain |= {name: part.model_dump(mode="json") for name, part in differing.items() if part is not None}
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
            "greys": describe_greys(comparison),
            "colours": "grey" if channels == 1 else "in colour",
            "as_they_are": describe_as_they_are(comparison),
            "not_measured": missing,
            "full": full,
            "differences": render_differences({"synthetic": comparison}),
        },
    )


def describe_as_they_are(comparison: Comparison) -> dict[str, object] | None:
    """Return what the report says of sets before they were made the same, and how they were; None if they were not."""
    plain, how = comparison.as_they_are, comparison.equalised
    if plain is None or how is None:
        return None
    return {
        "sizes": plain.features.images,
        "how": describe_same(how),
        "tables": tabulate_statistics({"synthetic": plain}),
    }


def check_out(out: Path, inputs: Sequence[Path], argument: str) -> None:
    """Refuse to write where something else lies: an earlier audit alone is replaced.

    Args:
        argument: what names `out`; begins an error's message.

    Raises:
        UserError: `out` is one of the inputs, in or around one, or is there and no audit.
    """
    goal = out.resolve()
    for path in inputs:
        own = path.resolve()
        if goal.is_relative_to(own) or own.is_relative_to(goal):
            raise UserError(f"{argument}: {out}: the images in {path} lie there; name another folder")
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or is_audit(out))):
        raise UserError(f"{argument}: {out}: is there already and is no audit; name another folder")


def is_audit(folder: Path) -> bool:
    """Say whether a folder holds an audit and nothing else."""
    names = {path.name for path in folder.iterdir()}
    return names >= RESULTS and all(name in RESULTS or Path(name).suffix in (".png", ".csv", ".txt") for name in names)
