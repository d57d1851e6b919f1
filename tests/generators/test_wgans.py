"""Wasserstein GANs as their papers and as the GAN-vs-VAE report have them."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterweight.generators import acwgan, wgan
from counterweight.generators.acwgan import ACWGAN
from counterweight.generators.wgan import WGAN
from counterweight.networks.layers import use_rng

SHAPE = (1, 8, 8)
CLASSES = ("a", "b", "c")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build_wgan(**settings: object) -> WGAN:
    return WGAN(SHAPE, CLASSES[:1], wgan.Settings.model_validate({"latent_dim": 3, "width": 4, **settings}))


def build_acwgan(**settings: object) -> ACWGAN:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        model = ACWGAN(SHAPE, CLASSES, acwgan.Settings.model_validate({"latent_dim": 3, "width": 4, **settings}))
    use_rng(model, seeded())
    return model


def optimizer_of(model: WGAN) -> torch.optim.Optimizer:
    (phase,) = model.phases()
    optimizers = [update.optimizer(update.modules[0].parameters()) for update in phase.updates]
    assert type(optimizers[0]) is type(optimizers[1])
    assert [update.every for update in phase.updates] == [1, 5]
    return optimizers[0]


def test_the_papers_wgan_takes_rmsprop_and_the_reports_takes_adam_as_the_dcgan() -> None:
    papers, reports = (
        optimizer_of(build_wgan(**settings)) for settings in ({}, {"optimizer": "adam", "learning_rate": 2e-4})
    )
    assert isinstance(papers, torch.optim.RMSprop)
    assert (papers.defaults["lr"], papers.defaults["alpha"]) == (5e-5, 0.99)
    assert isinstance(reports, torch.optim.Adam)
    assert (reports.defaults["lr"], reports.defaults["betas"]) == (2e-4, (0.5, 0.999))


@torch.no_grad()
def largest(*modules: nn.Module) -> float:
    return max(float(parameter.abs().max()) for module in modules for parameter in module.parameters())


@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_the_critic_of_a_wgan_is_clipped_whatever_the_optimiser(optimizer: str) -> None:
    model = build_wgan(optimizer=optimizer)
    before = largest(model.discriminator), largest(model.generator)
    model.after_step("generator")
    assert (largest(model.discriminator), largest(model.generator)) == before
    model.after_step("discriminator")
    assert largest(model.discriminator) == pytest.approx(0.01)
    assert largest(model.generator) == before[1]


def test_clipping_leaves_the_classifiers_own_layer_alone() -> None:
    model = build_acwgan(bound="clip", clip=0.005)
    classifier, generator = largest(model.classifier), largest(model.generator)
    model.after_step("generator")
    assert largest(model.features) > 0.005
    model.after_step("discriminator")
    assert largest(model.features, model.score) == pytest.approx(0.005)
    assert (largest(model.classifier), largest(model.generator)) == (classifier, generator)
    assert classifier > 0.005


def test_nothing_is_clipped_under_the_penalty() -> None:
    model = build_acwgan()
    before = largest(model.features, model.score)
    model.after_step("discriminator")
    assert largest(model.features, model.score) == before


def critic_losses(model: ACWGAN) -> dict[str, Tensor]:
    images = torch.rand((6, *SHAPE), generator=seeded(1)) * 2 - 1
    return model.discriminator_losses(images, torch.arange(6) % 3, seeded(2))


def test_a_clipped_critic_has_no_penalty_and_otherwise_the_same_loss() -> None:
    penalised, clipped = (critic_losses(build_acwgan(bound=bound)) for bound in ("penalty", "clip"))
    assert set(penalised) - set(clipped) == {"penalty"}
    torch.testing.assert_close(penalised["loss"] - 10 * penalised["penalty"], clipped["loss"])
    torch.testing.assert_close(clipped["loss"], clipped["class"] - clipped["distance"])


def test_fakes_are_classified_as_equation_7_says_or_not_at_all() -> None:
    both, real = (critic_losses(build_acwgan(classify_fakes=fakes))["class"] for fakes in (True, False))
    model, rng = build_acwgan(), seeded(2)
    wanted = model.any_labels(6, rng)
    with torch.no_grad():
        _, logits = model.judge(model.make(wanted, rng))
    torch.testing.assert_close(both - real, functional.cross_entropy(logits, wanted))
