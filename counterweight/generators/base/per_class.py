"""A generator that knows no labels, trained once for each class that needs images."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from counterweight.core.schema import Settings
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import LearnedGenerator, NotApplicable, Phase


class PerClass(LearnedGenerator):
    """Models of one kind side by side, each trained on the images of its class alone, one after another."""

    def __init__(
        self,
        kind: type[LearnedGenerator],
        shape: tuple[int, int, int],
        class_names: Sequence[str],
        settings: Settings,
        labels: Sequence[int],
    ) -> None:
        super().__init__(shape, class_names, settings)
        # torch wants names; one class each.
        self.models = nn.ModuleDict({str(label): kind(shape, (class_names[label],), settings) for label in labels})

    @property
    def trained_labels(self) -> tuple[int, ...]:
        """The classes that have a model."""
        return tuple(int(label) for label in self.models)

    def phases(self) -> list[Phase]:
        """Let the models play their phases, one model after another."""
        return [
            replace(
                phase,
                name=self.add_class_name(label, phase.name),
                label=label,
                updates=[replace(update, name=self.add_class_name(label, update.name)) for update in phase.updates],
            )
            for label in self.trained_labels
            for phase in self.model_of(label).phases()
        ]

    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the losses of the class's model, which sees one class only."""
        label, own = self.split_class_name(update)
        return self.model_of(label).losses(own, images, torch.zeros_like(labels), rng)  # Its only label is 0.

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Prepare the class's model with the images of its class."""
        label, own = self.split_class_name(phase)
        self.model_of(label).on_phase_start(own, self.only(real, label))

    def after_step(self, update: str) -> None:
        """Tell the class's model."""
        label, own = self.split_class_name(update)
        self.model_of(label).after_step(own)

    def shares(self, phase: str, images: int) -> tuple[int, ...]:
        """Ask the class's model."""
        label, own = self.split_class_name(phase)
        return self.model_of(label).shares(own, images)

    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Let each label's model make its images."""
        made = torch.empty((len(labels), *self.shape), device=self.device)
        for label in labels.unique().tolist():
            place = labels == label
            own = torch.zeros(int(place.sum()), dtype=torch.int64)
            made[place.to(self.device)] = self.model_of(label).generate(own, self.only(real, label), rng)
        return made

    def compilable(self) -> list[nn.Module]:
        """Return those of every model."""
        return [network for label in self.trained_labels for network in self.model_of(label).compilable()]

    def model_of(self, label: int) -> LearnedGenerator:
        """Return the model of a class."""
        if str(label) not in self.models:
            raise NotApplicable(f"no model was trained for class '{self.class_names[label]}', which needed no images")
        model = self.models[str(label)]
        assert isinstance(model, LearnedGenerator)
        return model

    def add_class_name(self, label: int, name: str) -> str:
        """Return the name of a model's phase or update among those of all classes."""
        return f"{self.class_names[label]}: {name}"

    def split_class_name(self, name: str) -> tuple[int, str]:
        """Return the label and the model's own name of a phase or update."""
        own = name.rsplit(": ", 1)[1]  # From the right: a class name may hold ': ' itself.
        return self.class_names.index(name.removesuffix(f": {own}")), own

    def only(self, real: Labelled, label: int) -> Labelled:
        """Return the images of one class, which is the only one its model knows."""
        place = real.labels == label
        return Labelled(real.images[place], torch.zeros(int(place.sum()), dtype=torch.int64))
