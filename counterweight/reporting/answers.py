"""What all verdicts of one dataset and scenario amount to, in words: what to use, what not, how sure that is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from counterweight.reporting.remarks import describe_draws_needed, describe_seen, join_some, quote
from counterweight.reporting.results import Comparison, Results, Verdicts
from counterweight.reporting.verdicts import describe_reach, verdict
from counterweight.results.imbalance import ClassCounts
from counterweight.statistics.verdict import Verdict

LARGEST = 1.0
"""Change of a score, all of which are between 0 and 1."""
SET = "More draws tell: `table.draws` in params.yaml."
ALIKE = 0.03
"""Fractions of two classes that differ by less were dropped alike: whole images are."""


class Answer(NamedTuple):
    """The answer to 'does it help?': one sentence that says what to do, and those that say why and how sure."""

    place: str
    """Of which images: 'On digits, with 75 % of class '4' dropped'."""
    advice: str
    reasons: list[str]
    certainty: str
    warning: str = ""
    """What is to be known before all else: test images that are trained on."""


def answer(results: Results) -> Answer:
    """Return what the verdicts of one dataset and scenario amount to."""
    groups = group_verdicts(results)
    reasons = [describe_generated(groups), describe_beside(groups), describe_simple(groups), describe_hurting(groups)]
    reasons += [
        describe_cost(groups),
        describe_reference(groups),
        describe_draws_needed(groups.all, results.judged.draws_needed),
    ]
    return Answer(
        place=f"On {results.dataset}, {describe_scarcity(results.counts)}",
        advice=advise(groups),
        reasons=[reason for reason in reasons if reason],
        certainty=describe_certainty(results, groups),
        warning=describe_seen(results.counts),
    )


def answer_pair(name: str, comparison: Comparison) -> Answer:
    """Return what was found of a pair, which has no classifier: how its sets differ."""
    sizes = comparison.plain.features.images
    place = f"Of {name}, {sizes.real:,} real and {sizes.synthetic:,} synthetic images"
    return Answer(place, verdict("synthetic", comparison), [], describe_reach({name: comparison}))


class Groups(NamedTuple):
    """The verdicts by the headline score against `imbalanced`, by what stands behind a row."""

    score: str
    """What the verdicts are by: 'the F1 of class '4'', for one."""
    generated: dict[str, Verdict]
    simple: dict[str, Verdict]
    balanced: Verdict | None
    best_simple: str
    beside: dict[str, Verdict]
    """The generated ones against `best_simple`; empty where that is `imbalanced`."""
    accuracy: dict[str, Verdict]
    """All rows by balanced accuracy, where the headline is another score."""

    @property
    def all(self) -> dict[str, Verdict]:
        """All rows that a user can choose."""
        return self.generated | self.simple


def group_verdicts(results: Results) -> Groups:
    """Sort the rows into generators', other methods', and the reference with all real images."""
    judged = results.judged
    found = judged.against_imbalanced.headline
    generated = {name: own for name, own in found.items() if name.split("+")[0] in results.comparisons}
    simple = {name: own for name, own in found.items() if name not in generated and name != "balanced"}
    beside = judged.against_simple.headline if judged.against_simple else {}
    score = name_score(results.counts, judged.against_imbalanced)
    against = judged.against_imbalanced
    accuracy = against.balanced_accuracy if against.minority_f1 else {}
    return Groups(score, generated, simple, found.get("balanced"), judged.best_simple, beside, accuracy)


def name_score(counts: Mapping[str, ClassCounts], verdicts: Verdicts) -> str:
    """Name the headline score."""
    minority = [name for name, count in counts.items() if count.minority and count.test]
    if not verdicts.minority_f1:
        return "balanced accuracy"
    return f"the F1 of class '{minority[0]}'" if len(minority) == 1 else f"the mean F1 of {len(minority)} classes"


def describe_scarcity(counts: Mapping[str, ClassCounts]) -> str:
    """Say which classes have too few images: how much of them was dropped, or how sizes differ."""
    kept = {name: (count.fitted + count.validation) / count.before for name, count in counts.items() if count.before}
    dropped = {name: 1 - fraction for name, fraction in kept.items() if fraction < 1 - ALIKE}
    sizes = [count.fitted + count.validation for count in counts.values()]
    if dropped and max(dropped.values()) - min(dropped.values()) < ALIKE and len(dropped) < len(counts):
        share = sum(dropped.values()) / len(dropped)
        which = "class" if len(dropped) == 1 else "classes"
        return f"with {100 * share:.0f} % of {which} {join_some(quote(list(dropped)))} dropped"
    how = "with classes thinned out to" if dropped else "with classes of"
    return f"{how} {min(sizes):,} to {max(sizes):,} training and validation images"


def list_helping(verdicts: Mapping[str, Verdict]) -> list[str]:
    """Return the rows that help, the largest change first."""
    helping = [name for name, found in verdicts.items() if found.verdict == "helps"]
    return sorted(helping, key=lambda name: -verdicts[name].mean_change)


def advise(groups: Groups) -> str:
    """Say in one sentence what to do."""
    generated, simple = list_helping(groups.generated), list_helping(groups.simple)
    shown = {name for name, found in groups.beside.items() if found.verdict == "helps"}
    better = [name for name in generated if name in shown or not simple]
    if better:
        return f"Use the synthetic images of `{better[0]}`: {describe_gain(groups, better[0])}."
    if simple:
        # Chosen by validation images where it helps; the largest of several changes is large by luck, too.
        chosen = groups.best_simple if groups.best_simple in simple else simple[0]
        return f"Train with `{chosen}`, without synthetic images: {describe_gain(groups, chosen)}."
    return advise_nothing(groups)


def describe_gain(groups: Groups, name: str) -> str:
    """Say by how much a method changes the headline score."""
    return f"{groups.score} changes by {format_change(groups.all[name])}"


def advise_nothing(groups: Groups) -> str:
    """Say that nothing helps, or that nothing was shown to: these are not the same."""
    if not groups.all:
        return "Nothing was tried here beside training on the images as they are."
    if all(bounds_below_margin(found) for found in groups.all.values()):
        return f"Add no synthetic images: nothing tried here helps by more than {find_margin(groups):g}."
    return "Nothing tried here is shown to help: there is no reason yet to add synthetic images."


def describe_generated(groups: Groups) -> str:
    """Say what synthetic images do."""
    helping = list_helping(groups.generated)
    if not groups.generated:
        return ""
    if helping:
        listed = ", ".join(f"`{name}` ({format_change(groups.generated[name])})" for name in helping)
        return f"Of {count(groups.generated, 'method')} with synthetic images {verb(helping, 'help')}: {listed}."
    if all(bounds_below_margin(found) for found in groups.generated.values()):
        return f"Nothing generated helps by more than {find_margin(groups):g}."
    highest = max(groups.generated, key=lambda name: groups.generated[name].interval[1])
    if groups.generated[highest].interval[1] >= LARGEST:
        said = f"so few draws leave open whether {groups.score} changes at all, and by how much (`{highest}`)"
        return f"Synthetic images are not shown to help with any of {count(groups.generated, 'method')}: {said}. {SET}"
    return (
        f"Synthetic images are not shown to help with any of {count(groups.generated, 'method')}, but they may: "
        f"{groups.score} may change by up to {groups.generated[highest].interval[1]:+.3f} (`{highest}`). "
        f"{describe_sight(groups.generated.values())}"
    )


def describe_sight(verdicts: Iterable[Verdict]) -> str:
    """Say what changes would have been seen."""
    seen = sorted(min(found.detectable_change, LARGEST) for found in verdicts)
    if seen[0] == LARGEST:
        return f"Not even the largest change that a score can have would have been seen. {SET}"
    between = f"{seen[0]:.3f}" if len(seen) == 1 else f"{seen[0]:.3f} to {seen[-1]:.3f}, by method,"
    return f"A change of {between} would have been seen in four of five cases."


def describe_beside(groups: Groups) -> str:
    """Say what generated images that help do beside the best method that generates nothing."""
    parts = []
    words = {
        "helps": "is better",
        "hurts": "is worse",
        "undecided": "may be better or worse",
    }
    for name in list_helping(groups.generated):
        if (found := groups.beside.get(name)) is not None:
            word = words.get(found.verdict, f"makes no difference above {found.margin:g}")
            parts.append(f"`{name}` {word} ({format_change(found)})")
    reference = f"`{groups.best_simple}`, the best of those that generate nothing (by validation images)"
    return f"Beside {reference}, {'; '.join(parts)}." if parts else ""


def describe_simple(groups: Groups) -> str:
    """Say which methods that generate nothing help."""
    helping = list_helping(groups.simple)
    if not helping:
        none = f"None of {count(groups.simple, 'method')} that generate nothing is shown to help."
        return none if groups.simple else ""
    listed = ", ".join(f"`{name}` ({format_change(groups.simple[name])})" for name in helping)
    return f"Of those that generate nothing {verb(helping, 'help')}: {listed}."


def describe_hurting(groups: Groups) -> str:
    """Name what does harm."""
    hurting = [name for name, found in groups.all.items() if found.verdict == "hurts"]
    listed = ", ".join(f"`{name}` ({format_change(groups.all[name])})" for name in hurting)
    return f"Leave out what hurts: {listed}." if hurting else ""


def describe_cost(groups: Groups) -> str:
    """Name what helps the headline and costs balanced accuracy: other classes pay for the small one."""
    costly = [name for name in list_helping(groups.all) if name in groups.accuracy]
    listed = [
        f"`{name}` ({format_change(groups.accuracy[name])})"
        for name in costly
        if groups.accuracy[name].verdict == "hurts"
    ]
    return f"At the cost of other classes: balanced accuracy falls with {', '.join(listed)}." if listed else ""


def describe_reference(groups: Groups) -> str:
    """Say what the real images that are wanting would do: more cannot be expected of synthetic ones."""
    if groups.balanced is None:
        return ""
    change = format_change(groups.balanced)
    if groups.balanced.verdict == "helps":
        return f"As many real images as in the other classes would change it by {change}."
    shown = f"Even the real images that were dropped are not shown to help ({change})"
    return f"{shown}: these draws and test images can hardly tell methods apart."


def describe_certainty(results: Results, groups: Groups) -> str:
    """Say what the verdicts rest on."""
    draws, tested = len(results.scores["imbalanced"].draws), sum(each.test for each in results.counts.values())
    first = next(iter(groups.all.values()), groups.balanced)
    if first is None:
        return "There is no other method to compare with."
    rows = f" for all {first.family} rows at once" if first.family > 1 else ""
    over = f"{draws} draws of all that is random" if draws > 1 else "one synthetic set alone, of one draw"
    return f"Over {over}, {tested:,} test images; intervals hold with {100 * first.confidence:g} %{rows}."


def bounds_below_margin(found: Verdict) -> bool:
    """Say whether a change above the margin is excluded."""
    return found.interval[1] <= found.margin


def find_margin(groups: Groups) -> float:
    """Return the change that is too small to matter."""
    return next(iter(groups.all.values())).margin


def format_change(found: Verdict) -> str:
    """Return a change with its interval."""
    low, high = found.interval
    return f"{found.mean_change:+.3f} [{low:+.3f}, {high:+.3f}]"


def count(things: Mapping[str, object], noun: str) -> str:
    """Return a number with its noun."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def verb(subjects: Sequence[str], plural: str) -> str:
    """Return a verb in the form that the number of its subjects asks for."""
    return f"{plural}s" if len(subjects) == 1 else plural
