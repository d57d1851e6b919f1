"""The one loop that trains every learned generator: acts one after another, phases in turn on every batch."""

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from counterweight.core.batches import batches
from counterweight.core.errors import UserError
from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.base.generator import Act, LearnedGenerator, Phase
from counterweight.networks.generative.diffaugment import use_augmentation
from counterweight.networks.layers import use_rng
from counterweight.plots.grid import save_grid
from counterweight.settings.train import TrainingConfig
from counterweight.training.checkpoint import load_checkpoint, part, restore_optimizer, save_checkpoint
from counterweight.training.compile import compiled
from counterweight.training.history import Row

FLUSH_STEPS = 50  # losses stay on the device for so many steps, so that a GPU need not wait for the CPU

SINGLE_VALUE = "Expected more than 1 value per channel"  # what torch's batch normalisation says


def fit(model: LearnedGenerator, real: Labelled, seed: int, config: TrainingConfig, folder: Path) -> list[Row]:
    """Train `model` on the device its networks are on, going on from a checkpoint in `folder` if there is one.

    Args:
        real: the training set, on the CPU; batches are cut from a copy on the model's device.
        seed: of batches, latent noise and dropout. On one CPU the same seed gives the same bits, resumed or not.
        folder: gets the checkpoint while training runs, and the grids of samples (`epoch_00030.png`).

    Returns:
        The history: for every epoch and phase the mean of each named loss.

    Raises:
        UserError: a loss is not finite, or the checkpoint cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with compiled(model, config.compile):
        try:
            return Loop(model, real, seed, config, folder).run()
        except ValueError as error:
            if SINGLE_VALUE not in str(error):
                raise
            raise UserError(
                "training stopped: batch normalisation got one value; it needs more, or larger, images"
            ) from error


class Loop:
    """A running training: the model, its data and how far it has come."""

    def __init__(
        self, model: LearnedGenerator, real: Labelled, seed: int, config: TrainingConfig, folder: Path
    ) -> None:
        self.model = model.to(memory_format=torch.channels_last)  # a fifth faster on CPUs, more on GPUs
        self.real, self.seed, self.config, self.folder = real, seed, config, folder
        self.data = real.to(model.device)
        self.acts = model.acts()
        self.batch_rng = torch.Generator().manual_seed(seed)
        self.loss_rng = torch.Generator(model.device).manual_seed(seed)
        use_rng(model, self.loss_rng)
        use_augmentation(model, config.augment, self.loss_rng)
        self.autocast = torch.autocast(
            model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16", cache_enabled=False
        )
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.history: list[Row] = []
        self.act = self.epoch = self.step = 0  # acts and epochs that are done, batches of the running act
        self.learning: Phase | None = None
        self.saved_at = time.monotonic()

    def run(self) -> list[Row]:
        """Play the acts that are left."""
        self.restore()
        per_epoch = [self.steps_per_epoch(act) for act in self.acts]
        steps = [act.epochs * count for act, count in zip(self.acts, per_epoch, strict=True)]
        self.tell_idle_phases(steps)
        with tqdm(total=sum(steps), unit="step", disable=None, dynamic_ncols=True) as bar:
            bar.update(sum(steps[: self.act]) + (self.epoch * per_epoch[self.act] if self.epoch else 0))
            while self.act < len(self.acts):
                self.play(self.acts[self.act], bar)
                self.act, self.epoch, self.step = self.act + 1, 0, 0
        return self.history

    def steps_per_epoch(self, act: Act) -> int:
        """Return the number of an epoch's batches; an act without images is refused."""
        images = len(self.pool(act))
        if images == 0:
            raise UserError(f"training stopped: there is no image for '{act.name}'")
        return max(1, images // act.batch_size)

    def tell_idle_phases(self, steps: Sequence[int]) -> None:
        """Say which phases never have a turn: what they should improve stays as it was drawn at random."""
        for act, count in zip(self.acts, steps, strict=True):
            for phase in act.phases:
                if phase.every > count:
                    reason = f"its first is on batch {phase.every}, and all epochs have {count}"
                    print(f"'{act.name}': phase '{phase.name}' never has a turn: {reason}", file=sys.stderr)

    def play(self, act: Act, bar: "tqdm[None]") -> None:
        """Run the epochs of an act that are left."""
        bar.set_description(act.name)
        if self.epoch == 0:
            self.model.begin(act.name, self.real)
            self.optimizers = build_optimizers(act)
        for epoch in range(self.epoch, act.epochs):
            self.run_epoch(act, bar)
            self.epoch = epoch + 1
            self.preview(act)
            if self.is_time_to_save():
                self.save()

    def run_epoch(self, act: Act, bar: "tqdm[None]") -> None:
        """Take every phase's step on every batch and add the epoch's mean losses to the history."""
        self.model.train()
        record = Record(act, self.epoch + 1)
        pool = self.pool(act)
        for index in batches(self.real.labels[pool], act.batch_size, act.balanced, self.batch_rng):
            place = pool[index].to(self.model.device)
            images = to_unit(self.data.images[place]).contiguous(memory_format=torch.channels_last)
            labels = self.data.labels[place]
            self.step += 1
            for phase in act.phases:
                if self.step % phase.every == 0:
                    record.add(phase.name, self.take_step(phase, images, labels))
            if self.step % FLUSH_STEPS == 0:
                bar.set_postfix(record.flush())
            bar.update()
        bar.set_postfix(record.flush())
        self.history += record.rows(self.total_epochs())

    def pool(self, act: Act) -> Tensor:
        """Return which images an act is trained on, int64 (N,)."""
        labels = self.real.labels
        return torch.arange(len(labels)) if act.label is None else (labels == act.label).nonzero().squeeze(1)

    def take_step(self, phase: Phase, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Improve a phase's modules by one step; the others' parameters get no gradient."""
        self.let_learn(phase)
        with self.autocast:
            losses = self.model.losses(phase.name, images, labels, self.loss_rng)
        optimizer = self.optimizers[phase.name]
        if phase.schedule is not None:
            factor = phase.schedule(self.step // phase.every - 1)
            for group in optimizer.param_groups:
                group["lr"] = optimizer.defaults["lr"] * factor
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        self.model.stepped(phase.name)
        return {name: value.detach() for name, value in losses.items()}

    def let_learn(self, phase: Phase) -> None:
        """Ask for gradients of a phase's modules alone, unless it had the last turn, too."""
        if phase is not self.learning:
            self.model.requires_grad_(False)
            for module in phase.modules:
                module.requires_grad_(True)
            self.learning = phase

    def total_epochs(self) -> int:
        """Return how many epochs were done before the running one, over all acts."""
        return sum(act.epochs for act in self.acts[: self.act]) + self.epoch

    def preview(self, act: Act) -> None:
        """Draw a grid of samples, one row per class and always from the same noise, when it is time for one."""
        total, done = sum(act.epochs for act in self.acts), self.total_epochs()
        count = min(self.config.previews, total)
        if done not in {round(total * (place + 1) / count) for place in range(count)}:
            return
        labels = torch.tensor(self.model.trained_labels).repeat_interleave(self.config.preview_columns)
        images = self.model.sample(labels, self.real, torch.Generator().manual_seed(self.seed))
        save_grid(images.numpy(), self.config.preview_columns, self.folder / f"epoch_{done:05d}.png")

    def is_time_to_save(self) -> bool:
        """Say whether the last checkpoint is old enough."""
        seconds = self.config.checkpoint_seconds
        return seconds is not None and time.monotonic() - self.saved_at >= seconds

    def save(self) -> None:
        """Write a checkpoint."""
        rng = {"batch": self.batch_rng.get_state(), "loss": self.loss_rng.get_state()}
        progress = {"act": self.act, "epoch": self.epoch, "step": self.step, "history": self.history}
        save_checkpoint(self.folder, self.model, self.optimizers, rng, progress)
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        saved = load_checkpoint(self.folder)
        if saved is None:
            return
        tensors, progress, groups = saved
        self.act, self.epoch, self.step = progress["act"], progress["epoch"], progress["step"]
        self.history = progress["history"]
        self.model.load_state_dict(part(tensors, "model"))
        self.optimizers = build_optimizers(self.acts[self.act])
        for phase, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, phase, tensors, groups[phase])
        rng = part(tensors, "rng")
        self.batch_rng.set_state(rng["batch"])
        self.loss_rng.set_state(rng["loss"])


class Record:
    """The losses of one epoch."""

    def __init__(self, act: Act, epoch: int) -> None:
        self.act, self.epoch = act, epoch
        self.waiting: list[tuple[str, dict[str, Tensor]]] = []
        self.values: dict[str, dict[str, list[float]]] = {phase.name: {} for phase in act.phases}

    def add(self, phase: str, losses: dict[str, Tensor]) -> None:
        """Keep a step's losses where they are."""
        self.waiting.append((phase, losses))

    def flush(self) -> dict[str, str]:
        """Fetch the waiting losses from the device, refuse those that are not finite, return each phase's last one."""
        if self.waiting:
            named = [(phase, name, value) for phase, losses in self.waiting for name, value in losses.items()]
            fetched = torch.stack([value.float() for *_, value in named]).tolist()
            for (phase, name, _), value in zip(named, fetched, strict=True):
                self.keep(phase, name, value)
            self.waiting.clear()
        return {phase: f"{parts['loss'][-1]:.4g}" for phase, parts in self.values.items() if parts}

    def keep(self, phase: str, name: str, value: float) -> None:
        """Add one value to the record."""
        values = self.values[phase].setdefault(name, [])
        values.append(value)
        if not math.isfinite(value):
            raise UserError(
                f"training stopped: '{name}' of phase '{phase}' is {value} in epoch {self.epoch} of "
                f"'{self.act.name}', step {len(values)}; a lower learning rate is the usual remedy"
            )

    def rows(self, epochs_before: int) -> list[Row]:
        """Return one row per phase that ran, with the means of its losses."""
        rows: list[Row] = []
        for phase, parts in self.values.items():
            if parts:
                means = {name: sum(values) / len(values) for name, values in parts.items()}
                rows.append({"epoch": epochs_before + 1, "phase": phase, **means})
        return rows


def build_optimizers(act: Act) -> dict[str, torch.optim.Optimizer]:
    """Return the optimiser of each phase over the parameters of its modules."""
    return {
        phase.name: phase.optimizer(parameter for module in phase.modules for parameter in module.parameters())
        for phase in act.phases
    }
