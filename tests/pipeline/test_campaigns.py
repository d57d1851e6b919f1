"""A short part of what `campaigns` does for hours: writes that fail, kills at random moments."""

from pathlib import Path
from random import Random

import pytest

from campaigns.commands import kill_command
from campaigns.failing import find_compiler
from campaigns.kills import kill_stage
from campaigns.project import Built, Project
from campaigns.writes import list_calls, run_stage

pytestmark = pytest.mark.slow


def test_some_calls_are_spaced_evenly() -> None:
    assert list_calls(4, None) == [1, 2, 3, 4]
    assert list_calls(9, 3) == [1, 5, 9]
    assert list_calls(2, 3) == [1, 2]


@pytest.mark.skipif(find_compiler() is None, reason="no C compiler, which the library that lets calls fail needs")
@pytest.mark.parametrize("name", ["imbalance", "report"])
def test_a_write_that_fails_is_one_line_and_leaves_nothing(
    built: Built, copy: Project, tmp_path: Path, name: str
) -> None:
    found = [*run_stage(built, copy, name, ("ENOSPC", "EIO"), 5, tmp_path)]
    assert [outcome for outcome in found if outcome.wrong] == []
    # Of calls that fail at least one must be felt: else none was let fail.
    assert any(outcome.ended == "refused" for outcome in found)
    assert len(found) == 10


def test_a_stage_that_is_killed_leaves_nothing_half_written(built: Built, copy: Project, tmp_path: Path) -> None:
    found = [*kill_stage(built, copy, "imbalance", 6, Random(0), tmp_path)]
    assert len(found) == 6
    assert [kill for kill in found if kill.wrong] == []


@pytest.mark.parametrize("name", ["add", "export"])
def test_a_command_that_is_killed_leaves_nothing_half_written(
    built: Built, copy: Project, tmp_path: Path, name: str
) -> None:
    found = [*kill_command(built, copy, name, 4, Random(0), tmp_path)]
    assert len(found) == 4
    assert [kill for kill in found if kill.wrong] == []
