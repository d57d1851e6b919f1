"""What the first stage says of the images that it reads."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.traces import make_pictures, store_jpeg
from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.core.results import read_required, write_result
from counterweight.results.ingest import Account
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
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test", "--account", "account"])
    said = capsys.readouterr().err
    assert "params.yaml: datasets.pets: files: 12 found = 8 images + 4 left out\n" in said
    assert "params.yaml: datasets.pets: split here: 6 train + 2 test\n" in said
    assert "params.yaml: datasets.pets: left out: 4 .png in dog: made by the system\n" in said
    kept = [{"reason": "made by the system", "ending": ".png", "place": "dog", "files": 4}]
    assert read_images(Path("train")).provenance["left_out"] == kept
    written = read_required(Path("account"), Account)
    assert written.found == 12
    assert written.parts == {"train": 6, "test": 2}
    assert [{key: value for key, value in group if key != "advice"} for group in written.left_out or []] == kept


@pytest.mark.parametrize(("keep", "said"), [(True, "16 found = 8 train + 8 test"), (False, "16 found = 16 images")])
def test_parts_of_the_source_are_told_if_they_are_kept(
    keep: bool, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        (tmp_path / "images/pets" / name).mkdir(parents=True)
        for grey in range(4):
            Image.new("L", (4, 4), 50 * number + 9 * grey).save(tmp_path / "images/pets" / name / f"{grey}.png")
    (tmp_path / "params.yaml").write_text(f"{PARAMS}    keep_split: {str(keep).lower()}\n", encoding="utf-8")
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test", "--account", "account"])
    told = capsys.readouterr().err
    assert f"params.yaml: datasets.pets: files: {said} + 0 left out\n" in told
    parts = read_required(Path("account"), Account).parts
    split = f"datasets.pets: split here: {parts['train']} train + {parts['test']} test\n"
    assert (split in told) is not keep
    assert ("split here" in told) is not keep


def test_a_dataset_that_is_known_has_its_images_counted_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = PARAMS.replace("  pets:\n    source: folder", "  digits:\n    source: digits").replace(
        "size: 4", "size: 8"
    )
    (tmp_path / "params.yaml").write_text(settings, encoding="utf-8")
    ingest.main(["--dataset", "digits", "--train", "train", "--test", "test", "--account", "account"])
    written = read_required(Path("account"), Account)
    assert written.left_out is None
    assert written.found == 1797 == sum(written.parts.values())  # as the dataset's description says
    assert sum(written.images[part]["3"] for part in ("train", "test")) == 183


def test_an_account_that_does_not_add_up_is_refused(tmp_path: Path) -> None:
    account = Account(found=3, images={"train": {"cat": 3}}, broken=[], left_out=None, notes=[])
    write_result(account.model_copy(update={"found": 4}), tmp_path / "account.json")
    with pytest.raises(UserError, match=r"account.json: .*4 found, but 3 accounted for"):
        read_required(tmp_path / "account.json", Account)


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
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test", "--account", "account"])
    said = capsys.readouterr().err
    assert f": 1 files have several frames, of which the first is read: {folders[0]}/a.tif; where frames" in said
    assert "broken: 1 .jpg in dog: not an image\n" in said
    kept = [read_images(Path(part)).provenance.get("several_frames", 0) for part in ("train", "test")]
    assert sum(kept) == 1
    written = read_required(Path("account"), Account)
    assert [(group.files, group.ending, group.place, group.reason) for group in written.broken] == [
        (1, ".jpg", "dog", "not an image")
    ]
    assert any("several frames" in note for note in written.notes)
    assert written.found == 6 * len(folders) + 2


@pytest.mark.parametrize("near", ["together", "ignore"])
def test_what_shows_the_same_is_a_group_in_the_tables(
    near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight pictures of a class two are there as JPEGs, too, and a third twice."""
    monkeypatch.chdir(tmp_path)
    pictures = make_pictures(64, 32, 0)[::4]  # noise like photographs
    for name, own in (("cat", pictures[:8]), ("dog", pictures[8:])):
        (tmp_path / "images/pets" / name).mkdir(parents=True)
        again = [*(store_jpeg(picture, 90) for picture in own[:2]), own[2]] if name == "cat" else []
        for number, picture in enumerate([*own, *again]):
            picture.save(tmp_path / "images/pets" / name / f"{number}.png")
    settings = PARAMS.replace("size: 4\n    channels: 1", f"size: 32\n    near_duplicates: {near}")
    (tmp_path / "params.yaml").write_text(settings, encoding="utf-8")
    ingest.main(["--dataset", "pets", "--train", "train", "--test", "test", "--account", "account"])
    parts = [read_images(Path(name)) for name in ("train", "test")]
    both = parts[0].concatenate(parts[1])
    assert both.group_names is not None
    shared = [
        {Path(origin).stem for origin in both.origins[both.group_names == name]}
        for name in np.unique(both.group_names)
        if (both.group_names == name).sum() > 1
    ]
    expected = [{"2", "10"}] if near == "ignore" else [{"0", "8"}, {"1", "9"}, {"2", "10"}]
    assert sorted(shared, key=sorted) == sorted(expected, key=sorted)
