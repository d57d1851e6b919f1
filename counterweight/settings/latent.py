"""params.yaml, latent: the latent space of an autoencoder of both sets."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.schema import Positive, Settings, refuse_repetition
from counterweight.settings.extract import BackboneName

Network = Literal["residual_vae", "pretrained_vae"]


class Latent(Settings):
    """The latent space of an autoencoder of real and synthetic images together (distributions thesis, 3.2 and 4.2)."""

    network: Network = "residual_vae"
    """The generator whose encoder and decoder are used."""
    autoencoders: dict[Network, dict[str, Any]] = Field(default_factory=dict)
    """Settings by network, of which those of the chosen one count; what is left out takes the default of the
    generator's file, which is the thesis's."""
    steps: Annotated[int, Ge(0)] = 1000
    """Small sets get more epochs, until so many steps are made; 0: as many epochs as the settings say."""
    components: Positive = 64
    """Principal components in which the optimal map turns and stretches, at most."""
    images: Annotated[int, Ge(10)] = 2000
    """At most so many images of either side, drawn at random."""
    backbones: Annotated[list[BackboneName], MinLen(1), AfterValidator(refuse_repetition)] = Field(
        default=["efficientnet_lite0"]
    )
    """Whose features of the moved images are compared with real ones."""
    seeds: Positive = 1
    """Trainings of the style classifier for each kind of moved images."""

    @property
    def autoencoder(self) -> dict[str, Any]:
        """The settings of the chosen network."""
        return self.autoencoders.get(self.network, {})

    @property
    def where(self) -> str:
        """File and key of the chosen network's settings, to begin an error's message with."""
        return f"params.yaml: latent.autoencoders.{self.network}"
