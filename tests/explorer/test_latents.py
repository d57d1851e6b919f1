"""Every generator's latents: what is drawn and decoded is what the generator makes."""

import pytest
import torch

from counterweight.core.registry import names_in
from counterweight.core.tensors import Labelled, to_bytes, to_labelled
from counterweight.explorer.latents import AutoencoderSpace, LatentSpace, find_space
from counterweight.generators.base.generator import Generator, LearnedGenerator, find_generator
from counterweight.generators.base.per_class import PerClass
from counterweight.generators.base.saved import build_generator
from tests.explorer.made import TRAIN, rng
from tests.generators.test_contract import SMALL

LEARNED = [name for name in names_in("generators") if issubclass(find_generator(name).generator, LearnedGenerator)]
WITHOUT = {"ddpm"}
ENCODERS = {"bagan", "cvae", "cvae_gan", "glow", "realnvp", "residual_vae", "vae", "vanilla_vae", "variant_vae"}
SOME = TRAIN.take(TRAIN.labels.argsort(kind="stable")[::40])
WANTED = torch.tensor([3, 0, 0, 9, 4])


def build(name: str, **changes: object) -> tuple[Generator, LatentSpace | None]:
    """Return an untrained generator whose phases have begun, and its latents."""
    model = build_generator(name, {**SMALL[name], **changes}, SOME, 0, name)
    assert isinstance(model, LearnedGenerator)
    for phase in model.phases():
        model.on_phase_start(phase.name, to_labelled(SOME.images, SOME.labels))
    model.eval().requires_grad_(False)
    return model, find_space(model.model_of(0) if isinstance(model, PerClass) else model)


@pytest.mark.parametrize("name", LEARNED)
def test_latents_decode_to_what_is_generated(name: str) -> None:
    model, space = build(name)
    if name in WITHOUT:
        assert space is None
        return
    assert space is not None, "explorer/latents.py knows no such generator"
    assert isinstance(model, LearnedGenerator)
    labels, real, inner = WANTED, to_labelled(SOME.images, SOME.labels), model
    if isinstance(model, PerClass):
        labels, real, inner = torch.zeros_like(labels), model.only(real, 0), model.model_of(0)
    drawn = space.draw(labels, real, rng())
    assert drawn.shape == (len(labels), space.dim)
    assert torch.equal(space.decode(drawn, labels), inner.generate(labels, real, rng()))


@pytest.mark.parametrize("name", sorted(ENCODERS | {"pretrained_vae"}))
def test_encoders_map_images_to_latents(name: str) -> None:
    _, space = build(name)
    assert space is not None
    assert space.has_encoder
    images = torch.from_numpy(SOME.images)
    labels = torch.from_numpy(SOME.labels)
    found = space.encode(images, labels)
    assert found.shape == (len(SOME), space.dim)
    assert torch.allclose(found[:3], space.encode(images[:3], labels[:3]), atol=1e-4)
    assert len(space.encode(images[:0], labels[:0])) == 0


@pytest.mark.parametrize("name", ["acgan", "bagan_gp", "cgan", "gan"])
def test_others_have_none(name: str) -> None:
    _, space = build(name)
    assert space is not None
    assert not space.has_encoder
    with pytest.raises(NotImplementedError):
        space.encode(torch.from_numpy(SOME.images), torch.from_numpy(SOME.labels))


@pytest.mark.parametrize("name", ["glow", "realnvp"])
def test_a_flow_gives_images_back(name: str) -> None:
    _, space = build(name)
    assert space is not None
    images, labels = torch.from_numpy(SOME.images[:8]), torch.from_numpy(SOME.labels[:8])
    back = to_bytes(space.decode(space.encode(images, labels), labels))
    assert (back.int() - images.int()).abs().max() <= 1


@pytest.mark.parametrize(("name", "told"), [("cvae", True), ("cgan", True), ("vae", False), ("bagan", False)])
def test_it_is_known_who_hears_the_label(name: str, told: bool) -> None:
    _, space = build(name)
    assert space is not None
    assert space.is_told_the_label(torch.ones(1, space.dim)) == told


def test_latents_near_images_have_the_class_means() -> None:
    _, space = build("vae")
    assert isinstance(space, AutoencoderSpace)
    real = to_labelled(SOME.images, SOME.labels)
    fours = real.images[real.labels == 4]
    own = space.encode(fours, torch.full((len(fours),), 4)).mean(dim=0)
    assert torch.allclose(space.centres(real)[4], own)
    assert not space.centres(None).any()
    without = Labelled(real.images[real.labels != 4], real.labels[real.labels != 4])
    everyone = space.encode(without.images, without.labels).mean(dim=0)
    assert torch.allclose(space.centres(without)[4], everyone, atol=1e-6)


def test_the_prior_stands_in_for_images_that_are_not_known() -> None:
    _, space = build("vae")
    assert space is not None
    assert torch.equal(space.draw(WANTED, None, rng()), torch.randn((len(WANTED), space.dim), generator=rng()))


def test_an_unconditional_model_draws_from_the_prior() -> None:
    _, space = build("vae", unconditional=True)
    assert space is not None
    real = to_labelled(SOME.images, SOME.labels)
    assert torch.equal(space.draw(WANTED, real, rng()), torch.randn((len(WANTED), space.dim), generator=rng()))
