"""Images collected elsewhere: each used once, and everything wrong with their folder told in one line."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.tensors import Labelled
from counterweight.evaluation.prechecks import precheck_generator
from counterweight.generators.base import synthesis
from counterweight.generators.base.generator import NotApplicable
from counterweight.generators.base.synthesis import synthesize_pieces
from counterweight.generators.collected import Collected, Settings
from counterweight.settings.params import load_params
from tests.stages.joined_pieces import join_pieces

ROOT = Path(__file__).parents[2]
REAL = Labelled(torch.zeros((1, 1, 4, 6), dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six images of each class under collected/mine; their grey tells which they are."""
    monkeypatch.chdir(tmp_path)
    for label, name in enumerate(("cat", "dog")):
        folder = tmp_path / "collected/mine" / name / "deeper"
        folder.mkdir(parents=True)
        for number in range(6):
            Image.new("L", (9, 5), 100 * label + number).save(folder / f"{number}.png")
    return tmp_path / "collected/mine"


def made(labels: list[int], seed: int = 0, **settings: str) -> Tensor:
    generator = Collected((1, 4, 6), ("cat", "dog"), Settings.model_validate({"folder": "mine", **settings}))
    return generator.sample(torch.tensor(labels), REAL, torch.Generator().manual_seed(seed))


def test_each_file_is_used_once() -> None:
    greys = made([1, 0, 0, 1, 0, 0, 0, 1, 0]).float().mean(dim=(1, 2, 3))
    assert sorted(greys[[1, 2, 4, 5, 6, 8]].tolist()) == [0, 1, 2, 3, 4, 5]
    assert set(greys[[0, 3, 7]].tolist()) < {100, 101, 102, 103, 104, 105}


def test_fewer_are_drawn_at_random() -> None:
    assert len({tuple(made([0, 0], seed).float().mean(dim=(1, 2, 3)).tolist()) for seed in range(20)}) > 5


def test_draws_that_read_side_by_side_have_images_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the threads has processes that decode."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    generator = Collected((1, 4, 6), ("cat", "dog"), Settings(folder="mine"))
    nothing = np.empty((0, 1, 4, 6), dtype=np.uint8), np.empty(0, dtype=np.int64)
    given = ImageSet(*nothing, ("cat", "dog"), np.empty(0, dtype=np.str_), {"wanted": [2, 3]})
    monkeypatch.setattr(synthesis, "PIECE_BYTES", 24)  # one image: these are made at once all the same
    monkeypatch.setattr(synthesis, "FEWEST", 1)
    facts = [generator] * 3, [given] * 3, None, "pets/natural/collected", [0, 1, 2], torch.device("cpu")
    pieces = [*synthesize_pieces(*facts)]
    assert len(pieces) == 3
    sets = join_pieces(pieces)
    greys = [images.images.mean(axis=(1, 2, 3)).tolist() for images in sets]
    assert all(set(grey[:2]) < {*range(6)} and set(grey[2:]) < {*range(100, 106)} for grey in greys)
    assert [grey == made([0, 0, 1, 1, 1], seed).float().mean(dim=(1, 2, 3)).tolist() for seed, grey in enumerate(greys)]
    assert len({tuple(grey) for grey in greys}) == 3


def test_a_class_with_fewer_files_than_wanted_is_not_applicable() -> None:
    with pytest.raises(NotApplicable, match=r"collected/mine/dog: 6 images, but class 'dog' needs 7"):
        made([1] * 7)


def test_a_class_without_a_folder_is_not_applicable(files: Path) -> None:
    shutil.rmtree(files / "dog")
    with pytest.raises(NotApplicable, match="0 images, but class 'dog' needs 1"):
        made([0, 1])


def test_a_file_that_is_no_image_stops_everything(files: Path) -> None:
    (files / "dog/deeper/3.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"collected/mine/dog/deeper/3.png: not an image"):
        made([1] * 6)


@pytest.mark.parametrize("folder", ["/etc", "..", "mine/../../x"])
def test_a_folder_that_is_not_watched_is_refused(folder: str) -> None:
    with pytest.raises(ValueError, match="all that the graph watches"):
        Settings(folder=folder)


@pytest.mark.parametrize("place", ["", "dog", "dog/deeper"])
def test_a_link_to_a_folder_is_refused_since_dvc_does_not_look_behind_it(
    place: str, files: Path, tmp_path: Path
) -> None:
    (files / place).rename(tmp_path / "elsewhere")
    (files / place).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="a link to a folder, which the graph does not watch"):
        made([0] * 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda mine: shutil.rmtree(mine), r"collected/mine: no such folder"),
        (lambda mine: (mine / "cat").rename(mine / "tac"), r"collected/mine/tac: no class of that name; .* cat, dog"),
        (lambda mine: [shutil.rmtree(mine / name) for name in ("cat", "dog")], r"collected/mine: no sub-folder"),
    ],
    ids=["no folder", "strange class", "empty"],
)
def test_the_check_sees_what_is_wrong_before_any_work(change: object, message: str, files: Path) -> None:
    params = load_params(ROOT / "params.yaml")
    own = params.model_copy(update={"generators": {"collected": {"digits": {"folder": "mine"}}}})
    precheck_generator(own, "collected", "digits", ("cat", "dog"))
    assert callable(change)
    change(files)
    with pytest.raises(UserError, match=rf"^params.yaml: generators.collected.digits: {message}"):
        precheck_generator(own, "collected", "digits", ("cat", "dog"))
