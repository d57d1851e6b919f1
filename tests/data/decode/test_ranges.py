"""Values below 0, and windows that are cut out: which value becomes black, and which white."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from PIL import Image

from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.core.results import read_required
from counterweight.core.schema import parse_settings
from counterweight.data.decode.facts import inspect
from counterweight.data.decode.images import BadFile, Target, decode, decode_picture, try_image
from counterweight.data.sources import folder
from counterweight.results.ingest import Account
from stages import ingest
from tests.data.decode.test_deep_colours import write_png

COMMITTED = Path(__file__).parents[3] / "params.yaml"
HOUNSFIELD = -1024, 3071
PARAMS = """
seed: 0
device: cpu
datasets:
  ct:
    source: folder
    size: 4
    channels: 1
"""


def write_row(path: Path, values: Sequence[float], kind: str) -> Path:
    """Write one row of values as a TIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([values], dtype=kind)).save(path)
    return path


def read(path: Path, black: float | None, white: float | None, channels: int = 1) -> list[int]:
    """Return a row of an image as it is decoded, of its first channel."""
    with Image.open(path) as file:
        size = (file.height, file.width)
    pixels: npt.NDArray[np.uint8] = decode(path, Target(size, channels, "stretch", white, black))
    return pixels[0, 0].tolist()


@pytest.mark.parametrize(
    ("values", "kind", "ends", "expected"),
    [
        ([-1024, -1023, 1023.5, 3055, 3071], "f4", HOUNSFIELD, [0, 0, 128, 254, 255]),
        ([-1024, 255, 3071, -2048, 4000], "i4", HOUNSFIELD, [0, 80, 255, 0, 255]),  # 1279 / 4095 of 255 is 79.6
        ([-32768, 32767, -1024, 0, 3071], "i4", HOUNSFIELD, [0, 255, 0, 64, 255]),
        ([-1, -0.5, 0.25, 1, 0.999], "f4", (-1, 1), [0, 64, 159, 255, 255]),
        ([-1000, -200, -600, -1001, 5], "i4", (-1000, -200), [0, 255, 128, 0, 255]),
        ([-2, -1, 0, 1, 2], "i4", (-1, 0), [0, 0, 255, 255, 255]),
        ([100, 228, 355, 99, 65535], "u2", (100, 355), [0, 128, 255, 0, 255]),  # a window of what has no sign
    ],
)
def test_values_become_greys_linearly_and_those_outside_the_nearer_end(
    values: list[float], kind: str, ends: tuple[float, float], expected: list[int], tmp_path: Path
) -> None:
    path = write_row(tmp_path / "x.tif", values, kind)
    assert read(path, *ends) == expected
    assert read(path, *ends, channels=3) == expected
    found = inspect(path, ends)
    assert (found.bottom, found.top) == (np.float32(min(values)), np.float32(max(values)))
    outside = min(values) < ends[0] or max(values) > ends[1]
    assert decode_picture(path, Target((1, 5), 1, "stretch", ends[1], ends[0])).clipped == outside


def test_a_black_of_0_is_what_none_is(tmp_path: Path) -> None:
    path = write_row(tmp_path / "x.tif", range(4096), "u2")
    assert read(path, 0, 4095) == read(path, None, 4095)


def test_signed_values_of_16_bits_are_read(tmp_path: Path) -> None:
    """As scanners of CT write them, which Pillow does not."""
    values = np.array([[-1024, 0, 3071]], dtype="<i2")
    entries = [(256, 3, 3), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries += [(278, 3, 1), (279, 4, 6), (339, 3, 2)]
    table = b"".join(
        np.array([tag, kind], "<u2").tobytes() + np.array([1, value], "<u4").tobytes() for tag, kind, value in entries
    )
    head = b"II*\0" + np.array([14], "<u4").tobytes()
    directory = np.array([len(entries)], "<u2").tobytes() + table + bytes(4)
    (tmp_path / "x.tif").write_bytes(head + values.tobytes() + directory)
    assert read(tmp_path / "x.tif", *HOUNSFIELD) == [0, 64, 255]
    refused = try_image(inspect, tmp_path / "x.tif")
    assert isinstance(refused, BadFile)
    assert refused.span == HOUNSFIELD


def test_colours_of_16_bits_have_a_window_too(tmp_path: Path) -> None:
    values = np.array([[[100, 228, 355], [99, 65535, 0]]], dtype=np.uint16)
    path = write_png(tmp_path / "x.png", values)
    pixels = decode(path, Target((1, 2), 3, "stretch", 355, 100))
    assert pixels[:, 0].T.tolist() == [[0, 128, 255], [0, 255, 0]]
    found = inspect(path, (100, 355))
    assert (found.bottom, found.top) == (0, 65535)
    assert decode_picture(path, Target((1, 2), 3, "stretch", 355, 100)).clipped
    assert not decode_picture(path, Target((1, 2), 3, "stretch", 65535, 0)).clipped


def test_greys_of_8_bits_are_as_they_are(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 7).save(tmp_path / "x.png")
    assert read(tmp_path / "x.png", *HOUNSFIELD) == [7, 7, 7]
    assert inspect(tmp_path / "x.png", HOUNSFIELD).bottom is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_has_no_way_out(value: float, tmp_path: Path) -> None:
    path = write_row(tmp_path / "x.tif", [-1, value], "f4")
    for ends in (None, (-1.0, 1.0)):
        found = try_image(lambda image, own=ends: inspect(image, own), path)
        assert isinstance(found, BadFile)
        assert found.span is None
    with pytest.raises(ValueError, match=r"allowed are finite ones$"):
        read(path, -1, 1)


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ([-1024, 3071], "i4", r"greys from -1024 to 3071, allowed are 0...65535, or what `black` and `white` say"),
        ([-1, 1], "f4", r"greys from -1 to 1, allowed are 0...1 or 0...255, or what `black` and `white` say"),
    ],
)
def test_values_below_0_are_refused_with_the_way(values: list[float], kind: str, said: str, tmp_path: Path) -> None:
    path = write_row(tmp_path / "x.tif", values, kind)
    assert try_image(inspect, path) == BadFile(str(path), "unreadable", said, (values[0], values[1]))
    assert try_image(lambda image: decode(image, Target((1, 2), 1, "stretch")), path) == try_image(inspect, path)


# Settings.


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"black": 5, "white": 5}, "datasets.ct.white: 5 is not allowed: white must be above black, 5"),
        ({"black": 5.5, "white": -1}, "datasets.ct.white: -1 is not allowed: white must be above black, 5.5"),
        ({"black": -5}, r"datasets.ct.white: None is not allowed: white must be set, too, where black is \(-5\)"),
        ({"white": 0}, "datasets.ct.white: 0 is not allowed: white must be above 0, or set black"),
        ({"white": 65536}, "datasets.ct.white: 65536 is not allowed: input should be less than or equal to 65535"),
        ({"black": float("nan"), "white": 1}, "datasets.ct.black: nan is not allowed: input should be a finite number"),
        ({"black": "0", "white": 1}, "datasets.ct.black: '0' is not allowed: input should be a valid number"),
    ],
)
def test_a_range_that_cannot_be_is_one_line(own: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_settings(folder.Settings, {"size": 4, **own}, "params.yaml: datasets.ct")


def test_a_range_below_0_is_allowed() -> None:
    settings = parse_settings(folder.Settings, {"size": 4, "black": -1000, "white": -200}, "here")
    assert (settings.target.black, settings.target.white) == (-1000, -200)


# From files to tables.


def write_slices(root: Path, parts: Sequence[str] = ("",)) -> None:
    """Six slices of each of two classes, of which each reaches farther than the one before, in each part."""
    for part in parts:
        for name in ("ill", "well"):
            for number in range(6):
                low = -1000 - number - 10 * (name == "well")
                write_row(root / f"{part}{name}" / f"{number}.tif", [low, 0, 2000 + number], "i4")


@pytest.mark.parametrize("parts", [("",), ("train/", "test/")])
def test_images_with_values_outside_are_counted(
    parts: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_slices(tmp_path / "images/ct", parts)
    words = ["--dataset", "ct", "--train", "train", "--test", "test", "--account", "account"]
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    with pytest.raises(
        UserError, match=r"unreadable: greys from -10\d\d to 200\d, .* what `black` and `white` say; mend"
    ):
        ingest.main(words)
    (tmp_path / "params.yaml").write_text(f"{PARAMS}    black: -1003\n    white: 2005\n", encoding="utf-8")
    capsys.readouterr()
    ingest.main(words)
    said = capsys.readouterr().err
    assert "params.yaml: datasets.ct: values of more than 8 bits: -1003...2005 become 0...255 in all files\n" in said
    notes = read_required(Path("account"), Account).notes
    outside = [
        note for note in notes if "have values outside of black and white, which become the nearer one: " in note
    ]
    assert sum(int(note.split(": ")[1].split(" images")[0]) for note in outside) == 8 * len(parts)
    for part in ("train", "test"):
        images = read_images(Path(part))
        assert images.provenance["settings"]["black"] == -1003
        assert (images.images[:, 0, 0, 0] <= 1).all()
        assert (images.images[:, 0, 0, -1] >= 254).all()


def add(root: Path, *words: str) -> str:
    """Return what `counterweight add` prints, or says."""
    done = CliRunner().invoke(cli, ["add", "ct", str(root), "--params", str(COMMITTED), "--dry-run", *words])
    return done.output if done.exception is None else str(done.exception)


def test_the_way_that_the_command_prints_takes_all_of_the_set(tmp_path: Path) -> None:
    write_slices(tmp_path)
    write_row(tmp_path / "ill/high.tif", [5, 2500], "u2")  # whose values are not below 0, and count
    said = add(tmp_path)
    way = "--set black=-1015 --set white=2500"
    assert (
        f"{tmp_path}: 12 of 13 images have values below 0, and values of all go from -1015 to 2500; {way} takes" in said
    )
    assert "\n" not in said
    done = add(tmp_path, *way.split())
    assert "of 13 images of more than 8 bits 0 have values below it, which become black, and 0 above 2500" in done
    assert "black: -1015" in done
    narrow = add(tmp_path, "--set", "black=-1003", "--set", "white=2005")
    assert "of 13 images of more than 8 bits 8 have values below it, which become black, and 1 above 2005" in narrow


@pytest.mark.parametrize("values", [[-0.12345679, 0.1], [-1e-7, 3e4], [-5, -5], [-3.5, -3.5]])
def test_the_way_can_be_typed_whatever_the_numbers(values: list[float], tmp_path: Path) -> None:
    for number in range(4):
        write_row(tmp_path / "ab"[number % 2] / f"{number}.tif", values, "f4")
    words = add(tmp_path).split("; ")[1].split(" takes")[0].split()
    assert words[::2] == ["--set"] * 2
    assert "0 have values below it, which become black, and 0 above" in add(tmp_path, *words)


def test_images_below_0_are_left_out_where_bad_files_are(tmp_path: Path) -> None:
    write_slices(tmp_path)
    for number in range(3):
        for name in ("ill", "well"):
            write_row(tmp_path / name / f"high{number}.tif", [5, 2500], "u2")
    assert "broken: 6 .tif in ill: unreadable" in add(tmp_path, "--set", "bad_files=skip")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("black=5", "white=5"), "white: 5 is not allowed: white must be above black, 5"),
        (("black=-5",), "white: None is not allowed: white must be set, too, where black is (-5)"),
    ],
)
def test_the_command_refuses_what_cannot_be(words: Sequence[str], said: str, tmp_path: Path) -> None:
    write_slices(tmp_path)
    refused = add(tmp_path, *(word for change in words for word in ("--set", change)))
    assert said in refused
    assert "\n" not in refused
