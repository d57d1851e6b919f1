"""An audit from Python: the command's numbers and files, whatever the images come in, and what is refused."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from threadpoolctl import threadpool_limits
from torch.utils.data import Dataset

import counterweight as cw
from counterweight.api.running import use_one_thread
from counterweight.cli.audit import Request
from counterweight.cli.audit import audit as audit_as_the_command_does
from counterweight.core.images import ImageSet, write_images
from counterweight.evaluation.audit.measuring import tell_progress
from tests.cli.test_audit import drawn, folder, params

__all__ = ["params"]  # a fixture: quick settings

ROOT = Path(__file__).parents[2]
QUICK: dict[str, Any] = {"backbones": ["mnasnet0_5"], "device": "cpu"}
NUMBERS = [(0, 40), (1, 36)]


def sets() -> list[npt.NDArray[np.uint8]]:
    """Real and synthetic images (N, H, W, C)."""
    return [drawn(count, seed) for seed, count in NUMBERS]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("sets")
    return [folder(root / name, images) for name, images in zip(("real", "synthetic"), sets(), strict=True)]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("tables")
    for number, images in enumerate(sets()):
        count = len(images)
        origins = np.array([str(place) for place in range(count)])
        pixels = images.transpose(0, 3, 1, 2).copy()
        write_images(
            ImageSet(pixels, np.zeros(count, dtype=np.int64), ("image",), origins, {}), root / f"{number}.parquet"
        )
    return [root / f"{number}.parquet" for number in range(2)]


@pytest.fixture(scope="module")
def found() -> cw.Audit:
    return cw.audit(*sets(), **QUICK)


def read(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def run_command(inputs: list[Path], out: Path, params: Path | None = None, full: bool = False) -> dict[str, Any]:
    backbones = () if params else ("mnasnet0_5",)
    asked = Request(params, inputs[0], inputs[1], None, backbones, None, full)
    with threadpool_limits(1), use_one_thread():  # as the command line's `main` does
        result = audit_as_the_command_does(asked, out, lambda text: None)
    answer: dict[str, Any] = json.loads(result.result)
    return answer


@pytest.mark.parametrize("kind", ["folders", "tables"])
def test_numbers_and_files_are_the_commands(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # without a settings file, as the library has none
    inputs = request.getfixturevalue(kind)
    command = run_command(inputs, tmp_path / "command")
    own = cw.audit(str(inputs[0]), inputs[1], backbones=["mnasnet0_5"])
    assert own.to_dict() == command
    assert own.verdict == command["verdict"]
    assert own.save(tmp_path / "python") == tmp_path / "python"
    assert read(tmp_path / "python") == read(tmp_path / "command")
    assert own.report.encode() == read(tmp_path / "command")["report.md"] == str(own).encode()


@pytest.mark.slow
def test_a_full_audit_by_a_settings_file_is_the_commands(folders: list[Path], params: Path, tmp_path: Path) -> None:
    command = run_command(folders, tmp_path / "command", params, full=True)
    own = cw.audit(*folders, params=params, full=True)
    assert own.to_dict() == command
    own.save(tmp_path / "python")
    assert read(tmp_path / "python") == read(tmp_path / "command")
    assert own.backbones == ["mnasnet0_5", "alexnet"]
    assert not own.table("alexnet").equals(own.table())


class Pairs(Dataset[Any]):
    """Images with labels, as torchvision's datasets have them."""

    def __init__(self, images: npt.NDArray[np.uint8], as_pictures: bool) -> None:
        self.images, self.as_pictures = images, as_pictures

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[object, int]:
        image = self.images[index]
        return (Image.fromarray(image) if self.as_pictures else torch.from_numpy(image).permute(2, 0, 1) / 255), 3


def test_whatever_images_come_in_the_numbers_are_those_of_a_table(
    tables: list[Path], found: cw.Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    known = run_command(tables, tmp_path / "command")
    real, synthetic = sets()
    assert found.to_dict() == known
    first = cw.audit(real.transpose(0, 3, 1, 2), torch.from_numpy(synthetic).permute(0, 3, 1, 2) / 127.5 - 1, **QUICK)
    assert first.to_dict() == known
    datasets = cw.audit(Pairs(real, as_pictures=True), Pairs(synthetic, as_pictures=False), **QUICK)
    assert datasets.to_dict() == known


def test_the_table_has_the_reports_numbers(found: cw.Audit) -> None:
    table = found.table()
    features = found.to_dict()["features"]
    statistics = features["backbones"]["mnasnet0_5"]["statistics"]
    assert list(table.index) == ["real", "synthetic"]
    assert table.loc["synthetic", "recall"] == statistics["prdc"]["between"]["recall"]["mean"]
    assert table.loc["real", "recall"] == statistics["prdc"]["baseline"]["recall"]["mean"]
    assert table.loc["real", "linear"] == 0.5
    assert table.loc["real", "Frechet ratio"] == 1.0
    assert table.loc["synthetic", "copies"] == features["copies"]["fraction"]
    assert [column["header"] for column in features["columns"]] == list(table.columns)[:-3]
    assert set(table.dtypes) == {np.dtype("float64")}
    assert {"backbone", *table.columns} == set(table.attrs)
    with pytest.raises(ValueError, match="backbone: 'alexnet' was not measured; there are: mnasnet0_5"):
        found.table("alexnet")


def test_folders_of_other_files_are_shown_made_the_same_and_as_they_are(found: cw.Audit, tmp_path: Path) -> None:
    for name, seed, ending in (("real", 0, "jpg"), ("other", 1, "png")):
        (tmp_path / name).mkdir()
        for number, image in enumerate(drawn(20, seed)):
            Image.fromarray(image).save(tmp_path / name / f"{number}.{ending}", quality=20)
    audited = cw.audit(tmp_path / "real", tmp_path / "other", **QUICK)
    assert audited.differences == ["format (20 JPEG against 20 PNG)"]
    assert audited.made_same
    assert audited.to_dict()["equalised"]["steps"] == ["re-encoded as JPEG of quality 20"]
    same, plain = audited.table(), audited.table(as_they_are=True)
    assert same.loc["synthetic", "sharpness"] != plain.loc["synthetic", "sharpness"]
    assert abs(same.loc["real", "sharpness"] / plain.loc["real", "sharpness"] - 1) < 0.1  # were such JPEGs before
    assert not found.made_same
    assert found.differences == []
    assert found.table(as_they_are=True).equals(found.table())


def test_what_a_notebook_shows(found: cw.Audit) -> None:
    html = found._repr_html_()
    assert "<table" in html
    assert "<p>`synthetic`" in html
    assert repr(found) == f"Audit: {found.verdict}"


def test_the_figure_is_drawn_without_pyplot(found: cw.Audit) -> None:
    before = "matplotlib.pyplot" in sys.modules
    figure = found.plot()
    assert isinstance(figure, Figure)
    assert ("matplotlib.pyplot" in sys.modules) == before
    figure.savefig(io.BytesIO(), format="png")
    assert figure.axes[0].get_title() == "standardised features of mnasnet0_5"


def test_few_or_equal_images_have_a_table_and_a_figure_too() -> None:
    few = cw.audit(drawn(2, 0), np.full((3, 20, 20, 3), 7, np.uint8), **QUICK)
    assert few.table().loc["synthetic"].isna().any()
    few.plot().savefig(io.BytesIO(), format="png")
    assert "None" not in few.report


def test_sets_in_memory_are_brought_to_one_size_if_it_is_said() -> None:
    large, small = drawn(20, 0, side=24), drawn(20, 1, side=20)[..., :1]
    with pytest.raises(ValueError, match=r"synthetic: images of \(20, 20\) pixels, but \(24, 24\) in real; say size="):
        cw.audit(large, small, **QUICK)
    with pytest.warns(
        UserWarning, match="^synthetic: grey images beside coloured ones; they get three equal channels$"
    ):
        found = cw.audit(large, small, size=16, **QUICK)
    assert "16 x 16, in colour." in found.report


def test_advice_fits_both_interfaces(found: cw.Audit, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a full audit measures them (`--full`, from Python `full=True`)." in found.report
    assert found.to_dict()["not_measured"]["measured_by"].endswith("from Python audit(full=True)")
    tell_progress("1 of 3")
    assert capsys.readouterr().err == "full audit, 1 of 3\n"


def test_the_range_that_a_warning_asks_for_can_be_given() -> None:
    grey = [drawn(count, seed)[..., 0] // 16 for seed, count in NUMBERS]
    with pytest.warns(UserWarning, match="nearly black|dark ones of 0 to 255; say value_range="):
        dark = cw.audit(*(images.astype(np.float64) for images in grey), **QUICK)
    said = cw.audit(*(images.astype(np.float64) for images in grey), value_range=(0, 15), **QUICK)
    known = cw.audit(*(images * 17 for images in grey), **QUICK)
    assert said.to_dict() == known.to_dict() != dark.to_dict()


def test_another_seed_draws_other_halves(found: cw.Audit) -> None:
    assert cw.audit(*sets(), seed=0, **QUICK).to_dict() == found.to_dict()
    assert cw.audit(*sets(), seed=1, **QUICK).to_dict() != found.to_dict()


def test_nothing_but_an_earlier_audit_is_replaced(found: cw.Audit, folders: list[Path], tmp_path: Path) -> None:
    found.save(tmp_path / "out")
    found.save(tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="mine: is there already and is no audit; name another folder"):
        found.save(tmp_path / "mine")
    own = cw.audit(*folders, **QUICK)
    with pytest.raises(ValueError, match="lie there; name another folder"):
        own.save(folders[0] / "audit")


@pytest.mark.parametrize("way", ["a script", "typed in", "a module"])
def test_folders_are_read_from_a_script_without_a_guard(way: str, folders: list[Path], tmp_path: Path) -> None:
    """Processes that decode images must not run it again."""
    call = f"cw.audit({str(folders[0])!r}, {str(folders[1])!r}, backbones=['mnasnet0_5'])"
    code = f"import counterweight as cw\nprint('begun')\nprint(len({call}.to_dict()))\nprint(__name__, __spec__)\n"
    (tmp_path / "script.py").write_text(code, encoding="utf-8")
    words = {"a script": ["script.py"], "typed in": ["-"], "a module": ["-m", "script"]}[way]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tmp_path,
        input=code if way == "typed in" else None,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    begun, parts, name = done.stdout.splitlines()
    assert (begun, parts) == ("begun", "6")
    assert name.startswith("__main__ ModuleSpec(name='script'" if way == "a module" else "__main__ None")


REFUSED: dict[str, tuple[Any, dict[str, Any], str]] = {
    "missing": (Path("nowhere"), {}, "nowhere: no such file or folder"),
    "one in memory": (drawn(5, 1), {}, "two folders, two image tables, or two sets in memory wanted"),
    "no backbone": (None, {"backbones": "alexnett"}, "alexnett"),
    "weights": (None, {"weights": "imagnet"}, r"extract\.weights: 'imagnet' is neither"),
    "device": (None, {"device": "tpu"}, "device: 'tpu' is not allowed"),
    "seed": (None, {"seed": -1}, "seed: -1 is not allowed"),
    "range": (None, {"value_range": (16, 0)}, r"value_range: \(black, white\), black below white, wanted"),
    "white": (None, {"value_range": (0, 1e6)}, r"white: 1000000\.0 is not allowed"),
    "size": (None, {"size": 2}, "size: 4 to 2048 pixels wanted, got 2"),
    "params": (None, {"params": "nowhere.yaml"}, r"^params: nowhere\.yaml: no such file$"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_audited_is_one_clear_line(case: str, folders: list[Path]) -> None:
    synthetic, arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as caught:
        cw.audit(folders[0], folders[1] if synthetic is None else synthetic, **{**QUICK, **arguments})
    assert "\n" not in str(caught.value)


def test_the_range_of_files_can_be_given(tmp_path: Path) -> None:
    """As bytes in memory whose values lie in it; what lies outside becomes the nearer end."""
    grey = [drawn(count, seed)[..., 0] for seed, count in NUMBERS]
    for name, images in zip(("real", "synthetic"), grey, strict=True):
        (tmp_path / name).mkdir()
        for place, image in enumerate(images):
            deep = 1000 + 10 * image.astype(np.uint16)
            Image.fromarray(deep).save(tmp_path / name / f"{place:03}.png")
    said = cw.audit(tmp_path / "real", tmp_path / "synthetic", value_range=(1000, 3550), **QUICK)
    guessed = cw.audit(tmp_path / "real", tmp_path / "synthetic", **QUICK)
    known = cw.audit(*grey, **QUICK)
    assert said.table().equals(known.table())
    assert not guessed.table().equals(known.table())
    with pytest.raises(ValueError, match="value_range: of images in memory or in folders; the images of tables are"):
        cw.audit(tmp_path / "a.parquet", tmp_path / "b.parquet", value_range=(0, 1), **QUICK)


@pytest.mark.parametrize(
    ("synthetic", "message"),
    [
        (drawn(5, 1).reshape(5, -1), "synthetic: rows of numbers; give them the shape"),
        (drawn(5, 1)[..., :2], r"synthetic: images: 1 or 3 channels wanted, first or last, got \(20, 20, 2\)"),
        (drawn(5, 1)[:, :8], r"synthetic: images of \(8, 20\) pixels, but \(20, 20\) in real; say size="),
        (drawn(1, 1), "synthetic: 1 images that can be read; at least 2 are needed"),
        (drawn(5, 1)[:0], r"synthetic: images: \(N, C, H, W\)"),
        ([drawn(1, 1)[0], drawn(1, 1, side=9)[0]], r"synthetic: item 1 is \(9, 9, 3\), but the first is \(20, 20, 3\)"),
        ([], "synthetic: no image"),
        (7, "synthetic: a folder, an image table, an array or a Dataset wanted, got int"),
    ],
)
def test_what_is_no_set_of_images_is_refused(synthetic: npt.NDArray[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cw.audit(drawn(5, 0), synthetic, **QUICK)


def test_one_picture_is_no_set() -> None:
    """Taken as 28 images of 20 x 3 pixels."""
    picture = np.zeros((28, 20, 3), np.uint8)
    with (
        pytest.warns(UserWarning, match="no byte"),
        pytest.raises(ValueError, match="real: images of 20 x 3 pixels; sides of 4"),
    ):
        cw.audit(picture, picture, **QUICK)
