"""Everything at once for half an hour: kills, failing writes, damaged inputs, sequences of steps, on several cores.

    python -m campaigns.soak --minutes 30 --workers 2 --out metrics/reliability/soak.json

Each worker takes one piece of a campaign after the other, a few kills of a stage or a command, a few failing calls of a
stage, some hundred mutated inputs, in a fresh copy of the small project of the tests, or a few sequences of steps in a
workspace of shell scripts, at random, while the others do the same: what one of them finds has to hold beside them,
too. Told are the trials of each campaign, what was wrong, and the
memory of each worker after its first pieces and in the end.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

from campaigns.commands import COMMANDS, kill_command
from campaigns.kills import kill_stage
from campaigns.mutations import check_samples, list_chunks, read_chunks, read_status
from campaigns.mutations import summarize as summarize_mutations
from campaigns.project import Built, build
from campaigns.readers import KINDS
from campaigns.stages import STAGES
from campaigns.states import Tally, try_sequences
from campaigns.writes import ERRORS, run_stage

KILLS, CALLS, INPUTS, SEQUENCES = 3, 4, 300, 2
"""Trials of a piece."""
STEPS = 6
"""Of a sequence, at most."""
SETTLED = 5
"""Pieces after which a worker has imported what it needs."""
EXCLUSIVE = "explore"
"""A command that only one worker runs: it serves at a port of its own."""


class Piece(NamedTuple):
    """Trials of one campaign on one thing, and what was wrong with some."""

    campaign: str
    what: str
    trials: int
    wrong: list[str]


def kill_some_stage(built: Built, scratch: Path, rng: Random, worker: int) -> Piece:
    """Kill a stage at a few moments."""
    name = rng.choice([*STAGES])
    found = [*kill_stage(built, built.project.copied(scratch / "project"), name, KILLS, rng, scratch)]
    return Piece("kills", name, len(found), [kill.wrong for kill in found if kill.wrong])


def kill_some_command(built: Built, scratch: Path, rng: Random, worker: int) -> Piece:
    """Kill a command at a few moments."""
    name = rng.choice([name for name in COMMANDS if worker == 0 or name != EXCLUSIVE])
    found = [*kill_command(built, built.project.copied(scratch / "project"), name, KILLS, rng, scratch)]
    return Piece("kills", name, len(found), [kill.wrong for kill in found if kill.wrong])


def fail_some_writes(built: Built, scratch: Path, rng: Random, worker: int) -> Piece:
    """Let a few calls of a stage fail."""
    name, error = rng.choice([*STAGES]), rng.choice(ERRORS)
    project = built.project.copied(scratch / "project")
    found = [*run_stage(built, project, name, (error,), CALLS, scratch)]
    return Piece("writes", name, len(found), [f"{each.case}: {each.wrong}" for each in found if each.wrong])


def read_some_inputs(built: Built, scratch: Path, rng: Random, worker: int) -> Piece:
    """Read some mutated inputs of a kind."""
    name = rng.choice([*KINDS])
    check_samples(name)
    chunks = list_chunks(name, 0, INPUTS, rng.randrange(2**31), None)
    outcomes = [outcome for found in read_chunks(chunks, 1) for outcome in found]
    wrong = summarize_mutations(outcomes)["first_wrong"]
    return Piece("mutations", name, len(outcomes), [json.dumps(wrong)] if wrong else [])


def try_some_sequences(built: Built, scratch: Path, rng: Random, worker: int) -> Piece:
    """Let steps follow each other in a workspace."""
    tally = Tally("shell", rng.randrange(2**31), scratch / "states.json")
    (folder := scratch / "sequences").mkdir()
    try_sequences(tally, SEQUENCES, STEPS, folder)
    wrong = [f"{end['steps']}: {end['wrong']}" for end in tally.ends if end["wrong"]]
    return Piece("sequences", tally.kind, len(tally.ends), wrong)


DONE_BY: Mapping[str, Callable[[Built, Path, Random, int], Piece]] = MappingProxyType(
    {
        each.__name__: each
        for each in (kill_some_stage, kill_some_command, fail_some_writes, read_some_inputs, try_some_sequences)
    }
)


class Shift(NamedTuple):
    """What a worker did, and the MiB of memory that it had when settled and in the end."""

    pieces: list[Piece]
    settled: float
    ended: float


def work(built: Built, folder: Path, seed: int, worker: int, minutes: float) -> Shift:
    """Do pieces of campaigns, chosen at random, until time is up."""
    rng, end = Random(f"{seed} {worker}"), time.monotonic() + 60 * minutes
    pieces, settled = list[Piece](), 0.0
    while time.monotonic() < end:
        with TemporaryDirectory(dir=folder) as text:
            pieces.append(DONE_BY[rng.choice([*DONE_BY])](built, Path(text), rng, worker))
        if len(pieces) == SETTLED:
            settled = read_status("VmRSS") / 2**20
    return Shift(pieces, round(settled), round(read_status("VmRSS") / 2**20))


def summarize(shifts: list[Shift]) -> dict[str, object]:
    """Count trials by campaign and by what was tried, and list what was wrong."""
    pieces = [piece for shift in shifts for piece in shift.pieces]
    trials: dict[str, Counter[str]] = {}
    for piece in pieces:
        trials.setdefault(piece.campaign, Counter())[piece.what] += piece.trials
    wrong = [f"{piece.campaign}: {piece.what}: {words}" for piece in pieces for words in piece.wrong]
    return {
        "trials": {campaign: sum(own.values()) for campaign, own in trials.items()},
        "wrong": len(wrong),
        "of_what": trials,
        "all_wrong": wrong,
        "memory_mib": [{"settled": shift.settled, "ended": shift.ended} for shift in shifts],
    }


def main() -> None:
    """Build the small project, let workers do everything at once, and write what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    with TemporaryDirectory() as text, ProcessPoolExecutor(arguments.workers, get_context("spawn")) as pool:
        built = build(Path(text))
        shifts = [
            pool.submit(work, built, Path(text), arguments.seed, worker, arguments.minutes)
            for worker in range(arguments.workers)
        ]
        found = summarize([shift.result() for shift in shifts])
    found = {"minutes": arguments.minutes, "workers": arguments.workers, "seed": arguments.seed} | found
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
