"""Measured test accuracy of each recipe: the results in benchmarks/results as values."""

from dataclasses import dataclass

from tellapart.pages.card import Readable


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured(Readable):
    """Accuracy of a recipe on a test split, from one evaluation of each trained network."""

    data: str
    pictures: int
    """Number of test images."""

    accuracy: float
    """Mean over `trainings`, 0 to 1, with the recipe's test-time augmentation."""

    without_tta: float | None = None
    """The same without test-time augmentation; None if the recipe uses none."""

    trainings: int
    """Number of trainings, each with its own seed."""

    epochs: int


MEASURED = {
    "first-cnn": Measured(data="cifar10", pictures=10_000, accuracy=0.7126, trainings=1, epochs=25),
    "quick": Measured(data="cifar10", pictures=10_000, accuracy=0.8196, trainings=1, epochs=30),
    "fast": Measured(
        data="cifar10", pictures=10_000, accuracy=0.9406, without_tta=0.9317, trainings=5, epochs=9
    ),
}
"""Recipe -> figures of its page in benchmarks/results; a recipe that is missing here was not measured."""
