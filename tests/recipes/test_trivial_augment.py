"""TrivialAugment: torchvision's operations at every strength, drawn evenly and from our own generator."""

import pytest
import torch
from scipy.stats import chisquare
from torchvision.transforms.v2 import TrivialAugmentWide

from counterweight.recipes.base.image_operations import OPERATIONS, draw_operations
from tests.recipes.made import build_network_recipe, seeded

SPACE = TrivialAugmentWide._AUGMENTATION_SPACE


ROUNDED = ("Brightness", "Color", "Contrast", "Sharpness")
"""Operations whose factors are float32 there, which may tip a pixel over to the next value."""


def list_magnitudes(name: str, shape: tuple[int, ...]) -> list[float]:
    """Return torchvision's 31 magnitudes of an operation without the rounding of float32."""
    magnitudes = SPACE[name][0](31, *shape[2:])
    if magnitudes is None:
        return [0.0] * 31
    # Rounded, 16 pixels are 15.999999 there, which moves images by 15.
    first, last = float(magnitudes[0]), float(magnitudes[-1])
    return magnitudes.tolist() if name == "Posterize" else [first + (last - first) * at / 30 for at in range(31)]


@pytest.mark.parametrize("shape", [(5, 1, 28, 28), (5, 3, 32, 40)])
@pytest.mark.parametrize(("place", "name"), [*enumerate(SPACE)])
def test_every_operation_is_torchvisions(place: int, name: str, shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, shape, dtype=torch.uint8, generator=seeded())
    images[images % 17 == 0] += 1  # none on a threshold of solarize, whose rounding would decide
    theirs = TrivialAugmentWide()
    for strength, magnitude in enumerate(list_magnitudes(name, shape)):
        for sign in (1, -1):
            own = OPERATIONS[place](images, sign * strength / 30)
            signed = magnitude * (sign if SPACE[name][1] else 1)
            expected = theirs._apply_image_or_video_transform(images, name, signed, theirs.interpolation, theirs._fill)
            assert own.dtype == torch.uint8
            assert int((own.int() - expected.int()).abs().max()) <= (1 if name in ROUNDED else 0)


def test_solarize_inverts_from_its_threshold_on() -> None:
    image = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    for level, threshold in ((0.0, 255), (1 / 15, 238), (14 / 15, 17), (1.0, 0)):
        changed = OPERATIONS[[*SPACE].index("Solarize")](image, float(torch.tensor(level))).flatten().tolist()
        assert changed == [255 - value if value >= threshold else value for value in range(256)]


def test_there_are_as_many_operations_as_torchvisions() -> None:
    assert len(OPERATIONS) == len(SPACE) == 14


def test_operations_and_levels_are_drawn_evenly() -> None:
    rng = seeded()
    draws = [draw_operations(20, 31, rng) for _ in range(500)]
    operations = torch.cat([drawn for drawn, _ in draws]).bincount(minlength=14)
    assert chisquare(operations).pvalue > 1e-4
    levels = (torch.tensor([levels for _, levels in draws]).flatten() * 30).round().int() + 30
    expected = torch.full((61,), 7000 / 62, dtype=torch.float64)
    expected[30] *= 2  # 0 has no sign
    assert chisquare(levels.bincount(minlength=61), expected).pvalue > 1e-4


def test_every_image_of_a_batch_is_changed_by_its_own_operation() -> None:
    images = torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8, generator=seeded())
    given = images.clone()
    changed = build_network_recipe("trivial_augment", [1, 1]).augment(images, seeded(1))
    drawn, levels = draw_operations(64, 31, seeded(1))
    for place, which in enumerate(drawn.tolist()):
        assert torch.equal(changed[place], OPERATIONS[which](given[place : place + 1], levels[which])[0])
    assert torch.equal(images, given)
