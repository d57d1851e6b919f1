"""What a report says of blur, sampling and geometry, of shares that are known."""

import pytest

from counterweight.reporting.recognition_gap import describe_goal, explain_gap
from counterweight.reporting.recognition_verdicts import Share
from counterweight.results.recognize import RecognizeResult, RowResult
from counterweight.results.triplets import TripletsResult
from tests.reporting.made_recognition import ACCURACIES, of_kind, sampled

SETS = {
    "real": of_kind("real", {}),
    "blurred": of_kind("reconstructed", {}),
    "printed": sampled(),
    "more": sampled(count=10000),
    "random": sampled(positive_towards=0.5, negative_towards=0.5),
    "other": sampled(negative="other", step="deviation"),
    "views": sampled(anchor="real", positive="view"),
}
SHARES = {"real": 1.0, "blurred": 0.8, "printed": 0.1, "more": 0.2, "random": 0.3, "other": 0.4, "views": 0.9}


def explain(by_image: bool = True, rows: tuple[str, ...] = tuple(SETS)) -> list[str]:
    """Return the sentences on rows of a set each."""
    found = RecognizeResult(
        backbone="small_cnn",
        frozen=False,
        mining="batch",
        test=10,
        chance=ACCURACIES,
        rows={name: RowResult(sets=[name], train=5, validation=1, draws=[]) for name in rows},
    )
    shares = {name: Share(mean=SHARES[name], interval=[SHARES[name] - 0.05, SHARES[name] + 0.05]) for name in rows}
    shares["printed"] = Share(mean=0.1, interval=None)
    return [*explain_gap(shares, found, TripletsResult(sets=SETS, test=10, by_image=by_image))]


def test_each_suspect_has_its_sentence() -> None:
    flatters = "It was chosen by its test score, which flatters it."
    assert explain() == [
        "Blur: with reconstructions of real triplets blurred comes 80% of the way (from 75% to 85%).",
        "As printed: printed comes 10% of the way (with no end that is known).",
        "Sampling (positive_towards 0.5, negative_towards 0.5): random comes 30% of the way (from 25% to 35%), "
        "+20 points beside printed.",
        "Sampling and geometry (step deviation, negative other): other comes 40% of the way (from 35% to 45%), "
        "+30 points beside printed.",
        "Geometry (anchor real, positive view): views comes 90% of the way (from 85% to 95%), +80 points beside "
        "printed.",
        "As printed: more comes 20% of the way (from 15% to 25%).",
        "Of the rows without a pair of real images views comes farthest: 90% of the way (from 85% to 95%), more than "
        f"half of it. {flatters}",
        "The positives of views are changed views of an image, which is what the test's pairs are, too.",
        "Of those whose positives come from the latent space other comes farthest: 40% of the way (from 35% to 45%), "
        f"less than half of it. {flatters}",
    ]


def test_views_are_no_pairs_of_the_test_where_things_have_several_images() -> None:
    assert not any("which is what the test's pairs are" in sentence for sentence in explain(by_image=False))


@pytest.mark.parametrize(("name", "why"), [("real", "is surely better for it"), ("other", "stands in the table")])
def test_without_a_gap_nothing_is_explained(name: str, why: str) -> None:
    rows = {"row": RowResult(sets=[name], train=5, validation=1, draws=[])}
    recognized = RecognizeResult(backbone="x", frozen=True, mining="batch", test=10, chance=ACCURACIES, rows=rows)
    (sentence,) = explain_gap({}, recognized, TripletsResult(sets=SETS, test=10, by_image=True))
    assert sentence == f"No network that learned from real triplets alone {why}: there is no gap to explain."


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([0.55, 0.9], ", more than half"),
        ([0.1, 0.45], ", less than half"),
        ([0.1, 0.9], "may be more"),
        (None, "may be"),
    ],
)
def test_half_of_the_way_is_reached_where_the_interval_says_so(ends: list[float] | None, said: str) -> None:
    assert said in describe_goal("row", Share(mean=0.5, interval=ends))
