"""params.yaml, recognition.D.triplets: what sets of triplets are made of (log-ends thesis, 5.3)."""

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.schema import Settings, check_folder_names
from counterweight.settings.views import ViewChange

TESTED = "test"


class Real(Settings):
    """Real triplets: two images of an identity, where there is one alone the second is it strongly changed."""

    kind: Literal["real"]


class Reconstructed(Settings):
    """Real triplets, each image replaced by its reconstruction: what blur alone does."""

    kind: Literal["reconstructed"]
    autoencoder: str
    """The name of its run."""


class Sampled(Settings):
    """Triplets from an autoencoder's latent space (5.3, algorithm 3); the defaults are as printed."""

    kind: Literal["sampled"]
    autoencoder: str
    """The name of its run."""
    count: Annotated[int, Ge(14)] = 1470
    """Triplets; anchors take turns where there are fewer."""
    step: Literal["log_variance", "deviation"] = "log_variance"
    """What a radius counts in: the anchor's own log variances, or the standard deviations of the means of all that was
    learned. A single posterior's deviations would move uninformative dimensions alone."""
    positive_radius: Annotated[float, Gt(0)] = 0.15
    negative_radius: Annotated[float, Gt(0)] = 0.3
    radius_spread: Annotated[float, Ge(0), Le(1)] = 0.0
    """Each radius is drawn between 1 - this and 1 + this times its value: the thesis's future work."""
    positive_towards: Annotated[float, Ge(0), Le(1)] = 0.95
    """Probability that a dimension of a positive is moved towards the mean of all anchors."""
    negative_towards: Annotated[float, Ge(0), Le(1)] = 0.85
    """The same of a negative; 0.5 and 0.5 is figure 6.32."""
    anchor: Literal["decoded", "real"] = "decoded"
    """The reconstruction from the posterior's mean, or the image itself."""
    positive: Literal["moved", "view"] = "moved"
    """The anchor moved, or the anchor's image strongly changed."""
    negative: Literal["moved", "other"] = "moved"
    """The anchor moved further, or another anchor's reconstruction."""


TripletSet = Annotated[Real | Reconstructed | Sampled, Field(discriminator="kind")]


def refuse_test(sets: dict[str, TripletSet]) -> dict[str, TripletSet]:
    """Let pass names that no other table of triplets has."""
    if TESTED in sets:
        raise ValueError(f"'{TESTED}' is not allowed: so the real triplets are called that are tested on")
    return sets


class Triplets(Settings):
    """The sets of triplets that recognition is trained on, by name; `real` always is tested on, too."""

    sets: Annotated[dict[str, TripletSet], MinLen(1), AfterValidator(check_folder_names), AfterValidator(refuse_test)]
    view: ViewChange = Field(default_factory=ViewChange)
    """How a second image of a thing is made of the only one there is."""

    @property
    def autoencoders(self) -> list[str]:
        """The names of the runs that sets need, each once."""
        return list(dict.fromkeys(own.autoencoder for own in self.sets.values() if not isinstance(own, Real)))
