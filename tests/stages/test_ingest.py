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
