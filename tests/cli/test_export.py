"""What `counterweight export` writes in each format, read by the libraries that it is for, and what it refuses."""

import csv
import gc
import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image
from ruamel.yaml import YAML

from counterweight.cli.commands.types import FORMATS
from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.registry import names_in
from counterweight.evaluation.retraining.methods import list_baselines
from counterweight.export.formats import base
from tests.export.made import DRAWS, lay_out, make_synthetic
from tests.stages.made import CLASSES, TEST, TRAIN, WANTED, digests, small_draws
from tests.tables import write_draws

ROOT = Path(__file__).parents[2]
Pixels = npt.NDArray[np.uint8]
ODD = ("train", "a/b", "04")
FITTED, ASIDE, TESTED = (20, 15, 13), (5, 5, 5), (6, 6, 6)
NO_LIBRARY = "is not installed: it is one of the development's own dependencies"
# Their own: nothing that this project could mend.
LIBRARIES = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")


def library(name: str) -> ModuleType:
    return pytest.importorskip(name, reason=f"{name} {NO_LIBRARY}")


def run(*words: object) -> str:
    """Return what `counterweight export` prints."""
    result = CliRunner().invoke(cli, ["export", *map(str, words)], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def export(params: Path, to: Path, method: str = "smote", *options: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("noise", "drop", method, "--to", to, "--params", params, "--json", *options))
    return found


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def folders(params: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One export in every format."""
    made = tmp_path_factory.mktemp("exports")
    for name in FORMATS:
        export(params, made / name, "smote", "--format", name)
    return {name: made / name for name in FORMATS}


def expected(draw: int = 0) -> dict[str, list[tuple[Pixels, int, bool]]]:
    """Return pixels, label and whether it is synthetic, of each image of each split, in its order."""
    draws = small_draws(DRAWS)
    parts: dict[str, list[tuple[ImageSet, bool]]] = {
        "train": [(draws.fitted(TRAIN, draw), False), (make_synthetic(draw), True)],
        "validation": [(draws.validation(TRAIN, draw), False)],
        "test": [(TEST, False)],
    }
    return {
        name: [
            (pixels[0], int(label), synthetic)
            for images, synthetic in own
            for pixels, label in zip(images.images, images.labels, strict=True)
        ]
        for name, own in parts.items()
    }


def assert_equal(found: list[tuple[Pixels, int, bool]], wanted: list[tuple[Pixels, int, bool]]) -> None:
    assert [row[1:] for row in found] == [row[1:] for row in wanted]
    assert all((one == other).all() for (one, _, _), (other, _, _) in zip(found, wanted, strict=True))


def read_table(folder: Path, split: str) -> list[dict[str, str]]:
    with (folder / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def read_shards(folder: Path, split: str) -> dict[str, dict[str, bytes]]:
    """Return the files of each image of a split's archives by its name."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member)
                assert content
                key, ending = member.name.split(".")
                found.setdefault(key, {})[ending] = content.read()
    return found


def to_pixels(content: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(content)))


# What is exported.


def test_the_command_knows_every_format() -> None:
    assert [*FORMATS] == names_in("export/formats")


@pytest.mark.parametrize("draw", range(DRAWS))
def test_the_images_of_a_draw_are_those_that_classifiers_saw(params: Path, tmp_path: Path, draw: int) -> None:
    export(params, tmp_path / "out", "smote", "--draw", draw + 1)
    for split, wanted in expected(draw).items():
        rows = read_table(tmp_path / "out", split)
        files = [(tmp_path / "out" / split / row["file_name"]).read_bytes() for row in rows]
        found = [
            (to_pixels(file), int(row["label"]), row["synthetic"] == "True")
            for file, row in zip(files, rows, strict=True)
        ]
        assert_equal(found, wanted)


def test_no_image_is_in_two_splits(folders: dict[str, Path]) -> None:
    tables = {split: read_table(folders["imagefolder"], split) for split in ("train", "validation", "test")}
    places = [(row["source"], row["source_index"]) for rows in tables.values() for row in rows]
    assert len(places) == len({*places}) == 48 + 12 + 15 + 18
    assert {row["synthetic"] for split in ("validation", "test") for row in tables[split]} == {"False"}


def test_every_image_tells_where_it_is_from(folders: dict[str, Path]) -> None:
    sources = {
        "data/noise/train.parquet": TRAIN,
        "data/noise/test.parquet": TEST,
        "data/noise/drop/smote/synthetic.parquet": make_synthetic(0),
    }
    rows = [row for split in ("train", "validation", "test") for row in read_table(folders["imagefolder"], split)]
    assert {row["source"] for row in rows} == {*sources}
    for row in rows:
        images, place = sources[row["source"]], int(row["source_index"])
        assert row["origin"] == images.origins[place]
        assert row["class_name"] == CLASSES[images.labels[place]] == CLASSES[int(row["label"])]
        assert row["method"] == ("smote" if row["synthetic"] == "True" else "real")
    # Synthetic images of another draw have rows after those of the first.
    assert Counter(row["method"] for row in rows) == {"real": 81, "smote": sum(WANTED)}


def test_counts_add_up_and_are_told(params: Path, tmp_path: Path) -> None:
    found = export(params, tmp_path / "out")
    train, validation, test = (found["splits"][name] for name in ("train", "validation", "test"))
    assert train["real"] == dict(zip(CLASSES, FITTED, strict=True))
    assert train["synthetic"] == dict(zip(CLASSES, WANTED, strict=True))
    assert validation["real"] == dict(zip(CLASSES, ASIDE, strict=True))
    assert test["real"] == dict(zip(CLASSES, TESTED, strict=True))
    assert {*validation["synthetic"].values(), *test["synthetic"].values()} == {0}
    assert (found["images"], found["synthetic"]) == (48 + 12 + 15 + 18, 12)
    assert [found[key] for key in ("dataset", "scenario", "method", "draw", "format")] == [
        *("noise", "drop", "smote", 1),
        "imagefolder",
    ]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert found["files"] == len(files) == found["images"] + 3 + 2  # three tables, README.md and croissant.json
    assert found["bytes"] == sum(path.stat().st_size for path in files)
    printed = run("noise", "drop", "smote", "--to", tmp_path / "again", "--params", params)
    assert "| all    |          48 |               12 |         15 |   18 |" in printed
    assert "93 images, 12 of them synthetic" in printed


def test_imbalanced_is_exported_without_anything_added(params: Path, tmp_path: Path) -> None:
    found = export(params, tmp_path / "out", "imbalanced")
    assert found["splits"]["train"]["real"] == dict(zip(CLASSES, FITTED, strict=True))
    assert found["synthetic"] == 0
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "Nothing: all images are real." in card
    assert "## How to leave the synthetic images out" not in card
    assert '- "synthetic"' not in card


@pytest.mark.parametrize("draw", [0, 2])
def test_balanced_gets_those_images_back_that_its_classifiers_saw(params: Path, tmp_path: Path, draw: int) -> None:
    export(params, tmp_path / "out", "balanced", "--draw", draw + 1)
    draws = small_draws(DRAWS)
    added = list_baselines([], {}, TRAIN, draws, 7)["balanced"].added
    assert added is not None
    wanted = [*draws.fitted(TRAIN, draw).origins, *added[draw].origins]
    rows = read_table(tmp_path / "out", "train")
    assert [row["origin"] for row in rows] == wanted
    assert {row["synthetic"] for row in rows} == {"False"}


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_images_give_the_same_bytes(params: Path, folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    export(params, tmp_path / "another", "smote", "--format", name)
    assert digests(tmp_path / "another") == digests(folders[name])


def test_colours_are_kept(tmp_path: Path) -> None:
    params = lay_out(tmp_path / "workspace", channels=3)
    export(params, tmp_path / "out", "smote", "--format", "parquet")
    table = pq.read_table(tmp_path / "out/data").to_pylist()
    assert {to_pixels(row["image"]["bytes"]).shape for row in table} == {(8, 8, 3)}


# The formats, by the libraries that read them.


@LIBRARIES
@pytest.mark.parametrize("name", ["imagefolder", "parquet"])
def test_datasets_loads_it(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    datasets = library("datasets")
    data = datasets.load_dataset(str(folders[name]), cache_dir=str(tmp_path))
    assert data["train"].features["label"] == datasets.ClassLabel(names=[*CLASSES])
    assert isinstance(data["train"].features["image"], datasets.Image)
    kinds = {"class_name": "string", "synthetic": "bool", "method": "string", "source": "string", "origin": "string"}
    for key, kind in {**kinds, "source_index": "int64"}.items():
        assert data["train"].features[key] == datasets.Value(kind)
    for split, wanted in expected().items():
        rows = data[split]
        assert_equal([(np.asarray(row["image"]), row["label"], row["synthetic"]) for row in rows], wanted)
    real = data["train"].filter(lambda synthetic: not synthetic, input_columns="synthetic")
    assert len(real) == sum(FITTED)


@LIBRARIES
def test_datasets_loads_parquet_files_without_the_card(folders: dict[str, Path], tmp_path: Path) -> None:
    datasets = library("datasets")
    files = {split: str(folders["parquet"] / f"data/{split}-*.parquet") for split in ("train", "test")}
    data = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    assert data["test"].features["label"] == datasets.ClassLabel(names=[*CLASSES])
    assert_equal(
        [(np.asarray(row["image"]), row["label"], row["synthetic"]) for row in data["test"]], expected()["test"]
    )


@LIBRARIES
def test_datasets_loads_tar_files(folders: dict[str, Path], tmp_path: Path) -> None:
    datasets = library("datasets")
    data = datasets.load_dataset(str(folders["webdataset"]), cache_dir=str(tmp_path))
    assert data["train"].features["cls"] == datasets.ClassLabel(names=[*CLASSES])
    found = [(np.asarray(row["png"]), row["cls"], row["json"]["synthetic"]) for row in data["train"]]
    assert_equal(found, expected()["train"])


@LIBRARIES
def test_datasets_takes_no_class_for_a_split_or_a_number(tmp_path: Path) -> None:
    datasets = library("datasets")
    params = lay_out(tmp_path / "workspace", class_names=ODD)
    export(params, tmp_path / "out")
    for path in (str(tmp_path / "out"), str(tmp_path / "copy")):
        data = datasets.load_dataset(path, cache_dir=str(tmp_path / "cache"))
        assert {split: len(rows) for split, rows in data.items()} == {"train": 60, "validation": 15, "test": 18}
        assert {(row["label"], str(row["class_name"])) for row in data["test"]} <= {*enumerate(ODD), (2, "4")}
        if path.endswith("out"):
            assert {row["class_name"] for row in data["test"]} == {*ODD}
            (tmp_path / "out").rename(tmp_path / "copy")
            (tmp_path / "copy/README.md").unlink()  # Without the card readers find the splits by names alone.


@LIBRARIES
def test_a_class_that_reads_as_a_missing_value_keeps_its_number(tmp_path: Path) -> None:
    datasets = library("datasets")
    params = lay_out(tmp_path / "workspace", class_names=("NA", "null", "no"))
    for name in ("imagefolder", "parquet"):
        export(params, tmp_path / name, "smote", "--format", name)
        data = datasets.load_dataset(str(tmp_path / name), cache_dir=str(tmp_path / "cache"))
        assert data["test"].features["label"].names == ["NA", "null", "no"]
        assert Counter(data["test"]["label"]) == {0: 6, 1: 6, 2: 6}
    assert {row["class_name"] for row in data["test"]} == {"NA", "null", "no"}  # of Parquet files, which have types


@LIBRARIES
def test_torchvision_finds_the_classes_and_can_leave_synthetic_images_out(folders: dict[str, Path]) -> None:
    from torchvision.datasets import ImageFolder

    train = ImageFolder(folders["imagefolder"] / "train")
    assert train.classes == sorted(CLASSES)
    assert len(train) == sum(FITTED) + sum(WANTED)
    real = ImageFolder(folders["imagefolder"] / "train", is_valid_file=lambda path: Path(path).name.startswith("real_"))
    assert len(real) == sum(FITTED)


@LIBRARIES
def test_webdataset_reads_it(folders: dict[str, Path]) -> None:
    webdataset = library("webdataset")
    for split, wanted in expected().items():
        rows = webdataset.WebDataset(str(folders["webdataset"] / f"{split}-000000.tar"), shardshuffle=False).decode()
        found = [(row["png"], row["cls"], row["json"]) for row in rows]
        # Decoded without a name, an image is its file.
        pixels = [to_pixels(png) if isinstance(png, bytes) else png for png, _, _ in found]
        assert_equal([(one, cls, own["synthetic"]) for one, (_, cls, own) in zip(pixels, found, strict=True)], wanted)
        assert [own["label"] for _, _, own in found] == [label for _, label, _ in wanted]


def test_an_archive_tells_nothing_of_this_machine(folders: dict[str, Path]) -> None:
    with tarfile.open(folders["webdataset"] / "train-000000.tar") as archive:
        members = archive.getmembers()
    assert {(own.mtime, own.uid, own.gid, own.uname, own.gname) for own in members} == {(0, 0, 0, "", "")}
    assert [own.name.split(".")[1] for own in members[:3]] == ["cls", "json", "png"]


@pytest.mark.parametrize("name", ["parquet", "webdataset"])
def test_large_splits_are_several_files(
    params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(base, "SHARD_BYTES", 25 * 64)  # 25 images
    export(params, tmp_path / "out", "smote", "--format", name)
    wanted = expected()["train"]
    if name == "parquet":
        files = sorted(path.name for path in (tmp_path / "out/data").glob("train-*"))
        assert files == [f"train-0000{number}-of-00003.parquet" for number in range(3)]
        rows = [row for file in files for row in pq.read_table(tmp_path / "out/data" / file).to_pylist()]
        found = [(to_pixels(row["image"]["bytes"]), row["label"], row["synthetic"]) for row in rows]
    else:
        assert len([*(tmp_path / "out").glob("train-*")]) == 3
        shards = read_shards(tmp_path / "out", "train")
        found = [(to_pixels(own["png"]), int(own["cls"]), key.startswith("synthetic_")) for key, own in shards.items()]
        assert "train-{000000..000002}.tar" in (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert_equal(found, wanted)


# Card and Croissant.


def header(folder: Path) -> dict[str, Any]:
    _, text, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_the_card_has_the_hubs_header(folders: dict[str, Path], name: str) -> None:
    found = header(folders[name])
    assert found["task_categories"] == ["image-classification"]
    assert found["size_categories"] == ["n<1K"]
    splits = found["dataset_info"]["splits"]
    assert {own["name"]: own["num_examples"] for own in splits} == {"train": 60, "validation": 15, "test": 18}
    assert sum(own["num_bytes"] for own in splits) == found["dataset_info"]["dataset_size"]
    assert "license" not in found
    card = (folders[name] / "README.md").read_text(encoding="utf-8")
    assert "\n# license:\n" in card
    assert "\n## Licence\n\nNot chosen yet" in card


def test_the_card_says_what_is_synthetic(params: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    card = (folders["parquet"] / "README.md").read_text(encoding="utf-8")
    assert "12 of the training images are synthetic (`smote`)" in card
    assert "Of this dataset it was shown the 48 real images of `train` alone" in card
    assert '- Settings of the generator: `{"k_neighbors": 3}`' in card
    assert '- `scenarios.drop`: `{"kind": "drop", "fraction": 0.3}`' in card
    assert "- `seed`: `7`" in card
    assert "| bright |          13 |                7 |          5 |    6 |" in card
    assert "There is no report of `smote` yet" in card
    assert "DVC has no record" in card
    assert "someone" not in card
    export(params, tmp_path / "third", "smote", "--draw", 3)
    assert '`{"k_neighbors": 5}`' in (tmp_path / "third/README.md").read_text(encoding="utf-8")


def test_a_generator_whose_file_is_gone_is_said_to_be_unknown(tmp_path: Path) -> None:
    params = lay_out(tmp_path / "workspace")
    (tmp_path / "workspace/models/noise/drop/smote/0/generator.json").unlink()
    export(params, tmp_path / "out")
    assert "built with are not known here" in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_what_another_program_made_is_not_said_to_be_made_from_these_images(tmp_path: Path) -> None:
    params = lay_out(tmp_path / "workspace", generators={"collected": {"noise": {}}})
    for place in ("data", "models"):
        (tmp_path / "workspace" / place / "noise/drop/smote").rename(
            tmp_path / "workspace" / place / "noise/drop/collected"
        )
    export(params, tmp_path / "out", "collected")
    card = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert "Another program made them, from what is not known here" in card
    assert "it was shown" not in card


def write_report(folder: Path) -> None:
    """Write a report by which `smote` helps."""
    numbers = dict.fromkeys(("p_value", "standard_error", "se_draws", "se_test", "detectable_change"), 0.01)
    verdict = {
        **numbers,
        **{"verdict": "helps", "mean_change": 0.05, "interval": [0.02, 0.08], "plain_interval": [0.03, 0.07]},
        **{"confidence": 0.95, "degrees_of_freedom": 7.0, "draws": 3, "covers": "draws and test images", "family": 4},
        **{"margin": 0.01, "least_detectable_change": None, "draws_needed": None},
    }
    rows = {"minority_f1": {"smote": verdict}, "balanced_accuracy": {"smote": verdict | {"verdict": "hurts"}}}
    judged = {
        "against_imbalanced": {"reference": "imbalanced", **rows},
        **{"best_simple": "imbalanced", "against_simple": None, "draws_needed": None, "failed_draws": {}},
    }
    report = folder / "metrics/report/noise/drop"
    report.mkdir(parents=True)
    (report / "verdicts.json").write_text(json.dumps(judged), encoding="utf-8")


def test_the_verdict_of_the_report_is_told(tmp_path: Path) -> None:
    params = lay_out(tmp_path / "workspace")
    write_report(tmp_path / "workspace")
    found = export(params, tmp_path / "out")
    sentence = (
        "**helps** against `imbalanced`: the minority F1 changes by +0.0500, between +0.0200 and +0.0800 with 95 %"
    )
    assert found["verdicts"][0].startswith(sentence)
    assert sentence in (tmp_path / "out/README.md").read_text(encoding="utf-8")


@LIBRARIES
@pytest.mark.parametrize("name", FORMATS)
def test_mlcroissant_reads_every_record(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    croissant = library("mlcroissant")
    # Where archives are unpacked, which else is the user's own cache.
    epath = library("etils.epath")
    monkeypatch.setattr("mlcroissant._src.operation_graph.operations.extract.EXTRACT_PATH", epath.Path(tmp_path))
    data = croissant.Dataset(str(folders[name] / "croissant.json"))
    assert data.metadata.ctx.issues.errors == set()
    classes = {row["classes/label"]: row["classes/class_name"] for row in data.records("classes")}
    assert classes == dict(enumerate(CLASSES))
    for split, wanted in expected().items():
        rows = [{key.split("/")[1]: value for key, value in row.items()} for row in data.records(split)]
        assert len(rows) == len(wanted)
        shown = [np.asarray(row["image"].convert("L")) for row in rows]
        if name == "webdataset":
            assert Counter(row["kind"] == b"synthetic" for row in rows) == Counter(own[2] for own in wanted)
            assert sorted(own.tobytes() for own in shown) == sorted(own[0].tobytes() for own in wanted)
        else:
            assert_equal([(one, row["label"], row["synthetic"]) for one, row in zip(shown, rows, strict=True)], wanted)
    del data
    gc.collect()  # the files that it leaves open, of which another test would be warned


def test_croissant_has_checksums_of_all_that_holds_rows(folders: dict[str, Path]) -> None:
    import hashlib

    for name, count in (("imagefolder", 3), ("parquet", 3), ("webdataset", 3)):
        found = json.loads((folders[name] / "croissant.json").read_text(encoding="utf-8"))
        files = [own for own in found["distribution"] if own["@type"] == "cr:FileObject"]
        assert len(files) == count
        for own in files:
            assert own["sha256"] == hashlib.sha256((folders[name] / own["contentUrl"]).read_bytes()).hexdigest()
        assert "license" not in found


# What is refused.


def refuse(params: Path, tmp_path: Path, message: str, *words: object) -> None:
    """Check that a mistake is told in one line and that nothing is written."""
    with pytest.raises(UserError, match=message) as caught:
        run(*words, "--to", tmp_path / "refused", "--params", params)
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if "refused" in path.name]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nois", "drop", "smote"], r"datasets: there is no 'nois'; did you mean 'noise'\?"),
        (["noise", "drp", "smote"], r"scenarios: there is no 'drp'; did you mean 'drop'\?"),
        (["noise", "drop", "smotte"], r"generators with a block for noise: there is no 'smotte'; did you mean 'smote'"),
        (["noise", "drop", "bagan"], r"generators with a block for noise: there is no 'bagan'"),
        (["noise", "drop", "mixup"], r"mixup: a recipe, which adds no images; `imbalanced` has those"),
        (["noise", "drop", "smote+mixup"], r"a generator with a recipe; `smote` has its images"),
        (["noise", "drop", "smote", "--draw", "4"], r"--draw: 4 is not allowed: there are 3 draws"),
        (
            ["noise", "drop", "cvae"],
            r"not made yet; add cvae to table.generators in .*, then `dvc repro synthesize@noise-drop-cvae` makes it",
        ),
        (
            ["noise", "natural", "smote"],
            r"draws.parquet: not made yet; add natural to table.scenarios in .*`dvc repro synthesize@noise-natural-",
        ),
    ],
)
def test_what_is_not_there_is_told_in_a_line(params: Path, tmp_path: Path, words: list[str], message: str) -> None:
    refuse(params, tmp_path, message, *words)


@pytest.mark.parametrize(
    ("path", "method", "stage"),
    [
        ("data/noise/train.parquet", "balanced", "imbalance@noise-drop"),
        ("data/noise/test.parquet", "smote", "synthesize@noise-drop-smote"),
        ("data/noise/drop/draws.parquet", "imbalanced", "imbalance@noise-drop"),
        ("data/noise/drop/smote/synthetic.parquet", "smote", "synthesize@noise-drop-smote"),
    ],
)
def test_what_is_not_made_yet_names_the_command_that_makes_it_all(
    tmp_path: Path, path: str, method: str, stage: str
) -> None:
    params = lay_out(tmp_path / "workspace")
    (tmp_path / "workspace" / path).unlink()
    refuse(params, tmp_path, rf"{path}: not made yet; `dvc repro {stage}` makes it", "noise", "drop", method)


def test_a_generator_that_is_not_applicable_says_why(tmp_path: Path) -> None:
    params = lay_out(tmp_path / "workspace")
    none = make_synthetic(0).take(np.arange(0))
    facts = {"item": "noise/drop/smote", "not_applicable": "one image"}
    write_draws([ImageSet(none.images, none.labels, CLASSES, none.origins, facts)], params.parent / SYNTHETIC)
    message = r"smote is not applicable: one image; nothing to export; .*`dvc repro synthesize@noise-drop-smote`"
    refuse(params, tmp_path, message, "noise", "drop", "smote")


SYNTHETIC = "data/noise/drop/smote/synthetic.parquet"


def test_images_of_other_draws_or_classes_are_refused(tmp_path: Path) -> None:
    params = lay_out(tmp_path / "workspace")
    write_draws([make_synthetic(0)], params.parent / SYNTHETIC)
    refuse(params, tmp_path, r"images of 1 draws, but there are 3; `dvc repro synth", "noise", "drop", "smote")
    write_draws([make_synthetic(draw, ODD) for draw in range(DRAWS)], params.parent / SYNTHETIC)
    refuse(params, tmp_path, r"of other classes or another shape", "noise", "drop", "smote")


def test_nothing_that_is_there_is_replaced(params: Path, tmp_path: Path) -> None:
    export(params, tmp_path / "out")
    before = digests(tmp_path / "out")
    with pytest.raises(UserError, match=r"--to: .*out: is not empty; name another folder, or remove this one"):
        export(params, tmp_path / "out", "imbalanced")
    assert digests(tmp_path / "out") == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"file: is a file; name a folder"):
        export(params, tmp_path / "file")
    (tmp_path / "empty").mkdir()
    assert export(params, tmp_path / "empty")["images"] == 93


def test_an_export_that_fails_leaves_nothing(params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UserError("no more")

    monkeypatch.setattr("counterweight.export.write.write_card", broken)
    refuse(params, tmp_path, "no more", "noise", "drop", "smote")


# The command line.


def counterweight(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = "from counterweight.cli.main import main; main()"
    here = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=folder, env=here, capture_output=True, text=True, check=False
    )


def test_results_go_to_standard_output_alone(params: Path, tmp_path: Path) -> None:
    words = ["export", "noise", "drop", "smote", "--to", str(tmp_path / "out"), "--json"]
    done = counterweight(params.parent, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["images"] == 93


def test_it_works_from_anywhere_by_the_settings_file(params: Path, tmp_path: Path) -> None:
    done = counterweight(tmp_path, "export", "noise", "drop", "smote", "--to", "out", "--params", str(params))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/train/metadata.csv").is_file()


def test_a_mistake_is_one_line_and_exit_code_2(params: Path, tmp_path: Path) -> None:
    for words in (["noise", "drop", "smote"], ["noise", "drop", "x", "--to", "o"], ["noise", "--to", "o"]):
        done = counterweight(params.parent, "export", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1


def test_help_has_examples() -> None:
    done = CliRunner().invoke(cli, ["export", "--help"])
    assert "counterweight export digits drop75 smote --to digits_smote" in done.output
    assert "`imbalanced` is what the scenario leaves alone" in " ".join(done.output.split())
