"""What a number of minutes may choose among, and what is expected of it before anything is measured.

Every figure is a measured one and names its source. The ranges of curves are wide ones that hold all courses in
`benchmarks/results/minutes-courses-*`, which `benchmarks/minutes.py --courses` writes; a test holds them to that.
"""

from collections.abc import Iterable, Iterator

from tellapart.metrics.learning_curve import CurvePrior
from tellapart.recipes.adapt import FEWEST_FOR_SHORT_SCHEDULES, SHORT, adapted_to
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.recipes import RECIPES, fast

SMALLER_SIDES = (192, 160, 128, 96)
"""Pixels to which photos may be brought for a backbone where there is no time for its own size. At 96 its last layer
alone was right on 79.1% of CIFAR-10's held-out pictures, at 64 on 69.0% (benchmarks/results/fine_tuning-2026-11-29)."""

MOST_EPOCHS = max(recipe().epochs for recipe in RECIPES.values())
"""The longest schedule of any recipe: nothing longer was tried."""

SOURCE = "prior: ranges that hold the courses in benchmarks/results/minutes-courses"

OF_STEPS = CurvePrior(floor=(0.001, 0.4), scale=(1.0, 500.0), power=(0.4, 3.0), noise=0.2, source=SOURCE)
"""Error of a training from scratch, over the steps of its whole schedule."""

OF_PICTURES = CurvePrior(floor=(0.001, 0.5), scale=(1.0, 2000.0), power=(0.4, 3.0), noise=0.2, source=SOURCE)
"""Error of a last layer on a backbone's features, over training pictures."""

TUNED_ERROR = (0.62, 0.64, 0.69)
"""Error of a fine-tuned network as a share of that of its last layer alone, after the recipe's five epochs: lowest,
median and highest of five with 1,500 pictures of CIFAR-10 (benchmarks/results/fine_tuning-2026-11-29-*)."""

TUNED = "five measured fine-tunings"
"""What a forecast calls them."""

UNSURE_BY_ERROR = 2.0
"""Pictures of which two views are not sure, so that four more are predicted, for each one predicted wrongly."""

FIXED_SECONDS = {"scratch": 2.5, "backbone": 5.0}
"""Processor time of a command's end, whatever the number of pictures: picture grid and report written, process ended.
Of one minute each on digits and on cats and dogs, from the last score on: 5.5 s beside programs that made everything
take 2.2 times its processor time, and 13.8 s beside 2.8 times."""


def candidates(config: TrainConfig, images: int, side: int | None) -> Iterator[TrainConfig]:
    """Yield the configurations among which the minutes choose, the one for most minutes first.

    Args:
        config: complete, its recipe chosen.
        images: number of training images.
        side: of the backbone's own pictures in pixels; None: the size is given, or there is no backbone.
    """
    yield config
    if config.head is not None and side is not None:
        yield from (config.changed(size=(each, each)) for each in SMALLER_SIDES if each < side)
    if config.recipe == "fast":
        short = SHORT if images >= FEWEST_FOR_SHORT_SCHEDULES else {"widths": SHORT["widths"]}
        if _is_the_recipes_own(config, images, short):
            yield config.changed(**short)


def _is_the_recipes_own(config: TrainConfig, images: int, names: Iterable[str]) -> bool:
    """Return whether nobody has set one of these fields."""
    for mirrors in (True, False):
        own = adapted_to(fast(mirrors=mirrors), images)
        if all(getattr(own, name) == getattr(config, name) for name in names):
            return True
    return False
