"""Networks that learn by triplets: what they learn from, and that nothing depends on an interruption."""

from pathlib import Path

import numpy as np
import pytest
import torch

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.data.identities import draw_parts
from counterweight.evaluation.recognition import recognition
from counterweight.evaluation.recognition.learning import make_loss, semi_hard_loss
from counterweight.evaluation.recognition.recognition import Material, Outcomes, describe_outcomes, recognize
from counterweight.evaluation.recognition.unfinished import keep_outcomes
from counterweight.evaluation.triplets.sets import Source, draw_set, draw_test
from counterweight.results.recognize import UNTRAINED
from counterweight.settings.identities import Identities
from counterweight.settings.recognize import Recognize
from counterweight.settings.triplets import Triplets
from counterweight.settings.views import ViewChange

CPU = torch.device("cpu")
STILL = ViewChange(rotation=0, shift=0, scale=0, perspective=0, light=0, colour=0)
SETTINGS = Recognize(
    backbone="small_cnn",
    frozen=False,
    input_size=None,
    embedding_dim=16,
    epochs=8,
    learning_rate=3e-3,
    augmentation=STILL,
)


def patterns(identities: int) -> ImageSet:
    """Two noisy images of each of many random patterns."""
    rng = np.random.default_rng(0)
    coarse = np.kron(rng.integers(0, 2, (identities, 1, 2, 2)) * 60, np.ones((1, 1, 4, 4)))
    base = np.repeat(coarse, 2, axis=0)
    images = np.kron(base + rng.integers(0, 195, base.shape), np.ones((1, 1, 2, 2))).astype(np.uint8)
    labels = np.repeat(np.arange(identities), 2)
    return ImageSet(images, labels, tuple(map(str, range(identities))), labels.astype(np.str_), {})


@pytest.fixture(scope="module")
def material() -> Material:
    images = patterns(100)
    parts = draw_parts(images.labels, Identities(by="class", real_triplets=80), False, "d", 5, [1, 2])
    settings = Triplets.model_validate({"sets": {"real": {"kind": "real"}}})
    source = Source(images, parts, {}, 0)
    return Material(
        "d", images, {"real": draw_set("real", settings.sets["real"], source)}, draw_test(source), settings, {}
    )


def test_a_network_learns_to_recognise(material: Material) -> None:
    outcomes = recognize(material, SETTINGS, 2, 0, CPU, Outcomes())
    found = describe_outcomes(outcomes, material, SETTINGS)
    assert list(found.rows) == [UNTRAINED, "real"]
    accuracy = {name: np.mean([draw.test.triplet for draw in own.draws]) for name, own in found.rows.items()}
    assert accuracy["real"] >= 0.75
    assert accuracy[UNTRAINED] <= 0.6
    assert found.rows["real"].train == 56
    assert found.chance.rank1 == pytest.approx(1 / 12)


@pytest.mark.parametrize("mining", ["batch", "given"])
def test_an_interrupted_stage_goes_on_and_ends_the_same(
    material: Material, mining: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"mining": mining, "epochs": 2})
    whole = describe_outcomes(recognize(material, settings, 2, 0, CPU, Outcomes()), material, settings)
    train, calls = recognition.train_row, []

    def fail_at_third(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(recognition, "train_row", fail_at_third)
    with pytest.raises(KeyboardInterrupt), keep_outcomes(tmp_path, material, settings, 2, 0, CPU) as kept:
        recognize(material, settings, 2, 0, CPU, kept)
    assert len([*tmp_path.glob("*/*.npz")]) >= 1
    monkeypatch.setattr(recognition, "train_row", train)
    with keep_outcomes(tmp_path, material, settings, 2, 0, CPU) as kept:
        again = describe_outcomes(recognize(material, settings, 2, 0, CPU, kept), material, settings)
    assert again == whole
    assert [*tmp_path.iterdir()] == []


def test_a_frozen_backbone_learns_nothing_and_its_dense_layer_does(material: Material) -> None:
    settings = SETTINGS.model_copy(update={"frozen": True, "views": 2, "epochs": 3})
    outcomes = recognize(material, settings, 1, 0, CPU, Outcomes())
    assert outcomes["real"][0].epoch >= 1


def test_a_loss_that_is_not_finite_is_told_with_row_epoch_and_step(material: Material) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(UserError, match=r"recognition.d.recognize: real: the triplet loss is nan in epoch \d, step \d"):
        recognize(material, settings, 1, 0, CPU, Outcomes())


def points(angles: list[float]) -> torch.Tensor:
    """Return embeddings (1, 3, 2) on a circle."""
    values = torch.tensor(angles)
    return torch.stack([values.cos(), values.sin()], dim=1)[None]


def test_only_semi_hard_triplets_count() -> None:
    near, far = 2 - 2 * np.cos(0.3), 2 - 2 * np.cos(0.6)
    loss = semi_hard_loss(points([0.0, 0.3, -0.6]), 0.6)
    assert loss is not None
    assert float(loss) == pytest.approx(near - far + 0.6, abs=1e-6)
    assert semi_hard_loss(points([0.0, 0.6, -0.3]), 0.6) is None  # hard
    assert semi_hard_loss(points([0.0, 0.3, -1.5]), 0.6) is None  # easy


def test_mining_finds_the_nearest_image_of_something_else_that_is_farther() -> None:
    """Of the batch's other images that of the second triplet's negative is semi-hard for the first anchor."""
    embeddings = torch.cat([points([0.0, 0.3, 3.0]), points([3.1, 3.2, 0.5])])
    mine = make_loss(SETTINGS)
    loss = mine(embeddings, torch.tensor([0, 1]), torch.tensor([2, 3]))
    assert loss is not None
    assert float(loss) > 0
    alone = mine(embeddings[:1], torch.tensor([0]), torch.tensor([2]))
    assert alone is None or float(alone) == 0  # 3.0 is far beyond the margin
