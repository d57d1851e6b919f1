"""The answers of the table, and its page in a browser."""

import json
import webbrowser
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.core.params_file import read_params_file
from counterweight.reporting.answers import Answer, answer, answer_pair
from counterweight.reporting.recognition import read_recognitions
from counterweight.reporting.recognition_answer import answer_recognition
from counterweight.reporting.results import read_table
from counterweight.settings.table import Table


def list_answers(params: Path) -> list[Answer]:
    """Return the answer of every item of the table.

    Raises:
        UserError: settings or results are missing.
    """
    table = read_params_file(params).section("table", Table)
    found = read_table(params.parent / "metrics", table)
    recognized = read_recognitions(params.parent / "metrics", table)
    pairs = (answer_pair(name, own) for name, own in found.pairs.items())
    return [*map(answer, found.results), *pairs, *map(answer_recognition, recognized.values())]


def report(params: Path, opens: bool, as_json: bool) -> str:
    """Return the answers as text or JSON, and show the page in a browser if there is one.

    Raises:
        UserError: settings, results or the page are missing.
    """
    page = params.parent / "metrics/report.html"
    answers = list_answers(params)
    if not page.is_file():
        raise UserError(f"{page}: no such file; `dvc repro` makes it")
    shown = webbrowser.open(page.resolve().as_uri()) if opens else None
    if as_json:
        return json.dumps({"page": str(page), "answers": [found._asdict() for found in answers]}, indent=1)
    # Over SSH the answers are there all the same.
    where = f"All of it: {page}" + (" (no browser was found here to open it with)" if shown is False else "")
    return "\n".join([*map(render_answer, answers), where])


def render_answer(found: Answer) -> str:
    """Return an answer in a line, after what has to be known first."""
    return f"{found.place}: {found.warning}{' ' if found.warning else ''}{found.advice}"
