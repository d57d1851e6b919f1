"""Sentences that stand below a table of verdicts."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from counterweight.results.imbalance import ClassCounts
from counterweight.statistics.verdict import Verdict

NAMED = 8
"""Classes that a sentence names at most."""
DECIDED = ("helps", "hurts", "no difference above margin")


def describe_draws_needed(verdicts: Mapping[str, Verdict], needed: int | None) -> str:
    """Say roughly how many draws would show a change of the margin.

    Args:
        needed: for a method in the middle of the table. It is known to a factor of two at best, as the spread of eight
            draws is: one digit of it is said.
    """
    undecided = [found for found in verdicts.values() if found.verdict == "undecided"]
    if not undecided:
        return ""
    change = f"a change of {undecided[0].margin:g}"
    if undecided[0].draws == 1:
        return f"How many draws would show {change} cannot be told from one."
    if needed is None:
        return f"To see {change} no number of draws would do: the test part has too few images."
    draws = f"{float(f'{needed:.1g}'):,.0f}"
    return (
        f"To see {change} of a row in the middle of the table would take some {draws} draws, known to a factor of two."
    )


def describe_other_score(score: str, verdicts: Mapping[str, Verdict]) -> str:
    """Say what verdicts by a score are that has no column of verdicts."""
    if not verdicts:
        return ""
    rows = {name_answer(answer, verdicts): list_rows(answer, verdicts) for answer in DECIDED}
    parts = [f"{answer}: {listed}" for answer, listed in rows.items() if listed]
    rest = sum(found.verdict == "undecided" for found in verdicts.values())
    parts += [f"undecided: {'all' if rest == len(verdicts) else 'the others'}"] if rest else []
    family = next(iter(verdicts.values())).family
    among = f", with intervals that hold for all {family} rows at once" if family > 1 else ""
    return f"By {score}{among}: {'; '.join(parts)}."


def name_answer(answer: str, verdicts: Mapping[str, Verdict]) -> str:
    """Return an answer with the margin in its place."""
    margin = next(iter(verdicts.values())).margin
    return answer.replace("margin", f"{margin:g}")


def list_rows(answer: str, verdicts: Mapping[str, Verdict]) -> str:
    """Return the rows that have an answer, each with its change."""
    return ", ".join(
        f"{name} ({found.mean_change:+.4f})" for name, found in verdicts.items() if found.verdict == answer
    )


def describe_failed_draws(failed: Mapping[str, int], scores: Mapping[str, Sequence[float | None]]) -> str:
    """Name the methods of which a draw lies far below the others, `imbalanced` among them, and what follows.

    Args:
        failed: draws, from 0, by method.
        scores: the headline score in each draw, by method.
    """
    parts = []
    for name, draw in failed.items():
        low, others = scores[name][draw], [value for place, value in enumerate(scores[name]) if place != draw]
        known = [value for value in others if value is not None]
        parts.append(f"`{name}` in draw {draw + 1} ({low:.4f}; {fmean(known):.4f} in the others)")
    if not parts:
        return ""
    return (
        f"Far below its other draws is {', '.join(parts)}: a training may have failed. Such a draw widens its method's "
        "interval, that of `imbalanced` every interval; a method without one may only have been lucky."
    )


def describe_seen(counts: Mapping[str, ClassCounts]) -> str:
    """Say how many test images are in the training part, too: scores are then partly of what was learned by heart."""
    exact, near = (sum(getattr(count, key) for count in counts.values()) for key in ("in_train", "near_train"))
    tested, grouped = (sum(getattr(count, key) for count in counts.values()) for key in ("test", "group_train"))
    said = []
    if exact + near:
        kinds = f"{exact:,} exact, {near:,} near"
        said.append(f"{exact + near:,} of {tested:,} test images are in the training part, too ({kinds}).")
    if grouped:
        said.append(f"{grouped:,} of {tested:,} test images are of a group that has training images, too.")
    return " ".join(said)


def describe_unfilled(counts: Mapping[str, ClassCounts]) -> str:
    """Name the classes of the minority F1 that get no synthetic images, since they keep nearly all they should have."""
    minority = [name for name, count in counts.items() if count.minority and count.test]
    unfilled = [name for name in minority if not counts[name].wanted]
    if not unfilled:
        return ""
    part = "" if len(unfilled) == len(minority) else "in part "
    return (
        f"The minority F1 is {part}of what gets no synthetic images, {join_some(quote(unfilled))}: there nearly as "
        "many images are left as there should be, and only those made of other classes can change anything."
    )


def join_some(parts: Sequence[str]) -> str:
    """Join a few parts, and count the others."""
    return ", ".join(parts[:NAMED]) + (f" and {len(parts) - NAMED} more" if len(parts) > NAMED else "")


def quote(names: Sequence[str]) -> list[str]:
    """Put names between quotation marks."""
    return [f"'{name}'" for name in names]
