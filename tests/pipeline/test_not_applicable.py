"""A generator that cannot work on a dataset is a row of the table, with the reason, and stops no other."""

import json

import numpy as np
import pytest

from campaigns.project import Project
from counterweight.core.images import ImageSet, write_images
from counterweight.evaluation.retraining.outcomes import write_predictions
from counterweight.evaluation.retraining.training import Outcome
from stages import classify, compare, discriminate, extract, imbalance, ingest, latent, page, report, synthesize, train
from tests.reporting.made import method_scores, scores

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
    fresh.edit(
        "    size: 16\n", "    size: 16\n    near_duplicates: ignore\n"
    )  # some are drawn alike, and stay together
    fresh.edit("  recognition:\n    - shapes\n", "  recognition: []\n")
    monkeypatch.chdir(fresh.root)
    return fresh


PARTS = f"--train {DATA}/train.parquet --test {DATA}/test.parquet"
DRAWS = f"--draws {ITEM}/draws.parquet"
REPORT = (
    "--dataset shapes --scenario drop75 --metrics metrics --predictions data/predictions/shapes/drop75 "
    "--test data/shapes/test.parquet --out metrics/report/shapes/drop75"
)
PAGE = "--metrics metrics --plots plots --summary metrics/summary.json --page metrics/report.html"


def row(generator: str) -> None:
    """Run the stages of one generator."""
    own, model = f"{ITEM}/{generator}", f"models/{generator}"
    fitted = f"--train {DATA}/train.parquet {DRAWS}"
    train.main(f"--dataset shapes --generator {generator} {fitted} --out {model} --curves plots/{generator}".split())
    made = f"{own}/synthetic.parquet"
    synthesize.main(f"--generator {model} {fitted} --out {made} --picture plots/{generator}.png".split())
    extract.main(f"--images {made} --out {own}/features".split())
    both = f"{DRAWS} {PARTS} --synthetic {made}"
    features = f"--real-features {ITEM}/features --synthetic-features {own}/features"
    compare.main(f"{both} {features} {written('compare', generator)}".split())
    discriminate.main(f"{both} {written('discriminate', generator)}".split())
    latent.main(f"{both} {written('latent', generator)}".split())
    score(generator, f"--added {made}")


def written(stage: str, generator: str) -> str:
    """Return where a stage writes what it measured of a generator."""
    return f"--out metrics/{stage}/shapes/drop75/{generator}.json --plots plots/{stage}/{generator}"


def score(name: str, added: str = "") -> None:
    """Run the stage that retrains classifiers."""
    outs = (
        f"--out metrics/classify/shapes/drop75/{name}.json --predictions data/predictions/shapes/drop75/{name}.parquet"
    )
    classify.main(f"--dataset shapes {DRAWS} {PARTS} {added} {outs} --confusion confusion/{name}".split())


def test_what_is_not_applicable_is_a_row_with_its_reason(scarce: Project, capsys: pytest.CaptureFixture[str]) -> None:
    ingest.main(f"--dataset shapes {PARTS} --account metrics/ingest/shapes.json".split())
    counts = "--counts metrics/imbalance/shapes/drop75.json"
    imbalance.main(f"--dataset shapes --scenario drop75 {PARTS} --out {ITEM}/draws.parquet {counts}".split())
    extract.main(f"{DRAWS} {PARTS} --out {ITEM}/features".split())
    score("baselines")
    for generator in ("smote", "oversample"):
        row(generator)
    report.main(REPORT.split())
    page.main(PAGE.split())
    text = (scarce / "metrics/report/shapes/drop75/report.md").read_text()
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
    for folder in ("imbalance/shapes", "classify/shapes/drop75", "compare/shapes/drop75"):
        (scarce / "metrics" / folder).mkdir(parents=True)
    scarce.edit_list("oversample")
    counts = {"before": 9, "fitted": 1, "validation": 1, "wanted": 8, "reference": 9, "test": 3, "minority": True}
    draws = [scores(f1, 0.9, [f1]) for f1 in (0.5, 0.6)]
    baselines = {name: method_scores(draws).model_dump() for name in ("balanced", "imbalanced", "reweighted")}
    for path, content in {
        "imbalance/shapes/drop75": {"no": counts},
        "classify/shapes/drop75/baselines": baselines,
        "classify/shapes/drop75/smote": {"smote": {"not_applicable": "too few"}},
        "compare/shapes/drop75/smote": {"not_applicable": "too few"},
    }.items():
        (scarce / f"metrics/{path}.json").write_text(json.dumps(content))
    nothing = np.zeros((3, 1, 1, 1), dtype=np.uint8), np.zeros(3, dtype=np.int64)
    tested = ImageSet(*nothing, ("no",), np.array([""] * 3), {})
    said = [Outcome(tested.labels, tested.labels, 9)] * 2
    place = scarce / "data/predictions/shapes/drop75"
    place.mkdir(parents=True)
    write_predictions(dict.fromkeys(baselines, said), tested, place / "baselines.parquet")
    write_predictions({}, tested, place / "smote.parquet")
    (scarce / DATA).mkdir(parents=True, exist_ok=True)
    write_images(tested, scarce / DATA / "test.parquet")
    report.main(REPORT.split())
    text = (scarce / "metrics/report/shapes/drop75/report.md").read_text()
    assert "`smote` is not applicable here: too few." in text
    assert "How do they differ" not in text
