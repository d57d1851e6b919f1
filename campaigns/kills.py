"""Stages and commands are killed at random moments: is nothing lost, left or half-written, and do the next runs agree?

    python -m campaigns.kills --stage-kills 50 --command-kills 50 --out metrics/reliability/kills.json

The small project of the tests is built once. Each stage, and each of the commands that change or read a workspace, is
ended by SIGKILL, SIGTERM or SIGINT at a moment drawn evenly from as long as it takes. After each kill every output is
absent or whole, no process is left that works there, and nobody has printed a traceback; every few kills a run to the
end has the bytes that it has always. It takes hours; runs with other seeds add to the file, and one that is interrupted
has written what it was done with.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Timer

import psutil
from tqdm import tqdm

from campaigns.commands import COMMANDS, kill_command
from campaigns.outcomes import SIGNALS, Kill, find_orphans, judge_ending
from campaigns.project import Built, Project, build
from campaigns.stages import STAGES, Runs, hidden, remove_outputs, runs_of, unlike

LONGEST = 120.0  # seconds in which a stage ends that was told to
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
            wrong = judge_ending(ending, await_end(process, runs), log)
            wrong += [f"half-written: {path}" for path in unlike(project, built, outputs)]
            wrong += find_orphans(project.root, {runs.forks.pid})
            if number % ROUND == ROUND - 1 or number == kills - 1:
                if runs.whole() != 0:
                    wrong.append(f"the next run fails: {log.read_text()[-300:]}")
                wrong += [f"other bytes: {path}" for path in unlike(project, built, outputs)]
                wrong += [f"left behind: {name}" for name in hidden(project, outputs)]
            yield Kill(name, ending.name, round(moment, 3), "; ".join(wrong))


def await_end(process: psutil.Process, runs: Runs) -> int:
    """Return the exit code of a stage that was told to end; one that does not is killed, and that is its code."""
    watch = Timer(LONGEST, process.kill)
    watch.start()
    try:
        return runs.answer()
    finally:
        watch.cancel()


def add(kills: Sequence[Kill], seed: int, out: Path) -> dict[str, object]:
    """Add kills to those of a file, by what was killed and how; return all, with what was wrong."""
    found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else {"of_what": {}, "all_wrong": []}
    for kill in kills:
        counts = found["of_what"].setdefault(kill.what, {})
        counts[kill.signal] = counts.get(kill.signal, 0) + 1
    wrong = found["all_wrong"] + [{**kill._asdict(), "seed": seed} for kill in kills if kill.wrong]
    number = sum(sum(counts.values()) for counts in found["of_what"].values())
    return {"kills": number, "wrong": len(wrong), "of_what": found["of_what"], "all_wrong": wrong}


def main() -> None:
    """Build the small project, kill all that runs in it, and write what happened, each time that something is done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=[*STAGES])
    parser.add_argument("--commands", nargs="*", choices=COMMANDS, default=[*COMMANDS])
    parser.add_argument("--stage-kills", type=int, default=50, help="of each stage")
    parser.add_argument("--command-kills", type=int, default=50, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write, or to add to if it is there")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as text:
        folder = Path(text)
        built = build(folder)
        for name in [*arguments.stages, *arguments.commands]:
            scratch, rng = folder / f"scratch_{name}", Random(f"{arguments.seed} {name}")
            scratch.mkdir()
            project = built.project.copied(scratch / "project")
            if name in STAGES:
                kills = [*kill_stage(built, project, name, arguments.stage_kills, rng, scratch)]
            else:
                kills = [*kill_command(built, project, name, arguments.command_kills, rng, scratch)]
            found = add(kills, arguments.seed, arguments.out)
            arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            print(f"{name}: {len(kills)} kills, {sum(bool(kill.wrong) for kill in kills)} wrong", flush=True)


if __name__ == "__main__":
    main()
