"""Blocks put into YAML as text: whatever is there stays, whatever cannot be is refused."""

import pytest

from counterweight.core.errors import UserError
from counterweight.settings.editing import Addition, loaded, with_additions

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
    assert with_additions(before, [PETS], "x.yaml") == (before + lines(2) if after is None else after)


def test_sections_within_sections() -> None:
    before = "generators:\n  gan:\n    a: {}\n  # of smote\n  smote:\n    a: {}\n\n# trains\ntrain: {}\n"
    additions = [Addition(("generators", name), "pets", {}, "short") for name in ("gan", "smote", "vae")]
    assert with_additions(before, additions, "x.yaml") == (
        "generators:\n  gan:\n    a: {}\n    pets: {}  # short\n  # of smote\n"
        "  smote:\n    a: {}\n    pets: {}  # short\n  vae:\n    pets: {}  # short\n\n# trains\ntrain: {}\n"
    )


def test_line_ends_stay() -> None:
    added = with_additions("datasets:\r\n  a: {}\r\nseed: 0\r\n", [PETS], "x.yaml")
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
    added = with_additions("", [Addition(("datasets",), "pets", {"minority": [value], "x": value})], "x.yaml")
    assert loaded(added) == {"datasets": {"pets": {"minority": [value], "x": value}}}


def test_other_values_survive() -> None:
    values = {"a": None, "b": True, "c": 0.00005, "d": 3, "e": {"f": 1.5}, "g": [1, 2], "h": [], "i": {}}
    assert loaded(with_additions("", [Addition(("x",), "y", values)], "x.yaml")) == {"x": {"y": values}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("datasets: {a: {}}\n", r"^x.yaml: datasets: written in one line; write it as a block, a line for each key$"),
        ("datasets: *x\n", r"^x.yaml: datasets: written in one line"),
        ("{datasets: {}}\n", r"^x.yaml: laid out in a way to which blocks cannot be added"),
        ("datasets:\n  text: |\n    a\n   # b\n", None),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, message: str | None) -> None:
    if message is None:
        assert with_additions(text, [PETS], "x.yaml").startswith(text)
        return
    with pytest.raises(UserError, match=message):
        with_additions(text, [PETS], "x.yaml")
