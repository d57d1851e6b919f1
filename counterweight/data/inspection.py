"""What a folder or table of images holds: every image is read once."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from counterweight.core.errors import UserError
from counterweight.core.twins import find_identical, number_twins, stack_digests
from counterweight.data.decode import account
from counterweight.data.decode.facts import Ends, Facts
from counterweight.data.decode.images import BadFile, find_image_files
from counterweight.data.decode.opening import Encoded
from counterweight.data.decode.pool import inspect_images
from counterweight.data.decode.tree import LeftOut
from counterweight.data.findings import Findings, Results, summarize_findings
from counterweight.data.negative_values import check_negative
from counterweight.data.sources.base.group_names import count_members
from counterweight.data.sources.base.lazy_images import DatasetSplits
from counterweight.data.split.pictures import find_mixed


def inspect_pair(real: Path, synthetic: Path, ends: Ends | None = None) -> tuple[Findings, Findings]:
    """Inspect all images of two folders, at any depth.

    Args:
        ends: which values of more than 8 bits become black and white; None: not known yet, and none may be below 0.

    Raises:
        UserError: there is no such folder, no image in one that can be read, or values below 0.
    """
    found = inspect_folder(real, "real", ends), inspect_folder(synthetic, "synthetic", ends)
    check_negative(found, f"{real}, {synthetic}")
    for path, each in zip((real, synthetic), found, strict=True):
        if not each.total:
            said = f"no image that can be read, of {len(each.bad):,}; other files: {each.others:,}"
            raise UserError(f"{path}: {said}")
    return found


def inspect_folder(path: Path, label: str, ends: Ends | None) -> Findings:
    """Inspect all images of a folder; arguments as of `inspect_pair`.

    Raises:
        UserError: there is no such folder.
    """
    if not path.is_dir():
        raise UserError(f"{path}: no such folder; two folders of images are compared")
    try:
        files, left_out = find_image_files(path, path)
    except UserError as error:
        raise UserError(str(error).replace(", or set links: follow", "")) from error
    results = inspect_all(files, len(files), label, ends)
    found = summarize_findings(results, {}, left_out)
    readable = [file for file, result in zip(files, results, strict=True) if isinstance(result, Facts)]
    return found._replace(files=readable)


def inspect_dataset(found: DatasetSplits, ends: Ends | None = None) -> Findings:
    """Read every image of a dataset.

    Args:
        ends: which values of more than 8 bits become black and white; None: not known yet, and none may be below 0.
    """
    results, counts, digests, origins, trained = Results(), {}, list[bytes](), list[str](), 0
    labels: list[int] = []
    frames: dict[str, int] = {}
    broken: Counter[LeftOut] = Counter()
    for label, part in (("train", found.train), ("test", found.test)):
        if part is None or part.fetch is None:
            continue
        own = inspect_all(part.fetch(np.arange(len(part))), len(part), label, ends)
        good = np.array([isinstance(result, Facts) for result in own], dtype=np.bool_)
        sizes = np.bincount(part.labels[good], minlength=len(part.class_names)).tolist()
        counts[label] = dict(zip(part.class_names, sizes, strict=True))
        results += own
        frames |= {
            part.origins[index]: result.frames
            for index, result in enumerate(own)
            if isinstance(result, Facts) and result.frames > 1
        }
        broken.update(
            account.find_broken(part.origins[index], result.fault, part.class_names[part.labels[index]])
            for index, result in enumerate(own)
            if isinstance(result, BadFile)
        )
        digests += [result.digest for result in own if isinstance(result, Facts)]
        origins += [part.origins[index] for index in np.flatnonzero(good).tolist()]
        labels += part.labels[good].tolist()
        trained = len(digests) if label == "train" else trained
    facts = found.train.provenance
    known, names = stack_digests(digests), found.train.class_names
    identical = find_identical(known, origins, trained)
    mixed = find_mixed(number_twins(known), np.array(labels, dtype=np.int64), origins, names)
    findings = summarize_findings(results, counts, account.from_json(facts.get("left_out", [])))
    said = [account.describe_frames([f"{name} ({count:,})" for name, count in frames.items()])] if frames else []
    notes, groups = facts.get("notes", []) + said, count_members(found)
    return findings._replace(identical=identical, mixed=mixed, notes=notes, groups=groups, broken=broken)


def inspect_all(images: Iterable[Encoded], total: int, label: str, ends: Ends | None = None) -> Results:
    """Inspect images by all cores."""
    return [result for chunk in inspect_images(images, total, label, ends) for result in chunk]
