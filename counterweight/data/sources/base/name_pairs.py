"""Images whose names are those of others and a word, in every class: masks, or copies, whatever the word is."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

SEPARATOR = re.compile(r"[^a-zA-Z0-9]+")
MOST = 0.9  # of a class's images have such another one
FEWEST = 3  # of a class


def describe_name_pairs(classes: Mapping[str, Sequence[Path]]) -> list[str]:
    """Return a note for each pattern of names of which nearly every image of every class has another one.

    Args:
        classes: the image files of each class.
    """
    found = [find_patterns(files) for files in classes.values()]
    notes = []
    for pattern in sorted(set.intersection(*({*own} for own in found))) if found else ():
        count = sum(own[pattern] for own in found)
        said = f"{count:,} images have the names of others but for '{pattern}': masks, copies, or images of their own?"
        notes.append(f'{said} set leave_out: ["{pattern}"] leaves them out, set leave_out: [] takes them')
    return notes


def find_patterns(files: Sequence[Path]) -> Counter[str]:
    """Return the patterns that nearly every other image of a class has another one of, and how many have each.

    Where two files differ by their endings alone, the ending that fewer have is that of the second one, as is `.png`.
    """
    known = {(file.parent, file.stem) for file in files}
    endings = Counter(file.suffix for file in files)
    counts = Counter(pattern for file in files for pattern in list_patterns(file, known))
    stems = Counter((file.parent, file.stem) for file in files)
    rare = min(endings, key=lambda ending: (endings[ending], ending != ".png"), default="")
    twice = sum(file.suffix == rare and stems[file.parent, file.stem] > 1 for file in files)
    counts += Counter({f"*{rare}": twice})
    worded = [any(map(has_letter, list_patterns(file, known))) for file in files]
    bare = worded.count(False)  # an image may have several others, as `-150x150` and `-300x300`
    of = {name: min(len(files) - count, bare if has_letter(name) else len(files)) for name, count in counts.items()}
    return Counter({name: count for name, count in counts.items() if count >= max(FEWEST, MOST * of[name])})


def has_letter(pattern: str) -> bool:
    """Say whether there is a letter in a pattern: numbers alone count images of their own."""
    return any(letter.isalpha() for letter in pattern)


def list_patterns(file: Path, known: set[tuple[Path, str]]) -> Iterator[str]:
    """Yield the patterns of a file's name that leave the name of another one: what is before or behind a separator."""
    for mark in SEPARATOR.finditer(file.stem):
        if (file.parent, file.stem[: mark.start()]) in known:
            yield f"*{file.stem[mark.start() :]}.*"
        if (file.parent, file.stem[mark.end() :]) in known:
            yield f"{file.stem[: mark.end()]}*"
