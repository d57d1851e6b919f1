"""Tables beside folders of classes that name each image and seem to give it another label than its folder is called."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import Tree, find_stem, is_image
from counterweight.data.sources.base.column_texts import find_words, read_several
from counterweight.data.sources.base.columns import Columns, list_usual, read_columns
from counterweight.data.sources.base.folder_tables import (
    FLAGS,
    HALF,
    LARGEST,
    MOST,
    NUMBER,
    is_in,
    list_tables,
    names_images,
)
from counterweight.data.sources.base.group_columns import is_named
from counterweight.data.sources.base.label_texts import IMAGE
from counterweight.data.sources.base.labels import find_too_long, fold_case, is_missing, normalize_label
from counterweight.data.sources.base.layout_doubts import name_some
from counterweight.data.sources.base.part_flags import is_flag
from counterweight.data.sources.base.part_words import find_part
from counterweight.data.sources.base.written_names import write_folder


def offer_image_table(tree: Tree, classes: Collection[str]) -> tuple[str, str, int] | None:
    """Return what the first such table says of images, the setting that reads it, and how many labels it has.

    None where there is no such, or a column has the names of the images' folders: the other ones tell something else.

    Args:
        classes: names of the folders.
    """
    folders = list_folders(tree)
    for file in islice(list_tables(tree), MOST):
        path = Path(tree.path) / file
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                continue
            columns = read_columns(path)
            image, words = find_labels(columns, folders, classes)
        except (OSError, UserError):  # it is something else
            continue
        if not words:
            continue
        name, own = next(iter(words.items()))
        said = f"{name_some(own)} by column '{name}' of {file}, whose column '{image}' names images"
        usual = "" if image in list_usual(columns, IMAGE) else f" and set image: {write_folder(image)}"
        others = f" (or {', '.join(islice(words, 1, None))})" if len(words) > 1 else ""
        return said, f"set layout: table{usual} and set label: {write_folder(name)}{others}", len(own)
    return None


def describe_image_tables(tree: Tree, classes: Collection[str]) -> list[str]:
    """Return a note of a table that seems to give images other labels than their folders; arguments as above."""
    found = offer_image_table(tree, classes)
    if found is None:
        return []
    return [f"images may be of classes {found[0]}, and nothing of that is read: {found[1]} takes these"]


def list_folders(tree: Tree) -> dict[str, str]:
    """Return the folder of each image by the image's name without ending, but for names that several images have."""
    pairs = [(find_stem(file), own.name) for own in tree.walk() for file in own.files if is_image(file)]
    counts = Counter(stem for stem, _ in pairs)
    return {stem: normalize_label(name) for stem, name in pairs if counts[stem] == 1}


def find_labels(
    columns: Columns, folders: Mapping[str, str], classes: Collection[str]
) -> tuple[str, dict[str, set[str]]]:
    """Return the column that names images, and the labels of each other that may have some.

    Args:
        folders: as of `list_folders`.
        classes: names of folders.

    Raises:
        UserError: a column cannot be read.
    """
    first = find_words(columns, ())
    if not columns.header or not any(
        any(is_in(os.path.basename(word or ""), folders) for word in own) for own in first.values()
    ):
        return "", {}
    names = columns.single_names
    every = {name: own for name, own in zip(names, read_several(columns, names), strict=True) if own}
    image = next((name for name, own in every.items() if names_images([own], folders)), None)
    if image is None or 2 * len(every[image]) < len(folders):
        return "", {}
    rest = {name: [normalize_label(word or "") for word in own] for name, own in every.items() if name != image}
    folded = {*map(fold_case, classes)}
    if any(sum(fold_case(word) in folded for word in own) >= HALF * len(own) for own in rest.values()):
        return "", {}
    there = [
        folders.get(find_stem(word or "") if is_image(word or "") else os.path.basename(word or ""))
        for word in every[image]
    ]
    kept = {name: own for name, own in rest.items() if not are_names(there, own)}
    return image, {name: found for name, own in kept.items() if (found := list_labels(name, own))}


def name_stem(word: str) -> str:
    """Return the name of the image that a word names, without folders and ending."""
    return find_stem(word) if is_image(word) else os.path.basename(word)


def are_names(folders: Sequence[str | None], words: Sequence[str]) -> bool:
    """Say whether each word stands for one folder, and each folder for one word: it is what that is called."""
    both = {(folder, word) for folder, word in zip(folders, words, strict=True) if folder and word}
    return len(both) == len({folder for folder, _ in both}) == len({word for _, word in both})


def list_labels(name: str, words: Iterable[str]) -> set[str]:
    """Return the words of a column if these may be labels of images, each of several; nothing if not.

    Numbers but 0 and 1, words of parts, and what is called as patients are may be something else.
    """
    counts = Counter(word for word in words if word and not is_missing(word))
    found = {*counts}
    numbers = all(NUMBER.fullmatch(word) for word in found) and not found <= FLAGS
    parts = any(find_part(word) for word in found)
    few = 1 < len(found) <= HALF * counts.total() and min(counts.values()) > 1
    return (
        found
        if few and not (numbers or parts or is_flag(name) or is_named(name) or find_too_long(found) is not None)
        else set()
    )
