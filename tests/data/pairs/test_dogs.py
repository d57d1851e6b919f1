"""The dogs: Stanford's photographs from small archives in a mirror, and generated ones that people fetch themselves."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML
from scipy.io import savemat

from counterweight.core.errors import UserError
from counterweight.core.images import read_images
from counterweight.data.pairs import dogs
from counterweight.data.sources import stanford_dogs
from counterweight.evaluation.prechecks import check_pair
from counterweight.settings.params import load_params
from stages import ingest_pair
from tests.data.pairs.made import OUTPUTS

PARAMS = Path(__file__).parents[3] / "params.yaml"
LISTS = {
    "train_list.mat": ["n02085620-Chihuahua/n02085620_5927.jpg", "n02086240-Shih-Tzu/n02086240_1.jpg"],
    "test_list.mat": ["n02085620-Chihuahua/n02085620_2.jpg"],
}
PATHS = [path for paths in LISTS.values() for path in paths]


def tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def picture(grey: int, suffix: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (grey, grey, grey)).save(buffer, suffix)
    return buffer.getvalue()


def listed(paths: list[str]) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, {"file_list": np.array([[path] for path in paths], dtype=object)})
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A mirror with three photographs, taken for the published ones; the stage runs in a folder with four others."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    images = {f"Images/{path}": picture(10 * number, "JPEG") for number, path in enumerate(PATHS)}
    for name, files in (("IMAGES", images), ("LISTS", {word: listed(paths) for word, paths in LISTS.items()})):
        archive = getattr(stanford_dogs, name)
        content = tar(files)
        (folder / archive.remote.name).write_bytes(content)
        remote = archive.remote._replace(size=len(content), sha256=hashlib.sha256(content).hexdigest(), urls=())
        monkeypatch.setattr(stanford_dogs, name, archive._replace(remote=remote))
    generated = tmp_path / "project/images/puppies/synthetic/deep"
    generated.mkdir(parents=True)
    for number in range(4):
        (generated / f"{number}.png").write_bytes(picture(100 + number, "PNG"))
    (generated / "notes.txt").write_text("by a GAN")
    (generated / "preview.jpg").write_bytes(picture(0, "JPEG"))
    monkeypatch.setattr(dogs, "PUBLISHED", 4)
    monkeypatch.chdir(tmp_path / "project")
    return folder


def settings_file(**block: object) -> Path:
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["pairs"] = {"puppies": {"source": "dogs", "size": 4, "channels": 1, **block}}
    params["table"]["pairs"] = ["puppies"]
    Path("params.yaml").write_text(json.dumps(params), encoding="utf-8")
    return Path("params.yaml")


def test_photographs_and_generated_dogs_become_two_tables(mirror: Path) -> None:
    check_pair(load_params(settings_file(mirror=str(mirror))), "puppies")
    ingest_pair.main(["--pair", "puppies", *OUTPUTS])
    real, synthetic = read_images(Path("real.parquet")), read_images(Path("synthetic.parquet"))
    assert real.origins.tolist() == PATHS, "those to train on and those to test on"
    assert np.abs(real.images[:, 0, 0, 0].astype(int) - [0, 10, 20]).max() <= 2
    assert synthetic.origins.tolist() == [f"deep/{number}.png" for number in range(4)]
    assert synthetic.images[:, 0, 0, 0].tolist() == [100, 101, 102, 103]
    assert real.class_names == synthetic.class_names == ("image",)
    assert str(mirror) not in json.dumps([real.provenance, synthetic.provenance])


def test_as_many_photographs_as_wanted_are_drawn(mirror: Path) -> None:
    settings_file(mirror=str(mirror), images=2)
    ingest_pair.main(["--pair", "puppies", *OUTPUTS])
    assert [len(read_images(Path(f"{side}.parquet"))) for side in ("real", "synthetic")] == [2, 2]


def test_photographs_are_made_as_small_as_generated_dogs_are(mirror: Path) -> None:
    path = settings_file(mirror=str(mirror))
    params = json.loads(path.read_text())
    del params["pairs"]["puppies"]["size"]
    path.write_text(json.dumps(params))
    ingest_pair.main(["--pair", "puppies", *OUTPUTS])
    assert read_images(Path("real.parquet")).shape == read_images(Path("synthetic.parquet")).shape == (1, 64, 64)


@pytest.mark.parametrize("name", ["images.tar", "lists.tar"])
def test_a_mirror_that_lacks_an_archive_is_refused(name: str, mirror: Path) -> None:
    (mirror / name).unlink()
    with pytest.raises(UserError, match=rf"^params.yaml: pairs.puppies.mirror: {mirror}: {name} is not there$"):
        check_pair(load_params(settings_file(mirror=str(mirror))), "puppies")


def test_checking_downloads_and_unpacks_nothing(mirror: Path) -> None:
    check_pair(load_params(settings_file()), "puppies")
    check_pair(load_params(settings_file(mirror=str(mirror))), "puppies")
    assert not Path("downloads").exists()


def test_missing_generated_dogs_are_told_with_the_place_to_get_them_from(mirror: Path) -> None:
    generated = Path("images/puppies/synthetic")
    (generated / "deep/3.png").rename("3.png")
    params = load_params(settings_file(mirror=str(mirror)))
    with pytest.raises(UserError, match=rf"^params.yaml: pairs.puppies: {generated}: 3 images, but an entry has 4$"):
        check_pair(params, "puppies")
    generated.rename("away")
    with pytest.raises(
        UserError, match=rf"{generated}: no such folder; dogs that a GAN made: log in at https://www.kag"
    ):
        check_pair(params, "puppies")
    generated.mkdir()
    with pytest.raises(UserError, match=rf"{generated}: no images there; dogs that a GAN made: log in at"):
        check_pair(params, "puppies")


def test_a_photograph_that_the_lists_name_has_to_be_there(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = tar({f"Images/{path}": picture(0, "JPEG") for path in PATHS[1:]})
    (mirror / "images.tar").write_bytes(content)
    remote = stanford_dogs.IMAGES.remote._replace(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(stanford_dogs, "IMAGES", stanford_dogs.IMAGES._replace(remote=remote))
    with pytest.raises(UserError, match=rf"/{PATHS[0]}: not there, but lists.tar has it$"):
        dogs.find(dogs.Settings(size=4, mirror=str(mirror)), "puppies")


def test_only_the_folder_that_is_watched_will_do() -> None:
    with pytest.raises(UserError, match=r"^params.yaml: pairs.puppies.synthetic: unknown key"):
        check_pair(load_params(settings_file(synthetic="elsewhere")), "puppies")


def test_generated_dogs_of_another_size_or_broken_ones_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "project/images/puppies/synthetic/deep/3.png"
    Image.new("RGB", (40, 40)).save(path)
    with pytest.raises(UserError, match=r"3.png: 40 x 40 pixels; an entry's have 64 x 64$"):
        dogs.find_generated("puppies")
    path.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"3.png: not an image"):
        dogs.find_generated("puppies")
