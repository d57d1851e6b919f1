"""What the imbalance stage writes: how many images of each class there are where."""

from pydantic import RootModel

from counterweight.core.schema import Result


class ClassCounts(Result):
    """Images of one class before and after the scenario, wanted, in the reference set and in the test part."""

    before: int
    train: int
    wanted: int
    reference: int
    test: int
    minority: bool


class Counts(RootModel[dict[str, ClassCounts]]):
    """By the class's name, in the order of the labels."""
