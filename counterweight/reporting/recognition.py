"""The report of one dataset's autoencoders, triplets and recognition (log-ends thesis, chapters 5 and 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from counterweight.core.results import read_required
from counterweight.evaluation.recognition.results import RecognizeResult, Share
from counterweight.reporting.markdown import format_number, format_spread, render, render_table, render_tables
from counterweight.results.recognize import Accuracies, RowDraw
from counterweight.results.triplets import SetResult, TripletsResult
from counterweight.results.vae_experiment import Losses, VaeResult

Rows = list[list[str]]

GOAL = 0.5
"""Of the way from the untrained network to the one trained on real triplets."""
SAMPLING = ("step", "positive_radius", "negative_radius", "radius_spread", "positive_towards", "negative_towards")
GEOMETRY = ("anchor", "positive", "negative")
PRINTED = {
    "step": "log_variance",
    "positive_radius": 0.15,
    "negative_radius": 0.3,
    "radius_spread": 0.0,
    "positive_towards": 0.95,
    "negative_towards": 0.85,
    "anchor": "decoded",
    "positive": "moved",
    "negative": "moved",
}
"""Settings of the algorithm as the thesis prints it (5.3, 6.2)."""


@dataclass(frozen=True)
class Recognition:
    """Everything that was measured of one dataset."""

    dataset: str
    autoencoders: VaeResult
    triplets: TripletsResult
    recognized: RecognizeResult


def read_recognition(dataset: str, autoencoders: Path, triplets: Path, recognized: Path) -> Recognition:
    """Read the results of a dataset."""
    return Recognition(
        dataset,
        read_required(autoencoders, VaeResult),
        read_required(triplets, TripletsResult),
        read_required(recognized, RecognizeResult),
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
            "verdicts": tabulate_verdicts(found.recognized),
            "suspects": list(explain_gap(found)),
        },
    )


def tabulate_losses(found: VaeResult) -> str:
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
    return render_table(header, rows)


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


def tabulate_differences(found: VaeResult) -> str:
    """Return a row for each claim of the thesis about its variant."""
    rows = []
    for own in found.differences:
        interval = "-" if own.interval is None else f"{own.interval[0]:+.2f} {own.interval[1]:+.2f}"
        names = f"{own.variant} - {own.vanilla}"
        rows.append([names, own.part, own.loss, f"{own.mean:+.2f}", interval, own.answer, own.thesis])
    header = ["runs", "part", "loss", "difference", "interval", "the variant's is", "thesis"]
    return render_table(header, rows) if rows else ""


def tabulate_sets(sets: Mapping[str, SetResult]) -> str:
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
    return render_table(header, rows)


def describe_changes(own: SetResult) -> str:
    """Return the settings in which a sampled set is not as the thesis prints the algorithm."""
    changed = {key: own.settings[key] for key in PRINTED if key in own.settings and own.settings[key] != PRINTED[key]}
    return ", ".join(f"{key} {value}" for key, value in changed.items())


def tabulate_accuracies(found: RecognizeResult) -> list[str]:
    """Return tables of accuracies: of the test triplets, then of those that each network learned from and chose by."""
    rows: Rows = [["chance", "", *(f"{value:.4f}" for value in found.chance.model_dump().values()), "", ""]]
    for name, own in found.rows.items():
        tests = [list(draw.test.model_dump().values()) for draw in own.draws]
        cells = [format_spread(values) for values in zip(*tests, strict=True)]
        learned = [format_spread(pick(own.draws, part)) for part in ("training", "validation")]
        rows.append([name, str(own.train + own.validation or ""), *cells, *learned])
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
    ]
    return render_tables(header, rows)


def pick(draws: Sequence[RowDraw], part: str) -> list[float | None]:
    """Return the accuracies of a part's triplets in every draw."""
    found: list[Accuracies | None] = [getattr(draw, part) for draw in draws]
    return [None if own is None else own.triplet for own in found]


def tabulate_verdicts(found: RecognizeResult) -> str:
    """Return a row for each network: what learning did for it, and how far it came."""
    rows = []
    for name, own in found.rank1.against_untrained.items():
        low, high = own.interval
        share = found.rank1.share_of_gap.get(name)
        verdict = own.verdict.replace("margin", f"{own.margin:g}")
        rows.append([name, verdict, f"{own.mean_change:+.4f}", f"{low:+.4f} {high:+.4f}", *format_share(share)])
    header = ["learned from", "verdict", "change", "interval", "of the way", "interval of that"]
    return render_table(header, rows)


def format_share(share: Share | None) -> list[str]:
    """Return the cells of a share."""
    if share is None:
        return ["-", "-"]
    ends = "no end" if share.interval is None else f"{share.interval[0]:.0%} {share.interval[1]:.0%}"
    return [f"{share.mean:.0%}", ends]


def explain_gap(found: Recognition) -> Iterator[str]:
    """Yield in words how much of the gap to real triplets each suspect explains, by rank-1."""
    shares, sets = found.recognized.rank1.share_of_gap, found.triplets.sets
    if not shares:
        yield "Without a network that learned from real triplets and is better for it, there is no gap to explain."
        return
    alone = {row: own.sets[0] for row, own in found.recognized.rows.items() if len(own.sets) == 1}
    for row, name in alone.items():
        if sets[name].kind == "reconstructed":
            yield f"Blur: with reconstructions of real triplets {row} comes {shares[row].mean:.0%} of the way."
    for row, name in alone.items():
        if is_printed(sets[name]):
            yield f"As printed: {row} comes {shares[row].mean:.0%} of the way."
            yield from compare_with_printed(found, row, name, alone)
    yield from describe_best(found, alone)


def is_printed(own: SetResult) -> bool:
    """Say whether triplets are sampled as the thesis prints the algorithm."""
    return own.kind == "sampled" and not describe_changes(own)


def compare_with_printed(found: Recognition, row: str, name: str, alone: Mapping[str, str]) -> Iterator[str]:
    """Yield what changes of the algorithm make of a row, of the same autoencoder and with as many triplets."""
    shares, sets = found.recognized.rank1.share_of_gap, found.triplets.sets
    for other, own in alone.items():
        same = all(sets[own].settings.get(key) == sets[name].settings[key] for key in ("kind", "autoencoder", "count"))
        if not same or other == row:
            continue
        changed = {key for key in PRINTED if sets[own].settings[key] != PRINTED[key]}
        suspects = [word for word, keys in (("sampling", SAMPLING), ("geometry", GEOMETRY)) if changed & {*keys}]
        step = shares[other].mean - shares[row].mean
        what = f"{' and '.join(suspects).capitalize()} ({describe_changes(sets[own])})"
        yield f"{what}: {other} comes {shares[other].mean:.0%} of the way, {100 * step:+.0f} points beside {row}."


def describe_best(found: Recognition, alone: Mapping[str, str]) -> Iterator[str]:
    """Yield which row without a real pair comes farthest."""
    shares, sets = found.recognized.rank1.share_of_gap, found.triplets.sets
    sampled = [row for row, name in alone.items() if sets[name].kind == "sampled"]
    if not sampled:
        return
    best = max(sampled, key=lambda row: shares[row].mean)
    reached = "more" if shares[best].mean >= GOAL else "less"
    which = f"Of the rows without a pair of real images {best} comes farthest"
    how = f"{shares[best].mean:.0%} of the way: {reached} than half of it"
    yield f"{which}, {how}. It was chosen by its test score, which flatters it."


def summarize_recognition(found: Recognition) -> dict[str, dict[str, float | str | None]]:
    """Return the few numbers per row that are worth a column when runs are compared."""
    verdicts, shares = found.recognized.rank1.against_untrained, found.recognized.rank1.share_of_gap
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
