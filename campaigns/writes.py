"""Every call that writes fails once, in every stage: is one clear line said, and are the next run's bytes the same?

    python -m campaigns.writes --out metrics/reliability/writes.json

The small project of the tests is built once. Then each stage runs once to count its calls that write below the project
(open for writing, write, fsync, truncate, mkdir, rename, link), and once more for each of them and each kind of
failure, which it meets there and nowhere else. After each such run every output is absent or whole, nothing hidden is
left, and the stage, run again, writes what it always does.
"""

import argparse
import errno
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tqdm import tqdm

from campaigns.failing import FailOnce
from campaigns.project import Built, Project, build
from campaigns.stages import STAGES, Runs, hidden, present, remove_outputs, runs_of, unlike

ERRORS = ("ENOSPC", "EIO", "EACCES")
REFUSED, DONE = 2, 0


class Case(NamedTuple):
    """Which call failed, with what."""

    stage: str
    call: int
    error: str


class Outcome(NamedTuple):
    """How a run ended: `refused` in one line, or `done` all the same; and what was wrong, empty if nothing was."""

    case: Case
    ended: str
    wrong: str


def list_calls(calls: int, most: int | None) -> list[int]:
    """Return numbers of calls, from the first to the last, evenly spaced if there may not be so many."""
    if most is None or calls <= most:
        return [*range(1, calls + 1)]
    return sorted({1 + round(step * (calls - 1) / (most - 1)) for step in range(most)})


def list_cases(name: str, calls: Sequence[int], errors: Sequence[str], in_turn: bool) -> list[Case]:
    """Return each call with each error, or with one of them, which take turns."""
    if in_turn:
        return [Case(name, call, error) for call, error in zip(calls, cycle(errors), strict=False)]
    return [Case(name, call, error) for call in calls for error in errors]


def run_stage(
    built: Built,
    project: Project,
    name: str,
    errors: Sequence[str],
    most: int | None,
    scratch: Path,
    in_turn: bool = False,
) -> Iterator[Outcome]:
    """Yield the outcome of each call that fails in a stage.

    Args:
        project: a copy of the built one.
        errors: names of errno; each call fails with each of them, or, `in_turn`, with one.
        most: calls that are let fail; None: all.
        scratch: a folder elsewhere.
    """
    log = scratch / "log"
    with FailOnce(project.root, scratch) as failing, runs_of(project, name, failing.variables, log) as runs:
        failing.arm(0, 0)
        if runs.whole() != DONE or unlike(project, built, STAGES[name].outputs):
            raise SystemExit(f"{name}: does not run, or not as before, where no call fails: {log.read_text()}")
        cases = list_cases(name, list_calls(failing.count(), most), errors, in_turn)
        for case in tqdm(cases, desc=name, unit="call"):
            remove_outputs(project, STAGES[name].outputs)
            yield try_call(case, failing, runs, built, project)


def try_call(case: Case, failing: FailOnce, runs: Runs, built: Built, project: Project) -> Outcome:
    """Let a call fail, and look at what the run says and leaves, and at the next run."""
    outputs = STAGES[case.stage].outputs
    failing.arm(case.call, getattr(errno, case.error))
    code = runs.whole()
    assert runs.log is not None
    said = runs.log.read_text(encoding="utf-8", errors="replace")
    failing.arm(0, 0)
    wrong = [judge_words(code, said)]
    wrong += [f"half-written: {path}" for path in unlike(project, built, outputs)]
    wrong += [f"left behind: {name}" for name in hidden(project, outputs)]
    if code == DONE:
        wrong += [f"done without {path}" for path in outputs if path not in present(project, outputs)]
    elif runs.whole() != DONE:
        wrong.append(f"the next run fails: {last_line(runs.log.read_text(encoding='utf-8', errors='replace'))}")
    wrong += [f"other bytes: {path}" for path in unlike(project, built, outputs)]
    return Outcome(case, "done" if code == DONE else "refused", "; ".join(filter(None, wrong)))


def judge_words(code: int, said: str) -> str:
    """Return what is wrong with a run's exit code and words; nothing if it is done, or refused in one line."""
    if code == DONE:
        return ""
    if "Traceback" in said or code != REFUSED:
        return f"exit code {code}: {last_line(said)}"
    return "" if last_line(said).startswith("error: ") else f"no error is named: {last_line(said)}"


def last_line(said: str) -> str:
    """Return the last line of a text, or an empty one."""
    return said.strip().splitlines()[-1] if said.strip() else ""


def summarize(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Count outcomes by stage, and list what was wrong."""
    table: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        table.setdefault(outcome.case.stage, Counter())[outcome.ended] += 1
    wrong = [outcome.case._asdict() | {"wrong": outcome.wrong} for outcome in outcomes if outcome.wrong]
    return {"runs": len(outcomes), "wrong": len(wrong), "stages": table, "first_wrong": wrong[:100]}


def main() -> None:
    """Build the small project, let every call fail, and write what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=[*STAGES])
    parser.add_argument("--errors", nargs="+", choices=ERRORS, default=[*ERRORS])
    parser.add_argument("--in-turn", action="store_true", help="each call with one of the errors, not with each")
    parser.add_argument("--most", type=int, help="calls of a stage that are let fail, evenly spaced; all without it")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    began, outcomes = time.monotonic(), list[Outcome]()
    with TemporaryDirectory() as text:
        folder = Path(text)
        built = build(folder)
        for name in arguments.stages:
            scratch = folder / f"scratch_{name}"
            scratch.mkdir()
            project = built.project.copied(scratch / "project")
            outcomes += run_stage(built, project, name, arguments.errors, arguments.most, scratch, arguments.in_turn)
    found = summarize(outcomes) | {"seconds": round(time.monotonic() - began)}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
