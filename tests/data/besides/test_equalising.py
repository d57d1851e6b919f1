"""Plans by which the files of two sides become alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from counterweight.data.besides.equalising import Plan, plan_equalising
from counterweight.data.besides.files import compare_files
from counterweight.data.besides.sides import FileSide, match_lower
from counterweight.data.decode.changes import Changes, Codec
from counterweight.data.decode.facts import Facts, inspect
from counterweight.data.decode.images import Target, decode
from counterweight.data.decode.opening import Altered

PNG = Facts(40, 30, "RGB", "PNG", False)
JPEG = PNG._replace(format="JPEG", quality=75, subsampling="4:2:0", lossless=False)


DITHERED, NARROW = Changes(colours=9, dithered=True), Changes(shorter=30)


def side(*facts: Facts) -> FileSide:
    every = [fact for fact in facts for _ in range(60 // len(facts))]
    own = [fact._replace(digest=f"{number} {fact}".encode()) for number, fact in enumerate(every)]  # other pictures
    return FileSide([Path(f"{number}.x") for number in range(60)], own)


def plan(real: FileSide, synthetic: FileSide) -> Plan:
    return plan_equalising((real, synthetic), compare_files(real.facts, synthetic.facts), np.random.default_rng(0))


def jpeg(quality: int, subsampling: str = "4:2:0") -> Changes:
    return Changes(codecs=(Codec("JPEG", quality, subsampling),))


def test_alike_files_stay_as_they_are() -> None:
    found = plan(side(JPEG), side(JPEG))
    assert found.steps == []
    assert {*found.changes[0], *found.changes[1]} == {Changes()}


@pytest.mark.parametrize(
    ("real", "synthetic", "step", "change"),
    [
        ([PNG._replace(mode="P", colours=9, dithered=True)], [PNG], "with a palette of 9 colours, dithered", DITHERED),
        ([PNG._replace(width=30)], [PNG], "cut in the middle to one shape, at a shorter side of 30 pixels", NARROW),
        ([JPEG], [PNG], "re-encoded as JPEG of quality 75", jpeg(75)),
        ([JPEG._replace(quality=95)], [JPEG], "re-encoded as JPEG of quality 75", jpeg(75)),
        ([PNG, JPEG], [JPEG], "re-encoded as JPEG of quality 75", jpeg(75)),
        (
            [JPEG],
            [JPEG._replace(subsampling="4:4:4")],
            "re-encoded as JPEG of quality 75 with 4:2:0",
            jpeg(75),
        ),
        (
            [JPEG._replace(width=400, height=300)],
            [JPEG],
            "at a shorter side of 30 pixels, re-encoded as JPEG of quality 75",
            jpeg(75)._replace(shorter=30),
        ),
        ([PNG._replace(mode="P", colours=99)], [PNG], "with a palette of 99 colours", Changes(colours=99)),
        ([PNG._replace(mode="L", grey=True)], [PNG], "in grey", Changes(grey=True)),
        (
            [PNG._replace(format="HEIF", lossless=False)],
            [PNG],
            "re-encoded as JPEG of quality 75",
            jpeg(75, "4:4:4"),
        ),
    ],
)
def test_both_sides_go_through_the_same(real: list[Facts], synthetic: list[Facts], step: str, change: Changes) -> None:
    for one, other in ((real, synthetic), (synthetic, real)):
        found = plan(side(*one), side(*other))
        assert ", ".join(found.steps) == step
        assert {*found.changes[0], *found.changes[1]} == {change}
        assert found.grey == (step == "in grey")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"transparent": True}, "transparency"),
        ({"profile": "Display P3"}, "colour profile"),
        ({"mode": "CMYK"}, "colour mode"),
        ({"mode": "1", "grey": True}, "colour mode"),
        ({"format": "HEIF", "lossless": False}, "what HEIF loses"),
    ],
)
def test_what_reaches_the_pixels_and_cannot_be_undone_is_said_to_remain(changes: dict[str, Any], what: str) -> None:
    assert plan(side(PNG), side(PNG._replace(**changes))).remaining == [what]


@pytest.mark.parametrize("changes", [{"mode": "RGBA"}, {"format": "BMP"}])
def test_what_does_not_reach_the_pixels_needs_no_step(changes: dict[str, Any]) -> None:
    assert plan(side(PNG), side(PNG._replace(**changes))).steps == []


def test_a_palette_that_all_files_share_is_the_other_sides_too(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    Image.fromarray(colours).convert("P").save(tmp_path / "x.png")
    facts = inspect(tmp_path / "x.png")
    found = plan(FileSide([tmp_path / "x.png"] * 60, [facts] * 60), side(PNG._replace(width=9, height=9)))
    assert found.steps == ["with the same palette"]
    with Image.open(tmp_path / "x.png") as file:
        assert {change.palette for own in found.changes for change in own} == {bytes(file.getpalette() or ())}


def test_as_many_of_either_side_become_grey() -> None:
    found = plan(side(PNG._replace(grey=True), *[PNG] * 2), side(PNG))
    assert found.steps == ["33% of either in grey"]
    assert [sum(change.grey for change in own) for own in found.changes] == [20, 20]
    assert not found.grey


USUAL = JPEG._replace(usual=True)


def test_a_file_is_not_compressed_twice_alike() -> None:
    for fact in (USUAL, USUAL._replace(mode="L", grey=True, subsampling=None)):
        found = plan(side(fact), side(PNG._replace(grey=fact.grey)))
        assert {*found.changes[0]} == {Changes()}
        assert {change.codecs for change in found.changes[1]} == {(Codec("JPEG", 75, fact.subsampling or "4:4:4"),)}
        assert found.steps == ["re-encoded as JPEG of quality 75"]


TABLES = (tuple(range(6, 70)), tuple(range(9, 73)))
CAMERA = JPEG._replace(tables=TABLES)


def test_what_was_never_compressed_gets_the_tables_of_the_other_side_which_stays_as_it_is() -> None:
    found = plan(side(CAMERA), side(PNG))
    assert found.steps == ["re-encoded as JPEG of quality 75, by the files' own tables"]
    assert {*found.changes[0]} == {Changes()}
    assert {change.codecs for change in found.changes[1]} == {(Codec("JPEG", 75, "4:2:0", TABLES),)}


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_jpegs_of_two_encoders_go_through_the_tables_of_both(quality: int) -> None:
    """Of the same coarseness, too, where nothing else tells them apart."""
    own, other = Codec("JPEG", quality), Codec("JPEG", 75, tables=TABLES)
    for sides in ((USUAL._replace(quality=quality), CAMERA), (CAMERA, USUAL._replace(quality=quality))):
        found = plan(*map(side, sides))
        chain = (other, own) if quality <= 75 else (own, other)
        # A file that has gone through the first of them does so no second time.
        assert {change.codecs for change in found.changes[sides[0] is CAMERA]} == {chain[quality > 75 :]}
        assert {change.codecs for change in found.changes[sides[1] is CAMERA]} == {chain[quality <= 75 :]}


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        (USUAL._replace(quality=95), USUAL),  # another quality
        (USUAL, USUAL._replace(quality=95)),  # the other side goes through two
        (USUAL._replace(subsampling="4:4:4"), USUAL),
        (USUAL._replace(width=400, height=300), PNG),  # made smaller before
        (USUAL, PNG._replace(grey=True)),  # grey before
        (USUAL, PNG._replace(mode="P", colours=9)),
        (JPEG, PNG),  # tables of its own
    ],
)
def test_a_file_is_compressed_again_unless_that_was_all(real: Facts, synthetic: Facts) -> None:
    for own in plan(side(real), side(synthetic)).changes[:1]:
        assert all(change.codecs for change in own)


def test_the_same_picture_stored_in_two_ways_becomes_the_same_pixels(tmp_path: Path) -> None:
    """Noise of colours, which a second time at a quarter of the colours takes further."""
    rng = np.random.default_rng(0)
    files: list[list[Path]] = [[], []]
    for number in range(30):
        picture = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        for own, name, options in zip(files, ("a.jpg", "b.png"), ({"quality": 95}, {}), strict=True):
            own.append(tmp_path / f"{number}{name}")
            picture.save(own[-1], **options)
    sides = [FileSide(own, [inspect(path) for path in own]) for own in files]
    found = plan(*sides)
    target = Target((30, 40), 3, "stretch")
    pixels = [
        [decode(Altered(*each), target) for each in zip(own, changes, strict=True)]
        for own, changes in zip(files, found.changes, strict=True)
    ]
    assert np.array_equal(*pixels)
    assert found.steps == ["re-encoded as JPEG of quality 95"]


def test_copies_of_jpegs_that_lose_no_more_become_the_same_pixels_as_these(tmp_path: Path) -> None:
    """What is compressed with these once more loses a little: a test that goes pair by pair would find it."""
    rng = np.random.default_rng(0)
    files: list[list[Path]] = [[], []]
    for number in range(30):
        picture = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        files[0].append(tmp_path / f"{number}a.jpg")
        picture.save(files[0][-1], quality=75)
        files[1].append(tmp_path / f"{number}b.png")
        Image.open(files[0][-1]).save(files[1][-1])
    sides = [FileSide(own, [inspect(path) for path in own]) for own in files]
    found = plan(*sides)
    target = Target((30, 40), 3, "stretch")
    pixels = [
        [decode(Altered(*each), target) for each in zip(own, changes, strict=True)]
        for own, changes in zip(files, found.changes, strict=True)
    ]
    assert np.array_equal(*pixels)


def test_files_of_several_qualities_get_those_of_the_other_side() -> None:
    """Half of either side: what is coarser of both at each place of their orders."""
    found = plan(side(JPEG._replace(quality=50), JPEG._replace(quality=90)), side(JPEG._replace(quality=70), PNG))
    for own in found.changes:
        assert sorted(change.codecs[0].quality for change in own) == [50] * 30 + [90] * 30
    assert found.steps == ["re-encoded as JPEG of quality 50 to 90"]


def test_as_many_of_either_side_are_compressed() -> None:
    found = plan(side(JPEG, *[PNG] * 9), side(*[JPEG] * 6, *[PNG] * 4))
    assert found.steps == ["60% of either re-encoded as JPEG of quality 75"]
    for own, fewest in zip(found.changes, (6, 36), strict=True):
        assert {change.codecs for change in own} == {(), (Codec("JPEG", 75, "4:2:0"),)}
        assert sum(bool(change.codecs) for change in own) == 36
        assert all(change.codecs for change in own[:fewest])


@pytest.mark.parametrize("seed", range(50))
def test_no_value_is_raised_and_equal_sets_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = (rng.integers(1, 10, count) for count in ([7, 7] if seed % 2 else rng.integers(1, 20, 2)))
    orders = [rng.permutation(len(own)) for own in (one, other)]
    found = match_lower([one, other], orders)
    assert (found[0] <= one).all()
    assert (found[1] <= other).all()
    if len(one) == len(other):
        assert sorted(found[0]) == sorted(found[1])
    same = match_lower([one, one], [orders[0], orders[0]])
    assert np.array_equal(same[0], one)
