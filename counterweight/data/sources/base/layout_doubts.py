"""What may be read in two ways: folders of which it is not clear whether they are classes, parts, pieces or masks."""

import re
from collections.abc import Collection, Iterable, Sequence
from shlex import quote

from counterweight.core.errors import UserError
from counterweight.data.decode.tree import (
    COMPANION_FOLDER,
    TEXTS,
    Tree,
    find_ending,
    find_stem,
    has_same_names,
    is_image,
    list_stems,
)
from counterweight.data.sources.base.labels import order_names
from counterweight.data.sources.base.part_names import TESTS, VALIDATION, are_part_names, guess_part_name
from counterweight.data.sources.base.written_names import write_names, write_patterns

KINDS = r"rgb|jpe?gs?|pngs?|originals?|raw"
IMAGES = re.compile(rf"(?:(?:(?:{KINDS})[ _-]?)?(?:images?|imgs?|img|photos?|pictures?)|{KINDS})", re.IGNORECASE)
REST = re.compile(
    r"all|data|extras?|un[ _-]?labell?ed(?:[ _-]?data)?|samples?|pool|predict(?:ion)?s?|infer(?:ence)?", re.I
)
PAIRED = re.compile(r".+?(?P<word>[ _.-]+[^ _.-]+)")
LABELS = re.compile(r"(?:labels?|targets?|outputs?)(?:[ _-]?(?:images?|imgs?|tr|ts))?", re.IGNORECASE)  # of pixels
PHOTOGRAPHS = (".jpg", ".jpeg")
DATE = re.compile(r"(?:19|20)\d\d(?:[-_.]?\d\d){0,2}")
PIECES = r"fold|part|split|batch|chunk|shard|volume|vol|images?|imgs?|photos?|pictures?|pics?|data|files?"
PIECE = re.compile(rf"(?:.*[^a-z])?(?:{PIECES})[ _-]?\d+", re.IGNORECASE)
BATCH = re.compile(r"(?:batch|session|sequence|seq|video|clip|camera|cam|day|run)[ _-]?\d+", re.IGNORECASE)
SIZE = re.compile(r"(?:x*[ _-]?(?:small|medium|large)|tiny|full|low|high|[lh]r|originals?|\d+(?:x\d+)?(?:px)?)", re.I)
TESTED = re.compile(r"(?<!la)test|prueba|тест|测试|測試|テスト", re.IGNORECASE)  # in the name of what may be tested on
SUFFIX = "^([^/]+)[_-][^/_-]+/"
SUFFIXED = re.compile(r"(?P<label>.+)[_-][^_-]+")
FEW = 0.1  # of all images; so many may lie beside parts without a question
NAMED = 5


def list_classes(tree: Tree) -> set[str]:
    """Return the names of the folders in a folder that hold images."""
    return {folder.name for folder in tree.folders if folder.images}


def name_some(names: Iterable[str]) -> str:
    """Return some names in their order."""
    every = order_names(names)
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")


def check_names(names: Sequence[str], where: str, folders: Sequence[Tree] = ()) -> None:
    """Refuse classes whose names all look like those of parts: a table of these would answer another question.

    Args:
        folders: in which there may be classes, which are offered.
    """
    if are_part_names(names):
        expected = "expected folders train and test with a sub-folder per class, or a table of labels"
        expected += offer_parts(folders)
        expected += offer_suffixes(names)
        expected += "; set layout: classes takes them as classes" if folders else ""
        raise UserError(f"{where}: {', '.join(names)} look like parts, not classes; {expected}")


def offer_parts(folders: Sequence[Tree]) -> str:
    """Return the settings that take folders as the parts that their names say, or the first with classes in it alone.

    Nothing where there is no such.
    """
    words = {folder.name: guess_part_name(folder.name) for folder in folders if list_classes(unwrap(folder))}
    train = [name for name, word in words.items() if word == "train"]
    test = next((own for kind in (TESTS, VALIDATION) if (own := [n for n, w in words.items() if w in kind])), [])
    if train and test:
        return f"; set train: {write_names(train)} and test: {write_names(test)} takes them so"
    found = [folder for folder in folders if holds_classes(unwrap(folder))]
    if not found:
        return ""
    one = max(found, key=lambda folder: words[folder.name] == "train")
    inner = name_some(list_classes(unwrap(one)))
    return f"; set train: {write_names([one.name])} takes its folders {inner} alone"


def offer_suffixes(names: Sequence[str]) -> str:
    """Return the settings that take folders as parts of classes that they name, as `cat_train`; nothing if none do."""
    found = [SUFFIXED.fullmatch(name) for name in names]
    parts = {name: guess_part_name(name) for name in names}
    train = [name for name, word in parts.items() if word == "train"]
    test = next((own for kind in (TESTS, VALIDATION) if (own := [n for n, w in parts.items() if w in kind])), [])
    classes = {match["label"] for match in found if match and guess_part_name(match["label"]) is None}
    if not all(found) or len(classes) < 2 or not len(train) == len(test) == len(classes):
        return ""
    ways = f"set train: {write_names(train)} and test: {write_names(test)}"
    return f"; {ways} and set label_pattern: '{SUFFIX}' takes them as parts of classes {name_some(classes)}"


def check_flat_parts(folders: Sequence[Tree], where: str) -> None:
    """Refuse folders without classes in them of which some are called as training and other parts are, others not.

    Raises:
        UserError: it is so; the images of a part are of no class.
    """
    words = {guess_part_name(folder.name) for folder in folders}
    others = [folder.name for folder in folders if not guess_part_name(folder.name)]
    doubted = len(words) > 2 or all(IMAGES.fullmatch(name) or REST.fullmatch(name) for name in others)
    if None in words and "train" in words and doubted and not any(map(list_classes, folders)):
        names = [folder.name for folder in folders]
        parts = [name for name in names if guess_part_name(name)]
        first = f"classes {name_some(names)}, or parts {name_some(parts)} without folders of classes"
        choice = "set layout: classes takes the first; the other needs a folder of each class, or a table of labels"
        raise UserError(f"{where}: {first}? {choice}")


def are_pictures(names: Sequence[str]) -> bool:
    """Say whether folders are called images and masks, all of them."""
    pictures = [name for name in names if IMAGES.fullmatch(name)]
    masks = [name for name in names if is_mask(name)]
    return bool(pictures and masks) and len(pictures) + len(masks) == len(names)


def is_mask(name: str) -> bool:
    """Say whether a folder beside one that is called images may be of masks by its name."""
    return bool(COMPANION_FOLDER.fullmatch(name) or LABELS.fullmatch(name))


def check_pictures(names: Sequence[str], where: str) -> None:
    """Refuse classes that are called images and masks."""
    if are_pictures(names):
        masks = [name for name in names if is_mask(name)]
        choice = f"set leave_out: {write_patterns(masks)} leaves the masks out, set leave_out: [] takes both as classes"
        raise UserError(f"{where}: {name_some(names)}: images and their masks, or classes? {choice}")


def check_paired_classes(folders: Sequence[Tree], where: str) -> None:
    """Refuse classes whose names are those of others and a word, as `cat` and `cat_mask`, and which may be their masks.

    Whatever the word is, if all are such pairs and the files in them have the same names.
    """
    by_name = {folder.name: folder for folder in folders}
    for word in {match["word"] for name in by_name if (match := PAIRED.fullmatch(name))}:
        pairs = [(name.removesuffix(word), name) for name in by_name if name.endswith(word)]
        pairs = [pair for pair in pairs if pair[0] in by_name]
        every = len(pairs) > 1 and 2 * len(pairs) == len(by_name)
        stems = [[list_stems(by_name[name]) for name in pair] for pair in pairs]
        if pairs and (COMPANION_FOLDER.fullmatch(word) or (every and all(one == other for one, other in stems))):
            both = f"classes {name_some(one for one, _ in pairs)} and {name_some(other for _, other in pairs)}"
            choice = f'set leave_out: ["*{word}"] leaves the masks out, set leave_out: [] takes all as classes'
            raise UserError(f"{where}: {both}: images and their masks, or classes? {choice}")


def check_twins(folders: Sequence[Tree], where: str) -> None:
    """Refuse two classes of files of the same names that are kept as JPEG in one and as other kinds in the other.

    So are photographs and what was drawn into them; names that are numbers alone may be those of any images.
    """
    photographs = [folder for folder in folders if {*map(find_ending, list_images(folder))} <= {*PHOTOGRAPHS}]
    for one in photographs:
        stems = list_stems(one)
        for other in (folder for folder in folders if {*map(find_ending, list_images(folder))}.isdisjoint(PHOTOGRAPHS)):
            if has_same_names(list_stems(other), stems) and not any(map(str.isdecimal, stems)):
                said = f"files in {one.name} have the names of those in {other.name}, which are no JPEG"
                ways = f"set leave_out: {write_patterns([other.name])} leaves these out"
                choice = f"{ways}, set leave_out: [] takes both as classes"
                raise UserError(f"{where}: {said}: images and their masks, or classes? {choice}")


def list_images(tree: Tree) -> list[str]:
    """Return the image files in a folder, at any depth."""
    return [file for own in tree.walk() for file in own.files if is_image(file)]


def is_kind(name: str) -> bool:
    """Say whether a folder in one of a class divides it by date or into images and masks, as no classes are called."""
    return any(known.fullmatch(name) for known in (DATE, BATCH, IMAGES, COMPANION_FOLDER))


def name_pieces(names: Sequence[str]) -> bool:
    """Say whether several folders are numbered as pieces of one set are."""
    return len(names) > 1 and all(PIECE.fullmatch(name) for name in names)


def check_pieces(names: Sequence[str], where: str) -> None:
    """Refuse folders that are numbered as pieces of one set are, such as `images_part_1` and `images_part_2`."""
    if name_pieces(names):
        choice = "set layout: classes takes them as classes, set train: [FOLDER, ...] and test: [FOLDER] as parts"
        table = "where a table labels them, set layout: table"
        raise UserError(f"{where}: classes {name_some(names)}, or pieces of one set? {choice}; {table}")


def check_inner_pictures(folders: Sequence[Tree], shared: Collection[str], where: str) -> None:
    """Refuse classes with a folder in which files have the names of other images, and which is not called masks.

    These lie beside it, or in a folder that is called images.
    """
    pictures = [name for name in shared if IMAGES.fullmatch(name)]
    others = [name for name in shared if not IMAGES.fullmatch(name) and not COMPANION_FOLDER.fullmatch(name)]
    for other in others:
        for beside in (None, *pictures[:1]):
            if all(is_beside(folder, other, beside) for folder in folders):
                choice = f"set leave_out: {write_patterns([other])} leaves them out, set leave_out: [] takes them"
                of = f"of {beside}" if beside else "beside it"
                same = f"the files of {other} have the names of those {of} in every class"
                raise UserError(f"{where}: {same}: masks or images? {choice}")


def offer_one_of_each(folders: Sequence[Tree], shared: Iterable[str]) -> str:
    """Return the way out where folders in all classes have files of the same names, as several sizes of each image."""
    first, *others = order_names(shared)
    if not all(map(SIZE.fullmatch, (first, *others))):  # elsewhere files may be numbered anew in each folder
        return ""
    for folder in folders:
        own = {inner.name: list_stems(inner) for inner in folder.folders}
        if not all(name in own and has_same_names(own[name], own.get(first, set())) for name in others):
            return ""
    same = f"the files in {name_some([first, *others])} have the same names"
    return f"; {same}: set leave_out: {write_patterns(others)} takes one of each" if others else ""


def offer_one_set(folders: Sequence[Tree]) -> str:
    """Return the way out where all folders have files of the same names in the same classes, as forms of one set have.

    Parts of these would have the same pictures on both sides. Empty where it is not so, or names are numbers alone.
    """
    first, *others = ({inner.name: list_stems(inner) for inner in folder.folders} for folder in folders)
    same = all({*own} == {*first} and all(has_same_names(own[name], first[name]) for name in own) for own in others)
    if not others or not same or any(stem.isdecimal() for stems in first.values() for stem in stems):
        return ""
    ways = f"give {quote(folders[0].path)} if they are forms of the same pictures"
    return f"; files of the same names are in all of these: {ways}"


def is_beside(folder: Tree, other: str, pictures: str | None) -> bool:
    """Say whether the images of a folder in a folder have the names of those of another, or of those beside it."""
    own = {inner.name: inner for inner in folder.folders}
    loose = {find_stem(file) for file in folder.files if is_image(file)}
    return has_same_names(list_stems(own[other]), loose if pictures is None else list_stems(own[pictures]))


def has_classes(part: Tree, known: Collection[str]) -> bool:
    """Say whether a part has folders of classes: one that is called images is none, unless a class is called so.

    Args:
        known: classes of the training part.
    """
    names = list_classes(unwrap(part))
    return bool(names & {*known}) or any(not IMAGES.fullmatch(name) for name in names)


def unwrap(tree: Tree) -> Tree:
    """Return the folder of classes of a part: that in it if it is alone there, and has the part's name or the classes.

    So `seg_train/seg_train/street`, as archives have it, and `train/images/street`: a single class would be none.
    """
    inner = [folder for folder in tree.folders if folder.images]
    if len(inner) != 1:
        return tree
    word, only = guess_part_name(tree.name), inner[0]
    same = only.name == tree.name or (word and guess_part_name(only.name) == word)
    return unwrap(only) if same or holds_classes(only) else tree


def holds_texts_alone(tree: Tree) -> bool:
    """Say whether a folder holds texts, as lists of images, and nothing else."""
    own = [*tree.walk()]
    files = [file for folder in own for file in folder.files]
    return bool(files) and all(map(is_text, files)) and not any(folder.left_out for folder in own)


def is_text(file: str) -> bool:
    """Say whether a file's name ends like that of a text."""
    return find_ending(file) in TEXTS


def holds_classes(tree: Tree) -> bool:
    """Say whether a folder has all of its images in several folders that may be classes by their names."""
    names = [name for name in list_classes(tree) if not is_kind(name)]
    return len(names) > 1 and not any(map(is_image, tree.files))


def are_parts(words: dict[str, Tree], folders: Sequence[Tree], where: str) -> bool:
    """Tell `train` and other parts above the classes from classes of images of which one is called `train`.

    Raises:
        UserError: neither is beyond doubt.
    """
    classes = list_classes(unwrap(words["train"]))
    parts = {folder.path for folder in words.values()}
    others = [folder for folder in folders if folder.path not in parts]
    if not classes or not others:
        return not others  # A class called `train` holds images; parts hold folders of classes.
    alike = [folder for folder in others if list_classes(folder) & classes]
    tested = any(word != "train" for word in words)
    dates = all(DATE.fullmatch(name) for name in classes)
    lost, total = (sum(folder.images for folder in own) for own in (others, folders))
    loose = sum(map(is_image, words["train"].files))
    if (tested and not (alike and dates)) or (lost <= FEW * total and not dates):
        return True
    if not tested and ((alike and dates) or loose > words["train"].images - loose):
        return False
    first = f"parts {name_some(folder.name for folder in words.values())} of classes {name_some(classes)}"
    other = f"classes {name_some(folder.name for folder in folders)}"
    loses = f"with {lost:,} of {total:,} images in no part"
    choice = "set layout: parts takes the first, set layout: classes the other"
    raise UserError(f"{where}: {first}, {loses}, or {other}? {choice}; set test: [FOLDER] names a test part")


def is_tested(name: str) -> bool:
    """Say whether the name of a folder suggests that it is tested on."""
    return TESTED.search(name) is not None or guess_part_name(name) not in (None, "train")
