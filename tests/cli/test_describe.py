"""What `counterweight describe` prints: published parameter counts, every generator, one line for a mistake."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from counterweight.cli.describe import describe
from counterweight.cli.overview import overview
from counterweight.core.errors import UserError
from counterweight.core.registry import names_in

ROOT = Path(__file__).parents[2]
NAMES = names_in("generators")


def counterweight(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from counterweight.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def facts(name: str, *changes: str, shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(describe(name, shape, classes, changes, as_json=True))
    return found


def test_every_generator_is_listed_with_a_title() -> None:
    assert list(json.loads(overview(as_json=True))) == NAMES
    lines = overview(as_json=False).splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert all(len(line.split()) > 2 for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_every_generator_is_described(name: str) -> None:
    found = facts(name)
    assert found["title"]
    assert found["paper"]
    assert set(found["networks"]) == {
        key.removesuffix(":").split(":")[0]
        for key in describe(name, (1, 28, 28), 10, (), as_json=False).splitlines()
        if key.endswith(" parameters")
    }


def test_published_parameter_counts_are_printed() -> None:
    networks = facts("bagan")["networks"]
    counts = {"encoder": 398_090, "generator": 94_913, "discriminator": 399_115}
    assert {name: network["parameters"] for name, network in networks.items()} == counts
    for network in networks.values():
        assert sum(layer["parameters"] for layer in network["layers"]) == network["parameters"]


def test_settings_can_be_changed_and_are_told_with_their_defaults() -> None:
    settings = {setting["name"]: setting for setting in facts("bagan", "latent_dim=5")["settings"]}
    assert settings["latent_dim"]["value"] == 5
    assert settings["latent_dim"]["default"] == 10
    assert "latent_dim: 5 (default 10)" in describe("bagan", (1, 28, 28), 10, ["latent_dim=5"], as_json=False)
    assert facts("bagan", "latent_dim=5")["networks"]["encoder"]["parameters"] == 398_090 - 5 * 1025


def test_one_model_is_described_where_each_class_has_its_own() -> None:
    assert facts("vae", "sampling=prior")["networks"] == facts("vae")["networks"]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("bagna", "latent_dim=5", "there is no 'bagna'; did you mean 'bagan'?"),
        ("bagan", "latent_dims=5", "--set: latent_dims: unknown key; did you mean 'latent_dim'?"),
        ("bagan", "latent_dim=x", "--set: latent_dim: 'x' is not allowed"),
        ("bagan", "latent_dim", "--set latent_dim: KEY=VALUE wanted"),
        ("bagan", "latent_dim=[", "--set latent_dim=[: the value is not valid YAML"),
        ("bagan", "latent_dim=" + "[" * 900, "[[: the value is not valid YAML"),
    ],
)
def test_a_mistake_is_told(name: str, change: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        describe(name, (1, 28, 28), 10, [change], as_json=True)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ("describe", "bagna"),
        ("describe", "bagan", "--shape", "1,28"),
        ("describe", "bagan", "--shape", "0,28,28"),
        ("describe", "bagan", "--classes", "0"),
        ("describe", "bagan", "--unknown"),
        ("descibe",),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(words: tuple[str, ...]) -> None:
    done = counterweight(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("error: ")


def test_results_go_to_standard_output_alone() -> None:
    done = counterweight("describe", "oversample", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["networks"] == {}


def test_help_has_examples_and_imports_no_torch() -> None:
    done = counterweight("describe", "--help")
    assert done.returncode == 0
    assert "counterweight describe bagan --shape 1,28,28 --classes 10" in done.stdout
    code = "import counterweight.cli.main, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cvae", "--shape", "3,100000000,100000000"], "sides of at most 2048"),
        (["cvae", "--shape", "2,28,28"], "1 or 3 channels wanted"),
        (["gan", "--set", "latent_dim=99999999999999999999999"], "gan: no network of this size"),
    ],
)
def test_sizes_that_no_computer_has_are_refused_in_one_line(words: list[str], message: str) -> None:
    done = counterweight("describe", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_without_a_command_the_help_is_printed() -> None:
    done = counterweight()
    assert done.returncode == 2
    assert "Commands:\n" in done.stdout


@pytest.mark.parametrize(("channels", "latents"), [(16, 4096), (32, 8192), (64, 16384)])
def test_the_latents_that_follow_from_the_block_size_are_told(channels: int, latents: int) -> None:
    assert facts("residual_vae", f"block_channels={channels}", shape=(3, 128, 128))["latents"] == latents
    assert facts("cgan")["latents"] is None
    text = describe("residual_vae", (3, 128, 128), 2, [f"block_channels={channels}"], as_json=False)
    assert f"Latents: {latents:,}\n" in text


def test_a_setting_without_a_generator_is_refused() -> None:
    done = counterweight("describe", "--set", "epochs=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --set changes settings of one generator: give its NAME, too\n"


@pytest.mark.parametrize("module", ["counterweight", "counterweight.cli.main"])
def test_the_command_line_is_a_module_too(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "audit" in done.stdout
