"""Which images autoencoders learn, which anchor sampled triplets, and which real triplets are made of, in each draw."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from counterweight.core.errors import UserError
from counterweight.core.images import ImageSet
from counterweight.core.roles import Roles, RoleTable, read_roles, write_roles

ROLES = ("learned", "watched", "anchor", "triplet_train", "triplet_validation", "triplet_test")
"""What autoencoders are fitted to; images on which their losses are watched; images that sampled triplets start from,
which are the autoencoders' test images, too; and those of the real triplets' parts."""
LEARNED, WATCHED, ANCHOR, TRAIN, VALIDATION, TEST = range(len(ROLES))


@dataclass(frozen=True)
class IdentityParts:
    """The roles of N images in D draws, uint8 (D, N), which index `ROLES`; no identity has two roles in a draw.

    The images are those of an image table whose classes are identities. `by_image` says that each image is an identity
    of its own, of which there is no second one.
    """

    roles: Roles
    dataset: str
    by_image: bool

    def __len__(self) -> int:
        return len(self.roles)

    def find(self, draw: int, role: int) -> npt.NDArray[np.int64]:
        """Return the indices of the images that have a role in a draw, increasing."""
        return np.flatnonzero(self.roles[draw] == role)


def write_parts(parts: IdentityParts, path: Path) -> None:
    """Write a row for each draw and image; the rest is metadata."""
    facts = {"dataset": parts.dataset, "by_image": parts.by_image}
    write_roles(RoleTable(parts.roles, facts), ROLES, path)


def read_parts(path: Path, images: ImageSet) -> IdentityParts:
    """Read what `write_parts` wrote of an image table.

    Raises:
        UserError: there is no such file, or it is not such a table, or one of another number of images.
    """
    found = read_roles(path, ROLES, ("dataset", "by_image"), "identify")
    if found.roles.shape[1] != len(images):
        raise UserError(f"{path}: of {found.roles.shape[1]} images, but the image table has {len(images)}")
    return IdentityParts(found.roles, found.facts["dataset"], found.facts["by_image"])
