"""What the page says of the images that were read: an account that adds up, of a dataset or of a pair's sides."""

from collections.abc import Mapping

from counterweight.reporting.markdown import Grid
from counterweight.reporting.page.parts import Fold, Table
from counterweight.results.ingest import Account, FileGroup

TITLE = "What was read, and what was left out"
MOST = 100  # rows of a table that are shown; the rest is summed up
KNOWN = "of a known dataset, all of whose images are read; other files are not looked at"


def fold_account(account: Account) -> Fold:
    """Return the account of a dataset: images of each class and part, and what was left out of them."""
    tables = [tabulate_images(account), *tabulate_others(account)]
    return Fold(TITLE, summarize_account(account), tables, points=account.notes)


def fold_accounts(accounts: Mapping[str, Account]) -> Fold:
    """Return the accounts of both sides of a pair."""
    said = "; ".join(f"{side}: {summarize_account(account)}" for side, account in accounts.items())
    notes = [f"{side}: {note}" for side, account in accounts.items() for note in account.notes]
    tables = [
        table._replace(context=f"{side}; {table.context}")
        for side, account in accounts.items()
        for table in tabulate_others(account)
    ]
    return Fold(TITLE, said, tables, points=notes)


def summarize_account(account: Account) -> str:
    """Return the sum in one line."""
    words = {**account.parts, "not drawn": account.not_drawn, "broken": count_files(account.broken)}
    parts = [f"{count:,} {word}" for word, count in words.items() if count or word in account.images]
    if account.left_out is None:
        return f"{account.found:,} images = {' + '.join(parts)} ({KNOWN})"
    return f"{account.found:,} files found = {' + '.join(parts)} + {count_files(account.left_out):,} left out"


def count_files(groups: list[FileGroup]) -> int:
    """Return how many files there are in all groups."""
    return sum(group.files for group in groups)


def tabulate_images(account: Account) -> Table:
    """Return how many images of each class and part were read."""
    parts = account.images
    names = list(dict.fromkeys(name for counts in parts.values() for name in counts))
    rows = [[name, *(f"{counts.get(name, 0):,}" for counts in parts.values())] for name in names[:MOST]]
    if rest := names[MOST:]:
        sums = [sum(counts.get(name, 0) for name in rest) for counts in parts.values()]
        rows.append([f"{len(rest):,} other classes", *(f"{count:,}" for count in sums)])
    return Table(Grid(["class", *parts], rows), {}, "images that were read")


def tabulate_others(account: Account) -> list[Table]:
    """Return what was broken and what was left out, as tables if there was any."""
    found = ((account.broken, "skipped: they cannot be read"), (account.left_out or [], "left out"))
    return [Table(tabulate_groups(groups), {}, context) for groups, context in found if groups]


def tabulate_groups(groups: list[FileGroup]) -> Grid:
    """Return a row for each group, the largest first, and one for those beyond a hundred."""
    rows = [list_cells(group) for group in groups[:MOST]]
    if rest := groups[MOST:]:
        rows.append([f"{count_files(rest):,}", "-", f"{len(rest):,} other groups", "-", "-"])
    return Grid(["files", "ending", "place", "reason", "to have them read"], rows)


def list_cells(group: FileGroup) -> list[str]:
    """Return what a row says of a group."""
    return [f"{group.files:,}", group.ending, group.place, group.reason, group.advice or "-"]
