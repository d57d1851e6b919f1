"""What the latent stage writes: where both sets lie in an autoencoder's latent space, and what moving them does."""

from typing import Any

from counterweight.core.schema import Result
from counterweight.results.compare import BackboneResult, StatisticResult
from counterweight.results.discriminate import SizeResult


class Density(Result):
    """How densely `points` fill the cube of -1.5 to 1.5 in `dimensions` dimensions."""

    points: int
    dimensions: int
    fraction_inside: float
    fraction_of_coordinates: float
    log10_per_unit_volume: float | None
    per_unit_length: float
    effective_dimension: float


class MovedResult(Result):
    """What was measured of moved images, as of synthetic ones."""

    style: SizeResult | None
    backbones: dict[str, BackboneResult]


class LatentResult(Result):
    """The latent space of `images` of either set; of too few there is a reason alone."""

    images: int
    settings: dict[str, Any]
    network: str | None = None
    latents: int | None = None
    t_test: StatisticResult | None = None
    density: dict[str, Density] | None = None
    modes: dict[str, int] | None = None
    explained_variance: list[float] | None = None
    error: dict[str, float] | None = None
    verification: dict[str, MovedResult] | None = None
    reason: str | None
