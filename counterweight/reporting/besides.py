"""What two sets differ in besides pictures, and how they were made the same in it, in sentences."""

from collections.abc import Mapping

from counterweight.reporting.remarks import join_some
from counterweight.reporting.results import Comparison
from counterweight.results.files import Equalised

SAME_MIX = "the same mix of classes"


def describe_besides(comparison: Comparison) -> str:
    """Return sentences on what tells two sets apart without a look at the pictures; nothing where nothing does."""
    files = comparison.files.differences if comparison.files else comparison.features.file_differences
    mixed = [comparison.mix.difference] if comparison.mix else []
    if not files and not mixed:
        return ""
    what = [*(["files"] if files else []), *(["mix of classes"] if mixed else [])]
    verb = "tell" if files else "tells"
    said = f"The {' and the '.join(what)} alone {verb} the sets apart: {', '.join([*files, *mixed])}."
    if comparison.equalised is None:
        return f"{said} `counterweight audit` of the folders judges after making both the same. "
    how = comparison.equalised
    if not how.steps and not how.images and not how.remaining:
        return f"{said} None of that reaches the pixels that are compared. "
    kept = f"Not made the same, and perhaps what the judgement is of: {join_some(how.remaining)}. "
    return f"{said} {describe_left_out(how.left_out)}{kept if how.remaining else ''}"


def describe_greys(comparison: Comparison) -> str:
    """Return a sentence on which greys of more than 8 bits became white as they are, after a blank; else nothing."""
    files = comparison.files
    found = {} if files is None else {"real": files.real, "synthetic": files.synthetic}
    known = {side: f"{own.black or 0:g}...{own.white:g}" for side, own in found.items() if own.white is not None}
    if not known:
        return ""
    if len({*known.values()}) == 1 and len(known) == len(found):
        return f" Of greys of more than 8 bits {known['real']} become 0...255 in all files of both sides."
    ranges = join_some([f"{ends} of the {side} images" for side, ends in known.items()])
    return f" Of greys of more than 8 bits {ranges} {'become' if len(known) > 1 else 'becomes'} 0...255 in all files."


def describe_left_out(left_out: Mapping[str, Mapping[str, int]]) -> str:
    """Return a sentence on the classes that only one side has; nothing where there are none."""
    parts = [
        f"{join_some([f'{name} ({count})' for name, count in classes.items()])} of the {side} images"
        for side, classes in left_out.items()
    ]
    return f"Left out, since the other side has none: {'; '.join(parts)}. " if parts else ""


def introduce_judgement(comparison: Comparison) -> str:
    """Return how both sets were made the same, to begin the judgement with; nothing where they were not."""
    how = comparison.equalised
    if how is None or not (how.steps or how.images):
        return ""
    return f"With {describe_same(how)}: "


def describe_same(how: Equalised) -> str:
    """Return how both sets were made the same, in a few words."""
    parts = [*([f"both {', '.join(how.steps)}"] if how.steps else []), *([SAME_MIX] if how.images else [])]
    return " and ".join(parts)
