"""What recognition by triplets amounts to, in words."""

from counterweight.reporting.recognition_answer import answer_recognition
from tests.reporting.made import change
from tests.reporting.made_recognition import GAINS, recognition, sampled

INTERVAL = "[-0.010, +0.200]"


def test_what_teaches_is_said_with_how_far_it_comes_beside_real_triplets() -> None:
    found = answer_recognition(recognition())
    assert found.place == "On digits, recognition learned from triplets (small_cnn, frozen)"
    assert found.advice == (
        "Triplets sampled from latents teach: with `other` (negative other) rank-1 accuracy changes by +0.150 "
        f"{INTERVAL}, 75% of what real triplets do (65% to 110%)."
    )
    assert found.reasons[0] == f"Learning from real triplets (`real`) changes rank-1 accuracy by +0.200 {INTERVAL}."
    assert any(reason.startswith("Blur: ") for reason in found.reasons)
    assert found.certainty == (
        "Against the untrained network, over 2 draws of all that is random, 1,234 real test triplets; intervals of "
        "changes hold with 95 % for all 2 rows at once, those of shares for their row alone."
    )


def test_changed_views_of_real_images_are_not_taken_for_latents() -> None:
    given = recognition()
    given.triplets.sets["other"] = sampled(anchor="real", positive="view")
    assert answer_recognition(given).advice.startswith(
        "Triplets sampled from latents teach: with `printed` (as the log"
    )
    gains = {name: change("helps" if name == "other" else "undecided", gain) for name, gain in GAINS.items()}
    given = recognition(gains)
    given.triplets.sets["other"] = sampled(anchor="real", positive="view")
    assert answer_recognition(given).advice == (
        "Triplets sampled from latents are not shown to teach; `other`, whose positives are changed views of real "
        f"images, does: rank-1 accuracy changes by +0.150 {INTERVAL}, 75% of what real triplets do (65% to 110%)."
    )


def test_a_share_without_an_end_says_so() -> None:
    given = recognition()
    shares = given.judged.rank1.share_of_gap
    shares["other"] = shares["other"].model_copy(update={"interval": None})
    assert answer_recognition(given).advice.endswith("75% of what real triplets do (no end of that is known).")


def test_nothing_can_be_said_where_real_triplets_do_not_help() -> None:
    found = answer_recognition(recognition({name: change("undecided") for name in GAINS}, gap=False))
    assert found.advice == (
        "Even real triplets are not shown to teach anything here: of sampled ones nothing can be said."
    )


def test_what_does_not_help_is_told_from_what_may() -> None:
    given = {name: change("undecided") for name in GAINS}
    assert answer_recognition(recognition(given)).advice == (
        "Sampled triplets are not shown to teach: no change of rank-1 accuracy is surely above 0."
    )
    small = {
        name: change("no difference above margin").model_copy(update={"interval": [-0.01, 0.01]}) for name in GAINS
    }
    assert answer_recognition(recognition(small)).advice == (
        "Use no sampled triplets: none changes rank-1 accuracy by more than 0.01."
    )


def test_a_network_may_learn_from_several_sampled_sets() -> None:
    given = recognition()
    rows = given.recognized.rows
    rows["other"] = rows["other"].model_copy(update={"sets": ["other", "printed"]})
    how = "(negative other; as the log-ends thesis prints it)"
    assert f"with `other` {how} rank-1" in answer_recognition(given).advice


def test_a_network_that_also_saw_real_triplets_is_not_one_that_learned_from_sampled_ones() -> None:
    given = recognition()
    rows = given.recognized.rows
    for name in ("printed", "other"):
        rows[name] = rows[name].model_copy(update={"sets": [name, "real"]})
    assert answer_recognition(given).advice == "No network learned from sampled triplets alone."
