"""A generator that cannot work on a dataset is a row of the table, with the reason, and stops no other."""

import json

import pytest

from stages import classify, compare, discriminate, extract, imbalance, ingest, latent, report, synthesize, train
from tests.pipeline.conftest import Project
from tests.reporting.made import scores

DATA, ITEM = "data/shapes", "data/shapes/drop75"
SETTINGS = """\
  oversample:
    shapes: {}
  bagan:
"""


@pytest.fixture
def scarce(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in which the minority class has one image, too few for SMOTE and enough for copies."""
    fresh.edit("    - bagan\n", "    - oversample\n")
    fresh.edit("  bagan:\n", SETTINGS)
    fresh.edit("fraction: 0.75", "fraction: 0.97")
    monkeypatch.chdir(fresh.root)
    return fresh


def row(generator: str) -> None:
    """Run the stages of one generator."""
    own, model = f"{ITEM}/{generator}", f"models/{generator}"
    common = f"--dataset shapes --generator {generator} --images {ITEM}/train.parquet"
    train.main([*common.split(), "--out", model, "--curves", f"plots/{generator}"])
    made, picture = f"{own}/synthetic.parquet", f"plots/{generator}.png"
    synthesize.main(f"--generator {model} --images {ITEM}/train.parquet --out {made} --picture {picture}".split())
    extract.main(f"--images {made} --out {own}/features".split())
    real = f"--real {ITEM}/reference.parquet --real-features {ITEM}/features"
    sets = f"{real} --synthetic {made} --synthetic-features {own}/features"
    compare.main(f"{sets} {written('compare', generator)}".split())
    sets = f"--real {ITEM}/reference.parquet --synthetic {made}"
    discriminate.main(f"{sets} {written('discriminate', generator)}".split())
    latent.main(f"{sets} {written('latent', generator)}".split())
    score("--added", made, generator)


def written(stage: str, generator: str) -> str:
    """Return where a stage writes what it measured of a generator."""
    return f"--out metrics/{stage}/shapes/drop75/{generator}.json --plots plots/{stage}/{generator}"


def score(option: str, images: str, name: str) -> None:
    """Run the stage that retrains classifiers."""
    tables = f"--dataset shapes --imbalanced {ITEM}/train.parquet --test {DATA}/test.parquet {option} {images}"
    classify.main(f"{tables} --out metrics/classify/shapes/drop75/{name}.json --confusion confusion/{name}".split())


def test_what_is_not_applicable_is_a_row_with_its_reason(scarce: Project, capsys: pytest.CaptureFixture[str]) -> None:
    parts = f"--train {DATA}/train.parquet --test {DATA}/test.parquet"
    ingest.main(f"--dataset shapes {parts}".split())
    thinned = f"--out {ITEM}/train.parquet --reference {ITEM}/reference.parquet"
    counts = "--counts metrics/imbalance/shapes/drop75.json"
    imbalance.main(f"--dataset shapes --scenario drop75 {parts} {thinned} {counts}".split())
    extract.main(f"--images {ITEM}/reference.parquet --out {ITEM}/features".split())
    score("--balanced", f"{DATA}/train.parquet", "baselines")
    for generator in ("smote", "oversample"):
        row(generator)
    report.main(["--metrics", "metrics", "--summary", "metrics/summary.json", "--reports", "metrics/report"])
    text = (scarce / "metrics/report/shapes_drop75.md").read_text()
    reason = "SMOTE needs two images of class 'no', there are 1"
    assert f"`smote` is not applicable here: {reason}." in text
    assert [line for line in text.splitlines() if line.startswith("| smote ") and "not applicable" in line]
    assert "smote" not in text.split("## How do they differ")[1]
    for kind in ("compare", "discriminate", "latent"):
        assert (scarce / f"plots/{kind}/smote/nothing.txt").read_text() == f"{reason}\n"
    assert f"shapes/drop75/smote: not applicable: {reason}" in capsys.readouterr().err
    summary = json.loads((scarce / "metrics/summary.json").read_text())["shapes"]["drop75"]
    assert summary["smote"] == {"verdict": "not applicable"}
    assert {"f1", "verdict", "kl"} <= set(summary["oversample"])


def test_a_table_of_which_nothing_is_applicable_still_has_its_baselines(scarce: Project) -> None:
    for folder in ("metrics/imbalance/shapes", "metrics/classify/shapes/drop75", "metrics/compare/shapes/drop75"):
        (scarce / folder).mkdir(parents=True)
    scarce.edit_list("oversample")
    seeds = [scores(f1, 0.9, [f1]).model_dump() for f1 in (0.5, 0.6)]
    baselines = {name: {"images": 9, "seeds": seeds} for name in ("balanced", "imbalanced", "reweighted")}
    counts = {"no": {"before": 9, "train": 1, "wanted": 8, "reference": 9, "test": 3, "minority": True}}
    for path, content in {
        "imbalance/shapes/drop75": counts,
        "classify/shapes/drop75/baselines": baselines,
        "classify/shapes/drop75/smote": {"smote": {"not_applicable": "too few"}},
        "compare/shapes/drop75/smote": {"not_applicable": "too few"},
    }.items():
        (scarce / f"metrics/{path}.json").write_text(json.dumps(content))
    report.main(["--metrics", "metrics", "--summary", "metrics/summary.json", "--reports", "metrics/report"])
    text = (scarce / "metrics/report/shapes_drop75.md").read_text()
    assert "`smote` is not applicable here: too few." in text
    assert "How do they differ" not in text
