"""Folders of an audit made the same in traces of earlier files, which no header tells."""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from benchmarks.traces import add_bars, make_pictures, store_jpeg
from counterweight.core.images import ImageSet
from counterweight.data.decode.traces import has_grid
from counterweight.evaluation.audit.reading import read_folders
from counterweight.evaluation.audit.sides import Sides

PICTURES = make_pictures(60, 64, 0)


def read(tmp_path: Path, change: Callable[[Image.Image], Image.Image]) -> Sides:
    """Read the same pictures, those of the second side changed, as PNGs."""
    for name, own in (("real", PICTURES), ("synthetic", [change(image) for image in PICTURES])):
        (tmp_path / name).mkdir()
        for place, image in enumerate(own):
            image.save(tmp_path / name / f"{place:02}.png")
    return read_folders(tmp_path / "real", tmp_path / "synthetic", None, 0, {})


def count_grids(*sides: ImageSet) -> list[int]:
    """Return how many images of each side show a grid."""
    return [sum(bool(has_grid(Image.fromarray(image.transpose(1, 2, 0)))) for image in own.images) for own in sides]


def test_pngs_that_were_jpegs_make_all_files_such(tmp_path: Path) -> None:
    sides = read(tmp_path, lambda image: store_jpeg(image, 50))
    assert sides.files is not None
    assert [words.split(" (")[0] for words in sides.files.differences] == ["blocks of 8 x 8 pixels"]
    assert sides.equalised is not None
    (step,) = sides.equalised.steps
    assert re.fullmatch(r"re-encoded as JPEG of quality (49 to )?50", step)
    assert sides.same is not None
    plain, same = (count_grids(*pair) for pair in ((sides.real, sides.synthetic), sides.same))
    assert plain[0] == 0
    assert plain[1] > 30
    assert abs(same[0] - same[1]) < plain[1] / 5


def test_blocks_that_no_jpeg_left_are_named_and_stay(tmp_path: Path) -> None:
    """As networks leave them that enlarge by 8."""
    sides = read(tmp_path, lambda image: image.reduce(8).resize(image.size, Image.Resampling.NEAREST))
    assert sides.equalised is not None
    assert sides.equalised.remaining == ["blocks of 8 x 8 pixels"]
    assert sides.equalised.steps == []
    assert sides.same is None


def read_deep(
    tmp_path: Path, real: float, synthetic: float, ends: Mapping[str, object] = MappingProxyType({})
) -> Sides:
    """Read the same grey pictures with their greys times a number, as TIFFs of 16 bits, or as they are at 1."""
    for name, scale in (("real", real), ("synthetic", synthetic)):
        (tmp_path / name).mkdir()
        for place, image in enumerate(PICTURES[:40]):
            levels = np.asarray(image.convert("L"))
            deep = Image.fromarray(levels if scale == 1 else (levels * float(scale)).astype(np.uint16))
            deep.save(tmp_path / name / f"{place:02}.tiff")
    return read_folders(tmp_path / "real", tmp_path / "synthetic", None, 0, ends)


def whites(sides: Sides) -> tuple[float | None, float | None]:
    assert sides.files is not None
    return sides.files.real.white, sides.files.synthetic.white


def test_greys_of_one_depth_become_white_at_one_value(tmp_path: Path) -> None:
    """Not at that of 16 bits, where 12 bits would all be black, and not at each file's own."""
    sides = read_deep(tmp_path, 16, 15.9)
    assert whites(sides) == (4095, 4095)
    assert sides.files is not None
    assert sides.files.differences == []
    assert sides.real.images.max() > 230
    ratio = sides.synthetic.images.mean(dtype=float) / sides.real.images.mean(dtype=float)
    assert ratio == pytest.approx(15.9 / 16, rel=0.01)


def test_images_that_cannot_be_read_are_none_of_those_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read_deep(tmp_path, 1, 1)
    assert "files: 40 found = 40 synthetic + 0 left out" in (first := capsys.readouterr().err)
    assert "mix alone" not in first
    (tmp_path / "synthetic/07.tiff").write_bytes(b"nothing")
    for name in ("real", "synthetic"):
        for place in range(3):
            path = tmp_path / name / ("ab"[place % 2]) / f"{place:02}.tiff"
            path.parent.mkdir(exist_ok=True)
            (tmp_path / name / path.name).rename(path)
    read_folders(tmp_path / "real", tmp_path / "synthetic", None, 0, {})
    said = capsys.readouterr().err
    assert "files: 40 found = 39 synthetic + 1 broken + 0 left out" in said
    assert said.count("folders of classes count for their mix alone") == 1


def test_images_that_a_range_cuts_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read_deep(tmp_path, 16, 16, {"black": 0, "white": 5000})
    assert "values outside" not in capsys.readouterr().err
    shutil.rmtree(tmp_path / "real")
    shutil.rmtree(tmp_path / "synthetic")
    cut = sum(np.asarray(image.convert("L")).max() > 200 for image in PICTURES[:40])
    assert 0 < cut < 40
    read_deep(tmp_path, 16, 1, {"black": 0, "white": 3200})
    lines = [line for line in capsys.readouterr().err.splitlines() if "values outside" in line]
    assert [line.split(": ", 1)[1].split(", which")[0] for line in lines] == [
        f"real: {cut} images have values outside of black and white"
    ]


def test_greys_of_two_depths_are_named_and_judged_in_both_ways(tmp_path: Path) -> None:
    """As numbers say it one side is far darker; each in its own range both are the same."""
    sides = read_deep(tmp_path, 16, 256)
    assert whites(sides) == (65535, 65535)
    assert sides.files is not None
    assert sides.files.differences == ["range of greys (0...4095 against 0...65535)"]
    assert sides.real.images.max() < 17
    assert sides.equalised is not None
    assert sides.equalised.steps == ["each in its own range of greys"]
    assert sides.same is not None
    apart = np.abs(sides.same[0].images.astype(int) - sides.same[1].images)
    assert apart.max() <= 1  # 16 of 4,095 and 256 of 65,535 are not quite the same


def test_greys_beside_bytes_have_a_range_of_their_own(tmp_path: Path) -> None:
    assert whites(read_deep(tmp_path, 16, 1)) == (4095, None)


@pytest.mark.parametrize("turned", [False, True])
def test_bars_are_cut_off_on_both_sides(turned: bool, tmp_path: Path) -> None:
    def change(image: Image.Image) -> Image.Image:
        return add_bars(image).transpose(Image.Transpose.ROTATE_90) if turned else add_bars(image)

    sides = read(tmp_path, change)
    assert sides.equalised is not None
    assert sides.equalised.steps[:2] == ["without bars", "cut in the middle to one shape"]
    assert sides.equalised.steps[2] == "at a shorter side of 48 pixels"
    assert sides.same is not None
    assert (sides.synthetic.images[:, :, 0, 32] == 0).all() or turned
    edges = sides.same[1].images[:, :, [0, -1]], sides.same[1].images[:, :, :, [0, -1]]
    assert min(float(edge.mean()) for edge in edges) > 50


def test_other_proportions_are_cut_and_not_squeezed(tmp_path: Path) -> None:
    sides = read(tmp_path, lambda image: image.crop((0, 8, 64, 56)))
    assert sides.equalised is not None
    assert sides.equalised.steps[0] == "cut in the middle to one shape"
    assert sides.same is not None
    middle = np.asarray(PICTURES[0].crop((8, 8, 56, 56)))
    assert np.array_equal(sides.same[1].images[0].transpose(1, 2, 0), middle)
    assert sides.same[0].shape == sides.same[1].shape == (3, 48, 48)
