"""The command that prints the answers and opens the page."""

import json
import webbrowser
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from counterweight.cli.report import report
from counterweight.core.errors import UserError
from counterweight.core.results import write_result
from counterweight.results.classify import Scores
from counterweight.results.imbalance import Counts
from counterweight.results.ingest import Account
from tests.reporting.made import change, judged, results

ROOT = Path(__file__).parents[2]
TABLE = {"datasets": ["digits"], "scenarios": ["drop75"], "generators": ["smote"], "recipes": [], "pairs": []}
ANSWER = "On digits, with 75 % of class '4' dropped: "


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """A workspace with a finished table."""
    path, item = tmp_path / "params.yaml", "digits/drop75"
    values = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    path.write_text(json.dumps({**values, "table": TABLE}), encoding="utf-8")
    given = results(draws=8)
    own = given.comparisons["smote"]
    verdicts = judged({"smote": change("undecided", draws=8, family=1)}, {})
    scores = {name: given.scores[name] for name in ("balanced", "imbalanced")}
    assert own.style is not None
    assert own.latent is not None
    for place, result in {
        "ingest/digits": Account(found=1, images={"train": {"3": 1}}, broken=[], left_out=None, notes=[]),
        f"imbalance/{item}": Counts(given.counts),
        f"classify/{item}/baselines": Scores(scores),
        f"classify/{item}/smote": Scores({"smote": given.scores["smote"]}),
        f"compare/{item}/smote": own.features,
        f"discriminate/{item}/smote": own.style,
        f"latent/{item}/smote": own.latent,
        f"report/{item}/verdicts": verdicts,
    }.items():
        file = tmp_path / f"metrics/{place}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_result(result, file)
    (tmp_path / "metrics/report.html").write_text("<!doctype html>", encoding="utf-8")
    return path


def test_the_answers_are_printed_a_line_each(params: Path) -> None:
    first, last = report(params, opens=False, as_json=False).splitlines()
    assert first.startswith(f"{ANSWER}Nothing tried here is shown to help")
    assert last == f"All of it: {params.parent / 'metrics/report.html'}"
    found = json.loads(report(params, opens=False, as_json=True))
    assert found["answers"][0]["place"] + ": " == ANSWER
    assert found["answers"][0]["reasons"]


def test_test_images_that_are_trained_on_are_told_first(params: Path) -> None:
    counts = results(draws=8).counts
    first = next(iter(counts))
    seen = {**counts, first: counts[first].model_copy(update={"in_train": 2, "near_train": 1})}
    write_result(Counts(seen), params.parent / "metrics/imbalance/digits/drop75.json")
    tested = sum(count.test for count in counts.values())
    warning = f"3 of {tested:,} test images are in the training part, too (2 exact, 1 near)."
    assert report(params, opens=False, as_json=False).startswith(f"{ANSWER}{warning} Nothing tried here is shown")
    assert json.loads(report(params, opens=False, as_json=True))["answers"][0]["warning"] == warning


def test_the_page_is_opened(params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    report(params, opens=True, as_json=False)
    assert opened == [(params.parent / "metrics/report.html").as_uri()]


def test_without_a_browser_the_answers_are_printed_all_the_same(params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    first, last = report(params, opens=True, as_json=False).splitlines()
    assert first.startswith(ANSWER)
    assert last.endswith("report.html (no browser was found here to open it with)")


def test_a_table_that_was_not_made_is_named(params: Path) -> None:
    (params.parent / "metrics/report.html").unlink()
    with pytest.raises(UserError, match=r"report\.html: no such file; `dvc repro` makes it"):
        report(params, opens=False, as_json=False)
    (params.parent / "metrics/report/digits/drop75/verdicts.json").unlink()
    with pytest.raises(UserError, match=r"verdicts\.json: no such file; `dvc repro` makes it$"):
        report(params, opens=False, as_json=False)


def test_outside_a_workspace_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    message = (
        r"^params\.yaml: no such file; call it in a clone of Counterweight \(git clone, .*, or give --params FILE$"
    )
    with pytest.raises(UserError, match=message):
        report(Path("params.yaml"), opens=False, as_json=False)
