"""Whatever happens to a workspace, in any order: does a run to the end give what a clean run gives?

    python -m campaigns.states --kind shell --examples 9 --steps 8 --seed 0 --out metrics/reliability/states.json

Hypothesis draws sequences of steps in a workspace, of a tiny table (`tiny`) or of a graph whose stages are shell
scripts (`shell`), with which a sequence takes half a minute, not several. Settings and the table are
changed and put back; `counterweight repro` runs, is killed, or meets a disk that is full at one of its writes; code is
edited, the cache is emptied, files of the cache and outputs are damaged. Each sequence ends with a run: its results
have the bytes of those of a clean run with the same settings, DVC finds nothing stale, no process and nothing half
written is left. A sequence that ended wrongly is told with its steps; the next goes on. Runs with other seeds add to
the file, after each sequence; nine sequences of each of many seeds are better than many of one, of which hypothesis
makes the first tenth as simple as it can.
"""

import argparse
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, precondition, rule

from campaigns.failing import find_compiler
from campaigns.outcomes import SIGNALS
from campaigns.tiny import Choice
from campaigns.workspace import KINDS, Clean, Workspace

CHANGES: Mapping[str, Callable[[Choice], Choice]] = MappingProxyType(
    {
        "seed 3": lambda own: own._replace(seed=3),
        "seed 4": lambda own: own._replace(seed=4),
        "margin 0.01": lambda own: own._replace(margin=0.01),
        "margin 0.02": lambda own: own._replace(margin=0.02),
        "one dataset": lambda own: own._replace(datasets=("shapes",)),
        "two datasets": lambda own: own._replace(datasets=("shapes", "spots")),
        "one generator": lambda own: own._replace(generators=("smote",)),
        "two generators": lambda own: own._replace(generators=("oversample", "smote")),
    }
)


class Tally:
    """What was done in all sequences, and which of them ended wrongly."""

    def __init__(self, kind: str, seed: int, out: Path) -> None:
        """Begin with what a file says of earlier ones.

        Args:
            kind: of project.
            out: JSON, which `write` writes; it need not be there yet.
        """
        self.kind, self.seed, self.out = kind, seed, out
        self.steps: Counter[str] = Counter()
        self.ends: list[dict[str, object]] = []
        self.earlier = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
        self.began = time.monotonic()

    def summarize(self) -> dict[str, object]:
        """Return the sequences so far, by the kind of project."""
        found = self.earlier.get(self.kind, {})
        wrong = [{"seed": self.seed, **end} for end in self.ends if end["wrong"]]
        own = {
            "sequences": found.get("sequences", 0) + len(self.ends),
            "wrong": found.get("wrong", 0) + len(wrong),
            "steps": dict(sorted((Counter(found.get("steps", {})) + self.steps).items())),
            "seconds": found.get("seconds", 0) + round(time.monotonic() - self.began),
            "first_wrong": [*found.get("first_wrong", []), *wrong][:20],
        }
        return {**self.earlier, self.kind: own}

    def write(self) -> None:
        """Write them down."""
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(self.summarize(), indent=1) + "\n", encoding="utf-8")


class States(RuleBasedStateMachine):
    """One sequence of steps in a workspace of its own."""

    def __init__(self, folder: Path, clean: Clean, tally: Tally) -> None:
        """Begin with a workspace in which the first settings have run.

        Args:
            folder: where workspaces are made.
        """
        super().__init__()
        self.tally, self.clean = tally, clean
        self.done, self.names = list[str](), list[str]()
        self.workspace = Workspace(clean.kind, clean.copied(Choice(), folder / f"{len(tally.ends)}" / "project"))

    def note(self, step: str, *words: object) -> None:
        """Note a step."""
        self.names.append(step)
        self.done.append(" ".join(map(str, (step, *words))))

    @rule(change=st.sampled_from([*CHANGES]))
    def change(self, change: str) -> None:
        """Change a setting or the table."""
        self.note("change", change)
        self.workspace.choose(CHANGES[change](self.workspace.choice))

    @precondition(lambda self: self.names[-1:] != ["revert"])
    @rule()
    def revert(self) -> None:
        """Put the first settings back."""
        self.note("revert")
        self.workspace.choose(Choice())

    @rule()
    def run_to_end(self) -> None:
        """Run."""
        self.note("run")
        self.workspace.run()

    @rule(part=st.floats(0, 1), ending=st.sampled_from(SIGNALS))
    def run_and_kill(self, part: float, ending: signal.Signals) -> None:
        """Run, and end it on the way."""
        moment = part * self.workspace.kind.seconds
        self.note("kill", ending.name, f"{moment:.2f}")
        self.workspace.kill(moment, ending)

    @rule(part=st.floats(0, 1))
    def run_on_a_full_disk(self, part: float) -> None:
        """Run, and let one write find no space."""
        call = 1 + int(part * self.workspace.kind.calls)
        self.note("full disk", call)
        self.workspace.fill_disk(call)

    @rule(place=st.integers(0, 100))
    def edit(self, place: int) -> None:
        """Change code, not what it does."""
        name = self.workspace.kind.code[place % len(self.workspace.kind.code)]
        self.note("edit", name)
        self.workspace.edit(name)

    @precondition(lambda self: self.names[-1:] != ["empty cache"])
    @rule()
    def empty_cache(self) -> None:
        """Take all away that DVC keeps."""
        self.note("empty cache")
        self.workspace.empty_cache()

    @rule(place=st.floats(0, 1), look_same=st.booleans())
    def damage_cache(self, place: float, look_same: bool) -> None:
        """Flip bits of a file of the cache."""
        self.note("damage cache", f"{place:.3f}", look_same)
        self.workspace.damage_cache(place, look_same)

    @rule(place=st.floats(0, 1))
    def damage_output(self, place: float) -> None:
        """Flip bits of an output."""
        self.note("damage output", f"{place:.3f}")
        self.workspace.damage_output(place)

    def teardown(self) -> None:
        """Run to the end, compare with a clean run, and take the workspace away."""
        if not self.done:
            return
        wrong = self.workspace.finish(self.clean.read(self.workspace.choice))
        self.tally.steps.update(self.names)
        self.tally.ends.append({"steps": self.done, "wrong": wrong})
        self.tally.write()
        print(f"{len(self.tally.ends)}: {'; '.join(self.done)}: {wrong or 'right'}", flush=True)
        self.workspace.remove()


def try_sequences(tally: Tally, examples: int, steps: int, folder: Path) -> None:
    """Run so many sequences of at most so many steps.

    Args:
        folder: an empty one, for workspaces.
    """
    clean = Clean(KINDS[tally.kind], folder / "clean")
    chosen = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    def begin() -> States:
        return States(folder / "workspaces", clean, tally)

    hypothesis.seed(tally.seed)(get_state_machine_test(begin, settings=chosen))()  # type: ignore[arg-type]


def main() -> None:
    """Try sequences and write what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kind", choices=KINDS, default="tiny")
    parser.add_argument("--examples", type=int, default=9, help="sequences")
    parser.add_argument("--steps", type=int, default=8, help="of a sequence, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write, or to add to if it is there")
    arguments = parser.parse_args()
    if find_compiler() is None:
        raise SystemExit("no C compiler (cc), which the library that lets writes fail needs")
    tally = Tally(arguments.kind, arguments.seed, arguments.out)
    with TemporaryDirectory() as text:
        try_sequences(tally, arguments.examples, arguments.steps, Path(text))
    print(json.dumps(tally.summarize(), indent=1))


if __name__ == "__main__":
    main()
