"""params.yaml, recognition.D.vae_experiment: the autoencoders that are trained (log-ends thesis, 6.1)."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import AfterValidator, Field

from counterweight.core.schema import Settings, check_folder_names

Autoencoder = Literal["vanilla_vae", "variant_vae"]


class AutoencoderRun(Settings):
    """One autoencoder that is trained."""

    autoencoder: Autoencoder
    images: Annotated[int, Ge(10)] | None = None
    """Images in all: 80 % to train on, 10 % each to validate and to test (6.1); null: all there are."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Those of the generator of that name, as in a block of `generators`."""


class VaeExperiment(Settings):
    """The autoencoders that are trained (6.1), by name."""

    runs: Annotated[dict[str, AutoencoderRun], MinLen(1), AfterValidator(check_folder_names)]
