"""The report of one dataset's autoencoders, triplets and recognition (log-ends thesis, chapters 5 and 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from counterweight.core.results import read_required
from counterweight.reporting.markdown import Grid, format_number, format_spread, render
from counterweight.reporting.recognition_gap import describe_changes, explain_gap
from counterweight.reporting.recognition_verdicts import Judged, RecognitionVerdicts, Share, judge_recognition
from counterweight.results.recognize import Accuracies, RecognizeResult, RowDraw
from counterweight.results.triplets import SetResult, TripletsResult
from counterweight.results.vae_experiment import Losses, VaeResult
from counterweight.settings.table import Table

Rows = list[list[str]]


@dataclass(frozen=True)
class Recognition:
    """Everything that was measured of one dataset, and what it amounts to."""

    dataset: str
    autoencoders: VaeResult
    triplets: TripletsResult
    recognized: RecognizeResult
    judged: RecognitionVerdicts


class Files(NamedTuple):
    """What the stages before the report wrote: JSON, and a table of what is right of each test triplet."""

    autoencoders: Path
    triplets: Path
    recognized: Path
    hits: Path


def read_recognition(dataset: str, files: Files, margin: float, seed: int) -> Recognition:
    """Read the results of a dataset, and judge them.

    Args:
        margin: a change of an accuracy that is too small to matter.

    Raises:
        UserError: a file is missing or is something else.
    """
    triplets = read_required(files.triplets, TripletsResult)
    recognized = read_required(files.recognized, RecognizeResult)
    kinds = {name: {triplets.sets[own].kind for own in row.sets} for name, row in recognized.rows.items()}
    real = next((name for name, own in kinds.items() if own == {"real"}), None)
    return Recognition(
        dataset,
        read_required(files.autoencoders, VaeResult),
        triplets,
        recognized,
        judge_recognition(files.hits, list(recognized.rows), real, margin, seed, dataset),
    )


def read_recognitions(metrics: Path, table: Table) -> dict[str, Recognition]:
    """Read the results of every dataset of a table on which recognition is tried, which were judged before.

    Raises:
        UserError: a file is missing or is something else.
    """
    return {dataset: read_judged(dataset, metrics / "recognition" / dataset) for dataset in table.recognition}


def read_judged(dataset: str, folder: Path) -> Recognition:
    """Read what the stages of one dataset wrote."""
    return Recognition(
        dataset,
        read_required(folder / "vae_experiment.json", VaeResult),
        read_required(folder / "triplets.json", TripletsResult),
        read_required(folder / "recognize.json", RecognizeResult),
        read_required(folder / "verdicts.json", RecognitionVerdicts),
    )


def render_recognition(found: Recognition) -> str:
    """Return the Markdown report."""
    draws = len(next(iter(found.recognized.rows.values())).draws)
    return render(
        "recognition.md.jinja",
        {
            "dataset": found.dataset,
            "draws": draws,
            "losses": tabulate_losses(found.autoencoders),
            "differences": tabulate_differences(found.autoencoders),
            "sets": tabulate_sets(found.triplets.sets),
            "recognized": found.recognized,
            "accuracies": tabulate_accuracies(found.recognized),
            "verdicts": {name: tabulate_verdicts(getattr(found.judged, name)) for name in ("rank1", "triplet")},
            "suspects": list(explain_gap(found.judged.rank1.share_of_gap, found.recognized, found.triplets)),
        },
    )


def tabulate_losses(found: VaeResult) -> Grid:
    """Return a row for each autoencoder and part, as in the thesis's tables 6.6 to 6.11, and nats beside them."""
    rows: Rows = []
    for name, run in found.runs.items():
        for part, count in (("training", run.training_images), ("validation", run.validation_images)):
            losses: list[Losses] = [getattr(draw, part) for draw in run.draws]
            numbers = [[getattr(own, key) for own in losses] for key in ("batch_elbo", "batch_reconstruction", "kl")]
            nats = [own.nats for own in losses]
            size = str(run.settings["latent_dim"])
            cells = [format_losses(values) for values in (*numbers, nats)]
            rows.append([name, run.autoencoder, size, str(run.settings["epochs"]), part, str(count), *cells])
    header = ["run", "autoencoder", "D", "epochs", "part", "images", "ELBO", "reconstruction", "KL", "nats"]
    return Grid(header, rows)


def format_losses(values: Sequence[float | None]) -> str:
    """Return mean and standard deviation of losses, with as many digits as the thesis prints."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "-"
    mean = fmean(known)
    if len(known) == 1:
        return f"{mean:.2f}"
    spread = (sum((value - mean) ** 2 for value in known) / (len(known) - 1)) ** 0.5
    return f"{mean:.2f} ± {spread:.2f}"


def tabulate_differences(found: VaeResult) -> Grid:
    """Return a row for each claim of the thesis about its variant."""
    rows = []
    for own in found.differences:
        interval = "-" if own.interval is None else f"{own.interval[0]:+.2f} {own.interval[1]:+.2f}"
        names = f"{own.variant} - {own.vanilla}"
        rows.append([names, own.part, own.loss, f"{own.mean:+.2f}", interval, own.answer, own.thesis])
    header = ["runs", "part", "loss", "difference", "interval", "the variant's is", "thesis"]
    return Grid(header, rows)


def tabulate_sets(sets: Mapping[str, SetResult]) -> Grid:
    """Return a row for each set of triplets."""
    rows = [
        [
            name,
            own.kind,
            own.autoencoder or "",
            str(own.train),
            str(own.validation),
            format_number(own.distance_ratio, ".2f"),
            format_number(own.cosine, ".2f"),
            describe_changes(own),
        ]
        for name, own in sets.items()
    ]
    header = ["set", "kind", "autoencoder", "train", "validation", "ratio", "cosine", "not as printed"]
    return Grid(header, rows)


def tabulate_accuracies(found: RecognizeResult) -> Grid:
    """Return tables of accuracies: of the test triplets, then of those that each network learned from and chose by."""
    rows: Rows = [["chance", "", *(f"{value:.4f}" for value in found.chance.model_dump().values()), "", "", ""]]
    for name, own in found.rows.items():
        tests = [list(draw.test.model_dump().values()) for draw in own.draws]
        cells = [format_spread(values) for values in zip(*tests, strict=True)]
        learned = [format_spread(pick(own.draws, part)) for part in ("training", "validation")]
        epochs = " ".join(str(draw.epoch) for draw in own.draws) if own.sets else ""
        rows.append([name, f"{own.train} + {own.validation}" if own.sets else "", *cells, *learned, epochs])
    header = [
        "learned from",
        "triplets",
        "rank-1",
        "recall at 5",
        "at 10",
        "triplet",
        "margin",
        "training",
        "validation",
        "epochs",
    ]
    return Grid(header, rows)


def pick(draws: Sequence[RowDraw], part: str) -> list[float | None]:
    """Return the accuracies of a part's triplets in every draw."""
    found: list[Accuracies | None] = [getattr(draw, part) for draw in draws]
    return [None if own is None else own.triplet for own in found]


def tabulate_verdicts(found: Judged) -> Grid:
    """Return a row for each network: what learning did for it, and how far it came."""
    rows = []
    for name, own in found.against_untrained.items():
        low, high = own.interval
        share = found.share_of_gap.get(name)
        verdict = own.verdict.replace("margin", f"{own.margin:g}")
        rows.append([name, verdict, f"{own.mean_change:+.4f}", f"{low:+.4f} {high:+.4f}", *format_share(share)])
    header = ["learned from", "verdict", "change", "interval", "of the way", "interval of that"]
    return Grid(header, rows)


def format_share(share: Share | None) -> list[str]:
    """Return the cells of a share."""
    if share is None:
        return ["-", "-"]
    ends = "no end" if share.interval is None else f"{share.interval[0]:.0%} {share.interval[1]:.0%}"
    return [f"{share.mean:.0%}", ends]


def summarize_recognition(found: Recognition) -> dict[str, dict[str, float | str | None]]:
    """Return the few numbers per row that are worth a column when runs are compared."""
    verdicts, shares = found.judged.rank1.against_untrained, found.judged.rank1.share_of_gap
    lines: dict[str, dict[str, float | str | None]] = {}
    for name, own in found.recognized.rows.items():
        line: dict[str, float | str | None] = {
            key: round(fmean(getattr(draw.test, key) for draw in own.draws), 5) for key in ("rank1", "triplet")
        }
        if name in verdicts:
            line |= {"gain": round(verdicts[name].mean_change, 5), "verdict": verdicts[name].verdict}
        if name in shares:
            line["of_the_way"] = round(shares[name].mean, 5)
        lines[name] = line
    return lines
