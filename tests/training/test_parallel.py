"""Two processes that train together learn what one does with whole batches, to rounding, resumed or not."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from counterweight.generators.base.generator import LearnedGenerator, find_generator
from counterweight.generators.base.saved import assemble_generator
from counterweight.networks.layers import total_of_batch
from counterweight.training.history import Row
from counterweight.training.parallel import ALONE, BUCKET, Processes, WholeBatches, fill_buckets
from tests.generators.test_contract import LEARNED, small

WORKER = Path(__file__).with_name("together.py")
ROOT = Path(__file__).parents[2]
SIZES = [16, 10, 6]
# The sum of n numbers in another order differs by n eps at most, with eps = 2^-53 and at most 10^5 numbers in a loss:
# 1e-11 of its terms' sizes, some of which cancel.
LOSSES = 1e-9
# Where a gradient is zero but for its rounding, as that of a bias before a normalisation, Adam divides it by 1e-8: a
# step of 1e-2 times 1e-8, as often as there are steps. Any other is compared as closely.
WEIGHTS = 1e-7

Trained = tuple[list[Row], dict[str, Tensor]]


def job(generator: str, sizes: Sequence[int] = SIZES, **changes: object) -> dict[str, Any]:
    """Return a training of two epochs at least."""
    fields = find_generator(generator).settings.model_fields
    epochs = {name: 2 if name == "epochs" else 1 for name in fields if "epochs" in name}
    settings = {**small(generator), **epochs, "batch_size": 8, **changes}
    return {"name": generator, "generator": generator, "sizes": [*sizes], "settings": settings, "resumed": False}


RESUMED = ["bagan", "cvae_gan", "ddpm", "gan"]
JOBS = [job(name) | {"resumed": name in RESUMED} for name in LEARNED]
# A class of five images is a batch that two processes cannot share.
JOBS.append(job("gan", (16, 10, 5)) | {"name": "gan of five"})
JOBS.append(job("cvae_gan", discriminator_dropout=0.3, balanced=True) | {"name": "cvae_gan with dropout"})
EVERY = pytest.mark.parametrize("name", [each["name"] for each in JOBS])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """All models, trained alone, together, and together once more with an interruption; and what was printed."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "jobs.json").write_text(json.dumps(JOBS))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(WORKER)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [*command, str(folder / "jobs.json"), str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stderr


def read(folder: Path, name: str, kind: str, rank: int = 0) -> Trained:
    file = folder / (f"{name}-alone.pt" if kind == "alone" else f"{name}-{rank}.pt")
    found: Trained = torch.load(file)[kind]
    return found


def list_differences(first: Trained, second: Trained, losses: float, weights: float) -> list[str]:
    """Name what differs by more than rounding."""
    assert [row.keys() for row in first[0]] == [row.keys() for row in second[0]]
    found = [
        f"{one['update']}, epoch {one['epoch']}: {key}: {value} and {other[key]}"
        for one, other in zip(first[0], second[0], strict=True)
        for key, value in one.items()
        if value != other[key] and abs(float(value) - float(other[key])) > losses * max(1, abs(float(value)))
    ]
    assert first[1].keys() == second[1].keys()
    pairs = {key: (value.double(), second[1][key].double()) for key, value in first[1].items()}
    return found + [key for key, pair in pairs.items() if not torch.allclose(*pair, rtol=weights, atol=weights)]


@pytest.mark.slow
@EVERY
def test_two_processes_learn_what_one_learns_from_whole_batches(name: str, made: tuple[Path, str]) -> None:
    alone, together = read(made[0], name, "alone"), read(made[0], name, "together")
    assert len(alone[0]) >= 2
    assert list_differences(alone, together, LOSSES, WEIGHTS) == []


@pytest.mark.slow
@EVERY
def test_all_processes_have_the_same_model_and_history(name: str, made: tuple[Path, str]) -> None:
    first, second = (read(made[0], name, "together", rank) for rank in (0, 1))
    assert first[0] == second[0]
    # The running statistics of one that computes whole batches are not exchanged, and need not be: they are the same.
    assert list_differences(first, second, 0, 0) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMED)
def test_a_resumed_training_ends_in_the_same_bits(name: str, made: tuple[Path, str]) -> None:
    for rank in (0, 1):
        assert list_differences(read(made[0], name, "together", rank), read(made[0], name, "resumed", rank), 0, 0) == []


@pytest.mark.slow
def test_a_batch_without_equal_shares_is_said_once(made: tuple[Path, str]) -> None:
    lines = [line for line in made[1].splitlines() if "no equal shares" in line]
    expected = "'bright: adversarial': 2 processes have no equal shares of a batch of 5; each computes all of it"
    assert {*lines} == {expected}
    assert len(lines) == 1


@pytest.mark.slow
def test_the_first_process_alone_draws_and_saves(made: tuple[Path, str]) -> None:
    assert len(list(made[0].glob("cvae-together/*.png"))) == 1
    assert len(list(made[0].glob("cvae-together/*.safetensors"))) == 1


# Without a launch.


def whole(rank: int, rng: torch.Generator) -> WholeBatches:
    return WholeBatches(Processes(rank, 2), rng)


def draws(rng: torch.Generator, batch: int) -> list[Tensor]:
    return [
        torch.randn((batch, 3), generator=rng),
        torch.rand(batch, 1, 1, generator=rng),
        torch.rand(batch, generator=rng),
        torch.rand(torch.Size([batch, 2]), generator=rng),
        torch.randint(5, (batch,), generator=rng),
        torch.randint(1, 5, (batch,), generator=rng),
        torch.randperm(batch, generator=rng),
    ]


def test_processes_draw_what_one_draws_for_the_whole_batch() -> None:
    expected = draws(torch.Generator().manual_seed(0), 6)
    for rank in (0, 1):
        rng = torch.Generator().manual_seed(0)
        with whole(rank, rng):
            shares = draws(rng, 3)
        for share, rows in zip(shares, expected, strict=True):
            assert torch.equal(share, rows[rank::2])


def test_a_single_number_is_the_same_for_all_and_other_generators_are_left_alone() -> None:
    def numbers(rank: int | None) -> tuple[Tensor, Tensor, Tensor]:
        rng, other = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
        with whole(rank, rng) if rank is not None else ALONE.whole_batches(rng):
            return torch.randint(99, (), generator=rng), torch.rand((), generator=rng), torch.rand(4, generator=other)

    expected = numbers(None)
    for rank in (0, 1):
        assert all(torch.equal(*pair) for pair in zip(numbers(rank), expected, strict=True))


def test_a_way_of_drawing_that_is_not_known_is_refused() -> None:
    rng = torch.Generator().manual_seed(0)
    with whole(0, rng), pytest.raises(NotImplementedError, match="bernoulli"):
        torch.bernoulli(torch.full((4,), 0.5), generator=rng)


def test_shares_of_batches_behind_each_other_are_a_share_of_both() -> None:
    """And of halves, and of what is split again: losses judge real and made images together."""
    first, second = torch.arange(8), torch.arange(10, 14)
    for rank in (0, 1):
        own = Processes(rank, 2)
        assert torch.equal(own.share(torch.cat([first, second])), torch.cat([own.share(first), own.share(second)]))
        assert torch.equal(own.share(first)[:2], own.share(first[:4]))


def test_gradients_are_exchanged_in_few_buckets_of_one_kind() -> None:
    small_ones = [torch.zeros(3) for _ in range(4)]
    tensors = [*small_ones[:2], torch.zeros(BUCKET + 1), *small_ones[2:], torch.zeros(3, dtype=torch.float64)]
    assert [len(bucket) for bucket in fill_buckets(tensors)] == [2, 1, 2, 1]
    assert list(fill_buckets([])) == []


def test_one_process_changes_nothing() -> None:
    values = torch.arange(4.0)
    assert ALONE.share(values).tolist() == values.tolist()
    assert ALONE.average(values) is values
    assert total_of_batch(values) is values
    assert ALONE.divide([1, 7])


@pytest.mark.parametrize(
    ("name", "batch", "phase", "sizes"),
    [
        ("cvae", 9, "autoencoder", (9,)),
        ("cgan", 10, "adversarial", (10, 5)),
        ("bagan", 275, "autoencoder", (275,)),
        ("bagan", 250, "adversarial", (250, 83)),
        ("gan", 6, "grey: adversarial", (6,)),
    ],
)
def test_sizes_over_which_losses_are_means(name: str, batch: int, phase: str, sizes: tuple[int, ...]) -> None:
    settings = find_generator(name).settings.model_validate(small(name))
    model = assemble_generator(name, (1, 12, 14), ("dark", "grey", "bright"), settings, range(3))
    assert isinstance(model, LearnedGenerator)
    assert model.shares(phase, batch) == sizes
