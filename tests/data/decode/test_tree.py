"""Photographs of phones, which an optional library reads."""

from pathlib import Path

import pytest
from PIL import Image

from counterweight.data.decode import facts, images, opening, tree


def test_photographs_of_phones_are_read_where_the_library_is(tmp_path: Path) -> None:
    library = pytest.importorskip("pillow_heif")
    library.from_pillow(Image.new("RGB", (40, 30), (200, 0, 0))).save(tmp_path / "a.HEIC")
    found = images.find_image_files(tmp_path, tmp_path)
    assert (found.files, found.others) == ([tmp_path / "a.HEIC"], 0)
    for image in (tmp_path / "a.HEIC", opening.Embedded("a", (tmp_path / "a.HEIC").read_bytes())):
        own = facts.inspect(image)
        assert (own.width, own.height, own.format) == (40, 30, "HEIF")


def test_without_it_they_are_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "can_read_heif", lambda: False)
    (tmp_path / "a.heic").write_bytes(b"x")
    (tmp_path / "b.hif").write_bytes(b"x")
    found = images.find_image_files(tmp_path, tmp_path)
    assert found.files == []
    assert found.left_out == {
        tree.LeftOut("of no kind that is read", ".heic", "."): 1,
        tree.LeftOut("of no kind that is read", ".hif", "."): 1,
    }
