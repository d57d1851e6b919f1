"""The whole graph under DVC: what is built, what a change builds again, and what it leaves alone."""

import csv
import json
import re
import shutil
import signal
import time
from collections.abc import Callable

import psutil
import pytest
from PIL import Image
from ruamel.yaml import YAML

from campaigns.project import PER_CLASS, Built, Project, digest, stages_run
from counterweight.core.images import read_draws, read_images
from counterweight.reporting.results import Judged

pytestmark = pytest.mark.slow

MEASURED = ("compare", "discriminate", "latent", "classify")
BAGAN = [f"{stage}@shapes-drop75-bagan" for stage in ("train", "synthesize", "extract", *MEASURED)]
METHODS = ["balanced", "imbalanced", "reweighted", "smote", "bagan"]
TEST_IMAGES = 3 * 12  # 30 % of 40 in each of three classes
STAGES = 26
DRAWS = 2


@pytest.fixture(scope="module")
def experiment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The project after an experiment with another number of epochs."""
    project = built.project.copied(tmp_path_factory.mktemp("experiment") / "project")
    return Built(project, project.dvc("exp", "run", "--set-param", "generators.bagan.shapes.epochs=2"))


def read_side(project: Project) -> int:
    """Return the height of the dataset's images."""
    side: int = read_images(project / "data/shapes/train.parquet").images.shape[2]
    return side


# What is built.


def test_every_stage_runs_once_and_writes_all_its_outputs(built: Built) -> None:
    lock = YAML(typ="safe").load((built.project / "dvc.lock").read_text(encoding="utf-8"))
    assert len(stages_run(built.output)) == STAGES
    assert set(stages_run(built.output)) == set(lock["stages"])
    outputs = [out["path"] for stage in lock["stages"].values() for out in stage["outs"]]
    assert len(outputs) > STAGES
    assert [path for path in outputs if not (built.project / path).exists()] == []


def test_nothing_that_is_right_is_warned_of(built: Built) -> None:
    assert "WARNING" not in built.output


def test_nothing_unfinished_is_left(built: Built) -> None:
    results = [built.project / folder for folder in ("data", "models", "plots", "metrics")]
    hidden = [path.name for folder in results for path in folder.rglob(".*") if path.name != ".gitignore"]
    assert hidden == []
    assert list((built.project / "checkpoints").iterdir()) == []


def test_the_minority_is_thinned_out_whatever_yaml_could_take_its_name_for(built: Built) -> None:
    counts = json.loads((built.project / "metrics/imbalance/shapes/drop75.json").read_text())
    # Seven are kept, of which four and three, not five and two: two are drawn alike, and of one picture.
    sizes = {"before": 28, "fitted": 4, "validation": 3, "wanted": 16, "reference": 24 + 12, "test": 12}
    assert counts["no"] == {**sizes, "minority": True}
    assert {name: row["fitted"] for name, row in counts.items()} == {"disc": 21, "no": 4, "square": 21}


def test_synthetic_images_restore_the_balance(built: Built) -> None:
    for generator in ("smote", "bagan"):
        made = read_draws(built.project / f"data/shapes/drop75/{generator}/synthetic.parquet")
        assert [images.counts().tolist() for images in made] == [[0, 16, 0]] * DRAWS
        assert made[0].shape == (1, 16, 16)


def test_the_summary_has_a_few_numbers_for_every_method(built: Built) -> None:
    methods = json.loads((built.project / "metrics/summary.json").read_text())["shapes"]["drop75"]
    assert list(methods) == METHODS
    for name, line in methods.items():
        assert {"f1", "accuracy"} <= set(line)
        assert ("verdict" in line) == (name != "imbalanced")
        assert ({"differs", "kl", "ssim"} <= set(line)) == (name in ("smote", "bagan"))
        assert 0 <= line["f1"] <= 1
        assert 0 < line["accuracy"] <= 1


def test_the_report_has_a_row_for_every_method_and_the_answer_is_printed(built: Built) -> None:
    text = (built.project / "metrics/report/shapes/drop75/report.md").read_text()
    assert [name for name in METHODS if f"| {name} " not in text] == []
    assert "On shapes, with 75 % of class 'no' dropped: " in built.output
    assert "to be opened in a browser: metrics/report.html" in built.output
    judged = Judged.model_validate_json((built.project / "metrics/report/shapes/drop75/verdicts.json").read_text())
    verdicts = judged.against_imbalanced.minority_f1
    assert [*verdicts] == [name for name in METHODS if name != "imbalanced"]
    assert {(verdict.draws, verdict.covers) for verdict in verdicts.values()} == {(DRAWS, "draws and test images")}


def test_curves_confusions_and_pictures_are_there(built: Built) -> None:
    plots = built.project / "plots"
    tables = {path.stem: path for path in (plots / "confusion/shapes/drop75").glob("*/*.csv")}
    assert set(tables) == set(METHODS)
    for path in tables.values():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["actual"] for row in rows].count("no") == TEST_IMAGES // 3
        assert len(rows) == TEST_IMAGES
    with (plots / "train/shapes/drop75/bagan/history.csv").open(newline="") as file:
        epochs = [(row["draw"], row["epoch"], row["update"]) for row in csv.DictReader(file)]
    assert epochs[0] == ("0", "1", "autoencoder")
    assert epochs[-1] == ("1", "8", "generator")
    assert len(epochs) == DRAWS * (3 + 2 * 5)
    pictures = [*plots.glob("samples/shapes/drop75/*.png"), *plots.glob("train/shapes/drop75/bagan/*.png")]
    assert len(pictures) == 4
    for path in pictures:
        with Image.open(path) as picture:
            assert min(picture.size) >= 16


# What runs again.


def test_a_second_run_does_nothing_and_is_quick(copy: Project) -> None:
    copy.dvc("status")  # hashes what was copied
    began = time.monotonic()
    output = copy.dvc("repro")
    assert stages_run(output) == []
    assert "up to date" in output
    assert time.monotonic() - began < 20
    assert copy.command("git", "status", "--porcelain").stdout == ""


def test_an_experiment_runs_one_generators_row_and_the_report(experiment: Built) -> None:
    assert stages_run(experiment.output) == ["check", *BAGAN, "report@shapes-drop75", "page"]
    history = (experiment.project / "plots/train/shapes/drop75/bagan/history.csv").read_text()
    assert len(history.splitlines()) == 1 + DRAWS * (3 + 2 * 2)


def test_the_difference_between_runs_names_the_generator_alone(experiment: Built) -> None:
    table = experiment.project.dvc("metrics", "diff")
    assert "shapes.drop75.bagan." in table
    assert "smote" not in table


def test_plots_are_shown_on_one_page(experiment: Built) -> None:
    output = experiment.project.dvc("plots", "show")
    page = (experiment.project / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert "WARNING" not in output
    assert "rror" not in output
    assert not re.search(r"<script[^>]* src=|<link", page)  # It is drawn without a network.
    for wanted in (
        "train/shapes/drop75/bagan/history.csv",
        "confusion/shapes/drop75/bagan/bagan.csv",
        "confusion/shapes/drop75/baselines/reweighted.csv",
        "samples_shapes_drop75_bagan.png",
        "samples_shapes_drop75_smote.png",
        "train_shapes_drop75_bagan_epoch_00005.png",
    ):
        assert wanted in page
    for picture in ("samples_shapes_drop75_bagan", "train_shapes_drop75_bagan_epoch_00005"):
        assert list((experiment.project / "dvc_plots/static").glob(f"*{picture}.png"))


def test_a_misspelt_key_stops_everything_with_one_line(copy: Project) -> None:
    copy.edit("autoencoder_epochs: 3", "autoencoder_epoch: 3")
    output = copy.dvc("repro", succeeds=False)
    assert stages_run(output) == ["check"]
    message = [line for line in output.splitlines() if line.startswith("error: ")]
    assert message == [
        "error: params.yaml: generators.bagan.shapes.autoencoder_epoch: unknown key; did you mean 'autoencoder_epochs'?"
    ]
    assert "Traceback" not in output


def test_a_new_image_is_read(copy: Project) -> None:
    shutil.copy(copy / "images/shapes/disc/00.png", copy / "images/shapes/disc/new.png")
    assert stages_run(copy.dvc("repro", "ingest@shapes")) == ["ingest@shapes"]
    parts = [read_images(copy / f"data/shapes/{part}.parquet") for part in ("train", "test")]
    assert sum(len(part) for part in parts) == 3 * PER_CLASS + 1
    changed = json.loads(copy.dvc("status", "--json"))
    assert "imbalance@shapes-drop75" in changed


def test_a_row_taken_out_of_the_table_leaves_the_report_and_costs_no_training(copy: Project) -> None:
    copy.edit_list("smote")
    assert stages_run(copy.dvc("repro")) == ["check", "report@shapes-drop75", "page"]
    summary = json.loads((copy / "metrics/summary.json").read_text())
    assert list(summary["shapes"]["drop75"]) == [name for name in METHODS if name != "smote"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("draws: 2", "draws: 3", {"imbalance", "report"}),
        ("validation_fraction: 0.25", "validation_fraction: 0.3", {"imbalance", "report"}),
        ("compared_draws: 1", "compared_draws: 2", {"extract_real", "extract", *MEASURED[:3], "report"}),
        ("    - reweighted\n", "    []\n", {"baselines", "report"}),
        ("generator_recipes: []", "generator_recipes: [reweighted]", {"classify"}),
        ("recipes: {reweighted: {}}", "recipes: {}", {"baselines", "classify"}),
        ("margin: 0.01", "margin: 0.02", {"report", "report_recognition"}),
        ("repeats: 2", "repeats: 3", {"compare", "latent"}),
        ("input_size: 64", "input_size: 65", {"extract", "extract_real", "latent"}),
        ("sizes: [16]", "sizes: [17]", {"discriminate", "latent"}),
        ("steps: 5\n", "steps: 6\n", {"latent"}),
        ("preview_columns: 4", "preview_columns: 5", {"train", "vae_experiment"}),
        ("smote:\n    shapes: {}", "smote:\n    shapes: {neighbours: 3}", {"train"}),
    ],
)
def test_a_setting_concerns_the_stages_that_read_it(copy: Project, old: str, new: str, expected: set[str]) -> None:
    copy.edit(old, new)
    changed = json.loads(copy.dvc("status", "--json"))
    assert {name.split("@")[0] for name in changed} - {"check", "page"} == expected


def test_a_pair_in_the_table_is_compared_and_costs_no_training(copy: Project) -> None:
    (copy / "images/two").mkdir()
    for side, name in (("real", "disc"), ("synthetic", "square")):
        shutil.copytree(copy / "images/shapes" / name, copy / "elsewhere" / side)
        (copy / "images/two" / side).symlink_to(copy / "elsewhere" / side)
    copy.edit("  pairs: []\n", "  pairs:\n    - two\n")
    copy.edit("\npairs: {}\n", "\npairs:\n  two: {source: folders, size: 16, channels: 1}\n")
    sides = ("real", "synthetic", "same_real", "same_synthetic")
    extracted = [f"extract_pair@two-{side}" for side in sides]
    ran = copy.repro()
    measured = [f"{stage}_pair@two" for stage in ("compare", "discriminate", "latent")]
    measured += ["compare_same@two", "discriminate_same@two"]
    assert sorted(ran) == sorted(
        ["check", "ingest_pair@two", *extracted, *measured, "report_pair@two", "report@shapes-drop75", "page"]
    )
    text = (copy / "metrics/report/pairs/two/report.md").read_text()
    assert f"{PER_CLASS} real images and {PER_CLASS} synthetic ones." in text
    said = (copy / ".dvc/tmp/counterweight/page.log").read_text()
    assert f"Of two, {PER_CLASS} real and {PER_CLASS} synthetic images: " in said
    summary = json.loads((copy / "metrics/summary.json").read_text())
    numbers = {"differs", "kl", "ssim", "frechet", "recall", "linear_auc", "style_auc"}
    assert set(summary["pairs"]["two"]) == numbers
    assert "made the same" not in text
    nothing = json.loads((copy / "metrics/compare/pairs/two.same.json").read_text())
    assert set(nothing) == {"not_applicable"}
    for path in (copy / "elsewhere/synthetic").glob("*.png"):
        with Image.open(path) as image:
            image.save(path.with_suffix(".jpg"), quality=30)
        path.unlink()
    copy.repro()
    text = (copy / "metrics/report/pairs/two/report.md").read_text()
    copies = r"- (\d+ of the (real|synthetic) images (is a copy|are copies) or near cop(y|ies) of another one\. )+"
    first = r"The files alone tell the sets apart: format \(40 PNG against 40 JPEG\)\. With both re-encoded as JPEG of "
    assert re.search(f"^{copies}{first}quality 30: `synthetic`", text, re.MULTILINE)  # some are drawn alike
    assert " As they are: `synthetic`" in text
    assert "## The same images made the same (40 real and 40 synthetic ones)" in text
    shown = json.loads((copy / "metrics/compare/pairs/two.json").read_text())
    assert shown["file_differences"] == ["format (40 PNG against 40 JPEG)"]
    (copy / "elsewhere/real/00.png").unlink()
    assert {"ingest_pair@two"} == {name for name in json.loads(copy.dvc("status", "--json")) if "two" in name}


# Elsewhere.


def test_a_folder_without_git_will_do(fresh: Project) -> None:
    fresh.dvc("config", "--local", "core.no_scm", "true")
    output = fresh.dvc("repro", "check", "ingest", "imbalance")
    assert stages_run(output) == ["check", "ingest@shapes", "imbalance@shapes-drop75"]
    assert (fresh / "data/shapes/drop75/draws.parquet").is_file()


def test_the_same_seed_gives_the_same_bytes_elsewhere_and_without_dvc(built: Built, fresh: Project) -> None:
    data, item = "data/shapes", "data/shapes/drop75"
    parts = ("--train", f"{data}/train.parquet", "--test", f"{data}/test.parquet")
    account = ("--account", "metrics/ingest/shapes.json")
    drawn = ("--out", f"{item}/draws.parquet", "--counts", "metrics/imbalance/shapes/drop75.json")
    model, curves = "models/shapes/drop75/bagan", "plots/train/shapes/drop75/bagan"
    learned = (*parts[:2], "--draws", drawn[1], "--out", model, "--curves", curves)
    for arguments in (
        ("ingest", "--dataset", "shapes", *parts, *account),
        ("imbalance", "--dataset", "shapes", "--scenario", "drop75", *parts, *drawn),
        ("train", "--dataset", "shapes", "--generator", "bagan", *learned),
    ):
        done = fresh.stage(*arguments)
        assert done.returncode == 0, done.stderr
    for path in (*parts[1::2], account[1], *drawn[1::2], model, curves):
        assert digest(fresh / path) == digest(built.project / path), path


def test_another_seed_gives_another_split(built: Built, fresh: Project) -> None:
    fresh.edit("seed: 3", "seed: 4")
    parts = ("--train", "data/shapes/train.parquet", "--test", "data/shapes/test.parquet")
    account = ("--account", "metrics/ingest/shapes.json")
    assert fresh.stage("ingest", "--dataset", "shapes", *parts, *account).returncode == 0
    assert digest(fresh / parts[1]) != digest(built.project / parts[1])


# A killed DVC.


def stage_process(dvc: int) -> psutil.Process | None:
    """Return the process of the stage that a DVC runs, if there is one."""
    children = psutil.Process(dvc).children(recursive=True)
    return next((child for child in children if "stages" in child.cmdline()), None)


def running(process: psutil.Process) -> bool:
    """Say whether a process is there and not merely waiting to be reaped."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("training", [True, False], ids=["in training", "in its imports"])
def test_a_killed_dvc_takes_its_stage_along(copy: Project, training: bool) -> None:
    copy.edit("      epochs: 5", "      epochs: 1000000")
    with copy.start("dvc", "repro", "--single-item", BAGAN[0]) as dvc:
        assert wait_until(lambda: stage_process(dvc.pid) is not None, 60)
        stage = stage_process(dvc.pid)
        assert stage is not None
        if training:
            assert wait_until(lambda: any((copy / "checkpoints").glob("*/checkpoint.safetensors")), 60)
        else:
            assert wait_until(lambda: any("libtorch" in place.path for place in stage.memory_maps()), 60)
        dvc.send_signal(signal.SIGKILL)
        dvc.wait()
    gone = wait_until(lambda: not running(stage), 10)
    if not gone:
        stage.kill()
    assert gone
    assert any((copy / "checkpoints").glob("*/checkpoint.safetensors")) == training
    assert not (copy / "models/shapes/drop75/bagan").exists()


def test_images_of_another_size_are_read_anew(copy: Project) -> None:
    """DVC's run-cache does not see that setting, and would take the old images for the new ones."""
    copy.edit("    size: 16\n    channels: 1\n    minority", "    size: 12\n    channels: 1\n    minority")
    assert stages_run(copy.dvc("repro", "ingest@shapes")) == ["check", "ingest@shapes"]
    assert read_side(copy) == 12
