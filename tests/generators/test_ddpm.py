"""Diffusion: schedules in closed form, DDIM with the exact denoiser of Gaussian data, guidance, averages, padding."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from counterweight.core.tensors import Labelled
from counterweight.generators.ddpm import DDPM, Settings
from counterweight.networks.generative.diffusion import (
    Levels,
    Prediction,
    Schedule,
    add_noise,
    compute_betas,
    compute_levels,
    compute_target,
    ddim,
    ddim_step,
    remove_noise,
    sampling_times,
)
from counterweight.networks.generative.unet import UNet, embed_times, group_norm

CLASSES = ("zero", "one", "two")
QUICK = Settings(width=4, multipliers=(1, 2), blocks=1, timesteps=20, sampling_steps=5, dropout=0.0)
NOTHING = Labelled(torch.empty(0), torch.empty(0))

both_schedules = pytest.mark.parametrize("schedule", ["cosine", "linear"])
both_predictions = pytest.mark.parametrize("prediction", ["noise", "velocity"])


@pytest.fixture(autouse=True)
def _same_weights_every_time() -> None:
    torch.manual_seed(0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(settings: Settings = QUICK, shape: tuple[int, int, int] = (1, 8, 8)) -> DDPM:
    return DDPM(shape, CLASSES, settings)


def changed(**values: object) -> Settings:
    return Settings.model_validate(QUICK.model_dump() | values)


# Schedules.


@both_schedules
@pytest.mark.parametrize("steps", [1, 10, 1000])
def test_noise_grows_and_the_image_fades(schedule: Schedule, steps: int) -> None:
    levels = compute_levels(schedule, steps)
    assert len(levels.signal) == len(levels.noise) == steps + 1
    assert (levels.signal[0], levels.noise[0]) == (1, 0)
    assert (levels.signal.diff() < 0).all()
    assert (levels.noise.diff() >= 0).all()  # near 1, single precision cannot tell the last ones
    torch.testing.assert_close(levels.signal.square() + levels.noise.square(), torch.ones(steps + 1))


def test_the_cosine_schedule_is_that_of_its_equation() -> None:
    levels, betas = compute_levels("cosine", 1000), compute_betas("cosine", 1000)
    for time in (1, 10, 500, 900, 999):
        assert betas[time - 1] < 0.999, "only the last is clipped"
        f = [math.cos((fraction + 0.008) / 1.008 * math.pi / 2) ** 2 for fraction in (0, time / 1000)]
        assert levels.signal[time].item() == pytest.approx(math.sqrt(f[1] / f[0]), rel=1e-6)
        assert levels.noise[time].item() == pytest.approx(math.sqrt(1 - f[1] / f[0]), rel=1e-6)
    assert betas[999] == 0.999


def test_the_linear_schedule_is_that_of_its_section() -> None:
    betas = compute_betas("linear", 1000)
    assert (betas[0].item(), betas[999].item()) == (pytest.approx(1e-4), pytest.approx(0.02))
    level = math.exp(sum(math.log1p(-(1e-4 + (0.02 - 1e-4) * step / 999)) for step in range(1000)))
    assert compute_levels("linear", 1000).signal[1000].item() == pytest.approx(math.sqrt(level), rel=1e-5)
    # So few steps that the ends cannot be kept: the last level is of the same order.
    assert compute_levels("linear", 100).signal[100].item() == pytest.approx(math.sqrt(level), rel=0.3)


def test_sampling_times_lead_from_the_last_to_the_first() -> None:
    assert sampling_times(1000, 4) == [1000, 750, 500, 250, 0]
    assert sampling_times(3, 50) == [3, 2, 1, 0]
    assert len(set(sampling_times(1000, 77))) == 78


# Noising and back.


@both_predictions
@both_schedules
def test_the_true_noise_gives_the_image_back(prediction: Prediction, schedule: Schedule) -> None:
    rng = seeded()
    images, noise = torch.rand((100, 1, 4, 4), generator=rng) * 2 - 1, torch.randn((100, 1, 4, 4), generator=rng)
    levels = compute_levels(schedule, 1000)
    level = levels.at(torch.linspace(0, 1000, 100).long())
    noisy = add_noise(images, noise, level)
    back = remove_noise(prediction, noisy, compute_target(prediction, images, noise, level), level)
    # Values below 5 are rounded a few times to 2^-24; noise taken away, they are divided by the fraction of the image.
    tolerance = 5 * 4 * 2**-24 / (level.signal if prediction == "noise" else 1)
    assert ((back - images).abs() <= tolerance).all()


def test_velocity_is_noise_at_first_and_the_image_at_last() -> None:
    images, noise, levels = torch.rand(1, 1, 2, 2), torch.randn(1, 1, 2, 2), compute_levels("cosine", 1000)
    assert torch.equal(compute_target("velocity", images, noise, levels.at(torch.tensor([0]))), noise)
    # sqrt(a_T) is 5e-5, and no value above 5.
    last = compute_target("velocity", images, noise, levels.at(torch.tensor([1000])))
    torch.testing.assert_close(last, -images, atol=5e-4, rtol=0)


# DDIM.

MEAN, DEVIATION = 0.2, 0.1


def gaussian_denoiser(levels: Levels) -> Callable[[Tensor, Tensor], Tensor]:
    """Return E[x_0 | x_t] for images whose pixels are independent N(MEAN, DEVIATION^2)."""

    def predict(noisy: Tensor, times: Tensor) -> Tensor:
        signal, noise = levels.at(times)
        variance = (signal * DEVIATION).square() + noise.square()
        return MEAN + signal * DEVIATION**2 / variance * (noisy - signal * MEAN)

    return predict


@both_schedules
@pytest.mark.parametrize("steps", [10, 50, 1000])
def test_ddim_with_the_exact_denoiser_of_gaussian_data_draws_such_data(schedule: Schedule, steps: int) -> None:
    levels, count = compute_levels(schedule, 1000), 40_000
    start = torch.randn((count, 1, 1, 1), generator=seeded())
    made = ddim(gaussian_denoiser(levels), start, levels, steps, 0.0, seeded())
    # With r = sqrt(1 - a)/sqrt(a) and u = x/sqrt(a), equation 12 is u' - m = (u - m) (s^2 + r r')/(s^2 + r^2), where
    # the exact flow has the factor sqrt((s^2 + r'^2)/(s^2 + r^2)). Their ratio is the cosine of the difference of the
    # angles arctan(r/s), so that n steps leave the deviation s times a product of n cosines.
    ratios = (levels.noise.double() / levels.signal.double())[sampling_times(1000, steps)]
    shrunk = (ratios / DEVIATION).atan().diff().cos().prod().item()
    first = 1 / levels.signal[-1].item()
    factor = DEVIATION / math.sqrt(DEVIATION**2 + ratios[0].item() ** 2) * shrunk
    torch.testing.assert_close(made, MEAN + (first * start - MEAN) * factor, atol=1e-4, rtol=0)
    # The start has another mean than noised data; then four standard errors of a mean and of a deviation.
    assert abs(made.mean().item() - MEAN) < MEAN * factor + 4 * DEVIATION / math.sqrt(count)
    assert abs(made.std().item() / DEVIATION - shrunk) < 4 / math.sqrt(2 * count) + 1e-3
    assert shrunk > {10: 0.25, 50: 0.7, 1000: 0.98}[steps]


def test_without_eta_images_depend_on_the_first_noise_alone() -> None:
    levels, start = compute_levels("cosine", 100), torch.randn((5, 1, 2, 2), generator=seeded())
    rng, other = seeded(1), seeded(2)
    state = rng.get_state()
    made = ddim(gaussian_denoiser(levels), start, levels, 10, 0.0, rng)
    assert torch.equal(rng.get_state(), state)
    assert torch.equal(made, ddim(gaussian_denoiser(levels), start, levels, 10, 0.0, other))
    noisy = ddim(gaussian_denoiser(levels), start, levels, 10, 1.0, rng)
    assert not torch.equal(noisy, ddim(gaussian_denoiser(levels), start, levels, 10, 1.0, other))


@pytest.mark.parametrize("time", [1, 300, 999])
def test_with_an_eta_of_one_a_step_is_that_of_ddpm(time: int) -> None:
    """Ho et al., equation 7: mean and variance of x_(t-1), given x_t and x_0."""
    levels, beta = compute_levels("linear", 1000), compute_betas("linear", 1000)[time - 1].item()
    image, noisy = torch.tensor([[[[0.3]]]]), torch.tensor([[[[-0.8]]]])
    now, then = levels.at(torch.tensor([time])), levels.at(torch.tensor([time - 1]))
    noise = (noisy - now.signal * image) / now.noise
    mean = ddim_step(image, noise, now, then, 1.0, torch.zeros(1, 1, 1, 1))
    deviation = ddim_step(image, noise, now, then, 1.0, torch.ones(1, 1, 1, 1)) - mean
    left, variance = now.noise.item() ** 2, then.noise.item() ** 2
    expected = then.signal.item() * beta / left * 0.3 + math.sqrt(1 - beta) * variance / left * -0.8
    # 1 - a_t/a_(t-1) is a difference of numbers near 1, about 1e-4 in the smallest step: it has three digits or more.
    assert mean.item() == pytest.approx(expected, abs=2e-3)
    assert deviation.item() == pytest.approx(math.sqrt(variance / left * beta), rel=2e-3)


def test_predicted_images_are_clipped() -> None:
    levels = compute_levels("cosine", 10)
    made = ddim(lambda noisy, times: noisy * 0 + 5, torch.randn(3, 1, 2, 2), levels, 10, 0.0, seeded())
    assert torch.equal(made, torch.ones(3, 1, 2, 2))


# Labels.


class Spy(nn.Module):
    """A network that says what it is told and remembers it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Tensor] = []
        self.any = nn.Parameter(torch.zeros(()))  # which tells the device

    def forward(self, images: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        self.calls.append(labels)
        return torch.zeros_like(images) + labels[:, None, None, None]


@pytest.mark.parametrize(("guidance", "batch"), [(0.0, 3), (2.0, 6)])
def test_guidance_needs_one_call_of_the_network_per_step(guidance: float, batch: int) -> None:
    model, spy = built(changed(guidance=guidance)), Spy()
    model.average = spy
    model.generate(torch.tensor([2, 0, 1]), NOTHING, seeded())
    assert [len(labels) for labels in spy.calls] == [batch] * QUICK.sampling_steps


def test_guidance_leads_away_from_what_is_said_without_a_label() -> None:
    model, labels = built(changed(guidance=2.0)), torch.tensor([2, 0, 1])
    model.average = Spy()
    said = model.predict_guided(torch.zeros(3, 1, 8, 8), torch.ones(3), labels)
    # Without a label the spy says 3, the number of classes.
    assert torch.equal(said[:, 0, 0, 0], 3.0 * labels - 2.0 * 3)


def test_labels_are_left_out_as_often_as_asked() -> None:
    model, spy, count = built(changed(label_dropout=0.3)), Spy(), 4000
    model.network = spy
    labels = torch.arange(count) % 3
    model.losses("denoise", torch.zeros(count, 1, 8, 8), labels, seeded())
    untold = spy.calls[0] == 3
    assert torch.equal(spy.calls[0][~untold], labels[~untold])
    assert abs(untold.float().mean().item() - 0.3) < 4 * math.sqrt(0.3 * 0.7 / count)


@both_predictions
def test_a_network_that_says_nothing_has_a_loss_of_known_size(prediction: Prediction) -> None:
    model, count = built(changed(prediction=prediction)), 4000
    model.network = Spy()
    labels = torch.zeros(count, dtype=torch.int64)
    loss = model.losses("denoise", torch.ones(count, 1, 8, 8), labels, seeded())["loss"]
    # Noise and (here) images have a mean square of 1, so has velocity. To a label that was left out the spy says 3: the
    # square of the difference from noise is 9 more, from velocity, whose mean is minus the level of noise, up to 15.
    faded = model.noise[1:].mean().item() if prediction == "velocity" else 0
    squares = 1 + 0.1 * (9 + 6 * faded)
    assert loss.item() == pytest.approx(squares, abs=4 * 15 * math.sqrt(0.1 * 0.9 / count) + 0.02)


# The average.


def test_the_average_follows_the_weights_quickly_at_first() -> None:
    model = built(changed(decay=0.5))
    with torch.no_grad():
        for mean, value in zip(model.average.buffers(), model.network.parameters(), strict=True):
            mean.zero_()
            value.fill_(1)
    left = 1.0
    for step in range(12):
        model.after_step("denoise")
        left *= min(0.5, (1 + step) / (10 + step))  # 1/10, 2/11, ..., from the ninth step on 1/2
        for mean in model.average.buffers():
            torch.testing.assert_close(mean, torch.full_like(mean, 1 - left))


def test_the_average_is_saved_but_not_trained() -> None:
    model = built()
    names = {name for name, _ in model.network.named_parameters()}
    assert {f"average.{name}" for name in names} < set(model.state_dict())
    assert not any(name.startswith("average") for name, _ in model.named_parameters())
    own = {value.data_ptr() for value in model.network.parameters()}
    assert not own & {value.data_ptr() for value in model.average.buffers()}
    assert set(model.state_dict()) == {f"{part}.{name}" for part in ("network", "average") for name in names} | {
        "steps"
    }


def test_images_come_from_the_average() -> None:
    model, labels = built(), torch.tensor([0, 1])
    before = model.generate(labels, NOTHING, seeded())
    with torch.no_grad():
        for value in model.network.parameters():
            value.fill_(float("nan"))
    assert torch.equal(model.generate(labels, NOTHING, seeded()), before)


# The network.


@pytest.mark.parametrize("patch", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(13, 18), (8, 8), (1, 3), (28, 33)])
def test_images_of_any_size_are_padded_and_cropped(patch: int, height: int, width: int) -> None:
    network = UNet(2, 3, 4, (1, 2, 2), 1, patch, 0.0)
    assert network.stride == 4 * patch
    images, times, labels = torch.randn(2, 2, height, width), torch.rand(2), torch.tensor([0, 3])
    rows, columns = (-(-side // network.stride) * network.stride for side in (height, width))
    padded = torch.zeros(2, 2, rows, columns)
    padded[..., :height, :width] = images
    said = network(images, times, labels)
    assert said.shape == images.shape
    assert torch.equal(said, network(padded, times, labels)[..., :height, :width])


def test_every_pixel_time_and_label_matters_everywhere() -> None:
    network = UNet(1, 3, 4, (1, 2), 2, 1, 0.0)
    images, times, labels = torch.randn(1, 1, 8, 8), torch.tensor([0.5]), torch.tensor([1])
    said = network(images, times, labels)
    corner = images.clone()
    corner[..., 0, 0] += 1
    for other in (
        network(corner, times, labels),
        network(images, times + 0.1, labels),
        network(images, times, labels + 1),
    ):
        assert (other != said).float().mean() > 0.9


def test_the_embedding_of_times_is_sines_and_cosines() -> None:
    made = embed_times(torch.tensor([0.0, 2.0]), 4)  # rates 1 and 1/100
    wanted = [[0, 0, 1, 1], [math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)]]
    torch.testing.assert_close(made, torch.tensor(wanted))


@pytest.mark.parametrize(("channels", "groups"), [(4, 1), (6, 1), (8, 2), (128, 32), (256, 32), (36, 9), (44, 11)])
def test_groups_have_four_channels_or_more(channels: int, groups: int) -> None:
    assert group_norm(channels).num_groups == groups
