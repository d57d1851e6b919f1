"""Which stages an edit makes stale: those whose results it can change, and no more."""

import json
import shutil

import pytest

from campaigns.project import Built, Project

pytestmark = pytest.mark.slow

COMPARED = {"compare", "compare_pair", "compare_same", "latent", "latent_pair"}
REPORTS = {"report", "report_pair", "page"}
TABLE: dict[str, set[str]] = {
    # A file of the library, and the stages that its edit makes stale; `check` writes the same whatever the settings.
    "reporting/verdicts.py": {*REPORTS, "report_recognition"},
    "reporting/templates/report.md.jinja": {*REPORTS, "report_recognition"},
    "reporting/page/charts.py": {*REPORTS, "report_recognition"},
    "settings/classify.py": {"check", "page", "baselines", "classify"},
    "settings/params.py": {"check", "page"},
    "settings/table.py": {"check", *REPORTS, "report_recognition"},
    "statistics/verdict.py": {*REPORTS, "report_recognition", "vae_experiment"},
    "statistics/classification.py": {"baselines", "classify"},
    "statistics/two_sample/frechet.py": COMPARED,
    "statistics/latents.py": {"latent", "latent_pair"},
    "generators/bagan.py": {"train bagan", "synthesize bagan", "page"},
    "generators/cvae.py": {"page"},  # its glossary says what methods are
    "networks/classifiers/mnist_cnn.py": {"baselines", "classify"},
    "networks/backbones/mnasnet0_5.py": {
        *("extract", "extract_real", "extract_pair", "latent", "latent_pair", "baselines", "classify"),
        "recognize",
    },
    "recipes/reweighted.py": {"baselines", "classify", "page"},
    "recipes/base/network_recipe.py": {"baselines", "classify", "page"},
    "evaluation/retraining/methods.py": {"baselines", "classify"},
    "data/imbalance.py": {"imbalance"},
    # Images that another program made are decoded where they take their place in a synthetic set.
    "data/decode/images.py": {"identify", "ingest", "ingest_pair", "synthesize"},
    "data/sources/folder.py": {"identify", "ingest", "ingest_pair"},
    "training/draws.py": {"train", "latent", "latent_pair", "vae_experiment"},
    "training/loop.py": {"train", "latent", "latent_pair", "vae_experiment"},
    "evaluation/style/plots.py": {"discriminate", "discriminate_pair", "discriminate_same", "latent", "latent_pair"},
    "evaluation/autoencoders/losses.py": {"vae_experiment"},
    "evaluation/triplets/views.py": {"triplets", "recognize"},
    "evaluation/recognition/learning.py": {"recognize"},
    "reporting/recognition_verdicts.py": {*REPORTS, "report_recognition"},
    "settings/recognize.py": {"check", "page", "recognize"},
    "cli/add.py": set(),
    "core/seeds.py": {
        *("check", "ingest", "ingest_pair", "imbalance", "train", "synthesize", "extract", "extract_real"),
        *("extract_pair", "discriminate", "discriminate_pair", "discriminate_same", "baselines", "classify"),
        *(*REPORTS, *COMPARED),
        *("identify", "vae_experiment", "triplets", "recognize", "report_recognition"),
    },
}


@pytest.fixture(scope="module")
def scratch(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with all results, those of a pair among them, whose files are edited and put back."""
    project = built.project.copied(tmp_path_factory.mktemp("staleness") / "project")
    for side in ("real", "synthetic"):
        shutil.copytree(project / "images/shapes/disc", project / "images/two" / side)
    project.edit("  pairs: []\n", "  pairs:\n    - two\n")
    project.edit("\npairs: {}\n", "\npairs:\n  two: {source: folders, size: 16, channels: 1}\n")
    project.repro()
    return project


def stale_stages(project: Project) -> set[str]:
    """Return the names of the stages whose code or settings changed, with the generator where it is one's alone."""
    status = json.loads(project.dvc("status", "--json"))
    return {name for name, changes in status.items() if any("changed deps" in change for change in changes)}


def name_kinds(stages: set[str], every: set[str]) -> set[str]:
    """Return the kinds of stages: `train` for all rows of it, `train bagan` where it is BAGAN's alone."""
    kinds = {name.split("@")[0] for name in stages}
    found = set()
    for kind in kinds:
        own = {name for name in stages if name.split("@")[0] == kind}
        whole = {name for name in every if name.split("@")[0] == kind}
        found |= {kind} if own == whole else {f"{kind} {name.rsplit('-', 1)[1]}" for name in own}
    return found


@pytest.mark.parametrize("path", TABLE)
def test_an_edit_makes_stale_what_it_can_change(path: str, scratch: Project) -> None:
    every = {*scratch.dvc("stage", "list", "--name-only").split()}
    file = scratch / "counterweight" / path
    content = file.read_bytes()
    try:
        file.write_bytes(content + b"\n# Edited.\n")
        assert name_kinds(stale_stages(scratch), every) == TABLE[path]
    finally:
        file.write_bytes(content)


def test_a_setting_of_speed_alone_makes_nothing_stale_but_what_reads_all_settings(scratch: Project) -> None:
    before = (scratch / "params.yaml").read_bytes()
    try:
        scratch.edit("device: cpu\n", "device: cpu\nstreams: 4\n")
        assert stale_stages(scratch) == {"check", "page"}
    finally:
        (scratch / "params.yaml").write_bytes(before)


def test_nothing_is_stale_before_an_edit(scratch: Project) -> None:
    assert stale_stages(scratch) == set()
