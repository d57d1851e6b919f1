"""A dataset of your own, from a path to blocks in params.yaml."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterweight.cli import choices
from counterweight.cli.additions import Plan, Request, carry_out, check_request
from counterweight.cli.describe import parse_change
from counterweight.cli.links import plan_link
from counterweight.core.errors import UserError
from counterweight.core.registry import require_one_of
from counterweight.core.schema import parse_settings
from counterweight.data import inspection
from counterweight.data.decode.images import describe_bad_files
from counterweight.data.decode.tree import prune, scan_tree
from counterweight.data.findings import Findings
from counterweight.data.labelled_texts import LabelsError, describe_unplaced
from counterweight.data.negative_values import check_negative
from counterweight.data.source_choice import detect_source, offer_table
from counterweight.data.sources.base.batches import LINES
from counterweight.data.sources.base.delimited_text import DELIMITERS
from counterweight.data.sources.base.group_names import check_enough_groups, find_groups
from counterweight.data.sources.base.layout_sets import offer_folders
from counterweight.data.sources.base.lazy_images import HELD, DatasetSplits
from counterweight.data.sources.base.partial_lists import describe_lists_around
from counterweight.data.sources.base.written_names import write_patterns
from counterweight.data.wrapping import find_wrapped
from counterweight.generators.base.generator import find_generator
from counterweight.settings.datasets import plan_dataset
from counterweight.settings.editing import Addition
from counterweight.settings.params import Params

Json = dict[str, Any]

SHORT = "short, for a CPU; {{}} takes the paper's settings: counterweight describe {name}"
LIST = re.compile(r'\b(set|and) (\w+): (\[(?:"(?:[^"\\]|\\.)*"|[^]"])*\])')
ONE_CLASS = (
    "Note: all images are of one class: there is no classifier to be helped and so no table, but a gallery of what "
    "generators make of them, vae, gan, wgan and wgan_gp, too, once generators.vae has a block of that name; "
    "counterweight audit compares such a folder with another"
)
ONLY_TABLE = (
    "Note: DVC sees changes of this table, not of the images it names, and of images that it does not name only those "
    "beside others are counted; give the folder to have all watched and counted"
)

QUOTED = re.compile(r'\bset (\w+): ("(?:[^"\\]|\\.)*")')
FEW = 10  # classes that an option names
OF_FOLDERS = (
    "leave_out",
    "tables",
    "test",
    "test_lists",
    "test_tables",
    "train",
    "train_lists",
    "image_folder",
    "folder_table",
)
"""Settings that name what lies in the folder that is given, if it is there, or in one that lies in it alone."""


def add_dataset(request: Request, dry_run: bool, as_json: bool) -> str:
    """Inspect a dataset, add its blocks to params.yaml and a link to `images`; return what was found and done.

    Raises:
        UserError: there is no such dataset, a name is taken, or a setting cannot be; nothing is changed then.
    """
    params, given = check_request(request), request.path
    if not any((given / name).exists() for name in list_named(request)):
        request = request._replace(path=find_wrapped(given))
    plan = plan_dataset_addition(request, params)
    if request.path != given:
        said = f"Note: all of {given} lies in {request.path}, whose folders are taken"
        plan = plan._replace(notes=[*plan.notes, said])
    return carry_out(request, plan, dry_run, as_json)


def list_named(request: Request) -> list[str]:
    """Return what settings that are asked for name in the folder of the dataset."""
    own = parse_changes(request)
    return [str(name) for key in OF_FOLDERS for name in as_list(own.get(key))]


def as_list(value: object) -> list[object]:
    """Return a list as it is, nothing as an empty one, and anything else in one."""
    return value if isinstance(value, list) else [] if value is None else [value]


def plan_dataset_addition(request: Request, params: Params) -> Plan:
    """Inspect a dataset and choose its settings."""
    path = request.path
    changes = parse_changes(request)
    kind = choose_source(path, changes)
    links = plan_link(request.images, path)
    found = inspect_images(request, {"source": kind, "size": choices.LARGEST_SIZE, **changes}, params)
    counts = next(iter(found.counts.values()))
    check_found(request, found, counts, kind == "folder" and "label_pattern" not in changes)
    for name in request.minority:
        require_one_of(name, counts, "--minority")
    chosen = {
        "size": choices.choose_size(found, request.size),
        "channels": choices.choose_channels(found, request.channels),
    }
    if several := len(counts) > 1:
        chosen["minority"] = choices.choose_minority(counts, request.minority)
        chosen["scenario"] = choices.choose_scenario(counts, params)
    chosen |= choices.choose_others(found, changes)
    # A list comes first: DVC takes the comment after one away with it, when it sets the list anew.
    written = ("minority", "size", "channels", "white", "bad_files")
    shown: Json = {key: chosen[key].value for key in written if key in chosen}
    block: Json = {"source": kind, **shown, **changes}
    trained = sum(counts.values()) if len(found.counts) > 1 else round(0.7 * sum(counts.values()))
    additions = [
        Addition(("datasets",), request.name, block),
        *list_blocks(request.name, block, counts, trained, params),
    ]
    if several:
        scenario = chosen["scenario"].value
        run = build_command(request.name, scenario, additions, params)
        commands = [run, "counterweight report"]
    else:
        commands = [f"counterweight gallery {request.name}"]
    notes = [ONLY_TABLE] if path.suffix.lower() in (*DELIMITERS, LINES) else []
    return Plan({str(path): found}, chosen, links, additions, commands, notes + ([] if several else [ONE_CLASS]))


def choose_source(path: Path, changes: Json) -> str:
    """Return the kind of source of a path; a layout that is asked for decides where both would do.

    Args:
        changes: settings that are asked for; `layout: table` is none of the source's, and is taken out.
    """
    if changes.get("folder_table") is not None and path.is_dir():
        return "folder"
    if changes.get("label_pattern") is not None:
        if path.is_file() or changes.get("layout") == "table":
            raise UserError(
                f"{path}: --label-pattern reads classes of the paths of a folder's images, not of a table's"
            )
        if path.is_dir():
            return "folder"
    if changes.get("tables") and changes.get("layout") in (None, "table"):
        changes.pop("layout", None)
        return "table"
    if changes.get("test_tables") and path.is_dir() and changes.get("layout") != "table":
        return "folder"
    if not path.is_dir() or "layout" not in changes:
        try:
            return detect_source(path)
        except UserError as error:
            # Lists are in a folder beside that of the classes, or masks are, which are left out; or one part is named.
            settled = path.is_dir() and (not {"test_lists", "train"}.isdisjoint(changes) or leaves_out(path, changes))
            if settled and not isinstance(error, LabelsError):
                return "folder"
            raise UserError(name_options(str(error))) from error
    if changes["layout"] == "table":
        del changes["layout"]
        return "table"
    return "folder"


def leaves_out(path: Path, changes: Json) -> bool:
    """Say whether anything in a folder is left out by its name, as settings that are asked for say."""
    patterns = [str(pattern) for pattern in as_list(changes.get("leave_out"))]
    return bool(prune(scan_tree(str(path), path.resolve(), follow_links=True), patterns, "")[1])


def parse_changes(request: Request) -> Json:
    """Return the settings that are asked for by --set, and the layout."""
    changes: Json = dict(map(parse_change, request.changes))
    if request.layout is not None:
        changes["layout"] = request.layout
    for key in ("source", "size", "channels", "minority", "path"):
        if key in changes:
            raise UserError(f"--set {key}: not here; size, channels and minority have options of their own")
    return changes


def inspect_images(request: Request, settings: Json, params: Params) -> Findings:
    """Read all images; what is said of how names the options of this command."""
    images, black = find_images(request, settings, params), settings.get("black")
    found = inspection.inspect_dataset(images, None if black is None else (black, settings["white"]))
    if "bad_files" not in settings:
        check_negative([found], str(request.path))
    unasked = settings["source"] == "folder" and images.test is None
    around = describe_lists_around(request.path, images.train.origins) if unasked else []
    if unasked:
        more = describe_unplaced(request.path, images.train.origins, images.train.class_names)
        said = tuple(note.partition(":")[0] for note in found.notes)
        around += [name_options(note) for note in more if note.partition(":")[0] not in said]
    return found._replace(notes=[*map(name_options, found.notes), *around])


def find_images(request: Request, settings: Json, params: Params) -> DatasetSplits:
    """Return what the source of images finds, errors without the key that is not there yet."""
    blocks = {request.name: {**settings, "path": str(request.path.absolute())}}
    plan = plan_dataset(blocks, request.name)
    where = f"params.yaml: datasets.{request.name}"
    try:
        found = find_groups(plan.source.find(plan.settings, request.name), plan.common.grouping, where)
        check_enough_groups(found, found.test is not None and plan.common.keep_split, str(request.path))
    except UserError as error:
        message = str(error).removeprefix(f"{where}.path: ").removeprefix(f"{where}.")
        if settings["source"] == "folder" and "set layout: " in message and "layout: table" not in message:
            message += offer_table(request.path)
        raise UserError(name_options(message)) from error
    return found


def name_options(message: str) -> str:
    """Return a message with the options of this command in place of settings that it says are to be made."""
    message = re.sub(r"\bset layout: (\w+)", r"--layout \1", message)
    message = re.sub(r"\bset merge_labels: true", "--merge-labels", message)
    message = re.sub(r"\bset label_pattern: '", "--label-pattern '", message)
    message = re.sub(r"\bset group_column: ('[^']*'|\w+)", r"--group-column \1", message)
    message = re.sub(r"\bset split: (?!to )(\w+)", r"--split-column \1", message)
    message = LIST.sub(write_list, message).replace("set --set", "--set")
    message = QUOTED.sub(lambda own: f"--set {shlex.quote('='.join(own.groups()))}", message)
    message = re.sub(r"\bor set (\w+): (?!to )(\w+)", r"or add --set \1=\2", message)
    return re.sub(r"\bset (\w+): (?!to )(\w+)", r"--set \1=\2", message)


def write_list(match: re.Match[str]) -> str:
    """Return an option in place of a setting that is a list."""
    return f"{match[1]} --set {shlex.quote(f'{match[2]}={match[3]}')}"


def check_found(request: Request, found: Findings, counts: Mapping[str, int], folders: bool) -> None:
    """Refuse classes with too few images that can be read; files that are not there are told of first.

    Args:
        folders: whether classes are folders.
    """
    missing, total = found.faults().get("missing", []), found.total + len(found.bad)
    needed = 1 if len(found.counts) > 1 else 2  # Without parts, one to train on and one to test on.
    for part, sizes in found.counts.items():
        few = [name for name, count in sizes.items() if count < needed]
        if few and missing:
            said = f"{len(missing):,} of {total:,} files missing, first: {missing[0]}"
            ways = "paths are relative to the table; --image-folder FOLDER says where they begin otherwise"
            held = "".join(f"; {note}" for note in found.notes if note.endswith(HELD))
            raise UserError(f"{request.path}: {said}; {ways}{held}{offer_folders(request.path)}")
        if few:
            where = f"{request.path}: class '{few[0]}': {sizes[few[0]]} images that can be read in part {part}"
            where += f", and {len(few) - 1:,} more classes with fewer than {needed}" if few[1:] else ""
            why = f"; {describe_bad_files(found.bad)}" if found.bad else ""
            alike = "".join(f"; {note}" for note in found.notes if f"'{few[0]}'" in note)
            ways = f"at least {needed} are needed, or remove {'them' if few[1:] else 'it'}"
            if folders and len(few) <= FEW and len(counts) - len(few) > 1:
                option = name_options(f"set leave_out: {write_patterns(few)}")
                ways = f"at least {needed} are needed; {option} goes on without"
            raise UserError(f"{where}; {ways}{why}{alike}")


def list_blocks(name: str, block: Json, counts: Mapping[str, int], images: int, params: Params) -> Iterator[Addition]:
    """Yield the blocks of generators and, where there are classes to tell apart, of the classifier."""
    made = choices.choose_generators(block["size"], block["channels"], images)
    others: dict[str, Json] = {generator: {} for generator in params.table.generators if generator not in made}
    for generator, values in {**made, **others}.items():
        comment = SHORT.format(name=generator) if values else ""
        if is_ready(generator, [*counts]):
            yield Addition(("generators", generator), name, values, comment)
    if len(counts) > 1:
        yield Addition(("classifiers",), name, choices.choose_classifier(block["size"], block["channels"] == 1, images))


def is_ready(generator: str, names: Sequence[str]) -> bool:
    """Say whether a generator can work on classes without being told more."""
    kind, settings = find_generator(generator)
    try:
        kind.precheck(parse_settings(settings, {}, generator), names)
    except UserError:
        return False
    return True


def build_command(name: str, scenario: str, additions: Sequence[Addition], params: Params) -> str:
    """Return the command that makes the table of a dataset."""
    words = ["dvc", "exp", "run", "-S", f"table.datasets=[{name}]", "-S", f"table.scenarios=[{scenario}]"]
    known = [addition.above[1] for addition in additions if addition.above[0] == "generators"]
    rows = [generator for generator in params.table.generators if generator in known]
    if rows != params.table.generators:
        words += ["-S", f"table.generators=[{','.join(rows or known)}]"]
    return shlex.join(words)
