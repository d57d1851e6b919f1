"""What a normalizing flow promises: an exact likelihood, and a way back."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.base.flow import FlowGenerator, warm_up_factor
from counterweight.generators.glow import Glow
from counterweight.generators.glow import Settings as GlowSettings
from counterweight.generators.realnvp import RealNVP
from counterweight.generators.realnvp import Settings as RealNVPSettings
from counterweight.networks.generative.flows import (
    COUPLING_LIMIT,
    BoundedLogScale,
    ClassPrior,
    Pixels,
    multiscale,
    squeeze_to_limit,
)
from counterweight.settings.train import TrainingConfig
from counterweight.training.loop import fit

CLASSES = ("a", "b", "c")
KINDS = ["glow", "realnvp"]
both = pytest.mark.parametrize("kind", KINDS)
both_pixels = pytest.mark.parametrize("pixels", ["logit", "scaled"])


def flow(kind: str, shape: tuple[int, int, int], pixels: Pixels = "logit", levels: int = 1) -> FlowGenerator:
    torch.manual_seed(0)
    training = {"epochs": 3, "batch_size": 4}
    if kind == "glow":
        settings = GlowSettings(levels=levels, depth=2, width=8, pixels=pixels, **training)
        return Glow(shape, CLASSES, settings)
    return RealNVP(shape, CLASSES, RealNVPSettings(levels=levels, blocks=1, width=8, pixels=pixels, **training))


def real_images(shape: tuple[int, int, int], count: int = 12) -> Labelled:
    rng = torch.Generator().manual_seed(1)
    return Labelled(
        torch.randint(256, (count, *shape), generator=rng, dtype=torch.uint8), torch.arange(count) % len(CLASSES)
    )


def shaken(model: FlowGenerator, real: Labelled) -> FlowGenerator:
    """Prepare a flow and move its weights, as training would, so that no coupling is the identity."""
    model.on_phase_start("flow", real)
    rng = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.03 * torch.randn(parameter.shape, generator=rng)
    return model


class Uniform(nn.Module):
    """A prior of density 1 on intensities moved by a half; `multiscale` wants a module."""

    def log_prob(self, latents: Tensor, labels: Tensor) -> Tensor:
        return torch.zeros(len(latents))


class Logistic(nn.Module):
    """The standard logistic distribution, of which the logit makes a uniform one."""

    def log_prob(self, latents: Tensor, labels: Tensor) -> Tensor:
        log_sigmoid = torch.nn.functional.logsigmoid
        return (log_sigmoid(latents) + log_sigmoid(-latents)).flatten(1).sum(dim=1)


def bits(model: FlowGenerator, images: Tensor) -> float:
    labels = torch.zeros(len(images), dtype=torch.int64)
    with torch.no_grad():
        losses = model.losses("likelihood", to_unit(images), labels, torch.Generator().manual_seed(0))
    count = images[0].numel()
    assert float(losses["bits_per_dim"]) == pytest.approx(float(losses["loss"]) / count / math.log(2))
    return float(losses["bits_per_dim"])


def test_an_identity_flow_on_uniform_images_has_eight_bits_per_dimension() -> None:
    model = flow("glow", (3, 4, 4))
    model.flow = multiscale([Uniform()], [[]], "scaled")
    assert bits(model, real_images((3, 4, 4)).images) == pytest.approx(8, rel=1e-6)  # log_2 256; float32 has 7 digits


def test_the_jacobian_of_the_logit_is_part_of_the_bits() -> None:
    """With a logistic latent y, sigmoid(y) = 0.05 + 0.9 x is uniform, so that x has density 0.9, less than 1."""
    model = flow("glow", (3, 4, 4))
    model.flow = multiscale([Logistic()], [[]], "logit")
    # Sums of 48 float32 terms of up to 6: relative error below 48 * 6e-8.
    assert bits(model, real_images((3, 4, 4)).images) == pytest.approx(8 - math.log2(0.9), rel=1e-5)


def test_a_gaussian_of_known_mean_and_scale_has_the_bits_of_the_closed_form() -> None:
    """E(-log2 N(y)) = log2(sigma sqrt(2 pi)) + E((y - mu)^2) / (2 sigma^2 ln 2), for levels y with mean mu."""
    model, sigma, level = flow("glow", (1, 16, 16)), 0.2, 100
    prior = ClassPrior((1, 16, 16), len(CLASSES))
    model.flow = multiscale([prior], [[]], "scaled")
    images = torch.full((400, 1, 16, 16), level, dtype=torch.uint8)
    with torch.no_grad():
        prior.mean.fill_((level + 0.5) / 256 - 0.5)
        prior.raw_log_scale.fill_(8 * math.atanh(math.log(sigma) / 8))
    expected = math.log2(256 * sigma * math.sqrt(2 * math.pi)) + 1 / 12 / (2 * (256 * sigma) ** 2 * math.log(2))
    assert bits(model, images) == pytest.approx(expected, rel=1e-6)  # the uniform noise has variance 1/12 of a level


def test_padding_costs_what_its_uniform_noise_has_under_the_flow() -> None:
    """Sides 5 and 6 become 6 and 6: six dimensions in five cost eight bits each."""
    model = flow("glow", (1, 5, 6))
    model.flow = multiscale([Uniform()], [[]], "scaled")
    assert bits(model, real_images((1, 5, 6)).images) == pytest.approx(8 * 6 / 5, rel=1e-6)


def test_padding_continues_the_edge_and_every_level_gets_its_own_noise() -> None:
    model, images = flow("realnvp", (1, 5, 6)), real_images((1, 5, 6)).images
    levels = model.dequantize(to_unit(images), torch.Generator().manual_seed(0))
    assert levels.shape == (12, 1, 8, 8)
    assert torch.equal(levels[..., :5, :6].floor(), images.float())
    assert torch.equal(levels[..., 5:, :].floor(), levels[..., 4:5, :].floor().expand(-1, -1, 3, -1))
    assert len(levels.frac().unique()) > 0.9 * levels.numel()


@both
@both_pixels
def test_the_log_determinant_is_that_of_the_jacobian(kind: str, pixels: Pixels) -> None:
    shape = (1, 4, 4)
    model = shaken(flow(kind, shape, pixels), real_images(shape)).double()

    def latents(values: Tensor) -> Tensor:
        parts, _ = model.flow.inverse_and_log_det(values.view(1, *shape).clone())
        return torch.cat([part.flatten() for part in parts])

    values = torch.rand(16, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    with torch.no_grad():
        _, log_det = model.flow.inverse_and_log_det(values.view(1, *shape).clone())
    # Double precision through ten layers on 16 values.
    assert float(log_det) == pytest.approx(float(torch.linalg.slogdet(jacobian(latents, values))[1]), rel=1e-9)


@both
@both_pixels
def test_latents_lead_back_to_the_image(kind: str, pixels: Pixels) -> None:
    shape = (3, 16, 16)
    real = real_images(shape)
    model = shaken(flow(kind, shape, pixels, levels=2), real)
    levels = model.dequantize(to_unit(real.images), torch.Generator().manual_seed(0))
    with torch.no_grad():
        latents, there = model.flow.inverse_and_log_det(levels / 256)
        again, back = model.flow.forward_and_log_det(latents)
    assert sum(part[0].numel() for part in latents) == 3 * 16 * 16
    # A float32 has 6e-8 of its value; nearly forty layers may make that a hundredfold. In a flow whose couplings scale
    # by their limit of e^2 again and again, it would be lost: the same in double precision is exact to 1e-12.
    assert torch.allclose(again * 256, levels, atol=256 * 1e-4)
    assert torch.allclose(there, -back, rtol=1e-4)


@both
def test_samples_follow_from_latents_drawn_with_the_given_generator(kind: str) -> None:
    shape, labels = (1, 8, 8), torch.tensor([0, 1, 2])
    real = real_images(shape)
    model, state = shaken(flow(kind, shape), real), torch.get_rng_state()
    made = [model.sample(labels, real, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    model.losses("likelihood", to_unit(real.images), real.labels, torch.Generator().manual_seed(0))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert torch.equal(torch.get_rng_state(), state)


@both
def test_constant_images_and_classes_of_one_image_keep_the_loss_finite(kind: str, tmp_path: Path) -> None:
    images = torch.zeros((6, 1, 8, 8), dtype=torch.uint8)
    images[4:] = 255
    history = fit(
        flow(kind, (1, 8, 8)),
        Labelled(images, torch.tensor([0, 0, 0, 0, 1, 2])),
        0,
        TrainingConfig(previews=1),
        tmp_path,
    )
    assert len(history) == 3
    assert all(math.isfinite(float(row["loss"])) for row in history)


@both
def test_an_act_begins_where_some_latents_are_normalised(kind: str) -> None:
    shape = (1, 8, 8)
    real, model, twin = real_images(shape, 60), flow(kind, shape), flow(kind, shape)
    for one in (model, twin):
        one.on_phase_start("flow", real)
    state = model.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in twin.state_dict().items())
    done = [value for key, value in state.items() if key.endswith("data_dep_init_done")]
    assert len(done) == (2 if kind == "glow" else 10)
    assert all(bool(value) for value in done)
    levels = model.dequantize(to_unit(real.images), torch.Generator().manual_seed(9))
    with torch.no_grad():
        latents, _ = model.flow.inverse_and_log_det(levels / 256)
    everything = torch.cat([part.flatten(1) for part in latents], dim=1)
    assert float(everything.mean()) == pytest.approx(0, abs=0.05)  # another noise, 3,840 values: deviation 1/60
    assert float(everything.std()) == pytest.approx(1, abs=0.1)


def test_a_class_has_its_own_gaussian() -> None:
    prior = ClassPrior((2, 3, 4), 3)
    nn.init.normal_(prior.mean, std=2, generator=torch.Generator().manual_seed(0))
    nn.init.normal_(prior.raw_log_scale, generator=torch.Generator().manual_seed(1))
    latents, labels = (
        torch.randn((5, 2, 3, 4), generator=torch.Generator().manual_seed(2)),
        torch.tensor([2, 0, 0, 1, 2]),
    )
    normal = torch.distributions.Normal(prior.mean[labels], squeeze_to_limit(prior.raw_log_scale, 8)[labels].exp())
    assert torch.allclose(prior.log_prob(latents, labels), normal.log_prob(latents).flatten(1).sum(dim=1), rtol=1e-5)


def test_temperature_multiplies_the_deviation() -> None:
    prior, labels = ClassPrior((1, 2, 2), 2), torch.tensor([1, 0])
    nn.init.normal_(prior.mean, generator=torch.Generator().manual_seed(0))
    warm, cool = (prior.draw(labels, factor, torch.Generator().manual_seed(1)) for factor in (1.0, 0.5))
    assert torch.allclose(cool - prior.mean[labels], (warm - prior.mean[labels]) / 2, atol=1e-6)


def test_gaussians_start_from_the_means_of_classes_and_the_deviation_within_them() -> None:
    prior, labels = ClassPrior((1, 2, 2), 3), torch.tensor([0, 0, 1, 1])
    latents = torch.tensor([1.0, 3.0, 10.0, 14.0])[:, None, None, None].expand(4, 1, 2, 2)
    prior.start_from(latents, labels)
    assert prior.mean[:, 0, 0, 0].tolist() == [2, 12, 7]
    deviation = math.sqrt((1 + 1 + 4 + 4) / 4)
    assert torch.allclose(
        squeeze_to_limit(prior.raw_log_scale, 8).exp(), torch.full((3, 1, 2, 2), deviation), rtol=1e-5
    )


def test_a_coupling_cannot_scale_without_bounds() -> None:
    values = torch.full((1, 4, 2, 2), 1e6)
    shift, log_scale = BoundedLogScale()(values)[:, 0::2], BoundedLogScale()(values)[:, 1::2]
    assert (shift == 1e6).all()
    assert (log_scale == COUPLING_LIMIT).all()
    assert torch.allclose(
        squeeze_to_limit(torch.tensor([-1e-3, 0.0, 1e-3]), 2.0), torch.tensor([-1e-3, 0.0, 1e-3]), atol=1e-9
    )


def test_real_nvp_has_the_paper_s_couplings() -> None:
    """Section 3.6: three of each mask at every scale but the last, which has four checkerboards."""
    model = RealNVP((3, 32, 32), CLASSES, RealNVPSettings(width=2, blocks=1))
    names = [type(module).__name__ for module in model.flow.modules()]
    assert names.count("AffineCouplingBlock") == 3 * (3 + 3) + 4
    assert [tuple(prior.mean.shape[1:]) for prior in model.flow.q0] == [(24, 4, 4), (24, 4, 4), (12, 8, 8), (6, 16, 16)]


def test_glow_has_the_paper_s_steps() -> None:
    """Figure 2: at each of three levels, a squeeze and K steps; half of the channels leave but at the last."""
    model = Glow((3, 32, 32), CLASSES, GlowSettings(width=2, depth=5))
    names = [type(module).__name__ for module in model.flow.modules()]
    assert [names.count(name) for name in ("AffineCouplingBlock", "Invertible1x1Conv", "ActNorm")] == [15, 15, 15]
    assert [tuple(prior.mean.shape[1:]) for prior in model.flow.q0] == [(48, 4, 4), (12, 8, 8), (6, 16, 16)]


def test_the_learning_rate_rises_to_its_value() -> None:
    assert [warm_up_factor(step, 4) for step in (0, 1, 3, 4, 100)] == [0.25, 0.5, 1, 1, 1]
