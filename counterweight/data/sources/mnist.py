"""MNIST: 70,000 handwritten digits in four IDX files, downloaded or read from a mirror."""

from types import MappingProxyType

from counterweight.data.sources.base.idx import Checksums, Dataset, IdxSettings, check_mirror, find_idx
from counterweight.data.sources.base.lazy_images import DatasetSplits

MNIST = Dataset(
    name="mnist",
    classes=tuple("0123456789"),
    addresses=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
    files=MappingProxyType(
        {
            "train-images-idx3-ubyte": Checksums(
                gz="f68b3c2dcbeaaa9fbdd348bbdeb94873", plain="6bbc9ace898e44ae57da46a324031adb"
            ),
            "train-labels-idx1-ubyte": Checksums(
                gz="d53e105ee54ea40749a09fcbcd1e9432", plain="a25bea736e30d166cdddb491f175f624"
            ),
            "t10k-images-idx3-ubyte": Checksums(
                gz="9fb629c4189551a2d022fa330f9573f3", plain="2646ac647ad5339dbf082846283269ea"
            ),
            "t10k-labels-idx1-ubyte": Checksums(
                gz="ec29112dd5afa0611ce80d1b7f02629c", plain="27ae3e4e09519cfbb04c329615203637"
            ),
        }
    ),
)


class Settings(IdxSettings):
    """Settings of MNIST, whose original size is 28 x 28."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the four files; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks a file.
    """
    check_mirror(MNIST, settings, name)
    return MNIST.classes


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """Return MNIST, classes `0` to `9`, in its own split of 60,000 and 10,000.

    Raises:
        UserError: a file is missing, cannot be downloaded, or is not the published one.
    """
    return find_idx(MNIST, settings, name, progress)
