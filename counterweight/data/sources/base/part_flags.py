"""Columns of yes and no that say which part a row is in, as `is_train` or `test` do."""

import re
from collections.abc import Collection

import pyarrow as pa

from counterweight.core.errors import UserError
from counterweight.data.sources.base.column_texts import read_values
from counterweight.data.sources.base.columns import Columns, read_first_rows
from counterweight.data.sources.base.labels import is_missing, order_names
from counterweight.data.sources.base.part_names import TESTS, guess_part_name, parse_part_name, space_words
from counterweight.data.sources.base.part_words import write_words
from counterweight.data.sources.base.text_lengths import is_text

YES = frozenset({"1", "1.0", "1,0", "true", "yes", "y", "t", "x", "✓", "✔"})  # in lower case, as those below
NO = frozenset({"0", "0.0", "0,0", "false", "no", "n", "f"})
MINUS = frozenset({"-1", "-1.0"})  # no, where nothing else says so
NONE = "none"
MARK = re.compile(
    r"(?:is[ _-]?|to[ _-]?be[ _-]?)?(?:exclud\w*|ignored?|drop(?:ped)?|skip(?:ped)?|bad|corrupt\w*|invalid|usable|"
    r"used?|keep|kept|includ\w*|remov\w*|discard\w*)(?:[ _-]?(?:image|row|sample|flag))?",
    re.IGNORECASE,
)
IS = re.compile(r"is[ _-]?(?:(?:used[ _-])?(?:in|for)[ _-])?|(?:used?[ _-])?(?:in|for)[ _-]")
KIND = re.compile(r"[ _-]?(?:image|img|picture|photo|sample|example|item|row|set|split|part|subset|data|flag)s?")
FEW = 8  # words of a column that may say the part


def find_flag_columns(columns: Columns, others: Collection[str]) -> list[str]:
    """Return the columns of yes and no whose names are of parts.

    One that is called `train` and not `is_train` is among them if no other column says yes or no: else it may be a
    class or a mark of another kind.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others and is_number(columns.kind(name))]
    if not any(map(name_flag, names)):
        return []
    found = read_words_of(columns, names)
    marks = {name for name, words in found.items() if are_flags(words)}
    sure = [name for name, words in found.items() if is_flag(name) and (name in marks or are_yes(words))]
    plain = [name for name in found if name in marks and name_flag(name)]
    return [name for name in found if name in sure or (name in plain and marks <= {*sure, *plain})]


def find_doubtful_flags(columns: Columns, others: Collection[str]) -> dict[str, set[str]]:
    """Return the columns that may say in yes and no which part a row is in, and are not heeded, and their words.

    Args:
        others: columns that are something else, and those that are heeded.
    """
    names = [name for name in columns.single_names if name not in others and is_number(columns.kind(name))]
    found = read_words_of(columns, [name for name in names if guess_flag(name)])
    return {
        name: words
        for name, words in found.items()
        if 1 < len(words) <= FEW
        and (is_flag(name) or are_flags(words - {""}) or are_yes(words))
        and not any(map(parse_part_name, words))
    }


def describe_doubtful_flags(columns: Columns, others: Collection[str]) -> list[str]:
    """Return a note for each such column, with the setting that has it heeded; arguments as above."""
    notes = []
    for name, words in find_doubtful_flags(columns, others).items():
        said, way = f"'{name}' of yes and no may say the part", f"set split: {name} takes it"
        if are_yes(words):
            said, way = f"'{name}' says yes or nothing, and may say the part", f"{way}, and nothing for no"
        elif not are_flags(words):
            said = f"'{name}' ({', '.join(map(repr, order_names(words)))}) may say the part"
            way = offer_tested(name, words)
            way = f"fill in or remove the rows without a word, then {way}" if "" in words else way
        notes.append(f"{columns.file.name}: column {said} and is not heeded; {way}")
    return notes


def offer_tested(name: str, words: Collection[str]) -> str:
    """Return the setting that tests on some words of a column of a part: of each where none is known as yes or no."""
    lower = YES if guess_flag(name) != "train" else (NO | MINUS)
    tested = [word for word in order_names(words) if word.lower() in lower]
    if tested:
        return f"set split: {name} and test: [{write_words(tested)}] tests on these rows and trains on all others"
    first, *others = [f"test: [{write_words([word])}]" for word in order_names(words) if word]
    more = f", set split: {name} and {' or '.join(others)} on those that say that" if others else ""
    return f"set split: {name} and {first} tests on the rows that say so{more}"


def read_words_of(columns: Columns, names: list[str]) -> dict[str, set[str]]:
    """Return what columns say, by the first rows; by all rows where the name is of a part and these do not tell.

    Rows may be in the order of their parts. Words for nothing are none.
    """
    if not names:
        return {}
    batch = read_first_rows(columns, names)
    found = {name: {*map(plain_word, batch.column(name).unique().to_pylist())} for name in names}
    for name in [name for name, own in found.items() if guess_flag(name) and len(own) <= FEW and not are_flags(own)]:
        try:
            found[name] |= {*map(plain_word, read_values(columns, name))}
        except UserError:  # it holds something else
            del found[name]
    return found


def plain_word(word: object) -> str:
    """Return what a column says in a row without blanks around it; nothing where that stands for nothing."""
    text = "" if word is None else str(word).strip()
    return "" if is_missing(text) or text.lower() == NONE else text


def is_number(kind: pa.DataType) -> bool:
    """Say whether a type is one of texts, numbers or truth."""
    return is_plain(kind) or bool(pa.types.is_floating(kind))


def is_plain(kind: pa.DataType) -> bool:
    """Say whether a type is one of texts, whole numbers or truth."""
    return is_text(kind) or bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def name_flag(column: str) -> str | None:
    """Return the part that a column's name is of, as `is_train`, `in_test` and `training_image` are; None: of none."""
    word = IS.sub("", space_words(column.strip()), count=1)
    if part := parse_part_name(word):
        return part
    part = parse_part_name(KIND.sub("", word))
    return None if part == "valid" else part  # `is_valid_image` may be what it says


def guess_flag(column: str) -> str | None:
    """Return the part that a column's name is of, or the only one that is named in it; None if there is none."""
    return name_flag(column) or guess_part_name(column.strip())


def is_flag(column: str) -> bool:
    """Say whether a column is called as one of yes and no that says the part is, and as nothing else is."""
    return IS.match(space_words(column.strip())) is not None and name_flag(column) is not None


def are_flags(words: Collection[str]) -> bool:
    """Say whether words are all yes or no, and both are there; -1 is no beside 1."""
    lower = {word.strip().lower() for word in words}
    return any(lower <= YES | no and lower & YES and lower & no for no in (NO, MINUS))


def are_yes(words: Collection[str]) -> bool:
    """Say whether words are all yes or nothing, and both are there."""
    lower = {plain_word(word).lower() for word in words}
    return lower <= YES | {""} and len(lower) > 1 and "" in lower


def says_part(columns: Columns, column: str) -> bool:
    """Say whether a column that is asked for is one of yes and no, or of yes and nothing, and named as a part is.

    One that is called `is_train` may say the same in all rows of a table.
    """
    words = {plain_word(word) for word in read_values(columns, column)} if guess_flag(column) else set[str]()
    same = is_flag(column) and {word.lower() for word in words} <= YES | NO
    return same or are_flags(words) or are_yes(words)


def read_flags(columns: Columns, names: list[str]) -> list[str]:
    """Return the part of each row: the one whose column says yes; of a single column, no is the other part.

    The other of `train` is `test`, and of all others `train`.

    Raises:
        UserError: a value is neither yes nor no, or several columns do not say yes once in a row.
    """
    says = {name: read_truth(columns, name) for name in names}
    parts = {name: guess_flag(name) or "" for name in names}
    if len(names) == 1:
        part = parts[names[0]]
        return [part if yes else "test" if part == "train" else "train" for yes in says[names[0]]]
    found: list[str] = []
    for place, values in enumerate(zip(*says.values(), strict=True)):
        if sum(values) != 1:
            said = f"columns {', '.join(names)} name {sum(values)} parts of it"
            raise UserError(f"{columns.file}: row {columns.number(place)}: {said}; set split: COLUMN takes one of them")
        found.append(parts[names[values.index(True)]])
    return found


def describe_nothing(columns: Columns, names: Collection[str]) -> list[str]:
    """Return a note if columns of yes and no say nothing for no."""
    found = [name for name in names if are_yes({plain_word(word) for word in read_values(columns, name)})]
    said = f"{', '.join(map(repr, found))} of yes or nothing: nothing is taken for no"
    return [f"{columns.file.name}: {said}"] if found else []


def describe_marks(columns: Columns, others: Collection[str]) -> list[str]:
    """Return a note for each column of yes and no that may say which rows are to be left out; it is not heeded.

    Args:
        others: columns that are something else.
    """
    names = [name for name in columns.single_names if name not in others and MARK.fullmatch(name.strip())]
    plain = [name for name in names if is_plain(columns.kind(name))]
    if not plain:
        return []
    batch = read_first_rows(columns, plain)
    ways = "remove the rows that are to be left out, or make their labels empty"
    return [
        f"{columns.file.name}: column '{name}' of yes and no is not heeded; {ways}"
        for name in plain
        if are_flags({str(word) for word in batch.column(name).unique().to_pylist()})
    ]


def read_truth(columns: Columns, name: str) -> list[bool]:
    """Return whether a column says yes in each row; -1, or nothing, is no where nothing else says so.

    Raises:
        UserError: it says something else.
    """
    words = [plain_word(word) for word in read_values(columns, name)]
    lower = [word.lower() for word in words]
    no = next((own for own in (NO, MINUS, frozenset({""})) if not own.isdisjoint(lower)), NO)
    for place, word in enumerate(lower):
        if word not in YES | no:
            said = f"row {columns.number(place)}: '{name}' says '{words[place]}'"
            raise UserError(f"{columns.file}: {said}; allowed: 0, 1, true, false, yes, no")
    return [word in YES for word in lower]


def check_table_name(columns: Columns, column: str, parts: list[str]) -> None:
    """Refuse a column that nobody has named if it trains on rows of a table that is called as one of other parts is.

    Or if it tests on rows of one that is called as of training is, and a table of such a part lies beside it.

    Raises:
        UserError: it is so.
    """
    name, suffix = guess_part_name(columns.file.stem), columns.file.suffix
    beside = {guess_part_name(file.stem) for file in columns.file.parent.iterdir() if file.suffix == suffix}
    against = {*TESTS} if name == "train" and beside & {*TESTS} else {"train"} if name not in (None, "train") else set()
    wrong = [place for place, part in enumerate(parts) if part in against]
    if wrong:
        does = "tests" if name == "train" else "trains"
        first = f"first row {columns.number(wrong[0])}"
        said = f"column '{column}' {does} on {len(wrong):,} of {len(parts):,} rows, {first}"
        ways = (
            f"set split: {column} has the column say it, which all tables need then; rename that to have the tables' "
        )
        raise UserError(f"{columns.file}: {said}; the table's name says {name}; {ways}names do")


def check_sizes(columns: Columns, column: str, parts: list[str]) -> None:
    """Refuse a column of a part of which nobody has said that it is one, if less is trained on than tested.

    Raises:
        UserError: it is so.
    """
    trained, tested = parts.count("train"), len(parts) - parts.count("train")
    if trained < tested:
        said = f"column '{column}' would train on {trained:,} images and test on {tested:,}"
        ways = f"set split: {column} takes it so, or rename the column"
        raise UserError(f"{columns.file}: {said}; {ways}")
