"""What each recipe reached on a test split: the results in benchmarks/results as values."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a recipe reached on a test split, each picture asked about once by each network."""

    data: str
    pictures: int
    """Of the test split."""

    accuracy: float
    """The mean over `trainings`, 0 to 1, with the recipe's test-time views."""

    without_tta: float | None = None
    """The same with each picture as it is; None where the recipe has no views."""

    trainings: int
    """With as many seeds."""

    epochs: int


MEASURED = {
    "first-cnn": Measured(data="cifar10", pictures=10_000, accuracy=0.7126, trainings=1, epochs=25),
    "quick": Measured(data="cifar10", pictures=10_000, accuracy=0.8196, trainings=1, epochs=30),
    "fast": Measured(
        data="cifar10", pictures=10_000, accuracy=0.9406, without_tta=0.9317, trainings=5, epochs=9
    ),
}
"""Recipe -> what its page in benchmarks/results says; a recipe that is not here was not measured."""
