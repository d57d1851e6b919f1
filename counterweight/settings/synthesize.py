"""params.yaml, synthesize: how many images a generator makes."""

from counterweight.core.schema import Positive, Settings


class Synthesize(Settings):
    """How many images a generator makes."""

    per_class: Positive | None = None
    """Images of every class that needs some, whatever a scenario's cap; null: as many as restore the balance."""
