"""Do synthetic images help my classifier, and how do they differ from the real ones?

>>> import counterweight as cw
>>> cw.compare_classifiers({"plain": [0.6, 0.7, 0.8], "smote": [0.7, 0.8, 0.91]}, reference="plain").draws
3
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterweight.api.audit import Audit, audit
    from counterweight.api.classifiers import ClassifierComparison, compare_classifiers
    from counterweight.api.resampler import Resampler

# Arrow's allocator takes 1 GiB in advance, at some moment: all that reading of strangers' tables may take. It looks
# here when pyarrow is imported.
os.environ.setdefault("MIMALLOC_ARENA_RESERVE", "64M")

PLACES = {
    "Audit": "audit",
    "ClassifierComparison": "classifiers",
    "Resampler": "resampler",
    "audit": "audit",
    "compare_classifiers": "classifiers",
}
"""Where in `api` each name is defined. It is imported when it is first asked for: torch takes seconds."""

__all__ = ["Audit", "ClassifierComparison", "Resampler", "audit", "compare_classifiers"]


if not TYPE_CHECKING:  # type checkers would take any name for one that is there

    def __getattr__(name: str) -> object:
        if name not in PLACES:
            raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
        found: object = getattr(import_module(f"{__name__}.api.{PLACES[name]}"), name)
        globals()[name] = found  # Asked for once.
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
