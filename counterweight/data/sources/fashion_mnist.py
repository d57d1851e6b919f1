"""Fashion-MNIST: 70,000 pictures of clothes in MNIST's form (Xiao, Rasul and Vollgraf, 2017, arXiv:1708.07747)."""

from types import MappingProxyType

from counterweight.data.sources.base.idx import Checksums, Dataset, IdxSettings, check_mirror, find_idx
from counterweight.data.sources.base.lazy_images import DatasetSplits

FASHION_MNIST = Dataset(
    name="fashion_mnist",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    addresses=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    # The publisher gives no MD5 of what is in the files: `plain` is what others find in those with the published `gz`.
    files=MappingProxyType(
        {
            "train-images-idx3-ubyte": Checksums(
                gz="8d4fb7e6c68d591d4c3dfef9ec88bf0d", plain="f4a8712d7a061bf5bd6d2ca38dc4d50a"
            ),
            "train-labels-idx1-ubyte": Checksums(
                gz="25c81989df183df01b3e8a0aad5dffbe", plain="9018921c3c673c538a1fc5bad174d6f9"
            ),
            "t10k-images-idx3-ubyte": Checksums(
                gz="bef4ecab320f06d8554ea6380940ec79", plain="8181f5470baa50b63fa0f6fddb340f0a"
            ),
            "t10k-labels-idx1-ubyte": Checksums(
                gz="bb300cfdad3c16e7a12a480ee83cd310", plain="15d484375f8d13e6eb1aabb0c3f46965"
            ),
        }
    ),
)


class Settings(IdxSettings):
    """Settings of Fashion-MNIST, whose original size is 28 x 28."""


def precheck(settings: Settings, name: str) -> tuple[str, ...]:
    """Check that the mirror, if it is a folder, holds the four files; return the names of the classes.

    Raises:
        UserError: there is no such folder, or it lacks a file.
    """
    check_mirror(FASHION_MNIST, settings, name)
    return FASHION_MNIST.classes


def find(settings: Settings, name: str, progress: bool = True) -> DatasetSplits:
    """Return Fashion-MNIST, ten kinds of clothes, in its own split of 60,000 and 10,000.

    Raises:
        UserError: a file is missing, cannot be downloaded, or is not the published one.
    """
    return find_idx(FASHION_MNIST, settings, name, progress)
