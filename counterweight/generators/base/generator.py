"""The contract of everything that makes images."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from counterweight.core.registry import load_module
from counterweight.core.schema import Settings
from counterweight.core.tensors import Labelled, to_bytes


class NotApplicable(Exception):
    """A generator cannot work on these images at all, as SMOTE on a class with a single image."""


class Generator(ABC):
    """A way of making images of a wanted class.

    A file of this folder defines one subclass, and beside it a `Settings`; params.yaml calls both by the
    file's name. A generator is built from the images' shape, the class names and its settings; whatever
    it makes depends on these, on what it learned, and on the random generator it is given.
    """

    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that are imported when `sample` needs them; draws are made side by side."""
    in_pieces: ClassVar[bool] = True
    """Whether the images of a large set may be asked for piece by piece, since none depends on those before it."""
    settings: Settings

    def __init__(self, shape: tuple[int, int, int], class_names: Sequence[str], settings: Settings) -> None:
        super().__init__()
        self.shape = shape
        self.class_names = tuple(class_names)
        self.settings = settings

    @classmethod
    def precheck(cls, settings: Settings, class_names: Sequence[str]) -> None:
        """Refuse with a UserError, before any work, what can be seen to be impossible for images of these classes."""
        return

    @abstractmethod
    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Make one image of each wanted class.

        Args:
            labels: wanted classes, int64 (N,), on the CPU.
            real: the imbalanced training set, on the CPU, to transform or to encode.
            rng: source of all randomness, on the CPU.

        Returns:
            uint8 (N, C, H, W), on the CPU, in the order of `labels`.

        Raises:
            NotApplicable: the training set does not allow this generator to work.
        """


@dataclass(frozen=True)
class Update:
    """One optimiser's part in a training step: a loss by name, and the modules it improves."""

    name: str
    modules: Sequence[nn.Module]
    optimizer: Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]
    every: int = 1
    """Run on every k-th batch; a critic that is trained five times as often leaves 5 to its generator."""
    schedule: Callable[[int], float] | None = None
    """Factor of the optimiser's learning rate, given how many steps this update has taken in its phase; None: 1."""


@dataclass(frozen=True)
class Phase:
    """Epochs in which the same updates take turns on every batch; phases follow one another."""

    name: str
    epochs: int
    batch_size: int
    updates: Sequence[Update]
    balanced: bool = False
    """Draw every batch with all classes equally likely instead of walking through the set."""
    label: int | None = None
    """Train on the images of this class alone; None: on all."""


class LearnedGenerator(Generator, nn.Module):
    """A generator with networks, trained by the loop in `counterweight.training`.

    Everything it needs to go on after training is a parameter or a buffer: those are what is saved.
    """

    @abstractmethod
    def phases(self) -> list[Phase]:
        """Say what is trained, in which order, for how long and by which optimisers."""

    @abstractmethod
    def losses(self, update: str, images: Tensor, labels: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """Return the scalar to be minimised under `loss`, and its named parts for the record.

        Args:
            update: name of the update.
            images: float32 (B, C, H, W) in [-1, 1].
            labels: int64 (B,).
            rng: source of all randomness, on the device of the images.
        """

    @abstractmethod
    def generate(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Make float32 images (B, C, H, W) in [-1, 1] on the module's device, in evaluation mode."""

    def on_phase_start(self, phase: str, real: Labelled) -> None:
        """Prepare a phase that is about to start: transfer weights, fit what is not learned by gradients."""

    def after_step(self, update: str) -> None:
        """Do what must follow each optimiser step of an update: clip weights, move an average."""

    def shares(self, phase: str, images: int) -> tuple[int, ...]:
        """Return how many images the losses of a phase are means over, of each kind, when a batch has so many.

        Several processes that share a batch need an equal part of each kind.
        """
        return (images,)

    def compilable(self) -> list[nn.Module]:
        """Return the networks that torch.compile may translate: not those whose gradients are differentiated again."""
        return list(self.children())

    @classmethod
    def knows_labels(cls, settings: Settings) -> bool:
        """Say whether one model makes images of any wanted class; if not, one is trained for each (`PerClass`)."""
        return True

    @classmethod
    def is_unconditional(cls, settings: Settings) -> bool:
        """Say whether one model learns all classes and makes images of none that could be wanted."""
        return False

    @property
    def trained_labels(self) -> tuple[int, ...]:
        """The classes whose images can be made."""
        return tuple(range(len(self.class_names)))

    @property
    def device(self) -> torch.device:
        """The device of the networks."""
        return next(self.parameters()).device

    @torch.no_grad()
    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator, chunk: int = 256) -> Tensor:
        """Make images in chunks, so that memory does not grow with their number."""
        training = self.training
        self.eval()  # Running statistics: an image is not to depend on the others of its chunk.
        parts = [to_bytes(self.generate(part, real, rng)).cpu() for part in labels.split(chunk)]
        self.train(training)
        return torch.cat(parts) if parts else torch.empty((0, *self.shape), dtype=torch.uint8)


def pick_sources(labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
    """Pick an image of the same class for every wanted label, each image of a class as often as any other.

    Returns:
        Indices into `real`, int64 (N,).

    Raises:
        NotApplicable: a wanted class has no image.
    """
    sources = torch.empty_like(labels)
    for label in labels.unique().tolist():
        own = (real.labels == label).nonzero().squeeze(1)
        wanted = (labels == label).nonzero().squeeze(1)
        if len(own) == 0:
            raise NotApplicable(f"class {label} has no image to start from")
        rounds = -(-len(wanted) // len(own))  # Rounded up; the last permutation is used in part.
        # Whole permutations, so that no image is used twice before all were used once.
        order = torch.cat([torch.randperm(len(own), generator=rng) for _ in range(rounds)])
        sources[wanted] = own[order[: len(wanted)]]
    return sources


class Entry(NamedTuple):
    """What a file of this folder defines."""

    generator: type[Generator]
    settings: type[Settings]


def find_generator(name: str) -> Entry:
    """Return the generator and the settings that the file `name`.py of this folder defines."""
    module = load_module("generators", name)
    # Not what the file imports.
    own = [item for item in vars(module).values() if isinstance(item, type) and item.__module__ == module.__name__]
    generators = [item for item in own if issubclass(item, Generator)]
    settings = [item for item in own if issubclass(item, Settings)]
    if len(generators) != 1 or len(settings) != 1:
        raise TypeError(f"{module.__file__} must define one generator and one settings class")
    return Entry(generators[0], settings[0])
