"""A short part of the campaign of mutated inputs: each is read, or refused in one line that names the file."""

import mmap
from pathlib import Path
from random import Random

import pytest

from campaigns.mutating import CHANGES, mutate
from campaigns.mutations import READ, REFUSED, WRONG, Chunk, Outcome, check_samples, make_input, read_chunk, summarize
from campaigns.readers import KINDS
from counterweight.core.errors import UserError

INPUTS = 25


@pytest.mark.filterwarnings("ignore")  # those of libraries that read what is damaged
@pytest.mark.parametrize("name", KINDS)
def test_mutated_inputs_are_read_or_refused(name: str) -> None:
    check_samples(name)
    found = read_chunk(Chunk(name, range(INPUTS), seed=1))
    assert [outcome for outcome in found if outcome.wrong] == []
    assert {outcome.ended for outcome in found} <= {READ, REFUSED}
    assert any(outcome.ended == REFUSED for outcome in found), "no mutation did any harm"


def test_an_input_is_made_of_its_seed_kind_and_number_alone() -> None:
    chunk = Chunk("png", range(9), seed=1)
    made = [make_input(chunk, number) for number in chunk.numbers]
    assert make_input(chunk._replace(numbers=[4]), 4) == made[4]
    assert len({*made, make_input(chunk._replace(seed=2), 4)}) > 8


def test_every_change_changes_something() -> None:
    rng = Random(0)
    for change in CHANGES:
        changed = set[bytes]()
        for place in range(0, 200, 10):
            data = bytearray(range(200))
            change(data, place, bytes(200), rng)
            changed.add(bytes(data))
        assert len(changed - {bytes(range(200))}) > 10, change.__name__
    assert mutate(b"", [b""], rng) is not None


def refuse(path: Path) -> None:
    raise UserError(f"{path}: no")


def take_memory(size: int) -> None:
    """Take new memory for a moment, whatever the heap of this process has kept from other tests."""
    with mmap.mmap(-1, size) as pages:
        pages[::4096] = b"x" * len(range(0, size, 4096))


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (lambda path: refuse(Path("another")), "does not name the file: another: no"),
        (lambda path: 1 // 0, "ZeroDivisionError: "),
        (lambda path: take_memory(2**30 + 2**28), "MiB of memory"),
    ],
)
def test_what_is_wrong_is_found(read: object, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"idx": KINDS["idx"]._replace(read=read)}
    monkeypatch.setattr("campaigns.mutations.KINDS", kinds)
    (found,) = read_chunk(Chunk("idx", [0], seed=0))
    assert found.ended == WRONG
    assert wrong in found.wrong


def test_outcomes_are_counted_by_kind() -> None:
    outcomes = [Outcome("a", 0, READ), Outcome("a", 1, WRONG, "x"), Outcome("b", 0, REFUSED)]
    counted = summarize(outcomes)
    assert (counted["inputs"], counted["wrong"]) == (3, 1)
    assert counted["of_kind"] == {"a": {READ: 1, REFUSED: 0, WRONG: 1}, "b": {READ: 0, REFUSED: 1, WRONG: 0}}
    assert counted["first_wrong"] == {"a": [{"number": 1, "wrong": "x"}]}
