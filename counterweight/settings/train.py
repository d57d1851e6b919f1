"""params.yaml, train: the training loop."""

from typing import Annotated, Literal

from annotated_types import Ge
from pydantic import AfterValidator, Field, model_validator

from counterweight.core.schema import Positive, Settings, refuse_repetition


class TrainingConfig(Settings):
    """What the training loop does besides training."""

    previews: Annotated[int, Ge(0)] = 8
    """How many grids of samples are drawn over the whole training."""
    preview_columns: Positive = 8
    """Images per class in such a grid."""
    checkpoint_seconds: Annotated[float, Ge(0)] | None = 60.0
    """At the end of an epoch a checkpoint is written if the last one is this old; 0: after every epoch; null: never."""
    augment: Annotated[list[Literal["colour", "translation", "cutout"]], AfterValidator(refuse_repetition)] = Field(
        default_factory=list
    )
    """Differentiable augmentation of what discriminators see, in this order; none: they see images as they are."""
    # Not float16, whose narrow range needs losses scaled up and down again.
    precision: Literal["float32", "bfloat16"] = "float32"
    """Format in which layers multiply (torch.autocast); weights and optimisers stay in float32."""
    compile: bool = False
    """Translate networks with torch.compile, which takes a minute; whether it pays is for each machine to measure."""
    processes: Positive = 1
    """Processes that train one draw together, on a GPU each or a core each, and share each batch: for large networks.
    The train stage alone has several."""

    @model_validator(mode="after")
    def refuse_compiled_processes(self) -> "TrainingConfig":
        """Refuse what does not go together: translated networks draw and normalise where no share can be taken."""
        if self.compile and self.processes > 1:
            raise ValueError("compile: true is for a single process; set processes: 1 or compile: false")
        return self
