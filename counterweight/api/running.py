"""What a library has to see to and a command has for itself: threads of torch, and whose script new processes run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Let torch compute in one thread, as stages and commands do: sums do not depend on the number of cores then."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def keep_main_to_itself() -> Iterator[None]:
    """Let processes that are started here not run the caller's script again, which they need nothing of.

    Python's workers import the main module, so that a script without `if __name__ == "__main__"` would start from its
    beginning in each of them; and code that is typed in has no file that they could find.
    """
    main = sys.modules["__main__"]
    hidden: dict[str, object] = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    vars(main)["__spec__"] = None  # which is looked for, and would be the package's of `python -m`
    try:
        yield
    finally:
        del vars(main)["__spec__"]
        vars(main).update(hidden)
