"""How many images of which class are asked for, and what each draw's generator makes of its own images."""

import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from counterweight.core.draws import read_draws as read_roles
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, read_draws, read_images
from counterweight.core.tensors import Labelled, to_labelled
from counterweight.generators.base import synthesis
from counterweight.generators.base.generator import Generator, NotApplicable
from counterweight.generators.base.synthesis import choose_labels, synthesize_pieces, write_synthetic
from counterweight.generators.oversample import Oversample, Settings
from stages import train
from stages.synthesize import main
from tests.stages.joined_pieces import join_pieces
from tests.stages.made import CLASSES, TRAIN, WANTED, digests, lay_out, small_draws, words


def wanting(wanted: list[int]) -> ImageSet:
    """A set of no images of which the imbalance stage noted what is wanted."""
    nothing = np.empty((0, 1, 2, 2), dtype=np.uint8), np.empty(0, dtype=np.int64)
    return ImageSet(*nothing, ("a", "b", "c"), np.empty(0, dtype=np.str_), {"item": "x/natural", "wanted": wanted})


def test_as_many_as_are_wanted_come_class_by_class() -> None:
    assert choose_labels(wanting([2, 0, 3]), None).tolist() == [0, 0, 2, 2, 2]


def test_a_number_per_class_counts_for_classes_that_need_some_and_for_no_other() -> None:
    assert choose_labels(wanting([1, 0, 30]), 2).tolist() == [0, 0, 2, 2]


@pytest.mark.parametrize("per_class", [None, 5])
def test_nothing_wanted_is_refused(per_class: int | None) -> None:
    with pytest.raises(UserError, match="x/natural: no class needs an image"):
        choose_labels(wanting([0, 0, 0]), per_class)


# All draws.

DRAWS = small_draws(3)
SETS = [DRAWS.fitted(TRAIN, draw) for draw in range(3)]
CPU = torch.device("cpu")


class Failing(Oversample):
    """Copies, but not in some draws; the first is the slowest to say so."""

    def __init__(self, draw: int, fails: bool) -> None:
        super().__init__((1, 8, 8), CLASSES, Settings())
        self.draw, self.fails = draw, fails

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        time.sleep(0.05 * (2 - self.draw))
        if self.fails:
            raise NotApplicable(f"draw {self.draw}: too few")
        return super().sample(labels, real, rng)


def synthesized() -> list[ImageSet]:
    generators: list[Generator] = [Failing(draw, fails=False) for draw in range(3)]
    return join_pieces(synthesize_pieces(generators, SETS, None, "noise/drop/mine", [5, 6, 7], CPU))


@pytest.mark.parametrize(("failing", "first"), [((0,), 0), ((2,), 2), ((1, 2), 1), ((0, 1, 2), 0)])
def test_what_one_draw_cannot_make_no_draw_has(
    failing: tuple[int, ...],
    first: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The reason is the first draw's in order, not in time."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(3)))
    generators: list[Generator] = [Failing(draw, draw in failing) for draw in range(3)]
    path = tmp_path / "made.parquet"
    write_synthetic(generators, SETS, None, "noise/drop/mine", [5, 6, 7], CPU, path)
    (only,) = read_draws(path)
    assert (len(only), only.not_applicable) == (0, f"draw {first}: too few")
    assert only.provenance["item"] == "noise/drop/mine"
    assert capsys.readouterr().err.endswith(f"noise/drop/mine: not applicable: draw {first}: too few\n")


def test_copies_are_of_the_images_that_a_draw_fits_and_of_no_others() -> None:
    for own, made in zip(SETS, synthesized(), strict=True):
        assert made.counts().tolist() == WANTED
        fitted = {(image.tobytes(), label) for image, label in zip(own.images, own.labels, strict=True)}
        assert {(image.tobytes(), label) for image, label in zip(made.images, made.labels, strict=True)} <= fitted


def test_each_image_says_where_it_is_from() -> None:
    made = synthesized()
    assert made[1].origins[:2].tolist() == ["noise/drop/mine/1/0", "noise/drop/mine/1/1"]
    assert len({origin for images in made for origin in images.origins}) == 3 * sum(WANTED)


@pytest.mark.parametrize("cores", [1, 3])
def test_pieces_follow_one_another_and_the_first_is_what_a_small_set_has(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the number of cores; an image says where in its draw it stands."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    generators: list[Generator] = [Oversample((1, 8, 8), CLASSES, Settings())] * 3
    facts = generators, SETS, 50, "noise/drop/mine", [5, 6, 7], CPU
    whole = join_pieces(synthesize_pieces(*facts))
    monkeypatch.setattr(synthesis, "PIECE_BYTES", 0)
    monkeypatch.setattr(synthesis, "FEWEST", 30)
    pieces = [*synthesize_pieces(*facts)]
    sizes = [len(images) for draw, images in pieces if draw == 0]
    assert sizes == [30] * (len(whole[0]) // 30) + [len(whole[0]) % 30] * (len(whole[0]) % 30 > 0)
    for joined, own in zip(join_pieces(pieces), whole, strict=True):
        assert np.array_equal(joined.labels, own.labels)
        assert joined.origins.tolist() == own.origins.tolist()
        assert not np.array_equal(joined.images[:30], joined.images[30:60]), "each piece has randomness of its own"
    first = torch.Generator().manual_seed(5)
    labels = torch.from_numpy(whole[0].labels[:30])
    expected = generators[0].sample(labels, to_labelled(SETS[0].images, SETS[0].labels), first)
    assert np.array_equal(pieces[0].images.images, expected.numpy())


def run(folder: Path, name: str) -> None:
    """Train and synthesize."""
    inputs = [f"{part}={folder / part}.parquet" for part in ("train", "draws")]
    made = [f"out={folder / 'models' / name}", f"curves={folder / 'curves' / name}", f"checkpoints={folder / 'c'}"]
    train.main(words(folder, "dataset=noise", f"generator={name}", *inputs, *made))
    synthesize(folder, name)


def synthesize(folder: Path, name: str) -> None:
    inputs = [f"{part}={folder / part}.parquet" for part in ("train", "draws")]
    outs = [f"out={folder / 'made' / name}.parquet", f"picture={folder / 'made' / name}.png"]
    main(words(folder, f"generator={folder / 'models' / name}", *inputs, *outs))


@pytest.mark.parametrize("name", ["oversample", "smote", "cvae", "gan"])
def test_the_table_has_the_images_of_every_draw_whatever_the_number_of_cores(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for count in (1, 4):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, count=count: set(range(count)))
        run(lay_out(tmp_path / str(count), 3), name)
    assert digests(tmp_path / "1/made") == digests(tmp_path / "4/made")
    made = read_draws(tmp_path / f"1/made/{name}.parquet")
    assert [images.counts().tolist() for images in made] == [WANTED] * 3
    assert len({images.images.tobytes() for images in made}) == 3
    assert len(read_images(tmp_path / f"1/made/{name}.parquet", 2)) == 2 * sum(WANTED)
    with Image.open(tmp_path / f"1/made/{name}.png") as picture:
        assert picture.size[0] >= 16 * 9


def test_a_draw_is_synthesized_the_same_however_many_there_are(tmp_path: Path) -> None:
    for count in (1, 3):
        run(lay_out(tmp_path / str(count), count), "smote")
    (alone,) = read_draws(tmp_path / "1/made/smote.parquet")
    assert np.array_equal(alone.images, read_draws(tmp_path / "3/made/smote.parquet")[0].images)


def test_generators_of_fewer_draws_are_refused(tmp_path: Path) -> None:
    run(lay_out(tmp_path, 2), "smote")
    lay_out(tmp_path, 3)
    assert len(read_roles(tmp_path / "draws.parquet", TRAIN)) == 3
    with pytest.raises(UserError, match=r"models/smote/2: no generator that the train stage wrote"):
        synthesize(tmp_path, "smote")
