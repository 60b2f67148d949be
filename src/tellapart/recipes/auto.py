"""Auto: which recipe suits the data, by a rule on the number and the size of its images.

The rule follows `benchmarks/small_pictures.py` and `benchmarks/few_photos.py`: a network that was trained on a million
photos needs few of one's own; small pictures in great number are learned better from scratch.
"""

from statistics import median
from typing import NamedTuple

from tellapart.data.dataset import Dataset
from tellapart.recipes.config import TrainConfig
from tellapart.text import counted

AUTO = "auto"
"""What stands for the recipe to be chosen."""

AUTO_CHOOSES = ("transfer", "fast", "photos-from-scratch")

SMALL_SIDE = 64
"""Pixels; pictures whose longer side is larger are photos."""

FEWEST_FROM_SCRATCH = 30_000
"""Small color pictures from which on a network is trained from scratch. Of CIFAR-10's, transfer was better with 10,000
(90.5% against 86.2%), a little with 20,000 (90.8% against 89.6%); from scratch, all 50,000 give 94.1%."""

FEWEST_GRAY_FROM_SCRATCH = 200
"""Small gray pictures, likewise: they are unlike a backbone's photos. Of MNIST's, transfer was better with 100
(79.8% against 72.0%), from scratch with 200 (91.8% against 86.6%) and with 5,000 (99.5% against 94.7%)."""


class Choice(NamedTuple):
    """A recipe, and why it was chosen."""

    recipe: str | TrainConfig
    reason: str
    """In words; empty where somebody named the recipe."""


def choose_recipe(dataset: Dataset) -> Choice:
    """Return the recipe for this data.

    Args:
        dataset: as opened.

    Raises:
        DataError: there is no training split.
    """
    train = dataset.part("train")
    shapes = list(train.images.shapes())
    sides = [max(height, width) for height, width, _ in shapes]
    if not sides:  # reading the images will name what is wrong with them
        return Choice("transfer", "")
    side = round(median(sides))
    if dataset.shards is not None:
        recipe = "fast" if side <= SMALL_SIDE else "photos-from-scratch"
        return Choice(
            recipe, f"chosen for {counted(dataset.training_size, 'picture')} in shards: trained from scratch"
        )
    if side > SMALL_SIDE:
        return Choice("transfer", f"chosen for photos: the median of their longer sides is {side} pixels")
    are_gray = all(channels == 1 for _, _, channels in shapes)
    pictures = counted(len(train), "small gray picture" if are_gray else "small picture")
    if len(train) >= (FEWEST_GRAY_FROM_SCRATCH if are_gray else FEWEST_FROM_SCRATCH):
        return Choice("fast", f"chosen for {pictures}: trained from scratch")
    return Choice("transfer", f"chosen for {pictures}, too few to train from scratch")


def otherwise(choice: Choice, dataset: Dataset) -> str | None:
    """Return the recipe for this data where there is no time for the chosen one; None where no other is worth it.

    Photos are not learned from scratch in minutes: with 50 of a class, `fast` reached 65.4%, and transfer 99.5%
    (benchmarks/results/few_photos-2026-11-29-1643).

    Args:
        choice: from `choose_recipe`.
        dataset: as opened.
    """
    sides = [max(height, width) for height, width, _ in dataset.part("train").images.shapes()]
    is_small = bool(sides) and median(sides) <= SMALL_SIDE
    return "fast" if choice.recipe == "transfer" and is_small else None
