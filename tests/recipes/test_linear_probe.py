"""The linear probe: Bayes' rule for Gaussians, the strength that validation chooses, and what features stand for."""

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor, nn

from counterweight.core.tensors import Labelled
from tests.recipes.made import CONFIG, QUICK, build, make_toy, show

UNUSED = nn.Identity()


def draw_gaussians(sizes: list[int], dimension: int = 2, seed: int = 0, distance: float = 1.5) -> Labelled:
    """Return features of deviation 1 whose first number has a mean of `distance` times the label."""
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    features = torch.randn(len(labels), dimension, generator=torch.Generator().manual_seed(seed))
    features[:, 0] += distance * labels
    return Labelled(features, labels)


def fit_probe(fitted: Labelled, validation: Labelled, test: Tensor, values: dict[str, object] | None = None) -> Tensor:
    counts = fitted.labels.bincount(minlength=int(validation.labels.max()) + 1).tolist()
    return build("linear_probe", counts, values or QUICK["linear_probe"]).fit(fitted, validation, UNUSED, CONFIG, 0)(
        test
    )


@pytest.mark.parametrize("sizes", [[18000, 2000], [9000, 3000, 600]])
@pytest.mark.parametrize("unweighted", [False, True])
def test_of_gaussians_it_finds_bayes_rule(sizes: list[int], unweighted: bool) -> None:
    """With one deviation for all, log odds are linear: the weighted ones, the default's, are those of equal priors."""
    values: dict[str, object] = {"strengths": [100.0], **({"class_weight": None} if unweighted else {})}
    points = torch.linspace(-1, 3, 9)[:, None].repeat(1, 2) * torch.tensor([1.0, 0.0])
    logits = fit_probe(draw_gaussians(sizes), draw_gaussians(sizes, seed=1), points, values).double()
    priors = np.array(sizes) if unweighted else np.ones(len(sizes))
    expected = norm.logpdf(points[:, :1].numpy(), 1.5 * np.arange(len(sizes))) + np.log(priors)
    # Slopes and offsets have deviations of some 0.05 with 600 images of the rarest class.
    difference = (logits - logits[:, :1]).numpy() - (expected - expected[:, :1])
    assert np.abs(difference).max() < 0.5


def test_validation_chooses_the_strength_by_the_loss_averaged_over_classes() -> None:
    fitted, validation = draw_gaussians([60, 12, 6], 30), draw_gaussians([200, 40, 10], 30, seed=1)
    mean, deviation = fitted.images.mean(dim=0), fitted.images.std(dim=0, correction=0)
    x, other = ((part.images - mean) / deviation for part in (fitted, validation))
    strengths, losses, found = [1e-4, 1e-2, 0.1, 1.0, 100.0], [], []
    for strength in strengths:
        one = LogisticRegression(C=strength, class_weight="balanced").fit(x.numpy(), fitted.labels.numpy())
        labels = validation.labels.numpy()
        weights = (1 / np.bincount(labels))[labels]
        losses.append(log_loss(labels, one.predict_proba(other.numpy()), sample_weight=weights))
        found.append(one.predict_log_proba(other.numpy()))
    best = int(np.argmin(losses))
    assert 0 < best < len(strengths) - 1
    logits = fit_probe(fitted, validation, validation.images, {"strengths": strengths[::-1]})
    assert logits.log_softmax(dim=1).numpy() == pytest.approx(found[best], abs=1e-2)


def test_the_scale_of_a_feature_does_not_matter() -> None:
    parts = [draw_gaussians([60, 20], 5, seed) for seed in range(3)]
    scales = torch.tensor([1e-3, 1.0, 1e3, 50.0, 0.1])
    scaled = [Labelled(part.images * scales + 7 * scales, part.labels) for part in parts]
    plain, other = (fit_probe(own[0], own[1], own[2].images) for own in (parts, scaled))
    assert torch.allclose(plain, other, atol=0.01)


def test_a_feature_that_never_changes_and_a_class_without_images_do_no_harm() -> None:
    fitted, validation = draw_gaussians([30, 0, 12], 3), draw_gaussians([10, 5, 5], 3, seed=1)
    fitted.images[:, 1] = 4.0
    logits = fit_probe(fitted, Labelled(validation.images, validation.labels), validation.images)
    assert logits.shape == (20, 3)
    assert logits[:, [0, 2]].isfinite().all()
    assert (logits[:, 1] == -torch.inf).all()


def test_images_are_represented_by_one_row_of_features_each_whatever_stands_beside() -> None:
    images = make_toy([6, 4])
    shown = show("linear_probe", images)
    assert shown.images.shape == (10, 1280)
    assert shown.labels.tolist() == [0] * 6 + [1] * 4
    one = show("linear_probe", images.take(np.array([7])))
    assert torch.equal(one.images[0], shown.images[7])
