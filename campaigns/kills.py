"""Stages and commands are killed at random moments: is nothing lost, left or half-written, and do the next runs agree?

    python -m campaigns.kills --stage-kills 50 --command-kills 50 --out metrics/reliability/kills.json

The small project of the tests is built once. Each stage, and each of the commands that change or read a workspace, is
ended by SIGKILL, SIGTERM or SIGINT at a moment drawn evenly from as long as it takes. After each kill every output is
absent or whole, no process is left that works there, and nobody has printed a traceback; every few kills a run to the
end has the bytes that it has always.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil
from tqdm import tqdm

from campaigns.commands import COMMANDS, kill_command
from campaigns.outcomes import SIGNALS, Kill, find_orphans, judge_ending
from campaigns.project import Built, Project, build
from campaigns.stages import STAGES, hidden, remove_outputs, runs_of, unlike

ROUND = 5  # kills of a stage between two runs to the end


def kill_stage(built: Built, project: Project, name: str, kills: int, rng: Random, scratch: Path) -> Iterator[Kill]:
    """Yield what came of each kill of a stage.

    Args:
        project: a copy of the built one.
        scratch: a folder elsewhere.
    """
    outputs, log = STAGES[name].outputs, scratch / "log"
    with runs_of(project, name, log=log) as runs:
        began = time.monotonic()
        if runs.whole() != 0 or unlike(project, built, outputs):
            raise SystemExit(f"{name}: does not run, or not as before: {log.read_text()}")
        seconds = time.monotonic() - began
        for number in tqdm(range(kills), desc=name, unit="kill"):
            if number % ROUND == 0:
                remove_outputs(project, outputs)
            moment, ending = rng.uniform(0, seconds), rng.choice(SIGNALS)
            process = runs.start()
            time.sleep(moment)
            with suppress(psutil.NoSuchProcess):  # done before
                process.send_signal(ending)
            wrong = judge_ending(ending, runs.answer(), log)
            wrong += [f"half-written: {path}" for path in unlike(project, built, outputs)]
            wrong += find_orphans(project.root, {runs.forks.pid})
            if number % ROUND == ROUND - 1 or number == kills - 1:
                if runs.whole() != 0:
                    wrong.append(f"the next run fails: {log.read_text()[-300:]}")
                wrong += [f"other bytes: {path}" for path in unlike(project, built, outputs)]
                wrong += [f"left behind: {name}" for name in hidden(project, outputs)]
            yield Kill(name, ending.name, round(moment, 3), "; ".join(wrong))


def summarize(kills: Sequence[Kill]) -> dict[str, object]:
    """Count kills by what was killed and how, and list what was wrong."""
    table: dict[str, Counter[str]] = {}
    for kill in kills:
        table.setdefault(kill.what, Counter())[kill.signal] += 1
    wrong = [kill._asdict() for kill in kills if kill.wrong]
    return {"kills": len(kills), "wrong": len(wrong), "of_what": table, "first_wrong": wrong[:100]}


def main() -> None:
    """Build the small project, kill all that runs in it, and write what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=[*STAGES])
    parser.add_argument("--commands", nargs="*", choices=COMMANDS, default=[*COMMANDS])
    parser.add_argument("--stage-kills", type=int, default=50, help="of each stage")
    parser.add_argument("--command-kills", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    began, kills, rng = time.monotonic(), list[Kill](), Random(arguments.seed)
    with TemporaryDirectory() as text:
        folder = Path(text)
        built = build(folder)
        for name in [*arguments.stages, *arguments.commands]:
            scratch = folder / f"scratch_{name}"
            scratch.mkdir()
            project = built.project.copied(scratch / "project")
            if name in STAGES:
                kills += kill_stage(built, project, name, arguments.stage_kills, rng, scratch)
            else:
                kills += kill_command(built, project, name, arguments.command_kills, rng, scratch)
    found = summarize(kills) | {"seconds": round(time.monotonic() - began)}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
