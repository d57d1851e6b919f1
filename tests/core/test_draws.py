"""The table of draws on disk, and the real images that synthetic ones are compared with."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterweight.core.draws import FITTED, REFERENCE, VALIDATION, Draws, FittedSets, read_draws, write_draws
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, write_images
from counterweight.core.real import add_real_arguments, read_real


def numbered(name: str, labels: list[int]) -> ImageSet:
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    origins = np.array([f"{name}/{number}" for number in range(len(labels))])
    return ImageSet(images, np.array(labels), ("a", "b"), origins, {"source": name})


TRAIN, TEST = numbered("train", [0, 0, 1, 1, 1, 1]), numbered("test", [0, 1])
F, V, R = FITTED, VALIDATION, REFERENCE
ROLES = np.array([[F, V, F, V, R, R], [V, F, R, F, V, R], [F, V, F, R, R, V]], dtype=np.uint8)
DRAWS = Draws(ROLES, "d/drop", [0, 2], [1])


@pytest.mark.parametrize("roles", [ROLES, ROLES[:1], np.full((2, 6), F, dtype=np.uint8)], ids=["all", "one", "alike"])
def test_draws_are_read_as_they_were_written(roles: np.ndarray, tmp_path: Path) -> None:
    write_draws(Draws(roles, "d/drop", [0, 2], [1]), tmp_path / "draws.parquet")
    read = read_draws(tmp_path / "draws.parquet", TRAIN)
    assert (read.roles.dtype, read.roles.tolist()) == (np.uint8, roles.tolist())
    assert (read.item, read.wanted, read.minority, len(read)) == ("d/drop", [0, 2], [1], len(roles))


def test_equal_draws_make_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_draws(DRAWS, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_that_looks_like_a_column_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "draw=3"
    folder.mkdir()
    write_draws(DRAWS, folder / "draws.parquet")
    assert read_draws(folder / "draws.parquet", TRAIN).roles.tolist() == ROLES.tolist()


def test_what_is_fitted_restored_seen_and_unseen_by_hand() -> None:
    def numbers(images: ImageSet) -> list[str]:
        return images.origins.tolist()

    rng = np.random.default_rng(0)
    assert numbers(DRAWS.fitted(TRAIN, 1)) == ["train/1", "train/3"]
    assert numbers(DRAWS.validation(TRAIN, 1)) == ["train/0", "train/4"]
    assert numbers(DRAWS.restored(TRAIN, 0, rng)) == ["train/4", "train/5"]
    assert numbers(DRAWS.reference(TRAIN, TEST, 1)) == ["train/3", "train/4", "train/5", "test/1"]
    assert numbers(DRAWS.reference(TRAIN, TEST, 3)) == ["train/4", "train/5", "test/1"]
    assert numbers(DRAWS.seen(TRAIN, 1)) == ["train/0", "train/2"]
    assert numbers(DRAWS.seen(TRAIN, 3)) == ["train/0", "train/1", "train/2", "train/3"]


def test_of_more_dropped_images_than_are_wanted_some_are_drawn() -> None:
    draws = Draws(np.array([[F, F, F, R, R, R]], dtype=np.uint8), "d/drop", [0, 2], [1])
    found = {tuple(draws.restored(TRAIN, 0, np.random.default_rng(seed)).origins) for seed in range(30)}
    assert found == {("train/3", "train/4"), ("train/3", "train/5"), ("train/4", "train/5")}


FACTS = {"item": '"d/drop"', "wanted": "[0, 2]", "minority": "[1]"}


def table(facts: dict[str, str], **changes: object) -> pa.Table:
    names = pa.DictionaryArray.from_arrays(np.zeros(6, dtype=np.int8), ["fitted"])
    columns = {"draw": [0] * 6, "index": [*range(6)], "role": names} | changes
    return pa.table(columns).replace_schema_metadata(facts)


WRONG: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("draw,index,role\n"),
    "another table": lambda path: write_images(TRAIN, path),
    "a damaged footer": lambda path: (
        pq.write_table(table(FACTS), path),
        path.write_bytes(path.read_bytes()[:-60] + bytes(30) + path.read_bytes()[-30:]),
    ),
    "no metadata": lambda path: pq.write_table(table({}), path),
    "no JSON": lambda path: pq.write_table(table(FACTS | {"wanted": "["}), path),
    "words": lambda path: pq.write_table(table(FACTS, role=["fitted"] * 6), path),
    "an unknown role": lambda path: pq.write_table(
        table(FACTS, role=pa.DictionaryArray.from_arrays(np.zeros(6, dtype=np.int8), ["spare"])), path
    ),
    "draws of different size": lambda path: pq.write_table(table(FACTS, draw=[0, 0, 0, 0, 1, 3]), path),
    "no rows": lambda path: pq.write_table(table(FACTS).slice(0, 0), path),
}


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_file_is_named(content: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.parquet"
    WRONG[content](path)
    with pytest.raises(UserError, match=r"wrong\.parquet: not a table of draws of this project: "):
        read_draws(path, TRAIN)


def test_draws_of_another_training_part_are_refused(tmp_path: Path) -> None:
    write_draws(DRAWS, tmp_path / "draws.parquet")
    with pytest.raises(UserError, match=r"draws\.parquet: of 6 images, but the training part has 2"):
        read_draws(tmp_path / "draws.parquet", TEST)


@pytest.mark.parametrize("name", ["missing.parquet", ""])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; it is a table of draws"):
        read_draws(tmp_path / name, TRAIN)


# Real images of a stage.


def parsed(*words: str) -> Namespace:
    parser = ArgumentParser()
    add_real_arguments(parser)
    return parser.parse_args(words)


def paths(folder: Path) -> dict[str, str]:
    """Write all three tables and return where they are."""
    write_images(TRAIN, folder / "train.parquet")
    write_images(TEST, folder / "test.parquet")
    write_draws(DRAWS, folder / "draws.parquet")
    return {name: str(folder / f"{name}.parquet") for name in ("train", "test", "draws")}


@pytest.mark.parametrize("draws", [1, 3])
def test_real_images_are_what_the_draws_leave_and_those_that_were_fitted(draws: int, tmp_path: Path) -> None:
    words = [word for name, path in paths(tmp_path).items() for word in (f"--{name}", path)]
    real, seen = read_real(parsed(*words), draws)
    assert seen is not None
    assert real.origins.tolist() == DRAWS.reference(TRAIN, TEST, draws).origins.tolist()
    assert seen.origins.tolist() == DRAWS.seen(TRAIN, draws).origins.tolist()
    assert not set(real.origins) & set(seen.origins)


def test_a_table_of_real_images_is_taken_whole_and_what_was_learned_from_is_unknown(tmp_path: Path) -> None:
    real, seen = read_real(parsed("--real", paths(tmp_path)["train"]), 1)
    assert (len(real), seen) == (6, None)


@pytest.mark.parametrize("left_out", ["draws", "train", "test"])
def test_half_a_choice_of_real_images_is_refused(left_out: str, tmp_path: Path) -> None:
    words = [word for name, path in paths(tmp_path).items() if name != left_out for word in (f"--{name}", path)]
    with pytest.raises(UserError, match="--real FILE, or --draws FILE --train FILE --test FILE, is needed"):
        read_real(parsed(*words), 1)


def test_fitted_sets_are_those_of_each_draw_by_number_in_order_and_by_slice() -> None:
    sets = FittedSets(DRAWS, TRAIN)
    of_draws = [["train/0", "train/2"], ["train/1", "train/3"], ["train/0", "train/2"]]
    assert [each.origins.tolist() for each in sets] == of_draws
    assert [each.origins.tolist() for each in sets[1:]] == of_draws[1:]
    assert sets[-1].origins.tolist() == of_draws[-1]
    with pytest.raises(IndexError):
        sets[3]
