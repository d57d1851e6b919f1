"""What every generator keeps to; a new file in counterweight/generators is tested without a change here."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.registry import names_in
from counterweight.core.tensors import Labelled, to_labelled, to_unit
from counterweight.generators.base.generator import Generator, LearnedGenerator, NotApplicable, Phase, find_generator
from counterweight.generators.base.saved import build_generator, load_generator, save_generator
from counterweight.networks.generative.diffaugment import Augment
from counterweight.networks.layers import use_rng
from counterweight.settings.train import TrainingConfig
from counterweight.training import loop
from counterweight.training.loop import build_optimizers, fit

NAMES = names_in("generators")
SHAPES = [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 13, 18)]
CLASSES = ("dark", "grey", "bright")
SIZES = (14, 6, 4)

GANS = ("acgan", "acwgan", "cgan", "gan", "wgan", "wgan_gp")
# Settings that make a generator quick. One without a row takes its defaults with all epochs shrunk to 1.
SMALL: dict[str, dict[str, object]] = {
    "bagan": {"latent_dim": 3, "autoencoder_epochs": 1, "epochs": 1, "batch_size": 8},
    "bagan_gp": {
        **{"latent_dim": 4, "width": 4, "label_dim": 4, "autoencoder_epochs": 1, "epochs": 1},
        **{"batch_size": 4, "n_critic": 1},
    },
    "cvae": {"latent_dim": 2, "filters": 4, "hidden": 8, "epochs": 1, "batch_size": 8},
    "cvae_gan": {"latent_dim": 2, "width": 4, "epochs": 1, "batch_size": 8},
    "ddpm": {
        **{"width": 4, "multipliers": [1, 2], "blocks": 1, "timesteps": 20, "sampling_steps": 2},
        **{"epochs": 1, "batch_size": 8},
    },
    **{name: {"latent_dim": 4, "width": 4, "epochs": 1, "batch_size": 4, "n_critic": 1} for name in GANS},
    "glow": {"levels": 2, "depth": 1, "width": 4, "epochs": 1, "batch_size": 8},
    "pretrained_vae": {
        "weights": "random",
        "latent_dim": 2,
        "input_size": 32,
        "hidden": 64,
        "epochs": 1,
        "batch_size": 8,
    },
    "realnvp": {"levels": 1, "blocks": 1, "width": 4, "epochs": 1, "batch_size": 8},
    "residual_vae": {"block_channels": 4, "filters": 4, "epochs": 1, "batch_size": 8},
    "vae": {"latent_dim": 2, "filters": 4, "hidden": 8, "epochs": 1, "batch_size": 8},
    **{name: {"latent_dim": 2, "filters": 2, "epochs": 1, "batch_size": 8} for name in ("vanilla_vae", "variant_vae")},
}
# Settings under which a learned generator learns the brightness of three classes in a second or two.
TAUGHT: dict[str, dict[str, object]] = {
    "cgan": {**SMALL["cgan"], "width": 8, "batch_size": 8, "epochs": 100, "learning_rate": 0.002},
    "gan": {**SMALL["gan"], "width": 8, "batch_size": 8, "epochs": 150, "learning_rate": 0.002},
    "wgan_gp": {**SMALL["wgan_gp"], "width": 8, "batch_size": 8, "epochs": 250, "learning_rate": 0.005},
    "wgan": {**SMALL["wgan"], "width": 8, "batch_size": 8, "epochs": 200, "learning_rate": 0.002, "clip": 0.1},
    "bagan": {**SMALL["bagan"], "autoencoder_epochs": 40, "autoencoder_learning_rate": 0.003},
    "cvae": {**SMALL["cvae"], "filters": 8, "hidden": 32, "epochs": 60, "learning_rate": 0.01},
    "ddpm": {**SMALL["ddpm"], "width": 8, "sampling_steps": 10, "decay": 0.9, "epochs": 30, "learning_rate": 0.005},
    "glow": {**SMALL["glow"], "epochs": 10},
    "realnvp": {**SMALL["realnvp"], "epochs": 10},
    "residual_vae": {**SMALL["residual_vae"], "epochs": 60, "learning_rate": 0.006, "cycle": 180, "kl_weight": 0.01},
    "cvae_gan": {**SMALL["cvae_gan"], "epochs": 50, "learning_rate": 0.005},
    "vae": {**SMALL["vae"], "filters": 8, "hidden": 32, "epochs": 80, "learning_rate": 0.01, "kl_weight": 0.01},
    "vanilla_vae": {**SMALL["vanilla_vae"], "filters": 8, "epochs": 80, "learning_rate": 0.005, "kl_weight": 0.01},
    "variant_vae": {**SMALL["variant_vae"], "filters": 8, "epochs": 80, "learning_rate": 0.005, "kl_weight": 0.01},
}
# Generators that make the same images whatever the seed, and why.
SEEDLESS: dict[str, str] = {}
# Generators that refuse a class of so few images, and why.
TOO_FEW: dict[tuple[str, int], str] = {
    ("smote", 1): "it interpolates between two images",
    ("adasyn", 1): "it interpolates between two images",
}
# Generators that need another class, and why.
TWO_CLASSES = {"adasyn": "it makes images where other classes are near"}
# Generators whose images of a class are not told by their mean brightness, and why.
UNTELLABLE = {
    "adasyn": "it works where classes overlap; it has a test of its own",
    "cutpaste": "its backgrounds are those of other classes; it has a test of its own",
}
# Noise around a class's brightness, where it must be so large that classes are neighbours of each other, and why.
SPREAD = {"adasyn": 255}  # it works on images that have neighbours of other classes alone
# Names of settings that need no description.
PLAIN = {
    "epochs",
    "autoencoder_epochs",
    "batch_size",
    "latent_dim",
    "learning_rate",
    "autoencoder_learning_rate",
    "dropout",
    "horizontal_flip",
    "vertical_flip",
}

LEARNED = [name for name in NAMES if issubclass(find_generator(name).generator, LearnedGenerator)]
every_generator = pytest.mark.parametrize("name", NAMES)
every_learned_generator = pytest.mark.parametrize("name", LEARNED)


def image_set(shape: tuple[int, int, int], sizes: tuple[int, ...] = SIZES, spread: int = 40) -> ImageSet:
    """Noise around a brightness that tells the class: about 50, 128 and 206."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int64)
    noise = rng.integers(-spread, spread + 1, (len(labels), *shape))
    images = (50 + 78 * labels[:, None, None, None] + noise).astype(np.uint8)
    return ImageSet(images, labels, CLASSES, np.array([""] * len(labels)), {})


def tensors(images: ImageSet) -> Labelled:
    return to_labelled(images.images, images.labels)


def small(name: str) -> dict[str, object]:
    epochs: dict[str, object] = {field: 1 for field in find_generator(name).settings.model_fields if "epochs" in field}
    return SMALL.get(name, epochs)


def ready(name: str, images: ImageSet, folder: Path, settings: dict[str, object] | None = None) -> Generator:
    generator = build_generator(name, small(name) if settings is None else settings, images, 0, name)
    if isinstance(generator, LearnedGenerator):
        fit(generator, tensors(images), 0, TrainingConfig(previews=0), folder)
    return generator


@cache
def learned(name: str, shape: tuple[int, int, int], folder: Path) -> tuple[Generator, Labelled]:
    images = image_set(shape, spread=SPREAD.get(name, 40))
    return ready(name, images, folder / f"{name}{shape}"), tensors(images)


@pytest.fixture(scope="module")
def files_of_every_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images that another program made, for the generator that reads them."""
    root, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (root / "collected" / name).mkdir(parents=True)
        for number in range(240):
            pixels = (50 + 78 * label + rng.integers(-40, 41, (8, 9))).astype(np.uint8)
            Image.fromarray(pixels).save(root / "collected" / name / f"{number}.png")
    return root


@pytest.fixture(autouse=True)
def inside_their_folder(files_of_every_class: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files_of_every_class)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unfinished")


def sample(generator: Generator, labels: Tensor, real: Labelled, seed: int = 0) -> Tensor:
    return generator.sample(labels, real, torch.Generator().manual_seed(seed))


@every_generator
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(
    "labels",
    [torch.tensor([2, 0, 1, 1, 0, 2, 0]), torch.tensor([1, 1, 1]), torch.empty(0, dtype=torch.int64)],
    ids=["all classes", "one class", "no image"],
)
def test_samples_are_bytes_of_the_shape_one_for_each_label(
    name: str, shape: tuple[int, int, int], labels: Tensor, folder: Path
) -> None:
    generator, real = learned(name, shape, folder)
    made = sample(generator, labels, real)
    assert made.shape == (len(labels), *shape)
    assert made.dtype == torch.uint8
    assert made.device.type == "cpu"


@every_generator
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_same_seed_makes_the_same_images(name: str, shape: tuple[int, int, int], folder: Path) -> None:
    generator, real = learned(name, shape, folder)
    labels = torch.tensor([2, 0, 1, 1, 0, 2, 0])
    assert torch.equal(sample(generator, labels, real), sample(generator, labels, real))


@every_generator
def test_another_seed_makes_other_images(name: str, folder: Path) -> None:
    if name in SEEDLESS:
        pytest.skip(SEEDLESS[name])
    generator, real = learned(name, SHAPES[0], folder)
    labels = torch.tensor([2, 0, 1, 1, 0, 2, 0])
    assert not torch.equal(sample(generator, labels, real, 0), sample(generator, labels, real, 1))


@every_generator
def test_images_come_in_the_order_of_the_labels(name: str, tmp_path: Path) -> None:
    if name in LEARNED and name not in TAUGHT:
        pytest.skip("TAUGHT has no settings under which it learns quickly")
    if name in UNTELLABLE:
        pytest.skip(UNTELLABLE[name])
    images = image_set((1, 12, 14), (8, 8, 8))
    labels = torch.tensor([2, 0, 1, 1, 0, 2, 0, 2])
    made = sample(ready(name, images, tmp_path, TAUGHT.get(name)), labels, tensors(images))
    assert (made.float().mean(dim=(1, 2, 3)) / 255 * 2.999).long().tolist() == labels.tolist()


@every_generator
def test_more_images_than_fit_into_memory_at_once_keep_their_order(name: str, folder: Path) -> None:
    generator, real = learned(name, (1, 13, 18), folder)
    assert sample(generator, torch.arange(700) % 3, real).shape == (700, 1, 13, 18)


@every_generator
def test_sampling_changes_neither_its_arguments_nor_the_global_generators(name: str, folder: Path) -> None:
    generator, real = learned(name, SHAPES[0], folder)
    labels = torch.tensor([2, 0, 1])
    before = [labels.clone(), *(part.clone() for part in real)]
    torch_state, numpy_state = torch.get_rng_state(), str(np.random.get_state())
    sample(generator, labels, real)
    assert all(torch.equal(*pair) for pair in zip(before, [labels, *real], strict=True))
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert str(np.random.get_state()) == numpy_state


@every_generator
def test_changing_the_samples_leaves_the_real_images_alone(name: str, folder: Path) -> None:
    generator, real = learned(name, SHAPES[0], folder)
    before = real.images.clone()
    sample(generator, torch.tensor([0, 1, 2]), real).zero_()
    assert torch.equal(real.images, before)


@every_generator
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_generator_read_from_disk_makes_the_same_images(
    name: str, shape: tuple[int, int, int], folder: Path, tmp_path: Path
) -> None:
    generator, real = learned(name, shape, folder)
    save_generator(name, generator, tmp_path / "saved")
    read = load_generator(tmp_path / "saved")
    labels = torch.tensor([2, 0, 1, 1] * 8)
    assert type(read) is type(generator)
    assert (read.settings, read.shape, read.class_names) == (generator.settings, generator.shape, CLASSES)
    assert torch.equal(sample(read, labels, real), sample(generator, labels, real))


@every_generator
def test_building_depends_on_the_seed_alone_and_leaves_the_global_generator(name: str) -> None:
    images, state = image_set((1, 12, 14)), torch.get_rng_state()
    first, again, other = (build_generator(name, small(name), images, seed, name) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    if isinstance(first, LearnedGenerator):
        assert isinstance(again, LearnedGenerator)
        assert isinstance(other, LearnedGenerator)
        weights = [torch.cat([value.flatten() for value in model.parameters()]) for model in (first, again, other)]
        assert torch.equal(weights[0], weights[1])
        assert not torch.equal(weights[0], weights[2])


@every_generator
def test_an_unknown_setting_is_refused_by_name(name: str) -> None:
    with pytest.raises(UserError, match=r"here: no_such_setting: unknown key"):
        build_generator(name, {"no_such_setting": 1}, image_set((1, 12, 14)), 0, "here")


@every_generator
def test_defaults_are_valid(name: str) -> None:
    settings = find_generator(name).settings
    assert settings.model_validate(settings().model_dump()) == settings()


@every_generator
def test_every_setting_is_described(name: str) -> None:
    settings = find_generator(name).settings
    assert settings.__doc__
    described = {field for field, info in settings.model_fields.items() if info.description}
    assert set(settings.model_fields) <= described | PLAIN


@every_generator
@pytest.mark.parametrize("images", [2, 1])
def test_a_class_of_very_few_images_still_gets_its_images(name: str, images: int, tmp_path: Path) -> None:
    scarce = image_set((1, 12, 14), (10, 8, images), SPREAD.get(name, 40))
    labels = torch.tensor([2, 0, 2, 2])
    if (name, images) in TOO_FEW:
        with pytest.raises(NotApplicable, match="bright"):
            sample(ready(name, scarce, tmp_path), labels, tensors(scarce))
    else:
        assert sample(ready(name, scarce, tmp_path), labels, tensors(scarce)).shape == (4, 1, 12, 14)


@every_generator
def test_a_set_of_one_class_gets_its_images(name: str, tmp_path: Path) -> None:
    images = image_set((1, 12, 14), (14,), SPREAD.get(name, 40))
    alone = replace(images, class_names=CLASSES[:1])
    labels = torch.tensor([0, 0, 0])
    if name in TWO_CLASSES:
        with pytest.raises(NotApplicable, match="class"):
            sample(ready(name, alone, tmp_path), labels, tensors(alone))
    else:
        assert sample(ready(name, alone, tmp_path), labels, tensors(alone)).shape == (3, 1, 12, 14)


@every_learned_generator
def test_sampling_keeps_the_mode_and_the_weights(name: str, folder: Path) -> None:
    generator, real = learned(name, SHAPES[0], folder)
    assert isinstance(generator, LearnedGenerator)
    weights = {key: value.clone() for key, value in generator.state_dict().items()}
    generator.train()
    assert not sample(generator, torch.tensor([0, 1, 2]), real).requires_grad
    assert all(module.training for module in generator.modules())
    assert all(torch.equal(value, weights[key]) for key, value in generator.state_dict().items())


@every_learned_generator
def test_every_phase_moves_its_own_modules_and_no_others(name: str) -> None:
    images = image_set((1, 12, 14))
    model, rng = build_generator(name, small(name), images, 0, name), torch.Generator().manual_seed(0)
    assert isinstance(model, LearnedGenerator)
    use_rng(model, rng)
    trained: set[str] = set()
    for phase in model.phases():
        model.on_phase_start(phase.name, tensors(images))
        model.train()
        for update in phase.updates:
            own = {id(parameter) for module in update.modules for parameter in module.parameters()}
            for parameter in model.parameters():
                parameter.grad = None
                parameter.requires_grad_(id(parameter) in own)
            losses = model.losses(update.name, to_unit(tensors(images).images), tensors(images).labels, rng)
            assert losses["loss"].shape == ()
            assert all(value.isfinite() for value in losses.values())
            losses["loss"].backward()
            moved = {key for key, parameter in model.named_parameters() if parameter.grad is not None}
            assert moved == {key for key, parameter in model.named_parameters() if id(parameter) in own}
            for module in update.modules:
                assert any(parameter.grad.any() for parameter in module.parameters() if parameter.grad is not None)
            trained |= moved
    assert trained == {key for key, _ in model.named_parameters()}


@every_learned_generator
def test_phases_have_names_of_their_own_and_optimisers_that_take_their_parameters(name: str) -> None:
    model = build_generator(name, small(name), image_set((1, 12, 14)), 0, name)
    assert isinstance(model, LearnedGenerator)
    for phase in model.phases():
        assert set(build_optimizers(phase)) == {update.name for update in phase.updates}
        assert len({update.name for update in phase.updates}) == len(phase.updates)


@every_learned_generator
def test_a_batch_may_be_larger_than_the_set(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = image_set((1, 12, 14))
    model = build_generator(name, small(name), images, 0, name)
    assert isinstance(model, LearnedGenerator)
    before = {key: value.clone() for key, value in model.named_parameters()}
    monkeypatch.setattr(model, "phases", with_batches_of(model.phases, 1000))
    history = fit(model, tensors(images), 0, TrainingConfig(previews=0), tmp_path)
    assert len(history) >= len(model.phases())
    assert all(not torch.equal(value, before[key]) for key, value in model.named_parameters() if value.dim() > 1)


@every_learned_generator
def test_a_training_that_is_resumed_ends_as_if_it_had_never_stopped(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, every_epoch = image_set((1, 12, 14)), TrainingConfig(previews=0, checkpoint_seconds=0)
    longer = {key: 3 if "epochs" in key else value for key, value in small(name).items()}

    def trained(folder: Path) -> dict[str, Tensor]:
        model = build_generator(name, longer, images, 0, name)
        assert isinstance(model, LearnedGenerator)
        fit(model, tensors(images), 0, every_epoch, folder)
        return model.state_dict()

    undisturbed, save, saved = trained(tmp_path / "undisturbed"), loop.Loop.save, []

    def save_and_stop(self: loop.Loop) -> None:
        save(self)
        saved.append(self.epoch)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Loop, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "stopped")
    resumed = trained(tmp_path / "stopped")
    assert resumed.keys() == undisturbed.keys()
    assert [key for key, value in resumed.items() if not torch.equal(value, undisturbed[key])] == []


def first_losses(name: str, options: TrainingConfig, folder: Path) -> dict[str, float]:
    """Train for SMALL's epochs and return the loss of every update's first epoch."""
    # Large enough that five halvings leave more than one pixel to convolve: of a map of one, torch 2.15's backward pass
    # in bfloat16 on a CPU (3 x 3, stride 2) reads memory that nobody wrote, and gives NaN.
    images = image_set((1, 24, 28))
    model = build_generator(name, small(name), images, 0, name)
    assert isinstance(model, LearnedGenerator)
    losses: dict[str, float] = {}
    for row in fit(model, tensors(images), 0, options, folder):
        losses.setdefault(str(row["update"]), float(row["loss"]))
    return losses


@every_learned_generator
def test_bfloat16_changes_losses_by_its_rounding_alone(name: str, tmp_path: Path) -> None:
    exact = first_losses(name, TrainingConfig(previews=0), tmp_path / "exact")
    rounded = first_losses(name, TrainingConfig(previews=0, precision="bfloat16"), tmp_path / "rounded")
    # bfloat16 keeps 8 bits: a relative error of 2^-9 for each number, of about 2^-6 after some ten layers and steps.
    assert rounded == pytest.approx(exact, rel=2**-5, abs=2**-7)
    assert rounded != exact


@every_learned_generator
def test_augmentation_reaches_discriminators_and_nothing_else(name: str, tmp_path: Path) -> None:
    options = TrainingConfig(previews=0, augment=["colour", "translation", "cutout"])
    plain, augmented = (
        first_losses(name, TrainingConfig(previews=0), tmp_path / "a"),
        first_losses(name, options, tmp_path / "b"),
    )
    model = build_generator(name, small(name), image_set((1, 12, 14)), 0, name)
    assert isinstance(model, LearnedGenerator)
    has_place = any(isinstance(module, Augment) for module in model.modules())
    assert (plain != augmented) == has_place


@every_learned_generator
def test_a_batch_that_is_not_finite_stops_the_training(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = image_set((1, 12, 14))
    model = build_generator(name, small(name), images, 0, name)
    assert isinstance(model, LearnedGenerator)
    monkeypatch.setattr(loop, "to_unit", lambda batch: to_unit(batch) * float("nan"))
    with pytest.raises(
        UserError, match=r"^training stopped: '.+' of update '.+' is nan in epoch 1 of phase '.+', step 1"
    ):
        fit(model, tensors(images), 0, TrainingConfig(previews=0), tmp_path)


def with_batches_of(phases: Callable[[], list[Phase]], size: int) -> Callable[[], list[Phase]]:
    shortened = [replace(phase, batch_size=size, epochs=1) for phase in phases()]
    return lambda: shortened
