"""What recognition by triplets amounts to, in words: whether sampled triplets teach, and how far beside real ones."""

from collections.abc import Iterator, Mapping

from counterweight.reporting.answers import Answer, bounds_below_margin, format_change
from counterweight.reporting.recognition import Recognition
from counterweight.reporting.recognition_gap import describe_changes, explain_gap
from counterweight.reporting.recognition_verdicts import Share
from counterweight.results.triplets import SetResult
from counterweight.statistics.verdict import Verdict

SCORE = "rank-1 accuracy"


def answer_recognition(found: Recognition) -> Answer:
    """Return what the verdicts by rank-1 of one dataset amount to."""
    recognized = found.recognized
    frozen = ", frozen" if recognized.frozen else ""
    shares = found.judged.rank1.share_of_gap
    return Answer(
        place=f"On {found.dataset}, recognition learned from triplets ({recognized.backbone}{frozen})",
        advice=advise(found),
        reasons=[*describe_real(found), *explain_gap(shares, recognized, found.triplets)],
        certainty=describe_certainty(found),
    )


def list_rows(found: Recognition, kind: str) -> list[str]:
    """Return the rows that learned from triplets of one kind alone."""
    sets = found.triplets.sets
    return [name for name, row in found.recognized.rows.items() if {sets[own].kind for own in row.sets} == {kind}]


def advise(found: Recognition) -> str:
    """Say in one sentence whether sampled triplets teach recognition."""
    verdicts, shares = found.judged.rank1.against_untrained, found.judged.rank1.share_of_gap
    sampled = {name: verdicts[name] for name in list_rows(found, "sampled")}
    if not sampled:
        return "No network learned from sampled triplets alone."
    helping = [name for name, own in sampled.items() if own.verdict == "helps"]
    from_latents = [name for name in helping if takes_latents(found, name)]
    if not helping:
        return advise_without(found, sampled)
    best = max(from_latents or helping, key=lambda name: sampled[name].mean_change)
    gain = f"{SCORE} changes by {format_change(sampled[best])}"
    share = f", {describe_share(shares[best])}" if best in shares else ""
    ways = [describe_changes(own) or "as the log-ends thesis prints it" for own in list_sets(found, best)]
    how = "; ".join(dict.fromkeys(ways))
    if from_latents:
        return f"Triplets sampled from latents teach: with `{best}` ({how}) {gain}{share}."
    return (
        f"Triplets sampled from latents are not shown to teach; `{best}`, whose positives are changed views of real "
        f"images, does: {gain}{share}."
    )


def list_sets(found: Recognition, row: str) -> list[SetResult]:
    """Return the sets of triplets that a row learned from."""
    return [found.triplets.sets[own] for own in found.recognized.rows[row].sets]


def takes_latents(found: Recognition, row: str) -> bool:
    """Say whether what a row takes for the same thing was sampled from latents, and is no changed view of an image."""
    return all(own.settings["positive"] == "moved" for own in list_sets(found, row))


def describe_share(share: Share) -> str:
    """Say which part of what real triplets do a row does."""
    ends = "no end of that is known" if share.interval is None else "{:.0%} to {:.0%}".format(*share.interval)
    return f"{share.mean:.0%} of what real triplets do ({ends})"


def advise_without(found: Recognition, sampled: Mapping[str, Verdict]) -> str:
    """Say that no sampled triplets help, and whether these draws could have shown it."""
    real = list_rows(found, "real")
    margin = next(iter(sampled.values())).margin
    if real and not found.judged.rank1.share_of_gap:
        return "Even real triplets are not shown to teach anything here: of sampled ones nothing can be said."
    if all(bounds_below_margin(own) for own in sampled.values()):
        return f"Use no sampled triplets: none changes {SCORE} by more than {margin:g}."
    return f"Sampled triplets are not shown to teach: no change of {SCORE} is surely above 0."


def describe_real(found: Recognition) -> Iterator[str]:
    """Say what real triplets do: more cannot be expected of sampled ones."""
    for name in list_rows(found, "real"):
        change = format_change(found.judged.rank1.against_untrained[name])
        yield f"Learning from real triplets (`{name}`) changes {SCORE} by {change}."


def describe_certainty(found: Recognition) -> str:
    """Say what the verdicts rest on."""
    verdicts = found.judged.rank1.against_untrained
    first = next(iter(verdicts.values()), None)
    if first is None:
        return "There is no network but the untrained one."
    rows = f" for all {first.family} rows at once" if first.family > 1 else ""
    over = f"{first.draws} draws of all that is random" if first.draws > 1 else "one draw"
    held = f"intervals of changes hold with {100 * first.confidence:g} %{rows}, those of shares for their row alone"
    return f"Against the untrained network, over {over}, {found.recognized.test:,} real test triplets; {held}."
