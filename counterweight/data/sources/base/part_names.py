"""What parts of a dataset are called, train, val and test, and what is made of the parts that are there."""

import re
from collections.abc import Collection, Sequence
from typing import Literal

VALIDATION = ("val", "valid", "validation", "dev")
TESTS = ("test", "eval", "evaluation", "holdout")  # the first that is there is tested on
PARTS = ("train", *TESTS, *VALIDATION)
SHORT = {"trn": "train", "tst": "test"}
HELD_OUT = re.compile(r"h[eo]ld[ _-]?out")
JOINED = re.compile(r"train[ _-]?val(?![a-z])")  # what is trained on at last
NAMED_PART = re.compile(rf"(?<![a-z])({'|'.join(PARTS)})(?:ing|set|data)?(?![a-z])")  # in lower case: test_images
Validation = Literal["use", "leave_out"]


def parse_part_name(name: str) -> str | None:
    """Return which of PARTS a name means, however it is written (`Train`, `testing`, `tst`); None if it is none."""
    word = JOINED.sub("train", HELD_OUT.sub("holdout", name.strip().lower())).removesuffix("ing")
    word = SHORT.get(word, word)
    return word if word in PARTS else None


def guess_part_name(name: str) -> str | None:
    """Return which of PARTS is the only one named in a name (`seg_train`, `TestSet`); None if none or several are."""
    found = {*find_part_words(name)}
    return found.pop() if len(found) == 1 else None


def find_part_words(name: str) -> list[str]:
    """Return which of PARTS are named in a name, those in `TestSet` and `trainA`, too."""
    return NAMED_PART.findall(JOINED.sub("train", HELD_OUT.sub("holdout", space_words(name))))


def space_words(name: str) -> str:
    """Return a name in lower case, with `_` where a word begins with a capital, as in `TestSet`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def are_part_names(names: Sequence[str]) -> bool:
    """Say whether names of folders look like those of parts, as `train_images` and `test_images`, not of classes."""
    found = [find_part_words(name) for name in names]
    exact = all(parse_part_name(name) for name in names)
    return bool(names) and all(found) and (exact or any("train" in words for words in found))


def assign_parts(present: Collection[str], validation: Validation) -> tuple[list[str], list[str]]:
    """Return the names of the parts that make the training part, and of those that make the test part.

    Those of a second test part (`holdout` beside `test`) are in neither.

    Args:
        present: names of PARTS, among them `train`.
    """
    own = [word for word in VALIDATION if validation == "use" and word in present]
    tested = [word for word in TESTS if word in present][:1] or own
    return ["train", *(word for word in own if word not in tested)], tested


def describe_joined(trained: Collection[str], tested: Collection[str] = ()) -> list[str]:
    """Return a note if images of other parts are trained on beside those of `train`, or only validation is tested on.

    Args:
        trained, tested: names of PARTS.
    """
    others = [word for word in trained if word != "train"]
    if tested and {*tested} <= {*VALIDATION}:
        return [f"images of {', '.join(tested)} are tested on: there is no other such part"]
    if not others or len(others) == len(trained):
        return []
    return [f"images of {', '.join(others)} join the training part; set validation: leave_out leaves them out"]
