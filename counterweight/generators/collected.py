"""Images collected elsewhere: whatever another program made, read from files and judged as a row of the table.

`collected/FOLDER/` holds a sub-folder for each class that needs images, called as the class. The graph watches all of
`collected/` but does not follow links to folders, so these are refused. Each image is used once: a class with fewer
than are wanted makes this generator not applicable.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator
from torch import Tensor

from counterweight.core import schema
from counterweight.core.errors import UserError
from counterweight.core.images import Fit
from counterweight.core.tensors import Labelled
from counterweight.generators.base.generator import Generator, NotApplicable

ROOT = Path("collected")


def check_folder(folder: str) -> str:
    """Let pass a path that does not lead out of the folder that is watched."""
    # Looked at as text, before any file is touched.
    path = PurePosixPath(folder)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"a folder inside {ROOT}/, which is all that the graph watches")
    return folder


class Settings(schema.Settings):
    """Settings of collected images."""

    folder: Annotated[str, AfterValidator(check_folder)] = "."
    """Folder inside `collected/` that holds a folder of images for each class."""
    fit: Fit = "stretch"
    """`stretch` to the size of the real images whatever the proportions, `crop` or `pad` with white."""


class Collected(Generator):
    """Files drawn at random without repetition."""

    settings: Settings
    in_pieces = False

    @classmethod
    def precheck(cls, settings: schema.Settings, class_names: Sequence[str]) -> None:
        """Refuse a folder that is not there, and sub-folders that are no classes."""
        assert isinstance(settings, Settings)
        folder = ROOT / settings.folder
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder; it must hold a sub-folder of images for each class")
        refuse_links(folder)
        found = {path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
        expected = f"expected some of {', '.join(class_names)}"
        if not found:
            raise UserError(f"{folder}: no sub-folder; {expected}")
        if strange := sorted(found - {*class_names}):
            raise UserError(f"{folder}/{strange[0]}: no class of that name; {expected}")

    def sample(self, labels: Tensor, real: Labelled, rng: torch.Generator) -> Tensor:
        """Read as many images of each class as are wanted, in random order."""
        # Here, since training stands on no decoding: a change there would train every generator anew.
        from counterweight.data.decode.images import Target, describe_bad_files
        from counterweight.data.decode.pool import Workers, decode_images

        refuse_links(ROOT / self.settings.folder)
        files: list[Path] = [Path()] * len(labels)
        for label in labels.unique().tolist():
            wanted = (labels == label).nonzero().squeeze(1).tolist()
            own = self.files_of(self.class_names[label], len(wanted))  # Refused if too few: `strict` is off below.
            order = torch.randperm(len(own), generator=rng).tolist()
            for place, index in zip(wanted, order, strict=False):
                files[place] = own[index]
        channels, height, width = self.shape
        target = Target((height, width), channels, self.settings.fit)
        with Workers() as workers:
            chunks = [*decode_images(files, len(files), target, "decode", workers)]
        if bad := [fault for chunk in chunks for fault in chunk.bad if fault]:
            raise UserError(f"{describe_bad_files(bad)}; mend or remove it")
        none = np.empty((0, *self.shape), dtype=np.uint8)  # NumPy refuses to concatenate no arrays.
        return torch.from_numpy(np.concatenate([none, *(chunk.images for chunk in chunks)]))

    def files_of(self, name: str, wanted: int) -> list[Path]:
        """Return the image files of a class.

        Raises:
            NotApplicable: there are fewer than wanted.
        """
        from counterweight.data.decode.images import find_image_files

        folder = ROOT / self.settings.folder / name
        found = find_image_files(folder, folder, follow_links=True).files if folder.is_dir() else []
        if len(found) < wanted:
            raise NotApplicable(f"{folder}: {len(found)} images, but class '{name}' needs {wanted}")
        return found


def refuse_links(folder: Path) -> None:
    """Refuse links to folders, on the way to the images or among them: DVC would not notice what changes there."""
    inner = [path for path in folder.rglob("*") if path.is_dir()] if folder.is_dir() else []
    for path in [folder, *folder.parents, *inner]:
        if path.is_symlink() and path.is_relative_to(ROOT) and path != ROOT:
            raise UserError(f"{path}: a link to a folder, which the graph does not watch; copy the folder (cp -al)")
