"""What a folder holds: image files, and whatever is left out of them, by reason, ending and place."""

import importlib.util
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from counterweight.core.errors import UserError

# Not all that Pillow knows: EPS would start another program, and some formats have no signature and take any bytes.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
HEIF_ENDINGS = frozenset({".heic", ".heics", ".heif", ".heifs", ".hif"})
POINTER, WEB_PAGE = "a pointer of Git LFS", "a web page"
FAULTS = {
    POINTER: "git lfs pull fetches the images themselves",
    WEB_PAGE: "what a server said in place of the image: fetch it anew",
}
"""What is to be done about files that are called images and are something else."""
HEIF_ADVICE = "pip install 'counterweight[heif]' has them read"
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # surrogates stand for bytes that are no UTF-8
SYSTEM = re.compile(
    r"@eadir|@tmp|@recycle|@__thumb|@recently-snapshot|#recycle|#snapshot|~snapshot|__macosx|__pycache__|__thumbs|"
    r"\$recycle\.bin|recycler|recycled|system volume information|found\.\d{3}|lost\+found|"
    r"lost\.dir|network trash folder|temporary items|thevolumesettingsfolder|_vti_cnf|icon\r",
    re.IGNORECASE,
)
"""Folders, and one file, that systems and storages make by themselves; hidden ones are left out as such."""
COMPANION = (
    r"masks?|mask[ _-]?images|tri[ _-]?maps?|seg|segmentations?(?:[ _-]?(?:class|object)(?:aug|raw)?)?|"
    r"annotations?|ann|gt|ground[ _-]?truths?|thumbs?|thumbnails?|previews?"
)
COMPANION_FOLDER = re.compile(rf"(?:.*[^a-z])?(?:{COMPANION})", re.IGNORECASE)
COMPANION_FILE = re.compile(rf"(?P<of>.+?)[ _.-]+(?:{COMPANION})(?:[ _-]?\d+)?", re.IGNORECASE)
MOST = 0.9  # of the files in a folder of masks have the name of an image beside it
NO_ENDING = "no ending"
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8")
OTHER_SIGNATURES = (b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")  # of TIFF, as raw photographs are, and of JPEG 2000
TEXTS = (".txt", ".json", ".xml", ".csv", ".tsv", ".md")

HIDDEN_FILE = "hidden"
SYSTEM_FILE = "made by the system"
OTHER_KIND = "of no kind that is read"
NO_FILE = "a pipe, socket or device"
UNNAMED = "an image by its content whose name does not end like one"
COMPANION_OF = "mask or thumbnail of an image beside it"
ASKED_FOR = "leave_out"


class LeftOut(NamedTuple):
    """Why files are left out, the ending of their names, and the folder of the class or part that they lie in."""

    reason: str
    ending: str
    place: str


@dataclass(frozen=True)
class Tree:
    """A folder: its files and folders in the order of their names, what is hidden or the system's, and bad links."""

    path: str
    entries: list["str | Tree"]
    left_out: Counter[tuple[str, str]]
    faults: list[str]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return os.path.basename(self.path)

    # Kept, as layouts are told by asking for these again and again: nothing is added once a folder is scanned.
    @cached_property
    def folders(self) -> list["Tree"]:
        """The folders in it."""
        return [entry for entry in self.entries if isinstance(entry, Tree)]

    @cached_property
    def files(self) -> list[str]:
        """The paths of the files in it, not of those in its folders."""
        return [entry for entry in self.entries if isinstance(entry, str)]

    @cached_property
    def images(self) -> int:
        """How many image files it holds, at any depth."""
        return sum(map(is_image, self.files)) + sum(folder.images for folder in self.folders)

    def walk(self) -> Iterator["Tree"]:
        """Yield this folder and all below it."""
        yield self
        for folder in self.folders:
            yield from folder.walk()


class Collected(NamedTuple):
    """The image files of a folder, in the order of their paths, and how many others it holds."""

    files: list[Path]
    left_out: Counter[LeftOut]

    @property
    def others(self) -> int:
        """How many files are left out."""
        return self.left_out.total()


def scan_tree(folder: str, inside: Path, follow_links: bool = False) -> Tree:
    """Return what a folder holds; bad links and names are kept as faults until the folder is collected.

    Args:
        inside: folder that symbolic links must not lead out of, unless `follow_links`.
    """
    tree = Tree(folder, [], Counter(), [])
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)  # A folder's own order differs from disk to disk.
    for entry in ordered:
        hidden, system = entry.name.startswith("."), SYSTEM.fullmatch(entry.name)
        if hidden or system:
            reason = HIDDEN_FILE if hidden else SYSTEM_FILE
            tree.left_out.update((reason, find_ending(file)) for file in list_hidden(entry))
            continue
        try:
            check_name(entry.path)
            if entry.is_symlink():
                check_link(entry.path, inside, follow_links)
        except UserError as error:
            tree.faults.append(str(error))
            continue
        if entry.is_dir():
            tree.entries.append(scan_tree(entry.path, inside, follow_links))
        elif entry.is_file() or entry.is_symlink():  # A link that leads nowhere is a file that is found to be bad.
            tree.entries.append(entry.path)
        else:
            tree.left_out[NO_FILE, find_ending(entry.name)] += 1
    return tree


def list_hidden(entry: "os.DirEntry[str]") -> Iterator[str]:
    """Yield the files of a folder that is left out, or the file itself; links are not followed there."""
    if not entry.is_dir(follow_symlinks=False):
        yield entry.name
        return
    for _, _, names in os.walk(entry.path):
        yield from names


def collect(tree: Tree, place: str, masks: bool) -> Collected:
    """Return the image files of a folder at any depth, and what else is there.

    Args:
        place: what the account calls the folder.
        masks: whether masks and thumbnails of the images beside them are left out.

    Raises:
        UserError: a link leads out of the folder or back, or a name cannot be written down.
    """
    check_faults(tree)
    found = Collected([], Counter({LeftOut(*own, place): count for own, count in tree.left_out.items()}))
    companions = find_companions(tree) if masks else ()
    for entry in tree.entries:
        if isinstance(entry, Tree):
            if entry.path in companions:
                found.left_out.update(count_companions(entry, place))
                continue
            below = collect(entry, place, masks)
            found.files.extend(below.files)
            found.left_out.update(below.left_out)
        elif entry in companions:
            found.left_out[LeftOut(COMPANION_OF, find_ending(entry), place)] += 1
        elif is_image(entry):
            found.files.append(Path(entry))
        else:
            found.left_out[LeftOut(UNNAMED if looks_like_image(entry) else OTHER_KIND, find_ending(entry), place)] += 1
    return found


def check_faults(tree: Tree) -> None:
    """Refuse a folder with links or names that cannot be."""
    if tree.faults:
        raise UserError(tree.faults[0])


def count_all(tree: Tree, reason: str, place: str) -> Counter[LeftOut]:
    """Count all files of a folder as left out for a reason, but for those that are hidden or the system's."""
    found: Counter[LeftOut] = Counter()
    for below in tree.walk():
        found.update({LeftOut(*kind, place): count for kind, count in below.left_out.items()})
        found.update(LeftOut(reason, find_ending(file), place) for file in below.files)
    return found


def count_companions(tree: Tree, place: str) -> Counter[LeftOut]:
    """Count all files of a folder of masks or thumbnails as left out; those that are no images as of another kind."""
    found: Counter[LeftOut] = Counter()
    for own, count in count_all(tree, COMPANION_OF, place).items():
        other = own.reason == COMPANION_OF and not is_image(f"x{own.ending}")
        found[own._replace(reason=OTHER_KIND) if other else own] += count
    return found


def prune(tree: Tree, patterns: Collection[str], place: str) -> tuple[Tree, Counter[LeftOut]]:
    """Return a folder without the folders and files whose names fit a pattern, and the account of these.

    Args:
        place: path of the folder below the first one.
    """
    found: Counter[LeftOut] = Counter()
    if not patterns:
        return tree, found
    entries: list[str | Tree] = []
    for entry in tree.entries:
        name = entry.name if isinstance(entry, Tree) else os.path.basename(entry)
        fits = any(fnmatch(name, pattern) for pattern in patterns)
        if isinstance(entry, Tree):
            if fits:
                found.update(count_all(entry, ASKED_FOR, place or "."))
            else:
                own, below = prune(entry, patterns, f"{place}/{name}" if place else name)
                entries.append(own)
                found.update(below)
        elif fits:
            found[LeftOut(ASKED_FOR, find_ending(entry), place or ".")] += 1
        else:
            entries.append(entry)
    return Tree(tree.path, entries, tree.left_out, tree.faults), found


def describe_unfit(tree: Tree, patterns: Collection[str]) -> list[str]:
    """Return a note of patterns of what is to be left out that the name of no folder and no file fits."""
    if not patterns:
        return []
    names = {name for own in tree.walk() for name in (*(folder.name for folder in own.folders), *own.files)}
    names = {os.path.basename(name) for name in names}
    unfit = [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in names)]
    return [f"leave_out: nothing is called {' or '.join(map(repr, unfit))}"] if unfit else []


def find_companions(tree: Tree) -> set[str]:
    """Return the paths of masks and thumbnails: folders, and files, that are called so and as an image beside them."""
    names = {file: find_stem(file) for file in tree.files if is_image(file)}
    stems = {*names.values()}
    matches = {file: COMPANION_FILE.fullmatch(stem) for file, stem in names.items()}
    found = {file for file, match in matches.items() if match and match["of"] in stems}
    for folder in tree.folders:
        if COMPANION_FOLDER.fullmatch(folder.name):
            beside = [stems, *(list_stems(other) for other in tree.folders if other is not folder)]
            found |= {folder.path} if any(has_same_names(list_stems(folder), names) for names in beside) else set()
    return found


def has_same_names(own: set[str], names: set[str]) -> bool:
    """Say whether nearly all files of a folder have the names of others, but for a word such as `_mask`."""
    plain = {match["of"] if (match := COMPANION_FILE.fullmatch(stem)) else stem for stem in own} | own
    return bool(own) and len(plain & names) >= MOST * len(own)


def list_stems(tree: Tree) -> set[str]:
    """Return the names of all images in a folder, without their endings."""
    return {find_stem(file) for below in tree.walk() for file in below.files if is_image(file)}


def find_stem(path: str) -> str:
    """Return a file's name without its ending."""
    return os.path.splitext(os.path.basename(path))[0]


def find_ending(path: str) -> str:
    """Return the ending of a file's name in lower case, or that it has none."""
    return os.path.splitext(path)[1].lower() or NO_ENDING


def is_image(path: str) -> bool:
    """Say whether a file's name ends like that of an image that can be read here."""
    ending = os.path.splitext(path)[1].lower()
    return ending in list_suffixes() or (ending in HEIF_ENDINGS and can_read_heif())


def looks_like_image(path: str) -> bool:
    """Say whether a file without a known ending is an image by its first bytes."""
    name, ending = os.path.basename(path).lower(), find_ending(path)
    if ending in TEXTS:  # there may be one beside each image
        return False
    try:
        with open(path, "rb") as file:
            first = file.read(12)
    except OSError:
        return False
    if first.startswith(SIGNATURES) or (first.startswith(b"RIFF") and first.endswith(b"WEBP")):
        return True
    if ending != NO_ENDING and not any(known in name for known in list_suffixes()):  # as photo.tif?size=small
        return False
    bitmap = first.startswith(b"BM") and first[6:10] == bytes(4)
    return bitmap or first.startswith(OTHER_SIGNATURES) or first[4:12] in (b"ftypavif", b"ftypheic", b"ftypmif1")


@cache
def list_suffixes() -> frozenset[str]:
    """Return the endings of the names of image files, in lower case."""
    formats = {*FORMATS, "MPO"}  # several JPEGs in one file, opened as the first
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


@cache
def can_read_heif() -> bool:
    """Say whether the library is installed that reads the photographs of phones; it is not imported."""
    return importlib.util.find_spec("pillow_heif") is not None


def check_name(path: str) -> None:
    """Refuse a name that cannot be written down: bytes that are no UTF-8, or line breaks and the like."""
    if UNWRITABLE.search(path):
        raise UserError(f"{path!a}: a name with control characters, or that is not UTF-8; rename it")


def check_link(path: str, inside: Path, follow_links: bool) -> None:
    """Refuse a symbolic link that leads out of a folder, or back to where it lies."""
    goal = Path(os.path.realpath(path))
    if not follow_links and not goal.is_relative_to(inside):
        raise UserError(f"{path}: a link out of the folder, to {goal}; copy what it leads to, or set links: follow")
    if Path(os.path.realpath(os.path.dirname(path))).is_relative_to(goal):
        raise UserError(f"{path}: a link to a folder above it; remove it")
