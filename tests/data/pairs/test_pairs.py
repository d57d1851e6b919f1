"""Pairs: two folders, and the published streets, found, checked and read into tables."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from benchmarks.traces import make_pictures, store_jpeg
from counterweight.core.errors import UserError
from counterweight.core.image_file import ImageFile
from counterweight.core.images import ImageSet, read_images
from counterweight.core.results import read_required
from counterweight.data.besides import pairs as besides
from counterweight.data.decode.pool import Workers
from counterweight.data.pairs import city, folders
from counterweight.data.split.reading import Subset, WrittenPart, write_part
from counterweight.evaluation.prechecks import check_pair
from counterweight.features.extractor import draw_some_rows
from counterweight.results.files import Equalised, PairFiles
from counterweight.settings.pairs import plan_pair
from counterweight.settings.params import load_params
from stages import ingest_pair
from tests.data.pairs.made import OUTPUTS

PARAMS = Path(__file__).parents[3] / "params.yaml"
BDD = "0a0a0b1a-7c39d841.jpg"


def write(path: Path, grey: int = 100, size: tuple[int, int] = (6, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, grey).save(path)
    return path


def streets(root: Path) -> Path:
    """All three published sets, in miniature but for the pixels, beside files that are not to be read."""
    size = (640, 400)
    write(root / "real/bdd100k/images/100k/train" / BDD, 10, size)
    write(root / "real/bdd100k/labels/0a0a0b1a-7c39d841_drivable.png", 0, size)
    write(root / "synthetic/synthia/SYNTHIA-SF/SEQ1/RGBLeft/0000000.png", 20, size)
    write(root / "synthetic/synthia/SYNTHIA-SF/SEQ1/DepthLeft/0000000.png", 0, size)
    write(root / "synthetic/gta/images/00001.png", 30, size)
    write(root / "synthetic/gta/labels/00001.png", 0, size)
    return root


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with settings in which the pair `two` is a block to be filled, which stages run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def settings_file(**block: object) -> Path:
    params = YAML(typ="safe", pure=True).load(PARAMS.read_text(encoding="utf-8"))
    params["pairs"] = {"two": {"source": "folders", "size": 4, "channels": 1, **block}}
    params["table"]["pairs"] = ["two"]
    Path("params.yaml").write_text(json.dumps(params), encoding="utf-8")
    return Path("params.yaml")


def ingested() -> tuple[ImageSet, ImageSet]:
    ingest_pair.main(["--pair", "two", *OUTPUTS])
    return read_images(Path("real.parquet")), read_images(Path("synthetic.parquet"))


def two_folders(project: Path) -> None:
    for number in range(5):
        write(project / "photographs" / f"{number}.png", number)
    for number in range(7):
        write(project / "images/two/synthetic/deep" / f"{number}.png", 100 + number)
    (project / "images/two/real").symlink_to(project / "photographs")


def test_what_the_sides_differ_in_is_written_down(project: Path) -> None:
    """Their files, and the mix of their classes; nothing where they are alike."""
    for number in range(20):
        write(project / f"images/two/real/{'cat' if number < 2 else 'dog'}/{number}.png", number)
        write(project / f"images/two/synthetic/{'cat' if number < 18 else 'dog'}/{number}.jpg", number)
    settings_file()
    real, synthetic = ingested()
    mix = "class mix (2 cat, 18 dog against 18 cat, 2 dog)"
    assert synthetic.provenance["file_differences"] == ["format (20 PNG against 20 JPEG)", mix]
    assert real.provenance["file_differences"] == synthetic.provenance["file_differences"]
    two_folders(project / "alike")
    alike = project / "alike"
    settings_file(real=str(alike / "photographs"), synthetic=str(alike / "images/two/synthetic"))
    assert "file_differences" not in ingested()[1].provenance


def read_same() -> tuple[ImageFile, ImageFile, PairFiles]:
    """Both tables of a pair made the same, and what is written of its files."""
    tables = [ImageFile(Path(f"same_{side}.parquet")) for side in ("real", "synthetic")]
    return tables[0], tables[1], read_required(Path("besides.json"), PairFiles)


def write_noise(path: Path, seed: int, size: int = 24, quality: int = 75) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)
    Image.fromarray(pixels).save(path, quality=quality)


def test_sides_that_differ_are_made_the_same_beside_what_they_are(project: Path) -> None:
    """The same pictures as JPEGs and as PNGs are the same images once both are re-encoded."""
    for number in range(30):
        write_noise(project / f"images/two/real/{number:02}.jpg", number, quality=30)
        write_noise(project / f"images/two/synthetic/{number:02}.png", number)
    settings_file(size=24)
    real, synthetic = ingested()
    same_real, same_synthetic, found = read_same()
    assert found.equalised == Equalised(steps=["re-encoded as JPEG of quality 30"])
    assert found.differences == ["format (30 JPEG against 30 PNG)"]
    every = np.arange(30)
    pictures = [each.take(every).images.astype(int) for each in (same_real, same_synthetic)]
    assert np.abs(real.images.astype(int) - synthetic.images).mean() > 10
    # A JPEG that is stored again at its quality hardly changes: by the rounding of pixels.
    assert np.abs(pictures[0] - pictures[1]).mean() < 2
    assert same_real.item == same_synthetic.item == "pairs/two"
    again = [Path(f"same_{side}.parquet").read_bytes() for side in ("real", "synthetic")]
    ingested()
    assert [Path(f"same_{side}.parquet").read_bytes() for side in ("real", "synthetic")] == again


def test_only_what_is_drawn_and_can_be_read_is_made_the_same(project: Path) -> None:
    for number in range(30):
        write_noise(project / f"images/two/real/{number:02}.jpg", number, quality=30)
        write_noise(project / f"images/two/synthetic/{number:02}.png", number)
    (project / "images/two/real/07.jpg").write_bytes(b"")
    settings_file(size=24, images=29, bad_files="skip")
    real, _ = ingested()
    same, _, _ = read_same()
    assert same.take(np.arange(len(same))).origins.tolist() == real.origins.tolist()


def test_as_many_of_each_class_are_taken_of_another_mix(project: Path) -> None:
    for number in range(20):
        write(project / f"images/two/real/{'cat' if number < 2 else 'dog'}/{number}.png", number)
        write(project / f"images/two/synthetic/{'cat' if number < 18 else 'dog'}/{number}.png", number)
    settings_file()
    ingested()
    real, synthetic, found = read_same()
    assert found.equalised is not None
    assert found.equalised.images == {"cat": 2, "dog": 2}
    assert real.labels.tolist() == synthetic.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("equalise", "reason"), [(True, "both sides are alike"), (False, "equalise is false")])
def test_where_nothing_is_made_the_same_the_tables_say_why(equalise: bool, reason: str, project: Path) -> None:
    for number in range(20):
        write(project / f"images/two/real/{number}.png", number)
        write(project / f"images/two/synthetic/{number}.{'png' if equalise else 'jpg'}", number)
    settings_file(equalise=equalise)
    ingested()
    real, synthetic, found = read_same()
    assert len(real) == len(synthetic) == 0
    assert (real.not_applicable or "").startswith(reason)
    assert found.equalised is None
    assert bool(found.differences) != equalise


def test_one_grey_becomes_white_in_all_files_of_a_pair(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That which the largest of all files needs, also of those that were not drawn to be looked at."""
    for number in range(12):
        for side in ("real", "synthetic"):
            pixels = np.full((8, 8), 16 * (255 if number == 11 else number), dtype=np.uint16)
            path = project / f"images/two/{side}/{number:02}.tiff"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    settings_file()
    monkeypatch.setattr(besides, "MOST", 4)
    real, synthetic = ingested()
    assert real.images[:, 0, 0, 0].tolist() == synthetic.images[:, 0, 0, 0].tolist() == [*range(11), 254]
    found = read_same()[2]
    assert found.files is not None
    assert (found.files.real.white, found.files.synthetic.white) == (4095, 4095)


def test_groups_stay_known_when_sides_are_made_the_same(project: Path) -> None:
    root = streets(project / "images/two")
    ride = BDD.split("-")[0]
    for number in range(12):
        write(root / f"real/bdd100k/images/100k/val/{ride}-0000000{number:x}.jpg", 10 + number, (640, 400))
        write(root / f"synthetic/gta/images/{100 * number:05}.png", 30, (640, 400))
    settings_file(source="city")
    real, _ = ingested()
    same, _, found = read_same()
    assert found.equalised is not None
    assert same.groups is not None
    assert same.take(np.arange(len(same))).origins.tolist() == real.origins.tolist()
    assert same.groups.tolist() == (real.groups.tolist() if real.groups is not None else None)


def test_two_folders_become_two_tables_of_one_class(project: Path) -> None:
    two_folders(project)
    params = load_params(settings_file())
    check_pair(params, "two")
    real, synthetic = ingested()
    assert real.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert synthetic.images[:, 0, 0, 0].tolist() == [*range(100, 107)]
    assert real.class_names == synthetic.class_names == ("image",)
    assert synthetic.origins[6] == "deep/6.png"
    assert real.item == synthetic.item == "pairs/two"


def test_as_many_as_wanted_are_drawn_at_random(project: Path) -> None:
    two_folders(project)
    settings_file(images=3)
    real, synthetic = ingested()
    assert (len(real), len(synthetic)) == (3, 3)
    assert [*real.origins] == sorted({*real.origins})
    assert ingested()[0].origins.tolist() == real.origins.tolist()
    settings_file(images=6)
    assert [len(images) for images in ingested()] == [5, 6]


def test_of_images_made_of_one_another_both_are_drawn_or_neither(project: Path) -> None:
    for number in range(20):
        write(project / "images/two/real" / f"{number:02}.png", number)
        write(project / "images/two/synthetic" / f"{number:02}.png", 100 + number)
    settings_file(images=12)
    real, synthetic = ingested()
    assert real.origins.tolist() == synthetic.origins.tolist()
    assert len(draw_some_rows(real, 7, 0)) == 7
    assert draw_some_rows(real, 7, 0).tolist() == draw_some_rows(synthetic, 7, 0).tolist()


@pytest.mark.parametrize("key", ["real", "synthetic"])
def test_a_side_without_images_is_refused(key: str, project: Path) -> None:
    two_folders(project)
    for path in (project / "images/two/synthetic/deep", project / "photographs"):
        if (path.name == "deep") == (key == "synthetic"):
            for file in path.iterdir():
                file.unlink()
    params = load_params(settings_file())
    with pytest.raises(UserError, match=rf"^params.yaml: pairs.two.{key}: images/two/{key}: no images there; it must"):
        check_pair(params, "two")


def test_a_side_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"^params.yaml: pairs.two.real: images/two/real: no such folder"):
        check_pair(load_params(settings_file()), "two")


def test_in_the_table_only_the_folders_that_are_watched_will_do(project: Path) -> None:
    two_folders(project)
    with pytest.raises(UserError, match=r"pairs.two.real: only images/two/real is watched"):
        check_pair(load_params(settings_file(real=str(project / "photographs"))), "two")


def test_outside_the_graph_any_folder_will_do(project: Path) -> None:
    two_folders(project)
    settings = folders.Settings(size=4, real=str(project / "photographs"), synthetic=str(project / "photographs"))
    assert len(folders.find(settings, "any").synthetic) == 5


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"source": "folder"}, r"pairs.two.source: there is no 'folder'; did you mean 'folders'\?"),
        ({"images": 0}, "pairs.two.images: 0 is not allowed"),
        ({"sise": 4}, r"pairs.two.sise: unknown key; did you mean 'size'\?"),
        ({"minority": ["a"]}, "pairs.two.minority: unknown key"),
    ],
)
def test_wrong_settings_are_refused(block: dict[str, object], message: str) -> None:
    params = load_params(settings_file(**block))
    with pytest.raises(UserError, match=message):
        plan_pair(params.pairs, "two")


def test_a_pair_may_not_be_called_as_a_dataset_is() -> None:
    path = settings_file()
    path.write_text(path.read_text().replace('"two"', '"digits"'))
    with pytest.raises(UserError, match=r"pairs.digits: a dataset is called so, too"):
        load_params(path)


# The streets.


def test_of_the_streets_only_frames_are_read(project: Path) -> None:
    streets(project / "images/two")
    params = load_params(settings_file(source="city"))
    check_pair(params, "two")
    real, synthetic = ingested()
    assert real.origins.tolist() == [f"real/bdd100k/images/100k/train/{BDD}"]
    assert synthetic.images[:, 0, 0, 0].tolist() == [20, 30]


def test_frames_of_one_video_are_a_group_to_the_tables_end(project: Path) -> None:
    root, size = streets(project / "images/two"), (640, 400)
    ride = BDD.split("-")[0]
    write(root / f"real/bdd100k/images/100k/val/{ride}-00000000.jpg", 11, size)  # another video of the same ride
    write(root / "real/bdd100k/images/100k/val/ffffffff-00000000.jpg", 12, size)
    synthia = root / "synthetic/synthia"
    for grey, path in ((21, "SYNTHIA-SF/SEQ1/RGBRight/0000007.png"), (22, "SYNTHIA-SF/SEQ2/RGBLeft/0000000.png")):
        write(synthia / path, grey, size)
    for number in (0, 1):
        write(synthia / f"RAND_CITYSCAPES/RGB/000000{number}.png", 23 + number, size)
    for number in (99, 100):
        write(root / f"synthetic/gta/images/{number:05}.png", number, size)
    check_pair(load_params(settings_file(source="city")), "two")
    assert [count_members(images) for images in ingested()] == [[1, 2], [1, 1, 1, 1, 2, 2]]


def count_members(images: ImageSet) -> list[int]:
    """Return how many images each group has, the smallest first."""
    assert images.groups is not None
    return sorted(np.bincount(images.groups).tolist())


def write_pictures(folder: Path, places: Sequence[int], again: Sequence[int], ending: str = "png") -> None:
    """Write noise with the spectrum of photographs, and some of it a second time, as a JPEG of quality 90 shows it."""
    pictures = make_pictures(240, 32, 0)[::4]
    folder.mkdir(parents=True, exist_ok=True)
    for row, place in enumerate(places):
        pictures[place].save(folder / f"{row:02}.{ending}", quality=75)
    for place in again:
        store_jpeg(pictures[place], 90).save(folder / f"again {place:02}.{ending}", quality=75)


def test_a_picture_that_is_there_twice_is_a_group_as_it_is_and_made_the_same(project: Path) -> None:
    """Of synthetic images none are where the generator repeats itself; tables without repeats stay as they are."""
    write_pictures(project / "images/two/real", [*range(20), 3, 3], [8, 9], "jpg")
    write_pictures(project / "images/two/synthetic", range(20, 40), [25])
    settings_file(size=32, channels=3)
    tables = [*ingested(), *(read_images(Path(f"same_{side}.parquet")) for side in ("real", "synthetic"))]
    for real, synthetic in (tables[:2], tables[2:]):
        assert count_members(real) == [*[1] * 17, 2, 2, 3]
        assert count_members(synthetic) == [*[1] * 19, 2]
        assert real.provenance["identical_images"] == {"in_this_part": 3}
        assert real.provenance["near_duplicates"] == {"in_this_part": 4}


def test_a_generator_that_repeats_itself_has_no_groups(project: Path) -> None:
    write_pictures(project / "images/two/real", range(30), [])
    write_pictures(project / "images/two/synthetic", [40] * 30, [])
    settings_file(size=32, channels=3)
    assert [images.group_names for images in ingested()] == [None, None]


def test_tables_in_which_nothing_repeats_are_what_they_were(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pictures(project / "images/two/real", range(30), [], "jpg")
    write_pictures(project / "images/two/synthetic", range(30, 60), [])
    settings_file(size=32, channels=3)
    ingested()
    names = ("real.parquet", "synthetic.parquet", "same_real.parquet", "same_synthetic.parquet", "besides.json")
    found = [Path(name).read_bytes() for name in names]
    monkeypatch.setattr(besides, "group_tables", lambda *_: None)
    monkeypatch.setattr(besides, "write_part", write_without_sketches)
    ingested()
    assert [Path(name).read_bytes() for name in names] == found


def write_without_sketches(
    chosen: Subset, path: Path, where: str, label: str, workers: Workers, every_class: bool = True, near: bool = False
) -> WrittenPart:
    """Write a part as it was before near duplicates were looked for."""
    assert near
    return write_part(chosen, path, where, label, workers, every_class)


@pytest.mark.parametrize(
    ("folder", "word"),
    [("real", "bdd-data.berkeley.edu"), ("synthetic/synthia", "synthia-"), ("synthetic/gta", "from_games")],
)
def test_a_missing_set_is_told_with_the_place_to_get_it_from(folder: str, word: str, project: Path) -> None:
    root = streets(project / "images/two")
    (root / folder).rename(root / "away")
    with pytest.raises(UserError, match=rf"^params.yaml: pairs.two: images/two/{folder}: no such folder; .*{word}"):
        city.precheck(city.Settings(size=4), "two")
    write(root / folder / "other.png")
    with pytest.raises(UserError, match=rf"images/two/{folder}: no images there; .*{word}"):
        city.precheck(city.Settings(size=4), "two")


def test_thumbnails_and_broken_frames_are_refused(project: Path) -> None:
    root = streets(project / "images/two")
    frame = root / "synthetic/gta/images/00001.png"
    write(frame, 30, (200, 100))
    with pytest.raises(UserError, match=r"GTA V: images/two/.*00001.png: 200 x 100 pixels; .* have 512 or more"):
        city.precheck(city.Settings(size=4), "two")
    frame.write_bytes(b"no image")
    with pytest.raises(UserError, match=r"00001.png: not an image"):
        city.precheck(city.Settings(size=4), "two")


def test_all_sets_that_are_missing_are_told_at_once(project: Path) -> None:
    (project / "images/two").mkdir(parents=True)
    with pytest.raises(UserError) as caught:
        city.precheck(city.Settings(size=4), "two")
    assert all(place in str(caught.value) for place in ("bdd-data", "synthia-dataset", "from_games"))


def test_some_frames_all_over_a_set_are_looked_at(project: Path) -> None:
    root = streets(project / "images/two")
    for number in range(2, 30):
        write(root / f"synthetic/gta/images/{number:05}.png", 30, (640, 400))
    city.precheck(city.Settings(size=4), "two")
    (root / "synthetic/gta/images/00029.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"00029.png: empty"):
        city.precheck(city.Settings(size=4), "two")


def test_bad_frames_are_skipped_where_wanted(project: Path) -> None:
    two_folders(project)
    (project / "photographs/2.png").write_bytes(b"")
    settings_file(bad_files="skip")
    real, _ = ingested()
    assert np.array_equal(real.images[:, 0, 0, 0], [0, 1, 3, 4])
    settings_file()
    with pytest.raises(UserError, match=r"^params.yaml: pairs.two: images/two/real/2.png: empty"):
        ingested()
