"""The audit of two folders: verdicts on sets that differ and on sets that do not, its files, and what it refuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from ruamel.yaml import YAML
from scipy import ndimage

from counterweight.api.auditing import FULL
from counterweight.cli.audit import Request, audit, read_plan
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet, write_images
from counterweight.core.results import read_required
from counterweight.evaluation.audit.reading import read_sides
from counterweight.plots import figures
from counterweight.reporting.besides import describe_greys
from counterweight.reporting.results import Comparison
from counterweight.results.compare import CompareResult
from counterweight.results.discriminate import StyleResult
from counterweight.results.latent import LatentResult
from stages import compare, discriminate, extract, latent

COMMITTED = Path(__file__).parents[2] / "params.yaml"
OF_SIZES = [f"{name}_{size}" for name in ("activations", "examples", "pca", "weights") for size in (16, 32)]
PICTURES = [*OF_SIZES, "features", "latents", "moved", "nearest", "reconstructions", "roc"]


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's settings, but quick ones of what an audit measures."""
    path = tmp_path_factory.mktemp("settings") / "params.yaml"
    settings = YAML(typ="safe", pure=True).load(COMMITTED.read_text(encoding="utf-8"))
    settings["extract"] |= {"backbones": ["mnasnet0_5", "alexnet"], "input_size": 64}
    settings["compare"] |= {"headline": "mnasnet0_5", "repeats": 3, "ssim_pairs": 20}
    settings["discriminate"] |= {"sizes": [32, 16], "steps": 150, "seeds": 2, "learning_rate": 0.001}
    autoencoder = {"block_channels": 2, "filters": 2, "epochs": 1, "batch_size": 16}
    settings["latent"] |= {"autoencoders": {"residual_vae": autoencoder}, "steps": 20, "backbones": ["mnasnet0_5"]}
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


def drawn(count: int, seed: int, side: int = 20) -> npt.NDArray[np.uint8]:
    """Coloured blobs (N, side, side, 3)."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(count, side, side, 3)), (0, 2, 2, 0))
    return (128 + 60 * np.sign(smooth) + rng.normal(0, 8, smooth.shape)).clip(0, 255).astype(np.uint8)


def folder(path: Path, images: npt.NDArray[np.uint8]) -> Path:
    path.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(path / f"{number:03}.png")
    return path


def request_for(params: Path, real: Path, synthetic: Path, full: bool = False) -> Request:
    return Request(params, real, synthetic, None, (), None, full)


def audit_to_json(request: Request, out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(audit(request, out, lambda text: None).result)
    return found


def test_sets_of_one_kind_are_not_told_apart(params: Path, tmp_path: Path) -> None:
    # One in fifty such pairs raises a false alarm by its features; this one does not.
    real, other = (folder(tmp_path / name, drawn(60, seed)) for seed, name in ((2, "real"), (3, "other")))
    told: list[str] = []
    found = audit(request_for(params, real, other), tmp_path / "out", told.append)
    assert found.verdict.startswith("`synthetic`: no difference was found, of 30 images a half")
    assert "alone tell" not in found.verdict
    assert not {"mix", "equalised", "as_they_are"} & {*json.loads(found.result)}
    (text,) = told
    assert text.startswith(found.verdict)
    left_out = ["feature spaces (alexnet)", "style classifier", "latent space"]
    assert (
        f"Not measured: {', '.join(left_out)}; a full audit measures them (`--full`, from Python `full=True`).\n"
        in text
    )
    result = json.loads(found.result)
    assert result["not_measured"] == {"parts": left_out, "measured_by": FULL}
    assert result["style"] is result["latent"] is None
    assert list(result["features"]["backbones"]) == ["mnasnet0_5"]
    assert text == (tmp_path / "out/report.md").read_text(encoding="utf-8")


def test_the_whole_audit_of_blurred_images(params: Path, tmp_path: Path) -> None:
    real = folder(tmp_path / "real/deeper", drawn(60, 0)).parent
    blurred = ndimage.gaussian_filter(drawn(50, 1), (0, 1, 1, 0))
    told: list[str] = []
    request = request_for(params, real, folder(tmp_path / "blurred", blurred), full=True)
    found = audit(request, tmp_path / "out", told.append)
    assert found.verdict.startswith(
        "`synthetic` differs from real images: a small network tells real from synthetic at "
    )
    assert told[0].startswith("`synthetic` differs from real images: ")
    assert "Still to come: feature spaces (alexnet), style classifier, latent space.\n" in told[0]
    titles = ["How do they differ", "Means over the other feature spaces (alexnet)", "by their style", "latent space"]
    assert all(title in text for title, text in zip(titles, told, strict=True))
    text = (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert text.startswith(found.verdict)
    for title in (*titles, "t-test per backbone", "Frechet distance"):
        assert title in text
    assert "Not measured" not in text
    assert "Still to come" not in text
    assert "60 real images and 50 synthetic ones, 20 x 20, in colour." in text
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{name}.png" for name in PICTURES} | {"audit.json", "report.md", "roc.csv"} <= names
    result = json.loads((tmp_path / "out/audit.json").read_text(encoding="utf-8"))
    assert result["not_measured"] is None
    assert set(result["latent"]["verification"]) == {"real_decoded", "synthetic_decoded", "mean_shift", "optimal_map"}
    assert "NaN" not in json.dumps(result)


def test_one_image_many_times_has_copies_and_no_recall(params: Path, tmp_path: Path) -> None:
    images = drawn(40, 0)
    real, same = folder(tmp_path / "real", images), folder(tmp_path / "same", np.repeat(images[:1], 40, axis=0))
    result = audit_to_json(request_for(params, real, same), tmp_path / "out")
    assert result["verdict"].startswith(
        "40 of 40 images are exact copies of the real images. 39 of the synthetic images are copies or near copies of "
        "another one. `synthetic` differs"
    )
    assert "100% of the images are likely copies" in result["verdict"]
    assert result["features"]["copies"]["exact"] == 40
    overlap = result["features"]["backbones"]["mnasnet0_5"]["statistics"]["prdc"]["between"]
    assert overlap["recall"]["mean"] < 0.1
    assert overlap["coverage"]["mean"] < 0.5  # a point lies in about k / n of the balls: 5 / 20


def test_files_of_another_kind_are_named_and_made_the_same(params: Path, tmp_path: Path) -> None:
    """Pictures of one kind as JPEGs and as larger PNGs."""
    for name, seed, side, ending in (("real", 0, 20, "jpg"), ("other", 1, 24, "png")):
        (tmp_path / name).mkdir()
        for number, image in enumerate(drawn(40, seed, side)):
            Image.fromarray(image).save(tmp_path / name / f"{number}.{ending}", quality=30)
    found = audit(request_for(params, tmp_path / "real", tmp_path / "other"), tmp_path / "out", lambda text: None)
    assert found.verdict.startswith(
        "The files alone tell the sets apart: format (40 JPEG against 40 PNG), width (20 against 24 pixels in the "
        "median), height (20 against 24 pixels in the median). With both at a shorter side of 20 pixels, re-encoded as "
        "JPEG of quality 30: `synthetic`: no difference was found, of 20 images a half;"
    )
    assert " As they are: `synthetic` differs from real images: the features that mnasnet0_5 sees" in found.verdict
    result = json.loads(found.result)
    assert result["files"]["real"] == {"formats": {"JPEG": 40}, "quality": 30, "width": 20, "height": 20}
    steps = ["at a shorter side of 20 pixels", "re-encoded as JPEG of quality 30"]
    assert result["equalised"] == {"steps": steps, "images": {}, "left_out": {}}
    first = {
        name: result[name]["backbones"]["mnasnet0_5"]["statistics"]["exchange"]["first"]["p_value"]
        for name in ("features", "as_they_are")
    }
    assert first["as_they_are"] < 0.02 < first["features"]
    report = (tmp_path / "out/report.md").read_text(encoding="utf-8")
    assert "What follows is of both made the same, both at a shorter side of 20 pixels, re-encoded as JPEG" in report
    assert "## The same images as they are (40 real and 40 synthetic ones)" in report


def test_pictures_that_differ_do_so_when_files_are_made_the_same(params: Path, tmp_path: Path) -> None:
    real, other = tmp_path / "real", folder(tmp_path / "other", drawn(40, 1) // 2)
    real.mkdir()
    for number, image in enumerate(drawn(40, 0)):
        Image.fromarray(image).save(real / f"{number}.jpg", quality=75)
    verdict = audit_to_json(request_for(params, real, other), tmp_path / "out")["verdict"]
    assert "With both re-encoded as JPEG of quality 75: `synthetic` differs from real images" in verdict


def test_another_mix_of_classes_is_named_and_made_the_same(params: Path, tmp_path: Path) -> None:
    """Dark and bright blobs: 50 and 10 of them against 10 and 50, and a class that only one side has."""
    real, other = {"Dark": 50, "bright": 10, "more": 10}, {"dark": 10, "bright": 50}
    for name, counts in (("real/train", real), ("other", other)):
        for place, (kind, count) in enumerate(counts.items()):
            images = drawn(count, 10 * len(counts) + place)
            folder(tmp_path / name / kind, images // 6 if kind.lower() == "dark" else images)
    result = audit_to_json(request_for(params, tmp_path / "real", tmp_path / "other"), tmp_path / "out")
    assert result["verdict"].startswith(
        "The mix of classes alone tells the sets apart: class mix (50 Dark, 10 bright, 10 more against 10 Dark, 50 "
        "bright, 0 more). Left out, since the other side has none: more (10) of the real images. With the same mix of "
        "classes: `synthetic`: no difference was found, of 10 images a half;"
    )
    assert " As they are: `synthetic` differs from real images" in result["verdict"]
    assert result["mix"]["synthetic"] == {"Dark": 10, "bright": 50}
    assert result["equalised"]["images"] == {"Dark": 10, "bright": 10}
    assert result["equalised"]["left_out"] == {"real": {"more": 10}}
    assert (result["features"]["images"], result["as_they_are"]["images"]) == (
        {"real": 20, "synthetic": 20},
        {"real": 70, "synthetic": 60},
    )


def test_the_mix_of_image_tables_is_named(params: Path, tmp_path: Path) -> None:
    for number, bright in enumerate((30, 8)):
        images = drawn(40, number).transpose(0, 3, 1, 2).copy()
        labels, origins = (np.arange(40) < bright).astype(np.int64), np.array([str(place) for place in range(40)])
        write_images(ImageSet(images, labels, ("dark", "bright"), origins, {}), tmp_path / f"{number}.parquet")
    result = audit_to_json(request_for(params, tmp_path / "0.parquet", tmp_path / "1.parquet"), tmp_path / "out")
    assert result["verdict"].startswith(
        "The mix of classes alone tells the sets apart: class mix (10 dark, 30 bright against 32 dark, 8 bright). "
        "With the same mix of classes: `synthetic`: "
    )
    assert "as_they_are" not in result


def write_floats(path: Path, count: int, side: int, seed: int) -> Path:
    """Hounsfield units: floats from -900 to 2900."""
    path.mkdir(parents=True)
    for number, image in enumerate(np.random.default_rng(seed).uniform(-900, 2900, (count, side, side))):
        Image.fromarray(image.astype(np.float32)).save(path / f"{number:03}.tif")
    return path


def test_values_below_0_are_refused_with_the_range_that_takes_all(params: Path, tmp_path: Path) -> None:
    real, other = write_floats(tmp_path / "real", 4, 16, 0), write_floats(tmp_path / "made", 4, 16, 1)
    said = (
        r"real, .*made: 8 of 8 images have values below 0, and values of all go from -\d+.* to 2\d+.*; "
        r"--set black=-\d+.* --set white=2\d+.* takes them all, from black to white$"
    )
    with pytest.raises(UserError, match=said):
        audit_to_json(request_for(params, real, other), tmp_path / "audit")
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["black=-1024"], r"^--set: white: None is not allowed: white must be set, too, where black is \(-1024\)$"),
        (["black=5", "white=5"], r"^--set: white: 5 is not allowed: white must be above black, 5$"),
        (["white=-1"], r"^--set: white: -1 is not allowed: white must be above 0, or set black$"),
        (["fit=crop"], r"^--set: there is no 'fit'; allowed: black, white$"),
        (["white"], r"^--set white: KEY=VALUE wanted"),
    ],
)
def test_a_range_that_cannot_be_is_refused_before_any_work(
    changes: list[str], said: str, params: Path, tmp_path: Path
) -> None:
    request = request_for(params, tmp_path / "away", tmp_path / "away")._replace(changes=changes)
    with pytest.raises(UserError, match=said):
        audit(request, tmp_path / "audit", lambda text: None)


def test_a_range_that_is_asked_for_is_that_of_both_sides(params: Path, tmp_path: Path) -> None:
    """Made the same, too: one side has larger images, of which most values lie outside."""
    real, other = write_floats(tmp_path / "real", 12, 32, 0), write_floats(tmp_path / "made", 12, 16, 1)
    sides = read_sides(real, other, None, 0, {"black": 0, "white": 1})
    assert sides.files is not None
    assert (sides.files.real.black, sides.files.real.white) == (0, 1)
    assert not any("greys" in words for words in sides.files.differences)
    assert sides.same is not None
    for images in (sides.synthetic, sides.same[1]):  # few values lie between 0 and 1
        assert np.isin(images.images, (0, 255)).mean() > 0.99
        assert {*np.unique(images.images)} >= {0, 255}
    wide = read_sides(real, other, None, 0, {"black": -9e5, "white": 9e3})
    for images in (wide.real, wide.synthetic, *(wide.same or ())):
        assert images.images.min() > 240
    said = describe_greys(cast(Comparison, SimpleNamespace(files=sides.files)))
    assert said == " Of greys of more than 8 bits 0...1 become 0...255 in all files of both sides."


def test_image_tables_have_no_range(params: Path, tmp_path: Path) -> None:
    images = ImageSet(np.zeros((4, 1, 8, 8), np.uint8), np.zeros(4, np.int64), ("a",), np.array(["x"] * 4), {})
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path in paths:
        write_images(images, path)
    with pytest.raises(UserError, match=r"^--set white: of files in folders alone; the images of tables are bytes$"):
        read_sides(paths[0], paths[1], None, 0, {"white": 255})


def test_near_copies_are_said_first_whatever_real_images_repeat(params: Path, tmp_path: Path) -> None:
    images = drawn(30, 0)
    real = folder(tmp_path / "real", np.concatenate([images, images]))
    copies = tmp_path / "copies"
    copies.mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(copies / f"{number}.jpg", quality=85)
    verdict = audit_to_json(request_for(params, real, copies), tmp_path / "out")["verdict"]
    assert verdict.startswith(
        "30 of 30 images are near copies of the real images. 30 of the real images are copies or "
    )


def test_real_images_that_are_there_twice_are_no_difference(params: Path, tmp_path: Path) -> None:
    """Neither where both folders hold images twice; blurred ones are told from them all the same."""
    images = drawn(180, 5)
    twice = folder(tmp_path / "twice", np.concatenate([images[:60], images[:60]]))
    others = {
        "once": images[60:120],
        "both": np.concatenate([images[120:], images[120:]]),
        "blurred": ndimage.gaussian_filter(images[60:120], (0, 1, 1, 0)),
    }
    said = {}
    for name, own in others.items():
        request = request_for(params, twice, folder(tmp_path / name, own))
        said[name] = audit_to_json(request, tmp_path / f"out_{name}")["verdict"]
    first = "60 of the real images are copies or near copies of another one. "
    none = "`synthetic`: no difference was found, of 30 images a half;"
    assert said["once"].startswith(f"{first}{none}")
    assert said["both"].startswith(f"{first}{first.replace('real', 'synthetic')}{none}")
    assert said["blurred"].startswith(f"{first}`synthetic` differs from real images: the features that")


def test_image_tables_are_read_as_they_are(params: Path, tmp_path: Path) -> None:
    for number in range(2):
        images = drawn(30, number).transpose(0, 3, 1, 2).copy()
        labels, origins = np.zeros(30, dtype=np.int64), np.array([str(place) for place in range(30)])
        write_images(ImageSet(images, labels, ("image",), origins, {}), tmp_path / f"{number}.parquet")
    request = request_for(params, tmp_path / "0.parquet", tmp_path / "1.parquet")
    found = [audit_to_json(request, tmp_path / name) for name in ("first", "second")]
    assert found[0] == found[1]
    assert found[0]["files"] is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_images_are_an_answer_or_a_clear_refusal(count: int, params: Path, tmp_path: Path) -> None:
    real, few = folder(tmp_path / "real", drawn(30, 0)), folder(tmp_path / "few", drawn(count, 1))
    if count == 1:
        with pytest.raises(UserError, match="few: 1 images that can be read; at least 2 are needed"):
            audit_to_json(request_for(params, real, few), tmp_path / "out")
        assert not (tmp_path / "out").exists()
        return
    told: list[str] = []
    audit(request_for(params, real, few, full=True), tmp_path / "out", told.append)
    assert "None" not in "".join(told)


def test_what_cannot_be_compared_is_refused(params: Path, tmp_path: Path) -> None:
    real = folder(tmp_path / "sets/real", drawn(5, 0))
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.parquet").write_bytes(b"")
    for synthetic, words in {
        tmp_path / "missing": "missing: no such file or folder",
        tmp_path / "empty": "empty: no image that can be read",
        real: "the real images, too, or some of them",
        tmp_path / "sets": "the real images, too, or some of them",
        tmp_path / "table.parquet": "two folders or two image tables wanted",
    }.items():
        with pytest.raises(UserError, match=words):
            audit_to_json(request_for(params, real, synthetic), tmp_path / "out")
    small = folder(tmp_path / "small", drawn(5, 1, side=3))
    with pytest.raises(UserError, match="images of 3 x 3 pixels; sides of 4 at least are needed"):
        audit_to_json(request_for(params, real, small), tmp_path / "out")
    with pytest.raises(UserError, match=r"extract\.weights: 'imagnet' is neither"):
        audit_to_json(request_for(params, real, real)._replace(weights="imagnet"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(number: int, params: Path, tmp_path: Path) -> None:
    """Sent twice, as to this process and to all of its group."""
    real, other = (folder(tmp_path / name, drawn(40, seed)) for seed, name in enumerate(("real", "other")))
    before = {*tmp_path.iterdir()}
    command = [
        sys.executable,
        "-m",
        "counterweight",
        "audit",
        real,
        other,
        "--params",
        params,
        "--out",
        tmp_path / "out",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and {*tmp_path.iterdir()} == before:
            time.sleep(0.05)
        assert process.poll() is None
        for _ in range(2 if number == signal.SIGTERM else 1):
            process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert {*tmp_path.iterdir()} == before
    assert "leaked" not in said
    assert "Traceback" not in said


def test_weights_that_only_the_latent_part_lacks_are_noticed_before_any_work(params: Path, tmp_path: Path) -> None:
    real, other = (folder(tmp_path / name, drawn(5, seed)) for seed, name in enumerate(("real", "other")))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/mobilenet_v2.npz").write_bytes(b"")
    settings = YAML(typ="safe", pure=True).load(params.read_text(encoding="utf-8"))
    settings["extract"]["backbones"] = ["mobilenet_v2"]
    settings["compare"]["headline"] = "mobilenet_v2"
    (tmp_path / "params.yaml").write_text(json.dumps(settings), encoding="utf-8")
    request = request_for(tmp_path / "params.yaml", real, other, full=True)
    with pytest.raises(UserError, match=r"extract\.weights: no file for mnasnet0_5"):
        audit_to_json(request._replace(weights=str(tmp_path / "weights")), tmp_path / "out")


def test_the_space_of_the_headline_is_looked_at_unless_others_are_named(params: Path, tmp_path: Path) -> None:
    request = request_for(COMMITTED, tmp_path, tmp_path)
    plan = read_plan(request)
    assert plan.first == ["efficientnet_lite0"] == plan.settings.latent.backbones
    assert len(plan.settings.extract.backbones) == 9
    named = read_plan(request._replace(backbones=("alexnet", "resnet18")))
    own = named.settings
    assert named.first == own.extract.backbones == ["alexnet", "resnet18"] == own.latent.backbones
    assert own.compare.choose_headline(own.extract.backbones) == "alexnet"


def test_a_backbone_that_there_is_not_is_one_line(tmp_path: Path) -> None:
    words = ["audit", str(tmp_path), str(tmp_path), "--backbone", "alexnett", "--params", str(COMMITTED)]
    code = "from counterweight.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "alexnett" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_module_runs_that_lies_beside_a_strangers_folders(params: Path, tmp_path: Path) -> None:
    """Neither what the settings name nor what is called like a library that is imported, by whatever process."""
    for seed, name in enumerate(("real", "made")):
        folder(tmp_path / name, drawn(12, seed))
    ran = tmp_path / "ran"
    for name in ("own", "numpy", "PIL", "torch", "torchvision", "socket", "random", "sitecustomize", "usercustomize"):
        (tmp_path / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write(__name__)")
    settings = json.loads(params.read_text(encoding="utf-8"))
    settings["classifiers"]["digits"]["network"] = "own:make"
    (tmp_path / "params.yaml").write_text(json.dumps(settings), encoding="utf-8")
    script = Path(sys.executable).parent / "counterweight"
    done = subprocess.run([script, "audit", "real", "made"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, ran.exists()) == (0, False), done.stderr
    assert (tmp_path / "audit/audit.json").exists()


def test_nothing_but_an_earlier_audit_is_replaced(params: Path, tmp_path: Path) -> None:
    """Neither the photographs nor anything else that lies where the results are to go."""
    real, other = (folder(tmp_path / f"sets/{name}", drawn(12, seed)) for seed, name in enumerate(("real", "other")))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    request = request_for(params, real, other)
    for out in (real, other, tmp_path / "sets", real / "audit", tmp_path / "mine", real / "000.png"):
        with pytest.raises(UserError, match="name another folder"):
            audit_to_json(request, out)
    assert len(list(real.iterdir())) == 12
    assert (tmp_path / "mine/thesis.txt").read_text() == "years of work"
    (tmp_path / "out").mkdir()
    first = audit_to_json(request, tmp_path / "out")
    assert audit_to_json(request, tmp_path / "out") == first


@pytest.mark.slow
def test_stages_and_an_audit_measure_the_same(params: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tables, of which more is there than features, copies and networks look at, so that the draws agree, too."""
    monkeypatch.setattr(figures, "picture_figure", lambda rows, path: None)  # half of the time, and no numbers
    settings = YAML(typ="safe", pure=True).load(params.read_text(encoding="utf-8"))
    settings["extract"] |= {"images": 120}
    settings["discriminate"] |= {"sizes": [8], "epochs": 1, "steps": 0, "seeds": 1}
    settings["latent"] |= {"images": 20, "steps": 5}
    (tmp_path / "params.yaml").write_text(json.dumps(settings), encoding="utf-8")
    for number, (name, count) in enumerate((("real", 2300), ("synthetic", 2250))):
        images, labels = drawn(count, number, side=8).transpose(0, 3, 1, 2).copy(), np.arange(count) % 3
        origins = np.array([str(place) for place in range(count)])
        table = ImageSet(images, labels, ("a", "b", "c"), origins, {"item": "audit"})  # seeds are derived from it
        write_images(table, tmp_path / f"{name}.parquet")
    run_stages(tmp_path)
    tables = [tmp_path / f"{name}.parquet" for name in ("real", "synthetic")]
    audited = audit_to_json(request_for(tmp_path / "params.yaml", *tables, full=True), tmp_path / "audit")
    for part, model in (("features", CompareResult), ("style", StyleResult), ("latent", LatentResult)):
        assert model.model_validate(audited[part]) == read_required(tmp_path / f"{part}.json", model), part
    compared = audited["features"]
    assert (compared["images"], compared["copies"]["n"]) == ({"real": 2300, "synthetic": 2250}, 2000)
    halves = {found["n"] for found in compared["backbones"]["mnasnet0_5"]["statistics"].values()}
    assert len(halves) == 1
    assert max(halves) <= 60


def run_stages(folder: Path) -> None:
    """Run the stages on two tables as the pipeline does on a pair: no training images are known."""
    own = ["--params", str(folder / "params.yaml")]
    tables = [word for name in ("real", "synthetic") for word in (f"--{name}", str(folder / f"{name}.parquet"))]
    features = []
    for name in ("real", "synthetic"):
        out = str(folder / f"{name}_features")
        extract.main([*own, "--images", str(folder / f"{name}.parquet"), "--out", out])
        features += [f"--{name}-features", out]
    for part, stage, words in (
        ("features", compare, features),
        ("style", discriminate, []),
        ("latent", latent, []),
    ):
        written = ["--out", str(folder / f"{part}.json"), "--plots", str(folder / part)]
        stage.main([*own, *tables, *words, *written])


def test_tables_of_other_classes_are_refused(params: Path, tmp_path: Path) -> None:
    for number, names in enumerate((("cat", "dog"), ("cat", "bus"))):
        images, origins = drawn(4, number).transpose(0, 3, 1, 2).copy(), np.array(["a", "b", "c", "d"])
        write_images(ImageSet(images, np.array([0, 0, 1, 1]), names, origins, {}), tmp_path / f"{number}.parquet")
    with pytest.raises(UserError, match=r"1\.parquet: other classes than in"):
        audit_to_json(request_for(params, tmp_path / "0.parquet", tmp_path / "1.parquet"), tmp_path / "out")
