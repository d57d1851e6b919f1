"""What `counterweight gallery` writes: a picture and a row for each generator, and a page over all of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML

from counterweight.cli import gallery as tool
from counterweight.cli.gallery import gallery
from counterweight.core.errors import UserError
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.settings.train import TrainingConfig

ROOT = Path(__file__).parents[2]
BLOCKS: dict[str, dict[str, object]] = {
    "oversample": {},
    "gan": {"latent_dim": 4, "width": 2, "epochs": 1, "batch_size": 64},
    "cvae": {"latent_dim": 2, "filters": 2, "hidden": 4, "epochs": 2},
    "collected": {"folder": "nowhere"},
}


def write_params(folder: Path, **changes: dict[str, object]) -> Path:
    """Write the project's settings with blocks that train in a second."""
    yaml = YAML(typ="safe")
    values = yaml.load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["datasets"] = {"digits": {"source": "digits", "size": 12}}
    values["generators"] = {name: {"digits": block} for name, block in (BLOCKS | changes).items()}
    values["classifiers"] = {"digits": {"network": "mnist_cnn", "epochs": 2, "learning_rate": 0.01}}
    values["table"] = {"datasets": ["digits"], "scenarios": ["drop75"], "generators": ["oversample"], "pairs": []}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(values, file)
    return folder / "params.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    gallery(write_params(folder), "digits", [], 20, folder)
    return folder / "digits"


def row(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found


def test_every_generator_has_a_row_and_a_picture_of_ten_samples_of_each_class(made: Path) -> None:
    assert {path.stem for path in made.glob("*.json")} == set(BLOCKS)
    assert {path.stem for path in made.glob("*.png")} == set(BLOCKS) - {"collected"}
    for path in made.glob("*.png"):
        with Image.open(path) as picture:
            assert picture.size == (4 * (10 * 13 + 1), 4 * (10 * 13 + 1))  # enlarged four times


def test_copies_of_real_images_are_recognised_as_well_as_real_images(made: Path) -> None:
    found = row(made, "oversample")
    assert found["judge_on_real_images"] > 0.7
    assert found["images"] == 200
    assert found["asked_class"] > found["judge_on_real_images"] - 0.1  # the judge knows these images
    assert set(found["asked_class_by_class"]) == set("0123456789")
    mean = sum(found["asked_class_by_class"].values()) / 10
    assert found["asked_class"] == pytest.approx(mean, abs=1e-3)
    assert found["training"] is None


def test_a_learned_generator_tells_its_training(made: Path) -> None:
    for name, epochs in (("cvae", 2), ("gan", 1)):
        found = row(made, name)
        training = found["training"]
        assert training["device"].startswith("CPU")
        # 1,258 images an epoch, however many models share them. Seconds are rounded to a tenth, which is most of a
        # training that takes less; the rate to a tenth of an image, which is nothing.
        seconds = 1258 * epochs / training["images_per_second"]
        assert seconds == pytest.approx(training["seconds"], abs=0.051)
        assert found["settings"]["epochs"] == epochs


def test_a_generator_that_cannot_work_says_why(made: Path) -> None:
    found = row(made, "collected")
    assert "collected/nowhere/0: 0 images, but class '0' needs 20" in found["not_applicable"]


def test_the_page_has_a_line_and_a_picture_for_each(made: Path) -> None:
    page = (made / "README.md").read_text(encoding="utf-8")
    for name in BLOCKS:
        assert f"\n| {name} " in page
        assert (f"![{name}]({name}.png)" in page) == (name != "collected")
    assert "not applicable: collected/nowhere" in page


def test_a_single_generator_is_made_again_and_the_page_keeps_the_others(made: Path, tmp_path: Path) -> None:
    params = write_params(tmp_path)
    facts = json.loads(gallery(params, "digits", ["oversample"], 10, tmp_path, as_json=True))
    assert facts == {"folder": str(tmp_path / "digits"), "generators": [row(tmp_path / "digits", "oversample")]}
    printed = gallery(params, "digits", ["cvae"], 10, tmp_path)
    page = (tmp_path / "digits/README.md").read_text(encoding="utf-8")
    assert "| oversample" in page
    assert "| cvae" in page
    assert "| cvae" in printed
    assert "| oversample" not in printed


def test_the_same_seed_makes_the_same_pictures(made: Path, tmp_path: Path) -> None:
    gallery(write_params(tmp_path), "digits", ["cvae"], 20, tmp_path)
    assert (tmp_path / "digits/cvae.png").read_bytes() == (made / "cvae.png").read_bytes()
    assert row(tmp_path / "digits", "cvae")["asked_class"] == row(made, "cvae")["asked_class"]


@pytest.mark.parametrize(
    ("dataset", "names", "message"),
    [
        ("digit", [], r"datasets: there is no 'digit'; did you mean 'digits'\?"),
        ("digits", ["cave"], r"generators with a block for digits: there is no 'cave'; did you mean 'cvae'\?"),
    ],
)
def test_a_name_that_is_not_there_is_refused(dataset: str, names: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        gallery(write_params(tmp_path), dataset, names, 10, tmp_path)


def test_an_unconditional_generator_is_shown_and_not_judged(tmp_path: Path) -> None:
    settings = {"latent_dim": 2, "filters": 2, "hidden": 4, "epochs": 1, "unconditional": True}
    gallery(write_params(tmp_path, vae=settings), "digits", ["vae", "oversample"], 10, tmp_path)
    found = row(tmp_path / "digits", "vae")
    assert (found["images"], found["asked_class"], found["not_applicable"]) == (100, None, None)
    page = (tmp_path / "digits/README.md").read_text(encoding="utf-8")
    line = next(line for line in page.splitlines() if line.startswith("| vae "))
    assert [cell.strip() for cell in line.split("|")[2:4]] == ["-", "-"]
    assert "![vae](vae.png)" in page
    assert row(tmp_path / "digits", "oversample")["asked_class"] > 0.5


def test_images_of_one_class_are_shown_without_a_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng, images = np.random.default_rng(0), tmp_path / "images/logs"
    images.mkdir(parents=True)
    for number in range(20):
        Image.fromarray(rng.integers(0, 256, (14, 14), dtype=np.uint8)).save(images / f"{number}.png")
    params, yaml = write_params(tmp_path), YAML(typ="safe")
    values = yaml.load(params.read_text(encoding="utf-8"))
    values["datasets"]["logs"] = {"source": "folder", "size": 12, "channels": 1}
    small = {"latent_dim": 2, "filters": 2, "epochs": 1}
    for name, block in {"vanilla_vae": small, "gan": BLOCKS["gan"], "smote": {}}.items():
        values["generators"].setdefault(name, {})["logs"] = block
    with params.open("w", encoding="utf-8") as file:
        yaml.dump(values, file)
    gallery(params, "logs", [], 50, tmp_path)
    for name in ("vanilla_vae", "gan", "smote"):
        found = row(tmp_path / "logs", name)
        assert (found["judge_on_real_images"], found["images"], found["asked_class"]) == (None, 50, None)
        with Image.open(tmp_path / f"logs/{name}.png") as picture:
            assert picture.size == (4 * (10 * 13 + 1), 4 * (4 * 13 + 1))  # four rows of ten, enlarged four times
    page = (tmp_path / "logs/README.md").read_text(encoding="utf-8")
    assert "Asked class" not in page
    assert "| gan " in page


def test_a_training_that_fails_leaves_what_was_done_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(generator: LearnedGenerator, *_: object) -> None:
        raise UserError("training stopped")

    monkeypatch.setattr(tool, "fit", broken)
    with pytest.raises(UserError, match=r"params.yaml: generators.cvae.digits: training stopped"):
        gallery(write_params(tmp_path), "digits", ["oversample", "cvae"], 10, tmp_path)
    assert {path.name for path in (tmp_path / "digits").iterdir()} == {"README.md", "oversample.json", "oversample.png"}


def test_no_random_generator_of_torch_is_touched(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    gallery(write_params(tmp_path), "digits", ["oversample"], 10, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)


def test_everything_is_checked_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    params = write_params(tmp_path, cvae={"latent_dm": 2})
    with pytest.raises(UserError, match=r"generators.cvae.digits.latent_dm: unknown key"):
        gallery(params, "digits", [], 10, tmp_path)
    with pytest.raises(UserError, match=r"generators.collected.digits: collected/nowhere: no such folder"):
        gallery(write_params(tmp_path), "digits", ["collected"], 10, tmp_path)
    with pytest.raises(UserError, match="cannot be written"):
        gallery(params, "digits", ["oversample"], 10, Path("/proc/nowhere"))
    assert "training the judge" not in capsys.readouterr().err


def test_the_settings_of_the_loop_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = write_params(tmp_path)
    params.write_text(params.read_text().replace("precision: float32", "precision: bfloat16"))
    seen: list[TrainingConfig] = []
    monkeypatch.setattr(tool, "fit", lambda model, real, seed, options, folder: seen.append(options))
    gallery(params, "digits", ["cvae"], 10, tmp_path)
    assert [options.precision for options in seen] == ["bfloat16"]
