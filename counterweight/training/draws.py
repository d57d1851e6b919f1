"""The trainings of several draws, side by side."""

from collections.abc import Sequence
from pathlib import Path

from counterweight.core.devices import OPTIMISERS, map_in_parallel
from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.tensors import to_labelled
from counterweight.generators.base.generator import LearnedGenerator
from counterweight.settings.train import TrainingConfig
from counterweight.training.fingerprint import fingerprint_training
from counterweight.training.history import Row
from counterweight.training.loop import Watch, fit
from counterweight.training.parallel import ALONE, Processes
from counterweight.training.progress import Progress


def find_folders(
    generators: Sequence[LearnedGenerator],
    sets: Sequence[ImageSet],
    seeds: Sequence[int],
    config: TrainingConfig,
    checkpoints: Path,
) -> list[Path]:
    """Return the folder of each draw's training, where an unfinished one goes on."""
    return [
        checkpoints / fingerprint_training(generator, images, seed, config, generator.device)
        for generator, images, seed in zip(generators, sets, seeds, strict=True)
    ]


def train_draws(
    generators: Sequence[LearnedGenerator],
    sets: Sequence[ImageSet],
    seeds: Sequence[int],
    config: TrainingConfig,
    folders: Sequence[Path],
    watches: Sequence[Watch] | None = None,
    processes: Processes = ALONE,
    streams: int = 1,
) -> list[list[Row]]:
    """Train the generator of each draw on that draw's images, on a CPU as many at once as there are cores.

    Each has one thread: small networks are quicker so, and what they learn does not depend on the number of cores.
    Grids of samples are drawn of the first draw alone.

    Args:
        watches: what is called after each epoch of each draw; see `fit`.
        processes: those that train each draw together, one draw after the other.
        streams: draws that a GPU trains at once; where processes share them or networks are compiled, it is one.

    Returns:
        The history of each draw.

    Raises:
        UserError: a loss is not finite, a checkpoint cannot be read, or several draws at once are too many for a GPU's
            memory; the other draws end then, too.
    """
    quiet = config.model_copy(update={"previews": 0})

    def train(draw: int) -> list[Row]:
        images = sets[draw]
        real = to_labelled(images.images, images.labels)
        own = config if draw == 0 else quiet
        try:
            watch = None if watches is None else watches[draw]
            return fit(generators[draw], real, seeds[draw], own, folders[draw], progress, watch, processes)
        except UserError as error:
            raise UserError(f"draw {draw + 1}: {error}") from error

    with Progress(processes.leads) as progress:
        # torch.compile is not made for threads, nor is what processes tell each other.
        if config.compile or processes.count > 1:
            histories = [train(draw) for draw in range(len(sets))]
            processes.wait()  # The first may delete checkpoints now, which others may be reading.
            return histories
        device = generators[0].device
        return map_in_parallel(train, range(len(sets)), device, None, progress.stop, [OPTIMISERS], streams)
