"""The folders of trained models: which there are, and what their places say; nothing here imports torch."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from counterweight.core.errors import UserError

FACTS = "generator.json"


class Model(NamedTuple):
    """A model's folder and what the pipeline calls it; `data` is the folder of its dataset, None where none is known.

    A draw counts from 0, as the folders do.
    """

    folder: Path
    dataset: str
    scenario: str
    generator: str
    draw: int
    data: Path | None

    @property
    def item(self) -> str:
        """Return dataset, scenario, generator and draw as they are shown, the draw from 1 as in the reports."""
        if self.data is None:
            return self.generator  # its folder's name, which is all that is known
        return f"{self.dataset} / {self.scenario} / {self.generator}, draw {self.draw + 1}"


def find_models(root: Path, path: Path | None) -> list[Model]:
    """Return the models below `root`, or those of one folder: a draw's, or one that holds a folder for each draw.

    Args:
        root: the folder that has `models` and `data`.
        path: a model's folder; None: all below `root`.

    Raises:
        UserError: there are none.
    """
    if path is None:
        found = [*map(describe_folder, list_folders((root / "models").glob("*/*/*/*")))]
        if not found:
            raise UserError(f"{root / 'models'}: no trained model; `dvc repro` makes those of the table")
        return found
    if not path.is_dir():
        raise UserError(
            f"{path}: no such folder; one that the train stage wrote is needed: models/DATASET/SCENARIO/NAME"
        )
    own = list_folders([path]) or list_folders(path.glob("*"))
    if not own:
        raise UserError(f"{path}: no {FACTS} in it: not a model that the train stage wrote")
    return [describe_folder(folder) for folder in own]


def list_folders(folders: Iterable[Path]) -> list[Path]:
    """Return those folders that hold a model, draws in the order of their numbers."""
    found = [folder for folder in folders if (folder / FACTS).is_file()]
    return sorted(found, key=lambda folder: (folder.parent, int(folder.name) if folder.name.isdecimal() else 0))


def describe_folder(folder: Path) -> Model:
    """Return what a model's folder says by its place, models/DATASET/SCENARIO/GENERATOR/DRAW, as far as it does."""
    whole = folder.resolve()
    parts = whole.parts[-5:]
    if len(parts) < 5 or parts[0] != "models" or not parts[4].isdecimal():
        return Model(folder, "", "", whole.name, 0, None)
    _, dataset, scenario, generator, draw = parts
    return Model(folder, dataset, scenario, generator, int(draw), whole.parents[4] / "data" / dataset)
