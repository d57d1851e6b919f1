"""Inception's features through torch-fidelity: what its own network makes of images, and weights that are not there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_fidelity import feature_extractor_inceptionv3 as original
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.weight_files import read_weights
from counterweight.evaluation.comparison.features import compare_features
from counterweight.features import weights
from counterweight.features.extractor import Extractor, extract_features, run_extractor
from counterweight.features.weights import find_weight_file, load_backbone
from counterweight.networks.backbones import inception_v3
from counterweight.networks.backbones.base.backbone import ClassifyingExtractor, Cut
from counterweight.settings.compare import Compare
from counterweight.settings.extract import Extract
from counterweight.statistics.two_sample.frechet import STATISTIC


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    """The network of torch-fidelity with random weights, and these in a file as it publishes its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(original, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(original.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            network = original.FeatureExtractorInceptionV3("inception", ["2048"])
    path = tmp_path_factory.mktemp("weights") / "weights-inception.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_features_and_distance_are_those_of_torch_fidelity(untrained: tuple[torch.nn.Module, Path]) -> None:
    network, path = untrained
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 3, 20, 30), dtype=np.uint8))
    features = run_extractor(
        Extractor("inception_v3", inception_v3.BACKBONE.pretrained(read_weights(path), Cut()), {}, None), images
    )
    assert features.shape == (6, 2048)
    np.testing.assert_allclose(features, network(images)[0].numpy(), rtol=1e-4, atol=1e-6)
    halves = features[:3], features[3:]
    facts = [fid_features_to_statistics(torch.from_numpy(half)) for half in halves]
    expected = fid_statistics_to_metric(*facts, verbose=False)["frechet_inception_distance"]
    found = STATISTIC.compare(*halves, np.random.default_rng(0))["distance"]
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_logits_are_those_that_torch_fidelity_scores(untrained: tuple[torch.nn.Module, Path]) -> None:
    """They are kept with the features, and make the score of a comparison."""
    network, path = untrained
    backbone = inception_v3.BACKBONE.pretrained(read_weights(path), Cut())
    assert isinstance(backbone, ClassifyingExtractor)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 3, 20, 30), dtype=np.uint8)
    facts: dict[str, object] = {"backbone": "inception_v3", "layer": "x", "weights": "y", "input_size": 299}
    extractor = Extractor("inception_v3", backbone, facts, None, backbone.classify)
    origins = np.arange(8).astype(np.str_)
    images = ImageSet(pixels, np.zeros(8, dtype=np.int64), ("image",), origins, {})
    found = extract_features(images, [extractor], 8, torch.device("cpu"))["inception_v3"]
    assert found.logits is not None
    network.features_list = ["logits_unbiased"]
    (expected,) = network(torch.from_numpy(pixels))
    network.features_list = ["2048"]
    np.testing.assert_allclose(found.logits, expected.numpy(), rtol=1e-3, atol=1e-5)
    result = compare_features(found, found, Compare(repeats=1), np.random.default_rng(0)).result
    assert result.inception_score is not None
    score = isc_features_to_metric(expected, splits=1)["inception_score_mean"]
    assert [each.mean for each in result.inception_score.values()] == [pytest.approx(score, rel=1e-5)] * 2


def test_weights_that_cannot_be_had_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    url = "http://127.0.0.1:9/weights-inception-6726825d.pth"
    monkeypatch.setattr(inception_v3, "BACKBONE", replace(inception_v3.BACKBONE, url=url))
    with pytest.raises(
        UserError,
        match=r"^params.yaml: extract: inception_v3: .* neither in .* nor to be downloaded .* without inception_v3",
    ):
        find_weight_file("inception_v3", "random")


def test_a_file_of_something_else_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"x": torch.zeros(1)}, path)
    monkeypatch.setattr(weights, "find_weight_file", lambda *_: path)
    with pytest.raises(UserError, match=r"other\.pth: not the published weights of inception_v3: "):
        load_backbone("inception_v3", Extract(), 0)
