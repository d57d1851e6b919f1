"""What the files of two sets differ in: named where it is no chance, and not where it is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from counterweight.data.besides.files import compare_files
from counterweight.data.decode.facts import Facts
from counterweight.data.decode.traces import Bars
from counterweight.results.files import SideFiles

PHOTOGRAPH = Facts(40, 30, "RGB", "JPEG", False, 75, subsampling="4:2:0", lossless=False)


def found(count: int = 30, **changes: Any) -> list[Facts]:  # noqa: ANN401
    return [PHOTOGRAPH._replace(**changes)] * count


def varied(widths: Sequence[int]) -> list[Facts]:
    return [PHOTOGRAPH._replace(width=width) for width in widths]


def test_files_of_one_kind_are_alike() -> None:
    facts = compare_files(found(), found())
    assert facts.differences == []
    assert facts.real == facts.synthetic == SideFiles(formats={"JPEG": 30}, quality=75, width=40, height=30)
    assert set(facts.model_dump()["real"]) == {"formats", "quality", "width", "height"}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (found(bars=Bars(0, 4)), "bars at two sides (30 without against 30 with)"),
        (found(format="PNG", quality=None, subsampling=None), "format (30 JPEG against 30 PNG)"),
        (found(15) + found(15, format="PNG", quality=None), "format (30 JPEG against 15 JPEG, 15 PNG)"),
        (found(quality=95), "JPEG quality (75 against 95 in the median)"),
        (
            found(15, quality=60) + found(15, quality=90),
            "JPEG quality (75 against 60 to 90, but for a tenth at either end)",
        ),
        (found(subsampling="4:4:4"), "JPEG subsampling (30 4:2:0 against 30 4:4:4)"),
        (found(tables=((9,) * 64,)), "JPEG tables (30 usual against 30 other)"),
        (found(mode="P"), "colour mode (30 RGB against 30 P)"),
        (found(grey=True), "colours (30 in colour against 30 grey)"),
    ],
)
def test_each_difference_is_named(other: list[Facts], words: str) -> None:
    assert compare_files(found(), other).differences == [words]


def test_other_sizes_are_named_and_other_proportions_beside_them() -> None:
    larger, narrower = found(width=80, height=60), found(height=60)
    sizes = ["width (40 against 80 pixels in the median)", "height (30 against 60 pixels in the median)"]
    assert compare_files(found(), larger).differences == sizes
    proportions = "proportions (133 against 67 % of the height in the median)"
    assert compare_files(found(), narrower).differences == [sizes[1], proportions]
    wide = "width (40 against 30 to 50 pixels, but for a tenth at either end)"
    assert compare_files(found(), varied([30] * 15 + [50] * 15)).differences[0] == wide


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"grid": False}, {"grid": True}, "blocks of 8 x 8 pixels (30 without against 30 with)"),
        ({"dithered": True}, {"dithered": False}, "dithering (30 with against 30 without)"),
        ({"colours": 16}, {"colours": 256}, "colours of a palette (16 against 256 in the median)"),
        ({"grid": None}, {"grid": True}, None),
    ],
)
def test_traces_of_earlier_files_are_named(one: dict[str, Any], other: dict[str, Any], words: str | None) -> None:
    """Of those files of which they can be known, on both sides."""
    assert compare_files(found(**one), found(**other)).differences == ([words] if words else [])


def test_what_sides_differ_in_is_counted() -> None:
    facts = compare_files(found(mode="L", grey=True), found(subsampling="4:4:4"))
    assert (facts.real.modes, facts.synthetic.modes) == ({"L": 30}, {"RGB": 30})
    assert (facts.real.grey, facts.synthetic.grey) == (30, 0)
    assert facts.synthetic.subsampling == {"4:4:4": 30}


def test_few_files_are_no_evidence() -> None:
    assert compare_files(found(3), found(3, width=80, format="PNG", quality=None)).differences == []


def test_files_that_vary_alike_are_no_difference() -> None:
    """At most 8 of 1,000 pairs may be called different; of 300, that is 2.4 on average, and 9 once in 1,000 times."""
    rng = np.random.default_rng(0)

    def draw() -> list[Facts]:
        sizes, kinds = rng.integers(100, 500, (60, 2)).tolist(), rng.integers(0, 2, (60, 3)).tolist()
        return [
            PHOTOGRAPH._replace(
                width=size[0],
                height=size[1],
                quality=int(rng.integers(50, 96)),
                format=("JPEG", "PNG")[kind[0]],
                subsampling=("4:2:0", "4:4:4")[kind[1]],
                mode=("RGB", "P")[kind[2]],
                grey=bool(kind[2]),
            )
            for size, kind in zip(sizes, kinds, strict=True)
        ]

    assert sum(bool(compare_files(draw(), draw()).differences) for _ in range(300)) < 9
