"""What the page says of the images that were read."""

import pytest

from counterweight.reporting.page import account as page
from counterweight.results.ingest import Account, FileGroup


def group(files: int, place: str = "dog", advice: str | None = None) -> FileGroup:
    return FileGroup(reason="hidden", ending=".png", place=place, files=files, advice=advice)


def account(groups: list[FileGroup] | None, broken: tuple[FileGroup, ...] = (), classes: int = 2) -> Account:
    images = {
        part: {f"class {number}": each for number in range(classes)} for part, each in (("train", 3), ("test", 1))
    }
    beside = sum(each.files for each in [*broken, *(groups or [])])
    return Account(found=4 * classes + beside, images=images, broken=[*broken], left_out=groups, notes=["2 are one"])


def test_the_sum_is_said_with_all_of_its_parts() -> None:
    fold = page.fold_account(account([group(5, advice="rename them"), group(2, "cat")], (group(1),)))
    assert fold.note == "16 files found = 6 train + 2 test + 1 broken + 7 left out"
    assert fold.points == ["2 are one"]
    classes, broken, left_out = fold.tables
    assert classes.grid.rows == [["class 0", "3", "1"], ["class 1", "3", "1"]]
    assert broken.grid.rows == [["1", ".png", "dog", "hidden", "-"]]
    assert left_out.grid.rows[0] == ["5", ".png", "dog", "hidden", "rename them"]


def test_a_known_dataset_has_nothing_left_out() -> None:
    fold = page.fold_account(account(None))
    assert fold.note.startswith("8 images = 6 train + 2 test (of a known dataset")
    assert len(fold.tables) == 1


@pytest.mark.parametrize("number", [100, 101, 250])
def test_long_tables_sum_up_their_end(number: int) -> None:
    fold = page.fold_account(account([group(1, str(place)) for place in range(number)], classes=number))
    classes, left_out = (table.grid.rows for table in fold.tables)
    for rows, column in ((classes, 1), (left_out, 0)):
        assert len(rows) == min(number, 101)
        assert sum(int(row[column]) for row in rows) == (3 * number if column else number)


def test_both_sides_of_a_pair_are_told_apart() -> None:
    side = Account(found=9, images={"real": {"image": 4}}, not_drawn=3, broken=[], left_out=[group(2)], notes=["odd"])
    fold = page.fold_accounts({"real": side, "synthetic": account([])})
    assert fold.note.startswith("real: 9 files found = 4 real + 3 not drawn + 2 left out; synthetic: 8 files found")
    assert fold.points == ["real: odd", "synthetic: 2 are one"]
    assert [table.context for table in fold.tables] == ["real; left out"]
