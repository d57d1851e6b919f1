"""What the files of two sets differ in: named where it is no chance, and not where it is."""

from collections.abc import Sequence

import numpy as np
import pytest

from counterweight.data.decode.images import Facts
from counterweight.data.file_facts import compare_files
from counterweight.data.inspection import Findings, summarize_findings
from counterweight.results.files import SideFiles


def found(count: int = 30, size: tuple[int, int] = (40, 30), kind: str = "JPEG", quality: int | None = 75) -> Findings:
    return summarize_findings([Facts(*size, "RGB", kind, False, quality)] * count, {}, 0)


def varied(widths: Sequence[int]) -> Findings:
    return summarize_findings([Facts(width, 30, "RGB", "JPEG", False, 75) for width in widths], {}, 0)


def test_files_of_one_kind_are_alike() -> None:
    facts = compare_files(found(), found())
    assert facts.differences == []
    assert facts.real == facts.synthetic == SideFiles(formats={"JPEG": 30}, quality=75, width=40, height=30)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (found(kind="PNG", quality=None), "format (30 JPEG against 30 PNG)"),
        (found(quality=95), "JPEG quality (75 against 95 in the median)"),
        (found(size=(80, 30)), "width (40 against 80 pixels in the median)"),
        (found(size=(40, 60)), "height (30 against 60 pixels in the median)"),
    ],
)
def test_each_difference_is_named(other: Findings, words: str) -> None:
    assert compare_files(found(), other).differences == [words]


def test_few_files_are_no_evidence() -> None:
    assert compare_files(found(3), found(3, (80, 60), "PNG", None)).differences == []


def test_sizes_that_vary_alike_are_no_difference() -> None:
    """At most 4 of 1,000 pairs may be called different; of 200, that is 0.8 on average, and 6 once in 10,000 times."""
    rng = np.random.default_rng(0)
    pairs = [[varied(rng.integers(100, 500, 60).tolist()) for _ in range(2)] for _ in range(200)]
    assert sum(bool(compare_files(one, other).differences) for one, other in pairs) < 6
