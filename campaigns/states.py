"""Whatever happens to a workspace in whatever order: does a run to the end give what a clean run gives?

    python -m campaigns.states --kind shell --examples 20 --steps 8 --seed 0 --out metrics/reliability/states.json

Hypothesis draws sequences of steps in a workspace, of a tiny table (`tiny`) or of a graph whose stages are shell
scripts (`shell`), with which a sequence takes a minute, not a quarter of an hour. Settings and the table are changed and put back,
`counterweight repro` runs, is killed, or meets a disk that is full at one of its writes; code is edited, the cache is
emptied, files of the cache and outputs are damaged. Each sequence ends with a run: its results have the bytes of those
of a clean run with the same settings, DVC finds nothing stale, no process and no hidden file is left. A sequence that
ended wrongly is told with its steps; the next goes on. Runs with other seeds add to the file.
"""

import argparse
import json
import signal
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, rule

from campaigns.failing import find_compiler
from campaigns.outcomes import SIGNALS
from campaigns.tiny import Choice
from campaigns.workspace import KINDS, Clean, Workspace

CHOICES = {
    "seed": [3, 4],
    "margin": [0.01, 0.02],
    "datasets": [("shapes",), ("shapes", "spots")],
    "generators": [("smote",), ("oversample", "smote")],
}


class Tally:
    """What was done in all sequences, and which of them ended wrongly."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()
        self.ends: list[dict[str, object]] = []


class States(RuleBasedStateMachine):
    """One sequence of steps in a workspace of its own."""

    def __init__(self, folder: Path, clean: Clean, tally: Tally) -> None:
        """Begin with a workspace in which the first settings have run.

        Args:
            folder: where workspaces are made.
        """
        super().__init__()
        self.tally, self.clean, self.done = tally, clean, list[str]()
        self.workspace = Workspace(clean.kind, clean.copied(Choice(), folder / f"{len(tally.ends)}" / "project"))

    def note(self, step: str, *words: object) -> None:
        """Count a step."""
        self.tally.steps[step] += 1
        self.done.append(" ".join(map(str, (step, *words))))

    @rule(change=st.sampled_from([(name, value) for name, values in CHOICES.items() for value in values]))
    def change(self, change: tuple[str, object]) -> None:
        """Change a setting or the table."""
        self.note("change", *change)
        self.workspace.choose(self.workspace.choice._replace(**{change[0]: change[1]}))

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
        self.tally.ends.append({"steps": self.done, "wrong": wrong})
        print(f"{len(self.tally.ends)}: {'; '.join(self.done)}: {wrong or 'right'}", flush=True)
        self.workspace.remove()


def try_sequences(kind: str, examples: int, steps: int, seed: int, folder: Path) -> Tally:
    """Run so many sequences of at most so many steps."""
    clean, tally = Clean(KINDS[kind], folder / "clean"), Tally()
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

    hypothesis.seed(seed)(get_state_machine_test(begin, settings=chosen))()  # type: ignore[arg-type]
    return tally


def add(tally: Tally, kind: str, seed: int, seconds: float, out: Path) -> dict[str, object]:
    """Add sequences to those of a file, by the kind of project."""
    kinds = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {}
    found = kinds.get(kind, {})
    wrong = [{"seed": seed, **end} for end in tally.ends if end["wrong"]]
    own = {
        "sequences": found.get("sequences", 0) + len(tally.ends),
        "wrong": found.get("wrong", 0) + len(wrong),
        "steps": dict(sorted((Counter(found.get("steps", {})) + tally.steps).items())),
        "seconds": found.get("seconds", 0) + round(seconds),
        "first_wrong": [*found.get("first_wrong", []), *wrong][:20],
    }
    return {**kinds, kind: own}


def main() -> None:
    """Try sequences and write what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kind", choices=KINDS, default="tiny")
    parser.add_argument("--examples", type=int, default=20, help="sequences")
    parser.add_argument("--steps", type=int, default=8, help="of a sequence, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write, or to add to if it is there")
    arguments = parser.parse_args()
    if find_compiler() is None:
        raise SystemExit("no C compiler (cc), which the library that lets writes fail needs")
    began = time.monotonic()
    with TemporaryDirectory() as text:
        tally = try_sequences(arguments.kind, arguments.examples, arguments.steps, arguments.seed, Path(text))
    found = add(tally, arguments.kind, arguments.seed, time.monotonic() - began, arguments.out)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
