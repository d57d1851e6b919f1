"""What `counterweight preset` lists, adds and refuses; and that every preset on disk is valid with its own table."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from counterweight.cli.main import cli
from counterweight.core import outputs
from counterweight.core.errors import UserError
from counterweight.evaluation.prechecks import check_blocks
from counterweight.generators.base.generator import find_generator
from counterweight.settings.params import load_params
from counterweight.settings.presets import list_presets, read_preset

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "params.yaml"
PRESETS = list_presets(COMMITTED)
EXPERIMENTS = [name for name in PRESETS if read_preset(COMMITTED, name).needs]


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's settings and presets in a folder of their own."""
    shutil.copy(COMMITTED, tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    monkeypatch.chdir(tmp_path)
    return Path("params.yaml")


def run(*words: str) -> str:
    """Return what `counterweight preset` prints."""
    result = CliRunner().invoke(cli, ["preset", *words], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def facts(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json"))
    return found


def loaded(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return values


def refused(params: Path, message: str, *words: str) -> None:
    """Check that a mistake is told in one line and changes nothing."""
    before = params.read_bytes()
    with pytest.raises(UserError, match=message) as caught:
        run(*words)
    assert "\n" not in str(caught.value)
    assert params.read_bytes() == before


def changed(params: Path, old: str, new: str) -> None:
    text = params.read_text(encoding="utf-8")
    assert old in text
    params.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_there_are_the_documents_datasets_pairs_and_experiments() -> None:
    datasets = "mnist mnist_cpu fashion_mnist cifar10 vehicles celeba chars74k_fnt chars74k_img clothing clothing_rgb"
    pairs, recognition = "city dogs", "digits_triplets mnist_triplets clothing_triplets"
    experiments = "balancing_thesis gan_vs_vae_report conditional_gan_article distributions_thesis log_ends_thesis"
    others = "cifar10_lt stanford_dogs log_ends"
    assert {*f"{datasets} {others} {recognition} {pairs} {experiments}".split()} == {*PRESETS}
    assert {*experiments.split()} == {*EXPERIMENTS}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_with_its_own_table(name: str, params: Path) -> None:
    run(name)
    check_blocks(load_params(params))
    preset = read_preset(params, name)
    table = {key: names for key, names in preset.table.model_dump().items() if names is not None}
    changes = [f"table.{key}={json.dumps(names)}" for key, names in table.items()]
    command = facts(name)["commands"][name][0]
    assert all(f"table.{key}=[{','.join(names)}]" in command for key, names in table.items())
    apply_overrides(params, [*changes, *preset.changes])
    checked = load_params(params)
    check_blocks(checked)
    find_generator(checked.latent.network).settings.model_validate(checked.latent.autoencoder)
    assert checked.table.model_dump() | table == checked.table.model_dump()


@pytest.mark.parametrize("name", PRESETS)
def test_every_dataset_can_be_in_the_default_table_and_is_watched(name: str) -> None:
    preset, rows = read_preset(COMMITTED, name), load_params(COMMITTED).table.generators
    for dataset, block in preset.datasets.items():
        if preset.table.datasets:  # not for recognition alone
            assert dataset in preset.classifiers
            assert all(dataset in preset.generators[row] for row in rows)
        assert block["source"] in ("folder", "table") or (ROOT / "images" / dataset / "README.md").is_file()
    assert "dogs" not in preset.pairs or (ROOT / "images/dogs/real/README.md").is_file()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_no_anchors_and_a_dataset_of_their_name(name: str) -> None:
    preset = read_preset(COMMITTED, name)
    assert preset.needs or preset.recognition or [*preset.datasets, *preset.pairs] == [name]
    assert not set(" &*") & {word[0] for word in (ROOT / f"presets/{name}.yaml").read_text().split() if len(word) > 1}


def test_the_list_has_a_line_for_each(params: Path) -> None:
    lines = run().splitlines()
    assert [line.split()[0] for line in lines] == PRESETS
    assert all("CPU: " in line and "GPU: " in line and "download: " in line for line in lines)
    assert [*facts()] == PRESETS
    assert facts()["mnist"]["cost"].keys() == {"cpu", "gpu"}


def test_every_old_line_stays_and_comments_come_along(params: Path) -> None:
    before = params.read_text(encoding="utf-8").splitlines()
    printed = run("mnist")
    after = params.read_text(encoding="utf-8").splitlines()
    rest = iter(after)
    assert all(line in rest for line in before), "the old lines, in their order"
    assert "    mnist:  # balancing thesis, 4.3" in after
    assert "      learning_rate: 0.00005" in after
    assert "  dvc exp run -S 'table.datasets=[mnist]' -S 'table.scenarios=[drop75]'\n" in printed
    assert printed.endswith("  counterweight report\n")


def test_what_is_there_already_is_left_alone(params: Path) -> None:
    run("mnist")
    before = params.read_bytes()
    assert "As they are in params.yaml already\n  datasets.mnist\n" in run("mnist")
    found = facts("mnist")
    assert (found["blocks"], found["changed"]) == ({}, False)
    assert params.read_bytes() == before


def test_a_dry_run_says_the_same_and_changes_nothing(params: Path) -> None:
    before = params.read_bytes()
    assert "Would be added to params.yaml\n  datasets.city\n".replace("datasets", "pairs") in run("city", "--dry-run")
    trial = facts("mnist", "city", "--dry-run")
    assert params.read_bytes() == before
    assert trial | {"changed": True} == facts("mnist", "city")
    assert {*loaded(params)["datasets"]} == {"digits", "mnist"}
    assert {*loaded(params)["pairs"]} == {"city"}


def test_an_experiment_brings_what_it_needs(params: Path) -> None:
    printed = run("balancing_thesis")
    assert {*loaded(params)["datasets"]} == {"digits", "mnist", "vehicles", "cifar10"}
    assert "'table.generators=[oversample,geometric,smote,cvae,cvae_gan,bagan]'" in printed
    assert "counterweight report" in printed


def test_rows_without_settings_are_left_out_of_the_command(params: Path) -> None:
    changed(params, "  - bagan\n", "  - bagan\n  - ddpm\n")
    assert "'table.generators=[oversample,geometric,smote,cvae,bagan]'" in run("celeba")


def test_line_ends_and_comments_of_ones_own_stay(params: Path) -> None:
    text = params.read_text(encoding="utf-8").replace("    digits: {}\n", "    digits: {}  # mine\n    # and mine\n", 1)
    params.write_bytes(text.replace("\n", "\r\n").encode())
    run("vehicles")
    content = params.read_bytes()
    assert content.count(b"\r\n") == content.count(b"\n")
    assert b"    digits: {}  # mine\r\n    # and mine\r\n    vehicles: {}\r\n  geometric:" in content


def test_a_block_that_differs_is_named(params: Path) -> None:
    run("mnist")
    changed(params, "      autoencoder_epochs: 300\n", "      autoencoder_epochs: 3\n")
    message = r"^params.yaml: generators.bagan.mnist.autoencoder_epochs: 3, but 300 in presets/mnist.yaml; nothing was"
    refused(params, message, "mnist")
    refused(params, message, "balancing_thesis")


def test_unknown_names_are_answered_with_the_nearest(params: Path) -> None:
    refused(params, r"presets: there is no 'mnits'; did you mean 'mnist'\?", "mnits")
    refused(params, r"presets: there is no 'mnits'", "city", "mnits")


def test_a_table_that_names_a_preset_is_told_the_command(params: Path) -> None:
    changed(params, "  - digits\n", "  - mnist\n")
    with pytest.raises(UserError, match=r"there is no block datasets.mnist; counterweight preset mnist adds one$"):
        load_params(params)
    changed(params, "  - mnist\n", "  - balancing_thesis\n")
    with pytest.raises(UserError, match=r"there is no block datasets.balancing_thesis; allowed: digits$"):
        load_params(params)


def test_without_presets_it_is_said_where_they_are(params: Path) -> None:
    shutil.rmtree("presets")
    refused(params, r"^presets: no presets there; they stand beside params.yaml in a checkout of", "mnist")
    refused(params, r"^presets: no presets there")


def test_a_preset_with_a_mistake_is_named(params: Path) -> None:
    changed(Path("presets/mnist.yaml"), "about:", "abuot:")
    refused(params, r"^presets/mnist.yaml: (abuot: unknown key; did you mean 'about'|about: missing)", "mnist")


def test_a_file_that_is_read_only_is_left_alone(params: Path) -> None:
    params.chmod(0o444)
    refused(params, r"^params.yaml: read-only; make it writable first", "mnist")


def test_a_name_of_ones_own_is_not_taken_over(params: Path) -> None:
    changed(params, "  digits:  #", "  dogs:\n    source: folder\n    size: 8\n  digits:  #")
    refused(params, r"^params.yaml: pairs.dogs: a dataset is called so, too", "dogs")


def test_a_failure_half_way_leaves_the_file_as_it_was(params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(partial: Path, target: Path) -> None:
        raise UserError("the disk is full")

    monkeypatch.setattr(outputs, "put_in_place", fail)
    refused(params, "the disk is full", "mnist")
