"""The one loop that trains every learned generator: phases one after another, updates in turn on every batch."""

import contextlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from counterweight.core.batches import draw_batches, send_batches
from counterweight.core.errors import UserError
from counterweight.core.tensors import Labelled, to_unit
from counterweight.generators.base.generator import LearnedGenerator, Phase, Update
from counterweight.networks.generative.diffaugment import use_augmentation
from counterweight.networks.layers import use_rng
from counterweight.plots.grid import save_grid
from counterweight.settings.train import TrainingConfig
from counterweight.training.checkpoint import load_checkpoint, restore_optimizer, save_checkpoint, select_prefixed
from counterweight.training.compile import compile_networks
from counterweight.training.history import Row
from counterweight.training.parallel import ALONE, Processes
from counterweight.training.progress import Progress

FLUSH_STEPS = 50  # losses stay on the device for so many steps, so that a GPU need not wait for the CPU

WATCHED = "validation"
Watch = Callable[[], dict[str, float]]
"""Returns named losses of images that are not trained on; draws from no generator of the training."""

SINGLE_VALUE = "Expected more than 1 value per channel"  # what torch's batch normalisation says


def fit(
    model: LearnedGenerator,
    real: Labelled,
    seed: int,
    config: TrainingConfig,
    folder: Path,
    progress: Progress | None = None,
    watch: Watch | None = None,
    processes: Processes = ALONE,
) -> list[Row]:
    """Train `model` on the device its networks are on, going on from a checkpoint in `folder` if there is one.

    Args:
        real: the training set, on the CPU; batches are cut from a copy on the model's device.
        seed: of batches, latent noise and dropout. On one CPU the same seed gives the same bits, resumed or not.
        folder: gets the checkpoint, from which a training that is finished is restored, too; and the grids of samples
            (`epoch_00030.png`).
        progress: bar of several trainings side by side; None: this one has its own.
        watch: called after each epoch, in evaluation mode; what it returns is a row of the history, `validation`.
        processes: those that train the model together, all called with the same arguments but for the device.

    Returns:
        The history: for every epoch and update the mean of each named loss.

    Raises:
        UserError: a loss is not finite, or the checkpoint cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with compile_networks(model, config.compile), contextlib.ExitStack() as stack:
        bar = progress or stack.enter_context(Progress())
        try:
            return Loop(model, real, seed, config, folder, bar, watch, processes).run()
        except ValueError as error:
            if SINGLE_VALUE not in str(error):
                raise
            raise UserError(
                "training stopped: batch normalisation got one value; it needs more, or larger, images"
            ) from error


class Loop:
    """A running training: the model, its data and how far it has come."""

    def __init__(
        self,
        model: LearnedGenerator,
        real: Labelled,
        seed: int,
        config: TrainingConfig,
        folder: Path,
        progress: Progress,
        watch: Watch | None = None,
        processes: Processes = ALONE,
    ) -> None:
        self.watch, self.processes, self.sharing = watch, processes, ALONE
        self.model = model.to(memory_format=torch.channels_last)  # a fifth faster on CPUs, more on GPUs
        self.real, self.seed, self.config, self.folder, self.progress = real, seed, config, folder, progress
        self.data = real.to(model.device)  # As bytes, a quarter of what floats would take.
        self.phases = model.phases()
        # On the CPU, where batches are drawn: the same on any device.
        self.batch_rng = torch.Generator().manual_seed(seed)
        # On the device: noise is made where it is used.
        self.loss_rng = torch.Generator(model.device).manual_seed(seed)
        use_rng(model, self.loss_rng)
        use_augmentation(model, config.augment, self.loss_rng)
        self.autocast = torch.autocast(
            model.device.type, torch.bfloat16, enabled=config.precision == "bfloat16", cache_enabled=False
        )
        self.optimizers: dict[str, torch.optim.Optimizer] = {}
        self.history: list[Row] = []
        self.phase = self.epoch = self.step = 0  # phases and epochs that are done, batches of the running phase
        self.learning: Update | None = None
        self.saved_at = time.monotonic()

    def run(self) -> list[Row]:
        """Run the phases that are left."""
        self.restore()
        per_epoch = [self.steps_per_epoch(phase) for phase in self.phases]
        steps = [phase.epochs * count for phase, count in zip(self.phases, per_epoch, strict=True)]
        if self.processes.leads:
            self.report_idle_updates(steps)
        done = sum(steps[: self.phase]) + (self.epoch * per_epoch[self.phase] if self.epoch else 0)
        self.progress.begin(sum(steps), done)
        while self.phase < len(self.phases):
            self.run_phase(self.phases[self.phase])
            self.phase, self.epoch, self.step = self.phase + 1, 0, 0
            if self.phase == len(self.phases) and self.config.checkpoint_seconds is not None and self.processes.leads:
                self.save()  # Others beside it may take hours yet, and be killed.
        return self.history

    def steps_per_epoch(self, phase: Phase) -> int:
        """Return the number of an epoch's batches; a phase without images is refused."""
        images = len(self.pool(phase))
        if images == 0:
            raise UserError(f"training stopped: there is no image for '{phase.name}'")
        return max(1, images // phase.batch_size)  # As `draw_batches` does: no incomplete batch, but for a small set.

    def report_idle_updates(self, steps: Sequence[int]) -> None:
        """Say which updates never have a turn: what they should improve stays as it was drawn at random."""
        for phase, count in zip(self.phases, steps, strict=True):
            for update in phase.updates:
                if update.every > count:
                    reason = f"its first is on batch {update.every}, and all epochs have {count}"
                    print(f"'{phase.name}': update '{update.name}' never has a turn: {reason}", file=sys.stderr)

    def run_phase(self, phase: Phase) -> None:
        """Run the epochs of a phase that are left."""
        self.progress.begin_phase(phase.name)
        # Checkpoints are written after epochs alone: with none done, the phase has not begun.
        if self.epoch == 0:
            self.model.on_phase_start(phase.name, self.real)
            self.optimizers = build_optimizers(phase)
        self.processes.align(self.model)
        self.sharing = self.choose_sharing(phase)
        for epoch in range(self.epoch, phase.epochs):
            self.run_epoch(phase)
            self.epoch = epoch + 1
            if self.processes.leads:
                self.preview(phase)
                if self.is_time_to_save():
                    self.save()

    def choose_sharing(self, phase: Phase) -> Processes:
        """Return those that share the batches of a phase: all, unless a batch has no equal shares for them.

        A set may be smaller than a batch. Then each process computes all of it, to the same end.
        """
        size = min(phase.batch_size, len(self.pool(phase)))
        if self.processes.divide(self.model.shares(phase.name, size)):
            return self.processes
        if self.processes.leads:
            reason = f"{self.processes.count} processes have no equal shares of a batch of {size}"
            print(f"'{phase.name}': {reason}; each computes all of it", file=sys.stderr)
        return ALONE

    def run_epoch(self, phase: Phase) -> None:
        """Take every update's step on every batch and add the epoch's mean losses to the history."""
        self.model.train()
        record = Record(phase, self.epoch + 1, self.sharing)
        pool = self.pool(phase)
        batches = draw_batches(self.real.labels[pool], phase.batch_size, phase.balanced, self.batch_rng)
        for place in send_batches([self.sharing.share(pool[index]) for index in batches], self.model.device):
            images = to_unit(self.data.images[place]).contiguous(memory_format=torch.channels_last)
            labels = self.data.labels[place]
            self.step += 1
            for update in phase.updates:
                if self.step % update.every == 0:
                    record.add(update.name, self.take_step(update, images, labels))
            if self.step % FLUSH_STEPS == 0:
                self.progress.show(record.flush())
            self.progress.advance()
        self.progress.show(record.flush())
        self.history += record.rows(self.total_epochs())
        if self.watch is not None:
            self.model.eval()
            self.history.append({"epoch": self.total_epochs() + 1, "update": WATCHED, **self.watch()})

    def pool(self, phase: Phase) -> Tensor:
        """Return which images a phase is trained on, int64 (N,)."""
        labels = self.real.labels
        return torch.arange(len(labels)) if phase.label is None else (labels == phase.label).nonzero().squeeze(1)

    def take_step(self, update: Update, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Improve an update's modules by one step; the others' parameters get no gradient."""
        self.set_trainable(update)
        with self.autocast, self.sharing.whole_batches(self.loss_rng):
            losses = self.model.losses(update.name, images, labels, self.loss_rng)
        optimizer = self.optimizers[update.name]
        if update.schedule is not None:
            factor = update.schedule(self.step // update.every - 1)  # The update's own steps so far.
            for group in optimizer.param_groups:
                # From the default, not from the last value: factors do not pile up, and a resumed training needs no
                # memory.
                group["lr"] = optimizer.defaults["lr"] * factor
        optimizer.zero_grad()
        losses["loss"].backward()
        self.sharing.average_gradients(update.modules)
        optimizer.step()
        self.model.after_step(update.name)
        return {name: value.detach() for name, value in losses.items()}  # Else the record would keep every graph.

    def set_trainable(self, update: Update) -> None:
        """Ask for gradients of an update's modules alone, unless it had the last turn, too."""
        if update is not self.learning:
            self.model.requires_grad_(False)
            for module in update.modules:
                module.requires_grad_(True)
            self.learning = update

    def total_epochs(self) -> int:
        """Return how many epochs were done before the running one, over all phases."""
        return sum(phase.epochs for phase in self.phases[: self.phase]) + self.epoch

    def preview(self, phase: Phase) -> None:
        """Draw a grid of samples, one row per class and always from the same noise, when it is time for one."""
        total, done = sum(phase.epochs for phase in self.phases), self.total_epochs()
        count = min(self.config.previews, total)
        if done not in {round(total * (place + 1) / count) for place in range(count)}:
            return
        labels = torch.tensor(self.model.trained_labels).repeat_interleave(self.config.preview_columns)
        # A generator of its own: previews change nothing of the training, whatever their number.
        images = self.model.sample(labels, self.real, torch.Generator().manual_seed(self.seed))
        save_grid(images.numpy(), self.config.preview_columns, self.folder / f"epoch_{done:05d}.png")

    def is_time_to_save(self) -> bool:
        """Say whether the last checkpoint is old enough."""
        # By time, not by epochs: these take from milliseconds to hours.
        seconds = self.config.checkpoint_seconds
        return seconds is not None and time.monotonic() - self.saved_at >= seconds

    def save(self) -> None:
        """Write a checkpoint."""
        rng = {"batch": self.batch_rng.get_state(), "loss": self.loss_rng.get_state()}
        progress = {"phase": self.phase, "epoch": self.epoch, "step": self.step, "history": self.history}
        save_checkpoint(self.folder, self.model, self.optimizers, rng, progress)
        self.saved_at = time.monotonic()

    def restore(self) -> None:
        """Go back to the last checkpoint, if there is one."""
        saved = load_checkpoint(self.folder)
        if saved is None:
            return
        tensors, progress, groups = saved
        self.phase, self.epoch, self.step = progress["phase"], progress["epoch"], progress["step"]
        self.history = progress["history"]
        self.model.load_state_dict(select_prefixed(tensors, "model"))
        # A training that is finished is in no phase.
        self.optimizers = build_optimizers(self.phases[self.phase]) if self.phase < len(self.phases) else {}
        for update, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, update, tensors, groups[update])
        rng = select_prefixed(tensors, "rng")
        self.batch_rng.set_state(rng["batch"])
        self.loss_rng.set_state(rng["loss"])


class Record:
    """The losses of one epoch."""

    def __init__(self, phase: Phase, epoch: int, sharing: Processes) -> None:
        self.phase, self.epoch, self.sharing = phase, epoch, sharing
        self.waiting: list[tuple[str, dict[str, Tensor]]] = []
        self.values: dict[str, dict[str, list[float]]] = {update.name: {} for update in phase.updates}

    def add(self, update: str, losses: dict[str, Tensor]) -> None:
        """Keep a step's losses where they are."""
        self.waiting.append((update, losses))

    def flush(self) -> dict[str, str]:
        """Fetch the waiting losses from the device, refuse those that are not finite, return each update's last one."""
        if self.waiting:
            named = [(update, name, value) for update, losses in self.waiting for name, value in losses.items()]
            values = torch.stack([value.float() for *_, value in named])
            fetched = self.sharing.average(values).tolist()  # One transfer for all.
            for (update, name, _), value in zip(named, fetched, strict=True):
                self.keep(update, name, value)
            self.waiting.clear()
        return {update: f"{parts['loss'][-1]:.4g}" for update, parts in self.values.items() if parts}

    def keep(self, update: str, name: str, value: float) -> None:
        """Add one value to the record."""
        values = self.values[update].setdefault(name, [])
        values.append(value)
        if not math.isfinite(value):
            raise UserError(
                f"training stopped: '{name}' of update '{update}' is {value} in epoch {self.epoch} of "
                f"phase '{self.phase.name}', step {len(values)}; a lower learning rate is the usual remedy"
            )

    def rows(self, epochs_before: int) -> list[Row]:
        """Return one row per update that ran, with the means of its losses."""
        rows: list[Row] = []
        for update, parts in self.values.items():
            if parts:
                means = {name: sum(values) / len(values) for name, values in parts.items()}
                rows.append({"epoch": epochs_before + 1, "update": update, **means})
        return rows


def build_optimizers(phase: Phase) -> dict[str, torch.optim.Optimizer]:
    """Return the optimiser of each update over the parameters of its modules."""
    return {
        update.name: update.optimizer(parameter for module in update.modules for parameter in module.parameters())
        for update in phase.updates
    }
