"""Sentences that stand below a table of verdicts."""

from collections.abc import Mapping
from statistics import median

from counterweight.statistics.verdict import Verdict

NEVER = 1e9  # draws: more than any number
DECIDED = ("helps", "hurts", "no difference above margin")


def describe_draws_needed(verdicts: Mapping[str, Verdict]) -> str:
    """Say roughly how many draws would show a change of the margin.

    The number is known to a factor of two at best, as the spread of eight draws is: one digit of it is said, of the
    undecided row in the middle.
    """
    undecided = [found for found in verdicts.values() if found.verdict == "undecided"]
    if not undecided:
        return ""
    change = f"a change of {undecided[0].margin:g} in an undecided row"
    if undecided[0].draws == 1:
        return f"How many draws would show {change} cannot be told from one."
    needed = median(NEVER if found.draws_needed is None else found.draws_needed for found in undecided)
    if needed >= NEVER / 2:
        return f"To see {change} no number of draws would do: the test part has too few images."
    rough = float(f"{needed:.1g}")
    return f"To see {change} it would take some {rough:,.0f} draws, roughly: half of these rows need more."


def describe_other_score(score: str, verdicts: Mapping[str, Verdict]) -> str:
    """Say what verdicts by a score are that has no column of verdicts."""
    if not verdicts:
        return ""
    parts = [
        f"{name_answer(answer, verdicts)}: {listed}" for answer in DECIDED if (listed := list_rows(answer, verdicts))
    ]
    rest = sum(found.verdict == "undecided" for found in verdicts.values())
    parts += [f"undecided: {'all' if rest == len(verdicts) else 'the others'}"] if rest else []
    return f"By {score}, of which the same can be said: {'; '.join(parts)}."


def name_answer(answer: str, verdicts: Mapping[str, Verdict]) -> str:
    """Return an answer with the margin in its place."""
    margin = next(iter(verdicts.values())).margin
    return answer.replace("margin", f"{margin:g}")


def list_rows(answer: str, verdicts: Mapping[str, Verdict]) -> str:
    """Return the rows that have an answer, each with its change."""
    return ", ".join(
        f"{name} ({found.mean_change:+.4f})" for name, found in verdicts.items() if found.verdict == answer
    )


def describe_far_draws(verdicts: Mapping[str, Verdict]) -> str:
    """Name the rows in which a draw lies far from the others."""
    far = [f"`{name}` (draw {found.far_draw + 1})" for name, found in verdicts.items() if found.far_draw is not None]
    if not far:
        return ""
    return (
        f"One draw's change lies far from the others' in {', '.join(far)}: a training may have failed in it. Of how "
        "often that happens so few draws say little, and intervals of such rows may be too short."
    )
