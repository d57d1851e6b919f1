"""Whatever stands in a file: it is read, or refused in one line that names the file; what was written is read again."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ruamel.yaml import YAML

from campaigns.project import PARAMS
from counterweight.core.errors import UserError
from counterweight.core.features import FeatureSet
from counterweight.core.image_file import ImageFile
from counterweight.core.images import ImageSet, read_images, write_images
from counterweight.data.decode.facts import inspect
from counterweight.data.decode.images import BadFile, Target, decode, try_image
from counterweight.data.decode.opening import Embedded
from counterweight.data.fetch.archives import extract_archive
from counterweight.data.sources import table
from counterweight.evaluation.prechecks import check_blocks
from counterweight.settings.editing import Addition, insert_additions, load_yaml
from counterweight.settings.params import load_params
from tests.tables import read_features, write_features

few = settings(
    max_examples=30,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
WRITTEN = "# mine\n" + PARAMS.replace("pairs: {}\n", "pairs: {}  # none\n\n# What is left out\n")
SECTIONS: dict[str, Any] = YAML(typ="safe", pure=True).load(WRITTEN)
LIMIT = 10**5

words = st.text(st.characters(codec="utf-8"), max_size=12)
names = words.filter(lambda word: word.strip() != "")
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | words
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))


def accepted(read: Callable[[Path], object], path: Path) -> bool:
    """Say whether a file is read; if not, that has to be said in one line that names it."""
    try:
        read(path)
    except UserError as error:
        return refused_in_one_line(str(error), path.name)
    return True


def refused_in_one_line(message: str, name: str) -> bool:
    """Check an error's message, and return False."""
    assert len(message.splitlines()) == 1
    assert name in message
    return False


def read_settings(path: Path) -> None:
    check_blocks(load_params(path))


# Settings.


@few
@given(st.binary(max_size=200) | words.map(str.encode) | values.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_no_settings_file_is_refused_in_one_line(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_bytes(content)
        assert not accepted(read_settings, path)


@few
@given(st.sampled_from(sorted(SECTIONS)), st.lists(words, max_size=2), values)
def test_settings_with_anything_in_one_place_are_read_or_refused_in_one_line(
    section: str, keys: list[str], value: object
) -> None:
    changed: Any = value
    for key in reversed(keys):
        changed = {key: changed}
    block = SECTIONS[section]
    merged = {**block, **changed} if isinstance(block, dict) and isinstance(changed, dict) else changed
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_text(json.dumps({**SECTIONS, section: merged}), encoding="utf-8")
        accepted(read_settings, path)


@few
@given(st.sampled_from(["datasets", "generators", "new"]), names, st.dictionaries(names, values, max_size=3))
def test_a_block_that_is_added_leaves_the_rest_as_it_was(section: str, name: str, block: dict[str, object]) -> None:
    try:
        added = insert_additions(WRITTEN, [Addition((section,), name, block)], "params.yaml")
    except UserError as error:
        refused_in_one_line(str(error), "params.yaml")
        return
    expected = load_yaml(WRITTEN)
    expected.setdefault(section, {})[name] = block
    assert load_yaml(added) == expected
    kept = iter(added.splitlines())
    assert all(line in kept for line in WRITTEN.splitlines()), "a line is gone, or moved"


# Images.

HEADS = st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\0", b"P6 ", b"RIFF"])


@few
@given(HEADS, st.binary(max_size=300))
def test_any_bytes_are_an_image_or_a_bad_file(head: bytes, rest: bytes) -> None:
    image = Embedded("x", head + rest)
    read = try_image(partial(decode, target=Target((4, 4), 3, "stretch")), image)
    assert isinstance(read, BadFile) == isinstance(try_image(inspect, image), BadFile)
    if isinstance(read, BadFile):
        assert read.details.strip()
        assert len(read.details.splitlines()) == 1
    else:
        assert (read.shape, read.dtype) == ((3, 4, 4), np.uint8)


# Tables.

rows = st.lists(st.tuples(words, words), max_size=8)


@few
@given(rows, st.sampled_from([("labels.csv", ","), ("labels.tsv", "\t")]))
def test_a_table_of_any_texts_is_read_or_refused_in_one_line(given_rows: list[tuple[str, str]], kind: Any) -> None:  # noqa: ANN401
    file, mark = kind
    quoted = [[f'"{word.replace(chr(34), chr(34) * 2)}"' for word in row] for row in [("path", "label"), *given_rows]]
    with TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes("".join(f"{mark.join(row)}\n" for row in quoted).encode())
        accepted(read_labels, path)


@few
@given(
    st.binary(max_size=200) | st.lists(words).map("\n".join).map(str.encode), st.sampled_from(["a.txt", "a.json", "a"])
)
def test_a_text_of_anything_is_a_table_that_is_asked_for_or_is_refused_in_one_line(content: bytes, file: str) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / file).write_bytes(content)
        accepted(lambda path: table.find(table.Settings(path=str(path), size=4, tables=[file]), "things"), Path(folder))


annotated = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(["id", "image_id", "category_id", "name"], values)) | values
)
apart = st.fixed_dictionaries({"images": annotated, "annotations": annotated, "categories": annotated})


@few
@given(values | apart)
def test_json_of_anything_is_a_table_that_is_asked_for_or_is_refused_in_one_line(value: object) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.json").write_text(json.dumps(value), encoding="utf-8")
        settings = table.Settings(path=folder, size=4, tables=["a.json"])
        accepted(lambda path: table.find(settings, "things"), Path(folder))


@few
@given(rows)
def test_a_parquet_table_of_any_texts_has_its_labels_or_is_refused(given_rows: list[tuple[str, str]]) -> None:
    paths, labels = [f"a{path}.png" for path, _ in given_rows], [label for _, label in given_rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "labels.parquet"
        pq.write_table(pa.table({"path": pa.array(paths, pa.string()), "label": pa.array(labels, pa.string())}), path)
        accepted(read_labels, path)


def read_labels(path: Path) -> None:
    found = table.find(table.Settings(path=str(path), size=4), "things")
    for part in found:
        if part is not None:
            assert part.labels.max() < len(part.class_names)
            assert all(name == name.strip() != "" for name in part.class_names)


@few
@given(st.binary(max_size=300))
def test_any_bytes_are_no_table_of_this_project(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        path.write_bytes(content)
        assert not any(accepted(read, path) for read in (read_images, ImageFile, read_features, read_labels))


@few
@given(st.data(), st.integers(0, 5), st.tuples(*[st.integers(1, 4)] * 3), st.lists(words, min_size=1, max_size=4))
def test_images_are_read_as_they_were_written(
    data: st.DataObject, count: int, shape: tuple[int, int, int], class_names: list[str]
) -> None:
    labels = data.draw(arrays.arrays(np.int64, count, elements=st.integers(0, len(class_names) - 1)))
    origins = data.draw(st.lists(words.map(lambda word: word.rstrip("\0")), min_size=count, max_size=count))
    pixels = data.draw(arrays.arrays(np.uint8, (count, *shape)))
    facts = data.draw(st.dictionaries(words, values, max_size=2))
    written = ImageSet(pixels, labels, tuple(class_names), np.array(origins, dtype=np.str_), facts)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "images.parquet"
        write_images(written, path)
        for read in (read_images(path), ImageFile(path).take(np.arange(count))):
            assert np.array_equal(read.images, pixels)
            assert np.array_equal(read.labels, labels)
            assert read.origins.tolist() == origins
            assert (read.class_names, read.provenance) == (tuple(class_names), facts)


@few
@given(arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5))), st.booleans())
def test_features_are_read_as_they_were_written(features: np.ndarray, grouped: bool) -> None:
    numbers = np.arange(len(features))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "features.parquet"
        write_features(FeatureSet(features, numbers, {"backbone": "a"}, numbers if grouped else None, features), path)
        read = read_features(path)
    assert read.features.tobytes() == features.tobytes()
    assert read.logits is not None
    assert read.logits.tobytes() == features.tobytes()
    assert (read.groups is not None) == grouped


# Archives.

MEMBERS = st.dictionaries(words.filter(lambda word: "\0" not in word), st.binary(max_size=50), max_size=4)


def make_zip(members: dict[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name or "empty"), content)


def make_tar(members: dict[str, bytes], path: Path) -> None:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name or "empty")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


@few
@given(MEMBERS, st.sampled_from([("a.zip", make_zip), ("a.tar.gz", make_tar)]))
def test_members_of_any_name_come_out_as_they_went_in_or_are_refused(members: dict[str, bytes], kind: Any) -> None:  # noqa: ANN401
    file, make = kind
    with TemporaryDirectory() as folder:
        path, out = Path(folder) / file, Path(folder) / "out"
        make(members, path)
        if accepted(lambda archive: extract_archive(archive, out, LIMIT, progress=False), path):
            found = [own.read_bytes() for own in out.rglob("*") if own.is_file()]
            assert all(content in members.values() for content in found)
        assert {own.name for own in Path(folder).iterdir()} <= {file, "out"}, "something lies outside"


@few
@given(st.sampled_from(["a.zip", "a.tar", "a.tar.gz"]), st.binary(max_size=300))
def test_any_bytes_are_no_archive(file: str, content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / file
        path.write_bytes(content)
        assert not accepted(lambda archive: extract_archive(archive, Path(folder) / "out", LIMIT, progress=False), path)
