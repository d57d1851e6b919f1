"""Regular expressions of users: read as Python reads them, in limited time, in whichever thread."""

import os
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import process_time

import pytest
from click.testing import CliRunner

from counterweight.cli.main import cli
from counterweight.core.errors import UserError
from counterweight.data.sources.base import patterns
from counterweight.data.sources.base.pattern_search import name_match, search
from counterweight.data.sources.base.patterns import find_all
from tests.data.sources.test_layout import find
from tests.data.sources.test_public_layouts import write_images

COMMITTED = Path(__file__).parents[3] / "params.yaml"
ENDLESS = re.compile("(a+)+$")
"""Doubles its time with each `a` before another letter."""
LONG = "a" * 60


@pytest.mark.parametrize(
    "pattern",
    [
        r"(\w+)_",  # a vowel sign of Hindi is no letter for Python's engine, and is for others
        r"(?i)CAT|(\d+)",
        r"(?s:.)(?P<name>[^/]+)",
        r"(?<=_)x*?",
        "[[a-z]|\u00bd",
        r"(\u0928\\?)|^$",
        "\x00",
    ],
)
@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")
def test_a_pattern_finds_what_python_finds(pattern: str) -> None:
    texts = [
        "",
        "cat_12.png",
        "\u0928\u092e\u0938\u094d\u0924\u0947_1.png",
        "x_\u00bd/a\nb",
        "\udce9_",
        "a\x00b",
        'q"\\',
    ]
    known = re.compile(pattern)
    assert find_all(known, texts, "here") == [name_match(known.search(text)) for text in texts]


def test_flags_and_long_patterns_reach_the_search() -> None:
    assert find_all(re.compile("CAT", re.IGNORECASE), ["a cat", "dog"], "here") == ["cat", ""]
    every = re.compile("|".join(f"name{place:06d}" for place in range(20_000)))  # longer than an argument may be
    assert find_all(every, ["name019999", "name02"], "here") == ["name019999", ""]


def test_a_pattern_that_would_search_for_ever_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    said = rf"^params.yaml: datasets.x.group_pattern: '\(a\+\)\+\$' takes over 0\.2 s, most on {LONG}b; what fits one"
    with pytest.raises(UserError, match=said) as refused:
        find_all(ENDLESS, ["aab", "x", f"{LONG}b", "b"], "params.yaml: datasets.x.group_pattern")
    assert "\n" not in str(refused.value)


def test_a_thread_searches_in_limited_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    with ThreadPoolExecutor(1) as threads, pytest.raises(UserError, match=r"takes over 0\.2 s"):
        threads.submit(find_all, ENDLESS, [f"{LONG}b"], "here").result()


def test_the_text_that_took_longest_is_named_though_time_was_up_at_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 that take long the one of two more letters takes four times as long; time is up at one of the others."""
    seconds = measure(f"{'a' * 16}b")
    texts = [f"{'a' * 18}b", *[f"{'a' * 16}b"] * 60]
    monkeypatch.setattr(patterns, "SECONDS", 25 * seconds)
    with pytest.raises(UserError, match=f"most on {texts[0]};"):
        find_all(ENDLESS, texts, "here")


def measure(text: str) -> float:
    """Return how many seconds of processor time the endless pattern takes for a text, the least of three."""
    taken = []
    for _ in range(3):
        begun = process_time()
        ENDLESS.search(text)
        taken.append(process_time() - begun)
    return min(taken)


def test_what_is_done_in_time_is_whole_and_the_clock_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, where a clock that runs on would end the test."""
    before = signal.getsignal(signal.SIGVTALRM)
    try:
        assert search(re.compile("b+"), ["abbc", "a"], 5) == ["bb", ""]
        assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
        assert search(ENDLESS, ["a", f"{LONG}b"], 0.1) == 1
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_the_search_imports_nothing_of_the_folder_it_is_called_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.fspath(tmp_path))
    assert find_all(re.compile("b"), ["abc"], "here") == ["b"]


def test_both_settings_are_searched_in_limited_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    write_images(tmp_path / "in", f"cat/{LONG}b.png", "dog/2.png", "dog/3.png", "cat/4.png")
    with pytest.raises(UserError, match=rf"label_pattern: '\(a\+\)\+\$' takes over .* most on cat/{LONG}b.png; "):
        find(tmp_path / "in", label_pattern=ENDLESS.pattern)
    for option in ("--label-pattern", "--group-pattern"):
        words = ["add", "mine", str(tmp_path / "in"), "--params", str(COMMITTED), "--dry-run", option, ENDLESS.pattern]
        refused = CliRunner().invoke(cli, words)
        assert f"{option[2:].replace('-', '_')}: '(a+)+$' takes over 0.2 s" in str(refused.exception)


def test_names_to_leave_out_are_no_regular_expressions(tmp_path: Path) -> None:
    """Their stars do not search for ever, as a pattern's would."""
    write_images(tmp_path, f"cat/{LONG}.png", "dog/2.png")
    assert len(find(tmp_path, leave_out=["*a" * 30 + "*b"]).train) == 2


def test_where_python_is_missing_it_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(FileNotFoundError):
        find_all(re.compile("a"), ["a"], "here")
