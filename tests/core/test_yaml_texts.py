"""Texts in YAML become plain values, or are refused in a line that names what is wrong."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from counterweight.core.yaml_texts import LARGEST, load_yaml

TAGS = ("", "!!int ", "!!float ", "!!bool ", "!!timestamp ", "!!binary ", "!!null ", "!!set ", "!!omap ", "!!str ")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2001-13-45", "timestamp"),
        ("2001-02-30 25:61:00", "timestamp"),
        ("2001-12-14t21:59:43.10-99:99", "timestamp"),
        ("!!int foo", "int"),
        ("!!float foo", "float"),
        ("!!bool maybe", "bool"),
        ("1" * 5000, "int"),
        ("0x_", "int"),
    ],
)
def test_what_looks_like_a_value_and_is_none_is_named_with_its_line(text: str, kind: str) -> None:
    with pytest.raises(YAMLError) as caught:
        load_yaml(f"a: 1\nb: {text}\n")
    assert f"{text.split()[-1][:10]}" in str(caught.value) or text.startswith("2001")
    assert f"is no {kind}" in str(caught.value)
    assert "line 2, column 4" in str(caught.value)


def test_numbers_of_more_digits_than_can_be_written_again_are_refused() -> None:
    assert load_yaml(f"a: {2**LARGEST - 1}") == {"a": 2**LARGEST - 1}
    with pytest.raises(YAMLError, match="a number of too many digits"):
        load_yaml(f"a: {2**LARGEST:#x}")


def test_a_character_that_there_is_not_is_refused() -> None:
    with pytest.raises(YAMLError, match="out of range"):
        load_yaml('a: "\\UFFFFFFFF"')


@given(st.sampled_from(TAGS), st.from_regex(r"[-+.0-9:_ tTzZxobeEyn~<]{1,30}", fullmatch=True))
def test_any_scalar_is_a_value_or_refused(tag: str, text: str) -> None:
    with suppress(YAMLError):  # and nothing else
        load_yaml(f"a: {tag}{text}")
