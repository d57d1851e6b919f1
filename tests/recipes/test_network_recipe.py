"""Training of an evaluation classifier: its weights by hand, the choice of its epoch, the same bits on any machine."""

import pytest
import torch
from torch import Tensor, nn

from counterweight.core.devices import map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.tensors import Labelled
from counterweight.networks.classifiers.base import build_network
from counterweight.recipes.base import network_recipe
from counterweight.recipes.base.network_recipe import compute_balanced_loss, invert_counts, predict
from counterweight.recipes.base.recipe import Classifier, find_recipe
from counterweight.settings.classify import ClassifierConfig

SHAPE = (1, 12, 12)
CPU = torch.device("cpu")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(name: str = "mnist_cnn") -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return build_network(name, SHAPE, 2)


def images(sizes: tuple[int, int], seed: int = 0, contrast: int = 12) -> Labelled:
    """Two classes of noise, one a little brighter."""
    labels = torch.repeat_interleave(torch.tensor([0, 1]), torch.tensor(sizes))
    noise = torch.randint(0, 200, (len(labels), *SHAPE), generator=seeded(seed))
    return Labelled((noise + contrast * labels[:, None, None, None]).to(torch.uint8), labels)


def config(epochs: int, batch_size: int, learning_rate: float) -> ClassifierConfig:
    return ClassifierConfig(network="mnist_cnn", epochs=epochs, batch_size=batch_size, learning_rate=learning_rate)


def fit(
    model: nn.Module,
    fitted: Labelled,
    validation: Labelled,
    settings: ClassifierConfig,
    seed: int = 0,
    recipe: str = "plain",
) -> Classifier:
    entry = find_recipe(recipe)
    counts = torch.bincount(fitted.labels, minlength=2).float()
    return entry.recipe(entry.settings(), counts).fit(fitted, validation, model, settings, seed)


def fitted(
    settings: ClassifierConfig,
    seed: int = 0,
    name: str = "mnist_cnn",
    sizes: tuple[int, int] = (60, 12),
    recipe: str = "plain",
) -> nn.Module:
    return fit_to_noise(network(name), settings, seed, sizes, recipe)


def fit_to_noise(
    model: nn.Module,
    settings: ClassifierConfig,
    seed: int,
    sizes: tuple[int, int] = (60, 12),
    recipe: str = "plain",
) -> nn.Module:
    fit(model, images(sizes), images((20, 20), 1), settings, seed, recipe)
    return model


def side_by_side_weights(name: str, seeds: list[int]) -> list[list[float]]:
    """Train one classifier per seed at the same time; their first weights come from a generator all threads share."""
    models, settings = [network(name) for _ in seeds], config(1, 12, 1e-3)
    return map_in_parallel(
        lambda place: weights(fit_to_noise(models[place], settings, seeds[place])), range(len(seeds)), CPU, ""
    )


def weights(model: nn.Module) -> list[float]:
    numbers: list[float] = torch.cat([value.flatten().double() for value in model.state_dict().values()]).tolist()
    return numbers


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []

    def recorded(logits: Tensor, labels: Tensor) -> Tensor:
        loss = compute_balanced_loss(logits, labels)
        found.append(float(loss))
        return loss

    monkeypatch.setattr(network_recipe, "compute_balanced_loss", recorded)
    return found


def test_class_weights_are_the_inverse_of_the_fraction_and_average_to_one_over_the_images() -> None:
    assert invert_counts(torch.tensor([6.0, 0.0, 2.0])).tolist() == pytest.approx([8 / 18, 0, 8 / 6])
    counts = torch.tensor([3.0, 1.0])
    assert invert_counts(counts).tolist() == pytest.approx([2 / 3, 2])
    assert float((invert_counts(counts) * counts).sum() / counts.sum()) == pytest.approx(1)


def test_the_loss_on_validation_counts_every_class_alike() -> None:
    sure, unsure = [[9.0, 0.0]], [[0.0, 0.0]]
    logits, labels = torch.tensor(sure * 9 + unsure), torch.tensor([0] * 9 + [1])
    per_class = [float(torch.log1p(torch.tensor(-9.0).exp())), float(torch.tensor(2.0).log())]
    assert float(compute_balanced_loss(logits, labels)) == pytest.approx(sum(per_class) / 2, rel=1e-5)


def test_the_weights_of_the_best_epoch_on_validation_are_kept(losses: list[float]) -> None:
    model, validation = network(), images((20, 20), 1, contrast=4)
    classifier = fit(model, images((40, 40), contrast=4), validation, config(15, 8, 3e-3))
    assert len(losses) == 15
    assert min(losses) < losses[-1]
    assert float(compute_balanced_loss(classifier(validation.images), validation.labels)) == min(losses)


def test_running_statistics_belong_to_the_weights_that_are_kept(losses: list[float]) -> None:
    model, validation = network("cifar10_cnn"), images((20, 20), 1, contrast=4)
    classifier = fit(model, images((40, 40), contrast=4), validation, config(5, 8, 3e-3))
    assert min(losses) < losses[-1]
    assert float(compute_balanced_loss(classifier(validation.images), validation.labels)) == min(losses)


def test_a_difference_between_classes_is_learned() -> None:
    model, test = network(), images((50, 50), 2, contrast=50)
    classifier = fit(model, images((50, 50), contrast=50), images((20, 20), 1, contrast=50), config(8, 8, 3e-3))
    assert (classifier(test.images).argmax(dim=1) == test.labels).float().mean() > 0.9


def test_reweighting_makes_the_small_class_count() -> None:
    test, fractions = images((200, 200), 2, contrast=30), []
    for recipe in ("plain", "reweighted"):
        train, validation = images((60, 12), contrast=30), images((20, 20), 1, contrast=30)
        classifier = fit(network(), train, validation, config(6, 12, 1e-3), recipe=recipe)
        fractions.append(float((classifier(test.images).argmax(dim=1) == 1).float().mean()))
    assert fractions[0] + 0.1 < fractions[1]


def test_reweighting_changes_nothing_where_classes_are_equally_large() -> None:
    plain, reweighted = (fitted(config(2, 12, 1e-3), sizes=(24, 24), recipe=name) for name in ("plain", "reweighted"))
    assert weights(plain) == pytest.approx(weights(reweighted), abs=1e-4)


@pytest.mark.parametrize("name", ["mnist_cnn", "cifar10_cnn"])
def test_seeds_decide_everything_and_torchs_global_generator_stays(name: str) -> None:
    before, settings = torch.get_rng_state(), config(2, 12, 1e-3)
    first, again, other = (weights(fitted(settings, seed, name)) for seed in (0, 0, 1))
    assert first == again != other
    assert torch.equal(torch.get_rng_state(), before)


def test_side_by_side_the_number_of_torchs_threads_does_not_matter() -> None:
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(side_by_side_weights("mnist_cnn", [0, 1, 2]))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", ["mnist_cnn", "cifar10_cnn"])
def test_several_at_once_equal_one_after_another(name: str) -> None:
    alone = [weights(fitted(config(1, 12, 1e-3), seed, name)) for seed in (0, 1)]
    assert side_by_side_weights(name, [0, 1]) == alone
    assert alone[0] != alone[1]


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    with pytest.raises(UserError, match="the loss is nan after epoch 1"):
        fitted(config(3, 12, 1e-3).model_copy(update={"learning_rate": 1e30}))


def test_images_are_predicted_in_chunks_and_evaluation_mode() -> None:
    model, test = network("cifar10_cnn").train(), images((30, 30))
    assert torch.allclose(predict(model, test.images, chunk=7), predict(model, test.images), atol=1e-5)
    assert not model.training
