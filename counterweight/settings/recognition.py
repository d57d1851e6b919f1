"""params.yaml, recognition: of each dataset in `table.recognition` a block (log-ends thesis, chapters 5 and 6)."""

from counterweight.core.schema import Settings
from counterweight.settings.identities import Identities
from counterweight.settings.recognize import Recognize
from counterweight.settings.triplets import Triplets
from counterweight.settings.vae_experiment import VaeExperiment


class Recognition(Settings):
    """The block of one dataset; a stage depends on its own part of it."""

    identities: Identities
    vae_experiment: VaeExperiment
    triplets: Triplets
    recognize: Recognize
