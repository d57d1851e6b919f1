"""What the imbalance stage writes: how many images of each class there are where."""

from pydantic import RootModel

from counterweight.core.schema import Result


class ClassCounts(Result):
    """Images of one class in the first draw; all draws have as many, but for a few where some are identical."""

    before: int
    """In the training part."""
    fitted: int
    """What generators and classifiers are fitted to."""
    validation: int
    """Set aside, to choose a classifier's epoch."""
    wanted: int
    """Synthetic ones that restore the balance of those fitted."""
    reference: int
    """Real ones, of the training and the test part, that no generator sees."""
    test: int
    minority: bool


class Counts(RootModel[dict[str, ClassCounts]]):
    """By the class's name, in the order of the labels."""
