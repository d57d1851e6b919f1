"""Triplets: who is in them, what is written of them, how they look."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from counterweight.core.errors import UserError
from counterweight.core.identities import ANCHOR, LEARNED, TEST, TRAIN, VALIDATION, WATCHED, IdentityParts
from counterweight.data.identities import draw_parts
from counterweight.evaluation.triplets.rendering import render_triplets
from counterweight.evaluation.triplets.table import (
    Posteriors,
    Triplets,
    draw_real,
    read_triplets,
    reconstruct_members,
    sample_triplets,
    write_triplets,
)
from counterweight.generators.vanilla_vae import Settings, VanillaVAE
from counterweight.settings.identities import Identities
from counterweight.settings.triplets import Sampled
from counterweight.settings.views import ViewChange

GROUPED = np.repeat(np.arange(120), 3)
SHAPE = (1, 16, 16)
STILL = ViewChange(rotation=0, shift=0, scale=0, perspective=0, light=0, colour=0)


def parts_of(labels: np.ndarray, by_image: bool) -> IdentityParts:
    return draw_parts(labels, Identities(real_triplets=60), by_image, "logs", 5, [1, 2])


def real(labels: np.ndarray, by_image: bool, seed: int = 3) -> tuple[IdentityParts, Triplets]:
    parts = parts_of(labels, by_image)
    return parts, draw_real(parts, labels, 0, (TRAIN, VALIDATION), seed)


def sampled(seed: int = 3, count: int = 200, **changes: object) -> tuple[np.ndarray, Posteriors, Triplets]:
    parts = parts_of(GROUPED, by_image=False)
    anchors = parts.find(0, ANCHOR)
    rng = np.random.default_rng(0)
    means, log_variances = rng.normal(size=(2, len(anchors), 4)).astype(np.float32)
    posteriors = Posteriors(means, log_variances, np.array([1, 2, 3, 4], np.float32))
    settings = Sampled.model_validate({"kind": "sampled", "autoencoder": "one", "count": count, **changes})
    return anchors, posteriors, sample_triplets(settings, posteriors, anchors, GROUPED, seed)


def test_a_real_triplet_has_two_images_of_one_identity_and_one_of_another_of_the_same_part() -> None:
    parts, triplets = real(GROUPED, by_image=False)
    assert len(triplets) == 51  # of each identity one
    assert (triplets.anchor.index != triplets.positive.index).all()
    assert (GROUPED[triplets.anchor.index] == GROUPED[triplets.positive.index]).all()
    assert (GROUPED[triplets.anchor.index] != GROUPED[triplets.negative.index]).all()
    for member in triplets.members:
        assert (parts.roles[0][member.index] == np.array([TRAIN, VALIDATION])[triplets.part]).all()


def test_the_only_image_of_a_thing_is_seen_a_second_time_changed() -> None:
    _, triplets = real(np.arange(300), by_image=True)
    assert (triplets.anchor.index == triplets.positive.index).all()
    assert (triplets.anchor.source, triplets.positive.source, triplets.negative.source) == ("image", "view", "view")
    images = np.random.default_rng(0).integers(0, 256, (300, *SHAPE), dtype=np.uint8)
    made = render_triplets(triplets, images, ViewChange(), None)
    assert (made[:, 0].numpy() == images[triplets.anchor.index]).all()
    assert (made[:, 1] != made[:, 0]).flatten(1).any(dim=1).all()
    assert torch.equal(made, render_triplets(triplets, images, ViewChange(), None))


def test_what_autoencoders_see_anchors_and_real_triplets_are_disjoint() -> None:
    parts, triplets = real(GROUPED, by_image=False)
    test = draw_real(parts, GROUPED, 0, (TEST,), 9)
    anchors, _, made = sampled()
    assert {*made.anchor.index.tolist()} <= {*anchors.tolist()}
    seen = [
        {*GROUPED[np.concatenate([parts.find(0, LEARNED), parts.find(0, WATCHED)])].tolist()},
        {*GROUPED[made.anchor.index].tolist()},
        {*np.concatenate([triplets.identity, triplets.other]).tolist()},
        {*np.concatenate([test.identity, test.other]).tolist()},
    ]
    for place, one in enumerate(seen):
        assert one
        assert all(not one & other for other in seen[place + 1 :])


def test_the_test_triplets_are_the_same_in_all_draws() -> None:
    parts = parts_of(GROUPED, by_image=False)
    first, second = (draw_real(parts, GROUPED, draw, (TEST,), 9) for draw in (0, 1))
    assert all((one.index == two.index).all() for one, two in zip(first.members, second.members, strict=True))


def test_anchors_take_turns_and_none_is_in_both_parts() -> None:
    anchors, _, made = sampled(count=5 * 18)
    assert len(anchors) == 18
    assert np.bincount(np.searchsorted(anchors, made.anchor.index)).tolist() == [5] * 18
    by_part = [{*made.identity[made.part == part].tolist()} for part in (0, 1)]
    assert [len(own) for own in by_part] == [4, 2]  # of six identities, two at least
    assert not by_part[0] & by_part[1]


def test_of_more_anchors_than_triplets_some_choose_the_epoch() -> None:
    anchors = np.arange(200)
    posteriors = Posteriors(*np.zeros((2, 200, 4), np.float32), np.ones(4, np.float32))
    settings = Sampled(kind="sampled", autoencoder="one", count=40, negative="other")
    made = sample_triplets(settings, posteriors, anchors, anchors, 0)
    assert np.bincount(made.part).tolist() == [34, 6]
    by_part = [{*made.identity[made.part == part].tolist()} for part in (0, 1)]
    assert [{*made.other[made.part == part].tolist()} <= by_part[part] for part in (0, 1)] == [True, True]
    assert len({*made.identity.tolist()}) == 40
    assert {*made.other.tolist()} <= {*made.identity.tolist()}


def test_anchors_of_too_few_identities_are_refused() -> None:
    posteriors = Posteriors(*np.zeros((2, 200, 4), np.float32), np.ones(4, np.float32))
    settings = Sampled(kind="sampled", autoencoder="one", count=14)
    with pytest.raises(UserError, match="14 is not allowed: these anchors are of 3 identities, and 4 are needed"):
        sample_triplets(settings, posteriors, np.arange(200), np.arange(200) % 3, 0)


def test_of_four_anchors_two_choose_the_epoch_and_are_each_other_s_negatives() -> None:
    posteriors = Posteriors(*np.zeros((2, 4, 4), np.float32), np.ones(4, np.float32))
    settings = Sampled(kind="sampled", autoencoder="one", count=16, negative="other")
    made = sample_triplets(settings, posteriors, np.array([3, 8, 5, 6]), np.arange(10), 0)
    assert made.part.tolist() == [0, 0, 1, 1] * 4
    pairs = [{*zip(made.identity[made.part == part], made.other[made.part == part], strict=True)} for part in (0, 1)]
    assert [len(own) for own in pairs] == [2, 2]  # there and back


@pytest.mark.parametrize("step", ["log_variance", "deviation"])
def test_moved_latents_lie_as_far_as_the_radii_say(step: str) -> None:
    anchors, posteriors, made = sampled(step=step)
    places = np.searchsorted(anchors, made.anchor.index)
    steps = posteriors.deviations if step == "deviation" else posteriors.log_variances[places]
    for member, radius in ((made.positive, 0.15), (made.negative, 0.3)):
        assert member.latents is not None
        distance = np.abs(member.latents - posteriors.means[places])
        assert distance == pytest.approx(np.broadcast_to(radius * np.abs(steps), distance.shape), abs=1e-5)


def test_the_anchor_moved_further_is_a_thing_of_its_own_and_another_is_another() -> None:
    _, _, moved = sampled()
    assert moved.other.min() > GROUPED.max()
    _, _, other = sampled(negative="other")
    assert (other.other == GROUPED[other.negative.index]).all()
    assert (other.other != other.identity).all()
    assert len({*other.negative.index.tolist()}) == 18  # any image of another identity
    assert other.negative.decoded


def test_triplets_are_read_as_they_were_written(tmp_path: Path) -> None:
    draws = [sampled(seed)[2] for seed in (1, 2)]
    write_triplets(draws, tmp_path / "set.parquet")
    read = read_triplets(tmp_path / "set.parquet")
    assert len(read) == 2
    for one, two in zip(draws, read, strict=True):
        assert all((getattr(one, key) == getattr(two, key)).all() for key in ("part", "identity", "other"))
        for first, second in zip(one.members, two.members, strict=True):
            assert (first.source, first.seed, first.decoded) == (second.source, second.seed, second.decoded)
            assert (first.index == second.index).all()
            assert (first.latents is None) == (second.latents is None)
            assert first.latents is None or (first.latents == second.latents).all()


def test_what_is_no_table_of_triplets_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.parquet").write_bytes(b"PAR1")
    with pytest.raises(UserError, match="not a table of triplets of this project"):
        read_triplets(tmp_path / "set.parquet")
    with pytest.raises(UserError, match="no such file"):
        read_triplets(tmp_path / "none.parquet")


def test_reconstructed_triplets_are_the_real_ones_decoded() -> None:
    _, triplets = real(GROUPED, by_image=False)
    again = reconstruct_members(triplets)
    assert all((one.index == two.index).all() for one, two in zip(triplets.members, again.members, strict=True))
    torch.manual_seed(0)
    model = VanillaVAE(SHAPE, ["all"], Settings(latent_dim=4, filters=2)).eval()
    images = np.random.default_rng(0).integers(0, 256, (len(GROUPED), *SHAPE), dtype=np.uint8)
    made = render_triplets(again, images, STILL, model)
    assert made.shape == (51, 3, *SHAPE)
    assert made.dtype == torch.uint8
    decoded = render_triplets(replace(triplets, anchor=again.anchor), images, STILL, model)
    assert torch.equal(decoded[:, 0], made[:, 0])
    assert (decoded[:, 1].numpy() == images[triplets.positive.index]).all()
