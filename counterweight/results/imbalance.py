"""What the imbalance stage writes: how many images of each class there are where."""

from pydantic import RootModel, SerializerFunctionWrapHandler, model_serializer

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
    in_train: int = 0
    """Of the test images, how many are in the training part, too, pixel by pixel."""
    near_train: int = 0
    """And how many others nearly so."""
    group_train: int = 0
    """And how many are of a patient, video or the like that has training images, too."""

    @model_serializer(mode="wrap")
    def leave_out_zeros(self, handler: SerializerFunctionWrapHandler) -> dict[str, int | bool]:
        """Leave out what no clean dataset has, so that its results have no word of it."""
        values: dict[str, int | bool] = handler(self)
        return {key: value for key, value in values.items() if value or not key.endswith("_train")}


class Counts(RootModel[dict[str, ClassCounts]]):
    """By the class's name, in the order of the labels."""
