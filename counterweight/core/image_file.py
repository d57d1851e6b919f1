"""An image table that is read as far as its images are asked for: memory does not grow with the table."""

from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from counterweight.core.errors import UserError
from counterweight.core.groups import number_names
from counterweight.core.images import ImageSet, check_rows, read_facts, read_names, view_pixels
from counterweight.core.row_groups import Indices, RowGroups


class ImageFile:
    """The images of a table's first so many draws: what an `ImageSet` has, but for the pixels, which `take` reads.

    In memory are `labels`, int64 (N,), and one row group.

    Args:
        path: a table that `ImageWriter` wrote.
        draws: so many are looked at, from the first on; None: all.

    Raises:
        UserError: there is no such file, or it is not an image table.
    """

    def __init__(self, path: Path, draws: int | None = None) -> None:
        if not path.is_file():
            raise UserError(f"{path}: no such file; it is an image table that an earlier stage writes")
        try:
            self.file = pq.ParquetFile(path)  # not mapped: all that was read of it would count as this process's memory
            self.shape, self.class_names, self.provenance = read_facts(self.file)
            numbers = self.file.read(["label", "draw"])
            draw = numbers.column("draw").to_numpy()
            check_rows(numbers.column("label").to_numpy(), draw, self.class_names)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise UserError(f"{path}: not an image table of this project: {error}") from error
        self.rows = np.arange(len(draw)) if draws is None else np.flatnonzero(draw < draws)
        self.labels: Indices = numbers.column("label").to_numpy()[self.rows]
        self.row_groups = RowGroups(self.file, path)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def item(self) -> str:
        """Dataset, scenario and generator; see `ImageSet.item`."""
        return str(self.provenance.get("item", ""))

    @property
    def not_applicable(self) -> str | None:
        """Why there are no images; see `ImageSet.not_applicable`."""
        reason = self.provenance.get("not_applicable")
        return None if reason is None else str(reason)

    @cached_property
    def groups(self) -> Indices | None:
        """Numbers (N,) of images that no draw may part; see `ImageSet.groups`. Reads the names of all."""
        return number_names(self.read_group_names()) if "group" in self.file.schema_arrow.names else None

    def read_group_names(self) -> npt.NDArray[np.str_]:
        """Read the names of the groups of all images (N,), which a table has where it has `groups`."""
        return read_names(self.file.read(["group"]).column("group"))[self.rows]

    def take(self, indices: Indices) -> ImageSet:
        """Read the images at `indices`, int64 (K,), in that order; quickest where it is the table's."""
        rows = self.rows[indices]
        images = np.empty((len(rows), *self.shape), dtype=np.uint8)
        texts = [name for name in ("origin", "group") if name in self.file.schema_arrow.names]
        found = {name: np.empty(len(rows), dtype=object) for name in texts}
        for places, own, group in self.row_groups.find(rows, ["image", *texts]):
            images[places] = view_pixels(group.column("image"), self.shape)[own]
            for name in texts:
                found[name][places] = group.column(name).take(own).to_pylist()
        names = {name: column.astype(np.str_) for name, column in found.items()}
        facts = self.class_names, names["origin"], self.provenance, names.get("group")
        return ImageSet(images, self.labels[indices], *facts)


Images = ImageSet | ImageFile
"""Labelled images, in memory or on disk."""


def take_at_most(images: Images, most: int | None, rng: np.random.Generator) -> ImageSet:
    """Return all images, or so many drawn at random, in the set's own order; the generator is used only then."""
    if most is not None and len(images) > most:
        return images.take(np.sort(rng.permutation(len(images))[:most]))
    return images if isinstance(images, ImageSet) else images.take(np.arange(len(images)))
