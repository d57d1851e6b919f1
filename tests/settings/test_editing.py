"""Blocks put into YAML as text: whatever is there stays, whatever cannot be is refused."""

from pathlib import Path

import pytest

from counterweight.core.errors import UserError
from counterweight.settings.editing import Addition, extract_block, insert_additions, load_yaml

COMMITTED = Path(__file__).parents[2] / "params.yaml"

PETS = Addition(("datasets",), "pets", {"source": "folder", "minority": ["no", "cat"]})
LINES = ["pets:", "  source: folder", "  minority:", "  - 'no'", "  - cat"]


def lines(indent: int) -> str:
    return "".join(f"{' ' * indent}{line}\n" for line in LINES)


PETS_2, PETS_4 = lines(2), lines(4)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("datasets:\n  a: {}\n", f"datasets:\n  a: {{}}\n{PETS_2}"),
        ("datasets:\n  a: {}\nseed: 0\n", f"datasets:\n  a: {{}}\n{PETS_2}seed: 0\n"),
        # A comment that introduces the next section stays with it; one that is indented belongs to this one.
        ("datasets:\n  a: 1\n  # end\n\n# next\nseed: 0\n", f"datasets:\n  a: 1\n  # end\n{PETS_2}\n# next\nseed: 0\n"),
        ("datasets:\n    a:\n        b: 1\n\n\nx: 0\n", f"datasets:\n    a:\n        b: 1\n{PETS_4}\n\nx: 0\n"),
        ("datasets: &x  # y\n  a: &y\n    b: 1\n  c: *y\n", f"datasets: &x  # y\n  a: &y\n    b: 1\n  c: *y\n{PETS_2}"),
        ("datasets: {}\nseed: 0\n", f"datasets:\n{PETS_2}seed: 0\n"),
        ("datasets:\nseed: 0\n", f"datasets:\n{PETS_2}seed: 0\n"),
        ("'datasets':\n  a: {}", f"'datasets':\n  a: {{}}\n{PETS_2}"),
        ("table:\n  datasets:\n  - a\ndatasets:\n  a:\n    list:\n    - 1\n", None),
        ("seed: 0\n# end\n", f"seed: 0\n# end\n\ndatasets:\n{PETS_2}"),
        ("", f"datasets:\n{PETS_2}"),
    ],
)
def test_a_block_comes_at_the_end_of_its_section(before: str, after: str | None) -> None:
    assert insert_additions(before, [PETS], "x.yaml") == (before + lines(2) if after is None else after)


def test_sections_within_sections() -> None:
    before = "generators:\n  gan:\n    a: {}\n  # of smote\n  smote:\n    a: {}\n\n# trains\ntrain: {}\n"
    additions = [Addition(("generators", name), "pets", {}, "short") for name in ("gan", "smote", "vae")]
    assert insert_additions(before, additions, "x.yaml") == (
        "generators:\n  gan:\n    a: {}\n    pets: {}  # short\n  # of smote\n"
        "  smote:\n    a: {}\n    pets: {}  # short\n  vae:\n    pets: {}  # short\n\n# trains\ntrain: {}\n"
    )


def test_a_new_section_stands_below_what_is_added_to_the_last_one() -> None:
    """Whatever the order of the blocks: both are put before the same line."""
    before = "generators:\n  gan:\n    a: {}\ntrain: {}\n"
    additions = [Addition(("generators", name), "pets", {}) for name in ("vae", "gan")]
    assert insert_additions(before, additions, "x.yaml") == (
        "generators:\n  gan:\n    a: {}\n    pets: {}\n  vae:\n    pets: {}\ntrain: {}\n"
    )


def test_nothing_but_the_blocks_is_added_to_the_committed_file() -> None:
    text = COMMITTED.read_text(encoding="utf-8")
    additions = [Addition(above, "pets", {"a": [1]}) for above in (("datasets",), ("generators", "smote"), ("pairs",))]
    block = "pets:\n{0}  a:\n{0}  - 1\n".format
    expected = text.replace("\npairs: {}\n", f"\npairs:\n  {block('  ')}")
    expected = expected.replace("  smote:\n    digits: {}\n", f"  smote:\n    digits: {{}}\n    {block('    ')}")
    expected = expected.replace("  #   size: 64\n", f"  #   size: 64\n  {block('  ')}")
    assert insert_additions(text, additions, "x.yaml") == expected
    crlf = text.replace("\n", "\r\n")
    assert insert_additions(crlf, additions, "x.yaml") == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "body",
    [
        "  a: ~\n",
        "  a: null  # as DVC writes it\n",
        "  a: True\n  b: 0x1F\n  c: 1_000\n",
        "  a:   1   \n",
        "  a:\n    - 1\n    -   2\n",
        "  a: {b: 1,c: 2}\n",
        "  a: {b: 1,\n    c: 2}\n",
        "  a: 'x\n    y'\n",
        '  a: "x\\u00e9"\n',
        "  a: x\n    y\n",
        "  a: &x\n    b: 1\n  c:\n    <<: *x\n",
        "  # first\n  a:\n    # second\n    b: 1  # third\n    # fourth\n",
    ],
)
def test_what_the_round_trip_of_ruamel_would_change_stays(body: str) -> None:
    text = f"# top\ndatasets:\n{body}\n# next\nseed: 0\n"
    assert insert_additions(text, [PETS], "x.yaml") == f"# top\ndatasets:\n{body}{PETS_2}\n# next\nseed: 0\n"


def test_a_block_is_taken_over_with_its_comments() -> None:
    text = "x:\n    a:  # one\n        # two\n        b: 1  # three\n        # of c\n    c: 2\n"
    lines = extract_block(text, ("x", "a"))
    assert lines == ("a:  # one", "    # two", "    b: 1  # three")
    added = insert_additions("y:\n  d: 1\n", [Addition(("y",), "a", {"b": 1}, lines=lines)], "x.yaml")
    assert added == "y:\n  d: 1\n  a:  # one\n      # two\n      b: 1  # three\n"


def test_line_ends_stay() -> None:
    added = insert_additions("datasets:\r\n  a: {}\r\nseed: 0\r\n", [PETS], "x.yaml")
    assert added.count("\r\n") == added.count("\n") == 8


@pytest.mark.parametrize(
    "value",
    [
        "no",
        "Yes",
        "4",
        "1e5",
        "0x1",
        "~",
        "null",
        "a: b",
        "# a",
        "- a",
        " a ",
        "é",
        "中文",
        '"',
        "\\",
        "a\nb",
        "",
        "*a",
    ],
)
def test_texts_survive(value: str) -> None:
    added = insert_additions("", [Addition(("datasets",), "pets", {"minority": [value], "x": value})], "x.yaml")
    assert load_yaml(added) == {"datasets": {"pets": {"minority": [value], "x": value}}}


def test_other_values_survive() -> None:
    values = {"a": None, "b": True, "c": 0.00005, "d": 3, "e": {"f": 1.5}, "g": [1, 2], "h": [], "i": {}}
    assert load_yaml(insert_additions("", [Addition(("x",), "y", values)], "x.yaml")) == {"x": {"y": values}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: {a: {}}\n", r"^x.yaml: datasets: written in one line; write it as a block, a line for each key$"),
        ("old: &x\n  a: {}\ndatasets: *x\n", r"^x.yaml: datasets: written in one line"),
        ("datasets: *x\n", r"^x.yaml: laid out in a way to which blocks cannot be added"),
        ("{datasets: {}}\n", r"^x.yaml: laid out in a way to which blocks cannot be added"),
        ("datasets:\n  text: |\n    a\n   # b\n", None),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, message: str | None) -> None:
    if message is None:
        assert insert_additions(text, [PETS], "x.yaml").startswith(text)
        return
    with pytest.raises(UserError, match=message):
        insert_additions(text, [PETS], "x.yaml")
