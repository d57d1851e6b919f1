"""Reports as other programs read them: LaTeX and CSV."""

import csv
import re
from pathlib import Path

from counterweight.reporting.latex import escape_latex, render_latex
from counterweight.reporting.markdown import Grid
from counterweight.reporting.tables import write_pair_report, write_report
from tests.reporting.made import comparison, results


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_no_text_is_a_command_of_latex() -> None:
    assert escape_latex(r"a_b & 50 % {x} \end $1 #2 ~ ^") == (
        r"a\_b \& 50 \% \{x\} \textbackslash{}end \$1 \#2 \textasciitilde{} \textasciicircum{}"
    )
    assert escape_latex("-0.01 +0.20") == "$-0.01$ $+0.20$"
    assert escape_latex("0.9 ± 0.1") == r"0.9 $\pm$ 0.1"
    assert escape_latex("t-test - x") == "t-test - x"


def test_a_table_of_latex_has_three_rules() -> None:
    text = render_latex(Grid(["a_b", "c"], [["x", "1"], ["y", "2"]]), "A caption", "tab:x")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    assert "\\begin{tabular}{lr}\n\\toprule\na\\_b & c \\\\\n\\midrule\nx & 1 \\\\\ny & 2 \\\\\n\\bottomrule" in text
    assert r"\label{tab:x}" in text


def test_columns_without_room_on_a_page_stand_below_the_others() -> None:
    """The first column is in every part, no part is wider than 75 characters, and no number is lost."""
    header = ["method", *(f"column {number:02d}" for number in range(12))]
    rows = [["smote", *(f"0.{number:02d}" for number in range(12))]]
    text = render_latex(Grid(header, rows), "A caption", "tab:x")
    parts = [line for line in text.splitlines() if line.startswith("smote")]
    assert len(parts) == text.count(r"\begin{tabular}") == text.count(r"\toprule") == 3
    assert [cell for part in parts for cell in part.removesuffix(r" \\").split(" & ")[1:]] == rows[0][1:]
    heads = [line for line in text.splitlines() if line.startswith("method")]
    assert all(len(head.replace(" & ", " | ")) <= 75 for head in heads)
    assert text.count(r"\begin{table}") == text.count(r"\caption") == text.count(r"\label") == 1


def test_captions_say_of_how_much_a_table_is(tmp_path: Path) -> None:
    write_report(results(), tmp_path)
    text = (tmp_path / "tables.tex").read_text(encoding="utf-8")
    helped, differ = re.findall(r"\\caption{(.*)}", text)
    assert "against imbalanced. Over 2 draws of all that is random, " in helped
    assert differ.endswith("64 px; 50 images against 50, 10 draws of halves.")


def test_csv_has_every_number_unrounded(tmp_path: Path) -> None:
    given = results()
    write_report(given, tmp_path)
    verdicts = read(tmp_path / "verdicts.csv")
    assert len(verdicts) == 4  # two methods by two scores
    assert (verdicts[0]["method"], verdicts[0]["score"], verdicts[0]["change"]) == ("balanced", "minority_f1", "0.1234")
    scores = read(tmp_path / "scores.csv")
    assert [(line["method"], line["draw"]) for line in scores[:2]] == [("balanced", "0"), ("balanced", "1")]
    assert float(scores[0]["minority_f1"]) == given.scores["balanced"].draws[0].minority_f1
    statistics = read(tmp_path / "statistics.csv")
    (kl,) = [
        line
        for line in statistics
        if (line["backbone"], line["statistic"], line["number"], line["of"])
        == ("alexnet", "gaussian_kl", "a_to_b", "between")
    ]
    assert (float(kl["mean"]), kl["n"], kl["draws"]) == (5.0, "50", "10")


def test_a_pair_has_no_scores(tmp_path: Path) -> None:
    write_pair_report("scans", comparison(0.5), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.md", "statistics.csv", "tables.tex"]
    assert r"\label{tab:scans:differences}" in (tmp_path / "tables.tex").read_text(encoding="utf-8")
