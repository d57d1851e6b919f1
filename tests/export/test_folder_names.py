"""Class names as folder names: most stay, all come back, and none means something else to a file system or reader."""

from urllib.parse import unquote

import pytest

from counterweight.core.errors import UserError
from counterweight.export.folder_names import name_folders


@pytest.mark.parametrize(
    "name", ["cat", "4", "German shepherd", "Ünï-çødé", "猫", "a.b", "x_1", "don't", "latest", "Test"]
)
def test_a_name_that_any_folder_can_have_stays(name: str) -> None:
    assert name_folders([name]) == [name]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a/b", "a%2Fb"),
        ("a\\b", "a%5Cb"),
        ("50%", "50%25"),
        ("%2F", "%252F"),
        ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"),
        (" x ", "%20x%20"),
        ("end.", "end%2E"),
        ("what?", "what%3F"),
        ("a:b*", "a%3Ab%2A"),
        ("line\nbreak", "line%0Abreak"),
        ("con", "%63on"),
        ("LPT1.x", "%4CPT1.x"),
        ("-rf", "%2Drf"),
        ("train", "trai%6E"),
        ("eval", "eva%6C"),
        ("freight-train", "freight-trai%6E"),
        ("test 2", "tes%74 2"),
    ],
)
def test_what_would_mean_something_else_is_escaped_and_comes_back(name: str, folder: str) -> None:
    assert name_folders([name]) == [folder]
    assert unquote(folder) == name


def test_names_that_some_file_systems_take_for_one_are_told_apart() -> None:
    names = ["A", "a", "é", "e\N{COMBINING ACUTE ACCENT}", "ß", "ss"]
    folders = name_folders(names)
    assert len({folder.casefold() for folder in folders}) == len(names)
    assert [unquote(folder) for folder in folders] == names
    assert folders[:2] == ["A", "%61"]


@pytest.mark.parametrize("name", ["", "x" * 256, "/" * 100])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="no folder can be called so; --format parquet needs none"):
        name_folders(["cat", name])
