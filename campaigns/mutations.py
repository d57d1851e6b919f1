"""Inputs of every kind, mutated at random: is each read, or refused in one line that names the file?

    python -m campaigns.mutations --inputs 10000 --out metrics/reliability/mutations.json

Anything else is wrong: another exception, a line that is none, a process that crashes, that takes longer than a limit
or more memory than a bound. An input is made from the seed, its kind and its number alone, so that

    python -m campaigns.mutations --kinds png --first 4711 --inputs 1 --keep folder --out /dev/null

makes and reads one of them again, and keeps it.
"""

import argparse
import json
import os
import re
import resource
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tqdm import tqdm

from campaigns.mutating import mutate
from campaigns.readers import KINDS, Kind
from campaigns.samples import Sample
from counterweight.core.errors import UserError

CHUNK = 200  # inputs that a process reads before it says what became of them
LIMIT = 20.0  # seconds that an input may take
MOST = 2**30  # bytes of memory that it may take
ADDRESSES = 2**33  # bytes of addresses beyond which a process may not reach, lest the machine suffers
READ, REFUSED, WRONG = "read", "refused", "wrong"
SHOWN = 20
"""Wrong outcomes of a kind that are written down."""


class Outcome(NamedTuple):
    """What became of an input: it was read, refused, or something was wrong."""

    kind: str
    number: int
    ended: str
    wrong: str = ""


class Chunk(NamedTuple):
    """Inputs of one kind by their numbers; `keep`: folder in which they stay."""

    kind: str
    numbers: Sequence[int]
    seed: int
    keep: Path | None = None


@cache
def samples_of(name: str) -> list[Sample]:
    """Return the valid inputs of a kind."""
    return KINDS[name].make()


def make_input(chunk: Chunk, number: int) -> bytes:
    """Return the content of a mutated file."""
    rng, samples = Random(f"{chunk.seed} {chunk.kind} {number}"), samples_of(chunk.kind)
    sample = rng.choice(samples)
    return sample.pack(mutate(sample.content, [other.content for other in samples], rng))


def read_chunk(chunk: Chunk) -> list[Outcome]:
    """Read mutated inputs, in a process of its own; the kernel ends it when one takes too long."""
    kind, found = KINDS[chunk.kind], list[Outcome]()
    with TemporaryDirectory() as text:
        folder = Path(text)
        kind.prepare(folder)
        for number in chunk.numbers:
            path = folder / kind.file
            path.write_bytes(make_input(chunk, number))
            if chunk.keep is not None:
                shutil.copy(path, chunk.keep / f"{number} {kind.file}")
            signal.setitimer(signal.ITIMER_REAL, LIMIT)  # Not caught: SIGALRM ends the process.
            found.append(Outcome(chunk.kind, number, *read_input(kind, path)))
            signal.setitimer(signal.ITIMER_REAL, 0)
            shutil.rmtree(folder / "unpacked", ignore_errors=True)
    return found


def read_input(kind: Kind, path: Path) -> tuple[str, str]:
    """Return how the reading of a file ends, and what is wrong with that."""
    before = forget_peak()
    try:
        kind.read(path)
        ended, wrong = READ, ""
    except UserError as error:
        ended, wrong = REFUSED, judge_line(str(error), path)
    except BaseException as error:  # whatever it is, it is what is looked for
        ended, wrong = WRONG, f"{type(error).__name__}: {str(error)[:300]}"
    taken = read_status("VmHWM") - before
    if taken > MOST:
        wrong += f"; {taken / 2**20:.0f} MiB of memory"
    return (WRONG if wrong else ended), wrong


def judge_line(message: str, path: Path) -> str:
    """Return what is wrong with an error's message, nothing if it is one line that names the file."""
    if not message.strip() or len(message.splitlines()) != 1:
        return f"not one line: {message[:300]!r}"
    return "" if path.name in message or str(path.parent) in message else f"does not name the file: {message[:300]}"


def forget_peak() -> int:
    """Let Linux forget the most memory that this process ever had; return what it has now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return read_status("VmRSS")


def read_status(key: str) -> int:
    """Return one of the sizes in bytes that Linux tells of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"{key}:\s*(\d+) kB", status)
    assert found, f"Linux tells {key}"
    return int(found[1]) * 1024


def prepare_process() -> None:
    """Let this process reach only so many addresses beyond those that it has, and let libraries in C say nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    most = read_status("VmSize") + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def read_chunks(chunks: Sequence[Chunk], workers: int) -> Iterator[list[Outcome]]:
    """Yield what became of the inputs of each chunk, in order; an input that ends its process is found out alone."""
    waiting = list(chunks)
    while waiting:
        pool = start_pool(workers)
        futures = [pool.submit(read_chunk, chunk) for chunk in waiting]
        try:
            for future in futures:
                yield future.result()
                waiting = waiting[1:]
        except BrokenProcessPool:  # which loses all that it was given
            first, waiting = waiting[0], waiting[1:]
            yield read_singly(first)
        finally:
            pool.shutdown(cancel_futures=True)


def read_singly(chunk: Chunk) -> list[Outcome]:
    """Read a chunk, of which some input may end its process, each in a process of its own."""
    found = list[Outcome]()
    pool = start_pool(1)
    for number in chunk.numbers:
        try:
            found += pool.submit(read_chunk, chunk._replace(numbers=[number])).result()
        except BrokenProcessPool:
            pool.shutdown()
            pool = start_pool(1)
            found.append(Outcome(chunk.kind, number, WRONG, f"the process crashes, or takes over {LIMIT:.0f} s"))
    pool.shutdown()
    return found


def start_pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes that have imported all readers."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["campaigns.readers"])
    return ProcessPoolExecutor(workers, context, initializer=prepare_process)


def check_samples(name: str) -> None:
    """Refuse to begin where a kind's valid inputs are not read: then all would be refused."""
    kind = KINDS[name]
    for sample in samples_of(name):
        with TemporaryDirectory() as text:
            kind.prepare(Path(text))
            path = Path(text) / kind.file
            path.write_bytes(sample.pack(sample.content))
            kind.read(path)


def list_chunks(name: str, first: int, inputs: int, seed: int, keep: Path | None) -> list[Chunk]:
    """Return the inputs of a kind, some at a time."""
    numbers = range(first, first + inputs)
    return [Chunk(name, numbers[start : start + CHUNK], seed, keep) for start in range(0, inputs, CHUNK)]


def summarize(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Count what became of the inputs of each kind, and list the first of each that are wrong."""
    table: dict[str, Counter[str]] = {}
    wrong: dict[str, list[dict[str, object]]] = {}
    for outcome in outcomes:
        table.setdefault(outcome.kind, Counter({READ: 0, REFUSED: 0, WRONG: 0}))[outcome.ended] += 1
        if outcome.wrong:
            wrong.setdefault(outcome.kind, []).append({"number": outcome.number, "wrong": outcome.wrong})
    first = {kind: own[:SHOWN] for kind, own in wrong.items()}
    return {"inputs": len(outcomes), "wrong": sum(map(len, wrong.values())), "of_kind": table, "first_wrong": first}


def main() -> None:
    """Mutate and read inputs of every kind, and write what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[*KINDS])
    parser.add_argument("--inputs", type=int, default=10_000, help="of each kind")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that read side by side")
    parser.add_argument("--keep", type=Path, help="folder in which the mutated files stay")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    began, outcomes = time.monotonic(), list[Outcome]()
    for name in arguments.kinds:
        check_samples(name)
        chunks = list_chunks(name, arguments.first, arguments.inputs, arguments.seed, arguments.keep)
        for found in tqdm(read_chunks(chunks, arguments.workers), desc=name, total=len(chunks)):
            outcomes += found
    facts = {"seed": arguments.seed, "seconds": round(time.monotonic() - began)}
    found_all = summarize(outcomes) | facts
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found_all, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found_all, indent=1))


if __name__ == "__main__":
    main()
