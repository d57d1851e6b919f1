"""What the first stage says of the images that it reads."""

from pathlib import Path

import pytest
from PIL import Image

from counterweight.core.images import read_images
from stages import ingest

PARAMS = """
seed: 0
device: cpu
datasets:
  pets:
    source: folder
    size: 4
    channels: 1
"""


def test_the_account_is_told_and_kept_with_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cat", "dog", "dog/@eaDir"):
        (tmp_path / "images/pets" / name).mkdir(parents=True)
        for number in range(4):
            Image.new("L", (4, 4), number).save(tmp_path / "images/pets" / name / f"{number}.png")
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test"])
    said = capsys.readouterr().err
    assert "params.yaml: datasets.pets: files: 12 found = 8 train + 4 left out\n" in said
    assert "params.yaml: datasets.pets: left out: 4 .png in dog: made by the system\n" in said
    kept = [{"reason": "made by the system", "ending": ".png", "place": "dog", "files": 4}]
    assert read_images(Path("train")).provenance["left_out"] == kept


@pytest.mark.parametrize("own_split", [False, True])
def test_frames_and_broken_files_are_told_by_class(
    own_split: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    parts = ("train/", "test/") if own_split else ("",)
    folders = [f"{part}{name}" for part in parts for name in ("cat", "dog")]
    for folder in folders:
        (tmp_path / "images/pets" / folder).mkdir(parents=True)
        for number in range(6):
            Image.new("L", (4, 4), number).save(tmp_path / f"images/pets/{folder}/{number}.png")
    frames = [Image.new("L", (4, 4), number) for number in (100, 110)]
    frames[0].save(tmp_path / f"images/pets/{folders[0]}/a.tif", save_all=True, append_images=frames[1:])
    (tmp_path / f"images/pets/{folders[1]}/b.JPG").write_text("no image")
    (tmp_path / "params.yaml").write_text(PARAMS + "    bad_files: skip\n", encoding="utf-8")
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test"])
    said = capsys.readouterr().err
    assert f": 1 files have several frames, of which the first is read: {folders[0]}/a.tif; where frames" in said
    assert "broken: 1 .jpg in dog: not an image\n" in said
    kept = [read_images(Path(part)).provenance.get("several_frames", 0) for part in ("train", "test")]
    assert sum(kept) == 1
