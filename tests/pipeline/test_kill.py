"""Stages that are killed on the way: nothing half-written is ever seen, and the next run gives the same bytes."""

import errno
import shutil
from pathlib import Path
from random import Random

import pytest

from campaigns.project import Built, Project
from campaigns.stages import CURVES, KILLED, MODEL, STAGES, hidden, present, runs_of, unlike
from stages import train

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", STAGES)
def test_a_killed_stage_leaves_nothing_half_done_and_can_be_repeated(built: Built, copy: Project, name: str) -> None:
    outputs = STAGES[name].outputs
    lock = (copy / outputs[0]).with_name(f".{Path(outputs[0]).name}.lock")
    partial = [(copy / path).with_name(f".{Path(path).name}.partial") for path in outputs]

    def begun() -> bool:
        return any(path.exists() for path in (*partial, *(copy / path for path in outputs)))

    with runs_of(copy, name) as runs:
        assert runs.killed(lock.exists, held=True) == KILLED
        assert present(copy, outputs) == []
        for path in partial:
            shutil.rmtree(path, ignore_errors=True)
        assert runs.killed(begun, Random(name).uniform(0, STAGES[name].seconds)) in (KILLED, 0)
        assert unlike(copy, built, outputs) == []
        assert runs.whole() == 0
    assert present(copy, outputs) == outputs
    assert unlike(copy, built, outputs) == []
    assert hidden(copy, outputs) == []


def test_a_killed_training_goes_on_from_its_checkpoint(built: Built, copy: Project) -> None:
    checkpoints = copy / "checkpoints"
    with runs_of(copy, "train") as runs:
        assert runs.killed(lambda: any(checkpoints.glob("*/epoch_00004.png"))) == KILLED, "ended before it was killed"
        assert present(copy, [MODEL, CURVES]) == []
        # Pictures are the first draw's. A mark in what its checkpoint remembers of the first epoch: only a run that
        # goes on from it can know it.
        (picture,) = checkpoints.glob("*/epoch_00004.png")
        checkpoint = picture.with_name("checkpoint.safetensors")
        content, first, mark = checkpoint.read_bytes(), *(rb"{\"epoch\": %d, \"update\"" % number for number in (1, 9))
        assert content.count(first) == 1
        checkpoint.write_bytes(content.replace(first, mark))
        assert runs.whole() == 0
    assert unlike(copy, built, [MODEL]) == []
    assert list(checkpoints.iterdir()) == []
    names = [path.name for path in sorted((copy / CURVES).iterdir())]
    assert names == ["epoch_00004.png", "epoch_00008.png", "history.csv"]
    assert unlike(copy, built, [f"{CURVES}/{name}" for name in names]) == [f"{CURVES}/history.csv"]
    undisturbed, resumed = ((project / CURVES / "history.csv").read_text() for project in (built.project, copy))
    assert resumed == undisturbed.replace("\n0,1,autoencoder", "\n0,9,autoencoder")


def test_a_training_whose_outputs_cannot_be_written_keeps_checkpoint_and_pictures(
    copy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of training are not lost to a disk that is full at the very end."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for path in STAGES["train"].outputs:
        shutil.rmtree(copy / path)
    monkeypatch.chdir(copy.root)
    monkeypatch.setattr(train, "save_generators", full)
    with pytest.raises(OSError, match="No space left"):
        train.main(STAGES["train"].arguments.split())
    assert present(copy, STAGES["train"].outputs) == []
    kept = sorted(path.name for path in (copy / "checkpoints").glob("*/*"))
    assert kept == ["checkpoint.safetensors"] * 2 + ["epoch_00004.png", "epoch_00008.png"]
