"""The tables of images and of features: what is written is what is read."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterweight.core import images as image_table
from counterweight.core.errors import UserError
from counterweight.core.features import FeatureFile, FeatureSet, FeatureWriter, Rows
from counterweight.core.image_file import ImageFile, take_at_most
from counterweight.core.images import ImageSet, read_draws, read_images, write_images
from tests.tables import read_features, write_draws, write_features


def images(count: int, shape: tuple[int, int, int] = (3, 4, 5)) -> ImageSet:
    rng = np.random.default_rng(0)
    return ImageSet(
        images=rng.integers(0, 256, (count, *shape), dtype=np.uint8),
        labels=rng.integers(0, 3, count),
        class_names=("null", "eins", "zwei ½"),
        origins=np.array([f"ordner/bild {number} ü.png" for number in range(count)], dtype=np.str_),
        provenance={"source": "folder", "settings": {"size": [4, 5], "none": None}, "wanted": [1, 2, 3]},
    )


def features(count: int, size: int = 7) -> FeatureSet:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(count, size)).astype(np.float32)
    return FeatureSet(values, rng.integers(0, 3, count), {"backbone": "alexnet", "input_size": 64})


def same(first: ImageSet, second: ImageSet) -> bool:
    arrays = (np.array_equal(getattr(first, key), getattr(second, key)) for key in ("images", "labels", "origins"))
    return all(arrays) and (first.class_names, first.provenance) == (second.class_names, second.provenance)


@pytest.mark.parametrize("count", [0, 1, 2, 57])
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 4, 5), (1, 28, 28)], ids=str)
def test_images_are_read_as_they_were_written(count: int, shape: tuple[int, int, int], tmp_path: Path) -> None:
    written = images(count, shape)
    write_images(written, tmp_path / "images.parquet")
    read = read_images(tmp_path / "images.parquet")
    assert same(read, written)
    assert (read.shape, len(read)) == (shape, count)
    assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int64)


def test_many_row_groups_are_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_table, "ROW_GROUP_BYTES", 200)  # three images
    path, written = tmp_path / "images.parquet", images(50)
    write_images(written, path)
    assert pq.ParquetFile(path).num_row_groups == 17
    assert same(read_images(path), written)


def test_an_image_larger_than_a_row_group_has_one_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_table, "ROW_GROUP_BYTES", 10)
    write_images(images(3), tmp_path / "images.parquet")
    assert pq.ParquetFile(tmp_path / "images.parquet").num_row_groups == 3


def test_pixels_are_not_copied(tmp_path: Path) -> None:
    write_images(images(9), tmp_path / "images.parquet")
    column = pq.read_table(tmp_path / "images.parquet").combine_chunks().column("image")
    found = image_table.view_pixels(column, (3, 4, 5))
    assert found.__array_interface__["data"][0] == column.chunk(0).buffers()[1].address
    part = image_table.view_pixels(pa.chunked_array([column.chunk(0).slice(4, 3)]), (3, 4, 5))
    assert np.array_equal(part, images(9).images[4:7])


def test_images_of_any_memory_layout_can_be_written(tmp_path: Path) -> None:
    written = images(6)
    reversed_ = written.take(np.arange(6)[::-1])
    turned = ImageSet(written.images.transpose(0, 1, 3, 2), written.labels, ("a", "b", "c"), written.origins, {})
    for number, part in enumerate((reversed_, turned)):
        write_images(part, tmp_path / f"{number}.parquet")
        assert same(read_images(tmp_path / f"{number}.parquet"), part)


def test_equal_images_make_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_images(images(20), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_sets_are_joined_taken_from_and_counted() -> None:
    first, second = images(5), images(4)
    joined = first.concatenate(second)
    assert (len(joined), joined.counts().sum()) == (9, 9)
    assert joined.counts().tolist() == (first.counts() + second.counts()).tolist()
    assert same(joined.take(np.arange(5)), first)
    assert joined.take(np.array([8, 0])).origins.tolist() == [second.origins[3], first.origins[0]]


@pytest.mark.parametrize("other", [images(2, (1, 4, 5)), ImageSet(**{**vars(images(2)), "class_names": ("x",)})])
def test_sets_of_other_shapes_or_classes_are_not_joined(other: ImageSet) -> None:
    with pytest.raises(ValueError, match="sets differ"):
        images(3).concatenate(other)


@pytest.mark.parametrize("counts", [(5,), (3, 3, 3), (4, 1, 60)], ids=str)
def test_sets_of_draws_are_read_as_they_were_written(
    counts: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_table, "ROW_GROUP_BYTES", 200)  # three images: row groups end within draws and without
    path, whole = tmp_path / "draws.parquet", images(sum(counts))
    ends = np.cumsum(counts)
    sets = [whole.take(np.arange(end - count, end)) for count, end in zip(counts, ends, strict=True)]
    write_draws(sets, path)
    read = read_draws(path)
    assert len(read) == len(counts)
    assert all(same(found, given) for found, given in zip(read, sets, strict=True))
    assert same(read_images(path), whole)
    for draws, end in enumerate(ends, start=1):
        assert same(read_images(path, draws), whole.take(np.arange(end)))
    assert same(read_images(path, len(counts) + 5), whole)


@pytest.mark.parametrize("draws", [None, 1, 2])
def test_images_are_taken_from_a_file_as_from_memory(
    draws: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_table, "ROW_GROUP_BYTES", 600)  # ten images: draws begin within row groups
    sets, path = [images(23), images(4), images(50)], tmp_path / "images.parquet"
    write_draws(sets, path)
    whole, file = read_images(path, draws), ImageFile(path, draws)
    assert len(file) == len(whole) > 10
    assert (file.shape, file.item, file.class_names) == (whole.shape, whole.item, whole.class_names)
    assert np.array_equal(file.labels, whole.labels)
    for rows in ([0], [], [11, 2, 2, 9], [*range(len(whole))], [len(whole) - 1, 0]):
        assert same(file.take(np.array(rows, dtype=np.int64)), whole.take(np.array(rows, dtype=np.int64)))


def test_of_a_large_file_some_images_are_drawn_in_their_order(tmp_path: Path) -> None:
    write_images(images(50), tmp_path / "images.parquet")
    file, whole = ImageFile(tmp_path / "images.parquet"), images(50)
    some = take_at_most(file, 20, np.random.default_rng(1))
    rows = [whole.origins.tolist().index(origin) for origin in some.origins]
    assert len(rows) == 20
    assert rows == sorted(set(rows))
    assert rows != [*range(20)]
    assert same(some, take_at_most(whole, 20, np.random.default_rng(1)))
    assert same(take_at_most(file, 50, np.random.default_rng(1)), whole)


def test_a_file_knows_its_groups(tmp_path: Path) -> None:
    names = np.array([f"patient {number % 7}" for number in range(30)])
    grouped = ImageSet(**{**vars(images(30)), "group_names": names})
    write_images(grouped, tmp_path / "images.parquet")
    assert grouped.groups is not None
    found = ImageFile(tmp_path / "images.parquet").groups
    assert found is not None
    assert found.tolist() == grouped.groups.tolist() == [number % 7 for number in range(30)]
    assert read_images(tmp_path / "images.parquet").group_names.tolist() == names.tolist()
    some = ImageFile(tmp_path / "images.parquet").take(np.array([9, 2])).group_names
    assert some is not None
    assert some.tolist() == ["patient 2", "patient 2"]
    assert ImageFile(tmp_path / "images.parquet", 0).groups.tolist() == []


def test_a_table_without_groups_has_no_column_of_them(tmp_path: Path) -> None:
    write_images(images(3), tmp_path / "images.parquet")
    assert pq.read_schema(tmp_path / "images.parquet").names == ["image", "label", "origin", "draw"]
    assert ImageFile(tmp_path / "images.parquet").groups is None


def test_groups_of_two_sets_are_the_same_where_their_names_are() -> None:
    first, second = (ImageSet(**{**vars(images(2)), "group_names": np.array([*names])}) for names in ("ab", "ca"))
    assert first.concatenate(second).groups.tolist() == [0, 1, 2, 0]
    assert len(set(first.concatenate(images(2)).groups.tolist())) == 4


@pytest.mark.parametrize("where", ["images", "features"])
def test_a_file_that_is_damaged_inside_is_named_when_it_is_read(where: str, tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    if where == "images":
        black = images(50)
        write_images(ImageSet(**{**vars(black), "images": np.zeros_like(black.images)}), path)
    else:
        write_features(features(300), path)
    content = bytearray(path.read_bytes())
    content[20:60] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged\.parquet: (cannot be read|not an? .* table of this project): "):
        (ImageFile(path) if where == "images" else FeatureFile(path)).take(np.arange(3))


def test_a_set_without_draws_is_one(tmp_path: Path) -> None:
    write_images(images(4), tmp_path / "images.parquet")
    (only,) = read_draws(tmp_path / "images.parquet")
    assert same(only, images(4))
    assert same(read_images(tmp_path / "images.parquet", 1), images(4))


def test_of_no_images_there_is_one_draw_that_says_why(tmp_path: Path) -> None:
    nothing = ImageSet(**{**vars(images(0)), "provenance": {"not_applicable": "too few"}})
    write_draws([nothing], tmp_path / "images.parquet")
    (only,) = read_draws(tmp_path / "images.parquet")
    assert (len(only), only.not_applicable) == (0, "too few")
    assert read_images(tmp_path / "images.parquet", 1).not_applicable == "too few"


@pytest.mark.parametrize("count", [0, 1, 300])
@pytest.mark.parametrize("size", [1, 7])
def test_features_are_read_as_they_were_written(count: int, size: int, tmp_path: Path) -> None:
    written = features(count, size)
    write_features(written, tmp_path / "features.parquet")
    read = read_features(tmp_path / "features.parquet")
    assert np.array_equal(read.features, written.features)
    assert np.array_equal(read.labels, written.labels)
    assert read.provenance == written.provenance
    assert (read.features.dtype, read.features.shape) == (np.float32, (count, size))
    assert read.groups is None
    assert read.logits is None


def test_groups_go_with_features(tmp_path: Path) -> None:
    grouped = np.array([3, 1, 2, 3, 2, 0])
    written = FeatureSet(**{**vars(features(6)), "groups": grouped, "logits": features(6, 4).features})
    write_features(written, tmp_path / "features.parquet")
    read = read_features(tmp_path / "features.parquet")
    assert np.array_equal(read.features, written.features)
    for found, expected in ((read.groups, written.groups), (read.logits, written.logits)):
        assert found is not None
        assert expected is not None
        assert np.array_equal(found, expected)


def test_rows_of_features_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    written = features(300)
    with FeatureWriter(tmp_path / "features.parquet") as writer:
        for rows in np.split(np.arange(300), [7, 130, 131]):
            writer.add(written.take(rows))
    file = FeatureFile(tmp_path / "features.parquet")
    assert file.row_groups.file.num_row_groups == 4
    assert np.array_equal(file.labels, written.labels)
    chosen = np.random.default_rng(0).permutation(300)[:150]
    rows, expected = Rows(file, np.arange(300)).view(chosen), written.features[chosen]
    assert (len(rows), rows.shape) == (150, expected.shape)
    for place in (slice(0, 40), slice(120, 200), slice(None), 0, 149):
        assert np.array_equal(rows[place], expected[place])
    assert np.array_equal(rows.view(np.array([5, 3]))[:], expected[[5, 3]])


def test_features_in_several_row_groups_are_read_as_one(tmp_path: Path) -> None:
    written = features(300)
    write_features(written, tmp_path / "one.parquet")
    pq.write_table(pq.read_table(tmp_path / "one.parquet"), tmp_path / "many.parquet", row_group_size=70)
    assert pq.ParquetFile(tmp_path / "many.parquet").num_row_groups == 5
    assert np.array_equal(read_features(tmp_path / "many.parquet").features, written.features)


def without_draws(path: Path) -> pa.Table:
    """What was written before there were draws."""
    write_images(images(2), path)
    return pq.read_table(path).drop_columns("draw")


FACTS: dict[str, object] = {"shape": [3, 4, 5], "class_names": ["a", "b", "c"], "provenance": {}}


def with_facts(path: Path, changes: dict[str, object]) -> None:
    """Write an image table in whose metadata something else stands."""
    write_images(images(3), path)
    own = {key: json.dumps(fact) for key, fact in (FACTS | changes).items()}
    pq.write_table(pq.read_table(path).replace_schema_metadata(own), path)


def with_numbers(path: Path, name: str, numbers: list[int | None]) -> None:
    """Write an image table with other labels, or draws."""
    with_facts(path, {})
    read = pq.read_table(path)
    pq.write_table(read.set_column(read.schema.get_field_index(name), name, pa.array(numbers, pa.int64())), path)


Read = Callable[[Path], object]
WRONG: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("not a table\n" * 10, encoding="utf-8"),
    "another table": lambda path: pq.write_table(pa.table({"x": [1, 2]}), path),
    "no metadata": lambda path: pq.write_table(
        pa.table({"image": [b"x"], "features": [[1.0]], "label": [0], "origin": [""]}), path
    ),
    "no draws": lambda path: pq.write_table(without_draws(path), path),
    "cut off": lambda path: (write_images(images(9), path), path.write_bytes(path.read_bytes()[:-40])),
}


SENSELESS: dict[str, Callable[[Path], object]] = {
    "half a pixel": lambda path: with_facts(path, {"shape": [3, 4, 5.5]}),
    "two sides": lambda path: with_facts(path, {"shape": [12, 5]}),
    "another shape": lambda path: with_facts(path, {"shape": [3, 4, 6]}),
    "more than there can be": lambda path: with_facts(path, {"shape": [2**40, 2**40, 2**40]}),
    "numbered classes": lambda path: with_facts(path, {"class_names": [1, 2, 3]}),
    "no facts": lambda path: with_facts(path, {"provenance": ["item"]}),
    "a class that there is not": lambda path: with_numbers(path, "label", [0, 1, 3]),
    "no label": lambda path: with_numbers(path, "label", [0, 1, None]),
    "endless draws": lambda path: with_numbers(path, "draw", [0, 0, 2**40]),
    "a draw before the first": lambda path: with_numbers(path, "draw", [-1, 0, 0]),
}


def test_what_makes_sense_is_read(tmp_path: Path) -> None:
    with_facts(tmp_path / "right.parquet", {})
    assert len(read_images(tmp_path / "right.parquet")) == 3
    with_numbers(tmp_path / "right.parquet", "draw", [0, 1, 2])
    assert len(read_draws(tmp_path / "right.parquet")) == 3


@pytest.mark.parametrize("read", [read_images, read_draws, ImageFile])
@pytest.mark.parametrize("content", SENSELESS)
def test_an_image_table_that_makes_no_sense_is_named(read: Read, content: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.parquet"
    SENSELESS[content](path)
    with pytest.raises(UserError, match=r"wrong\.parquet: not an image table of this project: ."):
        read(path)


def test_a_feature_table_of_another_type_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.parquet"
    write_features(features(3), path)
    read = pq.read_table(path)
    for name, column in {"logits": [{"a": 1}] * 3, "group": ["a", "b", "c"], "logits ": None}.items():
        changed = read.drop_columns("label") if column is None else read.append_column(name, pa.array(column))
        pq.write_table(changed, path)
        with pytest.raises(UserError, match=r"wrong\.parquet: not a feature table of this project: "):
            read_features(path)


def test_features_of_which_rows_are_missing_are_named(tmp_path: Path) -> None:
    path = tmp_path / "wrong.parquet"
    write_features(features(3), path)
    read = pq.read_table(path)
    rows = pa.array([[1.0] * 7, None, [2.0] * 7], read.schema.field("features").type)
    try:
        pq.write_table(read.set_column(read.schema.get_field_index("features"), "features", rows), path)
    except pa.ArrowNotImplementedError:
        pytest.skip("this pyarrow writes no such file")
    # A pyarrow before 26 notices by itself.
    with pytest.raises(
        UserError, match=r"wrong\.parquet: cannot be read: (rows of 'features' are missing|Expected all)"
    ):
        read_features(path)


@pytest.mark.parametrize(
    ("read", "kind"), [(read_images, "an image"), (ImageFile, "an image"), (read_features, "a feature")]
)
@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_file_is_named(read: Read, kind: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.parquet"
    WRONG[content](path)
    with pytest.raises(UserError, match=f"wrong.parquet: not {kind} table of this project: ") as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_one_kind_of_table_is_not_taken_for_the_other(tmp_path: Path) -> None:
    write_images(images(3), tmp_path / "images.parquet")
    write_features(features(3), tmp_path / "features.parquet")
    with pytest.raises(UserError, match="not a feature table"):
        read_features(tmp_path / "images.parquet")
    with pytest.raises(UserError, match="not an image table"):
        read_images(tmp_path / "features.parquet")


@pytest.mark.parametrize("read", [read_images, ImageFile, read_features])
def test_a_missing_file_is_named(read: Read, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.parquet: no such file"):
        read(tmp_path / "missing.parquet")
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path)
