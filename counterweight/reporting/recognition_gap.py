"""How much of the gap between sampled and real triplets blur, the sampling and the geometry explain, in words."""

import math
from collections.abc import Iterator, Mapping

from counterweight.reporting.recognition_verdicts import Share
from counterweight.results.recognize import RecognizeResult
from counterweight.results.triplets import SetResult, TripletsResult

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


def describe_changes(own: SetResult) -> str:
    """Return the settings in which a sampled set is not as the thesis prints the algorithm."""
    changed = {key: own.settings[key] for key in PRINTED if key in own.settings and own.settings[key] != PRINTED[key]}
    return ", ".join(f"{key} {value}" for key, value in changed.items())


Shares = Mapping[str, Share]
Sets = Mapping[str, SetResult]


def explain_gap(shares: Shares, recognized: RecognizeResult, triplets: TripletsResult) -> Iterator[str]:
    """Yield in words how much of the gap to real triplets each suspect explains.

    Args:
        shares: of the way that each row comes, by one accuracy; empty where there is no gap.
    """
    if not shares:
        real = any({triplets.sets[own].kind for own in row.sets} == {"real"} for row in recognized.rows.values())
        why = "is surely better for it" if real else "stands in the table"
        yield f"No network that learned from real triplets alone {why}: there is no gap to explain."
        return
    sets = triplets.sets
    alone = {row: own.sets[0] for row, own in recognized.rows.items() if len(own.sets) == 1}
    for row, name in alone.items():
        if sets[name].kind == "reconstructed":
            yield f"Blur: with reconstructions of real triplets {row} {describe_way(shares[row])}."
    for row, name in alone.items():
        if is_printed(sets[name]):
            yield f"As printed: {row} {describe_way(shares[row])}."
            yield from compare_with_printed(shares, sets, row, alone)
    yield from describe_best(shares, sets, alone, triplets.by_image)


def describe_way(share: Share) -> str:
    """Say how far a row comes, and how sure that is."""
    ends = "with no end that is known" if share.interval is None else "from {:.0%} to {:.0%}".format(*share.interval)
    return f"comes {share.mean:.0%} of the way ({ends})"


def is_printed(own: SetResult) -> bool:
    """Say whether triplets are sampled as the thesis prints the algorithm."""
    return own.kind == "sampled" and not describe_changes(own)


def compare_with_printed(shares: Shares, sets: Sets, row: str, alone: Mapping[str, str]) -> Iterator[str]:
    """Yield what changes of the algorithm make of a row, of the same autoencoder and with as many triplets."""
    printed = sets[alone[row]].settings
    for other, name in alone.items():
        settings = sets[name].settings
        if other == row or any(settings.get(key) != printed[key] for key in ("kind", "autoencoder", "count")):
            continue
        changed = {key for key in PRINTED if settings[key] != PRINTED[key]}
        suspects = [word for word, keys in (("sampling", SAMPLING), ("geometry", GEOMETRY)) if changed & {*keys}]
        step = 100 * (shares[other].mean - shares[row].mean)
        what = f"{' and '.join(suspects).capitalize()} ({describe_changes(sets[name])})"
        yield f"{what}: {other} {describe_way(shares[other])}, {step:+.0f} points beside {row}."


def describe_best(shares: Shares, sets: Sets, alone: Mapping[str, str], by_image: bool) -> Iterator[str]:
    """Yield which row without a pair of real images comes farthest, and which without changed views of any."""
    sampled = [row for row, name in alone.items() if sets[name].kind == "sampled"]
    moved = [row for row in sampled if sets[alone[row]].settings["positive"] == "moved"]
    if sampled:
        best = max(sampled, key=lambda row: shares[row].mean)
        yield f"Of the rows without a pair of real images {describe_goal(best, shares[best])}"
        if by_image and best not in moved:
            yield f"The positives of {best} are changed views of an image, which is what the test's pairs are, too."
        if moved and best not in moved:
            best = max(moved, key=lambda row: shares[row].mean)
            yield f"Of those whose positives come from the latent space {describe_goal(best, shares[best])}"


def describe_goal(best: str, share: Share) -> str:
    """Say which of some rows comes farthest, and whether that is half of the way."""
    low, high = share.interval or [-math.inf, math.inf]
    reached = "more than half of it" if low > GOAL else "less than half of it" if high < GOAL else None
    goal = reached or "which may be more than half of it or less"
    way = describe_way(share).replace("comes", "comes farthest:")
    return f"{best} {way}, {goal}. It was chosen by its test score, which flatters it."
