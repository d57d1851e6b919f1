"""The real images that synthetic ones are compared with: a table of their own, or what no generator saw in a draw."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from counterweight.core.draws import read_draws
from counterweight.core.errors import UserError
from counterweight.core.image_file import ImageFile, Images
from counterweight.core.images import ImageSet, read_images


def add_real_arguments(parser: ArgumentParser) -> None:
    """Let a stage's command line name the real images: `--real`, or `--draws`, `--train` and `--test`."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--real", type=Path, help="image table of real images")
    which.add_argument("--draws", type=Path, help="table of draws: the real images that no generator saw")
    parser.add_argument("--train", type=Path, help="with --draws: image table of the training part")
    parser.add_argument("--test", type=Path, help="with --draws: image table of the test part")


def read_real(arguments: Namespace, draws: int) -> tuple[Images, ImageSet | None]:
    """Return the real images, and those that the generators learned from, if that is known.

    Args:
        draws: so many draws are looked at, from the first on.

    Raises:
        UserError: the command line names neither, or a file is missing or is something else.
    """
    if arguments.real is not None:
        return ImageFile(arguments.real), None
    if None in (arguments.draws, arguments.train, arguments.test):
        raise UserError("--real FILE, or --draws FILE --train FILE --test FILE, is needed")
    train, test = read_images(arguments.train), read_images(arguments.test)
    found = read_draws(arguments.draws, train)
    return found.reference(train, test, draws), found.seen(train, draws)
