"""Recipes: functions that return one complete, frozen Run.

A flag on the command line changes a field of the Run, nothing else.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tellapart.data.augmentation.shift_flip import Augmentation
from tellapart.errors import ConfigError
from tellapart.recipes.config import MuonSettings, OptimizerSettings, TrainConfig


def first_cnn(*, mirrors: bool = True) -> TrainConfig:
    """The Keras CIFAR-10 CNN tutorial, as it was.

    RMSprop at 1e-4 with the old `decay` of 1e-6, batches of 32, 200 epochs, shifted and mirrored pictures,
    and each epoch scored on the *test* pictures. Because of that, no epoch is picked by its score: the last
    one's weights are the model, as in the tutorial.

    The Keras of its day divided by sqrt(mean square) + 1e-7; today's divides by sqrt(mean square + epsilon),
    where the same 1e-7 acts like 3e-4 and slows the learning down. So epsilon is 1e-14 here.

    Args:
        mirrors: whether a mirrored picture still shows its class; the tutorial's pictures do.

    Dataset: the Keras team's examples/cifar10_cnn.py (2015-2019).
    """
    return TrainConfig(
        recipe="first-cnn",
        optimizer=OptimizerSettings(
            name="RMSprop", learning_rate=1e-4, schedule="inverse time", decay=1e-6, epsilon=1e-14
        ),
        epochs=200,
        augmentation=dataclasses.replace(Augmentation.tutorial(), horizontal_flip=mirrors),
        validation="test",
        keep="last",
    )


def quick(*, mirrors: bool = True) -> TrainConfig:
    """The tutorial's network, trained as one would today: Adam, a one-cycle learning rate, 30 epochs.

    Scored on pictures held out of the training split; the best epoch is kept; the test split is touched once.

    Args:
        mirrors: whether a mirrored picture still shows its class; not so for digits.

    Sources: Kingma & Ba 2015 (Adam); Loshchilov & Hutter 2017 (cosine), Goyal et al. 2017 (warm-up).
    """
    return TrainConfig(
        recipe="quick",
        optimizer=OptimizerSettings(name="Adam", learning_rate=1e-3, schedule="cosine", warmup_fraction=0.1),
        epochs=30,
        augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=mirrors),
        validation="held out",
        keep="best",
    )


def fast(*, mirrors: bool = True) -> TrainConfig:
    """The records' method on a network for processors: much accuracy in minutes.

    Trained on all but 2% of the training pictures, which score each epoch; the last epoch is kept.

    Args:
        mirrors: whether a mirrored picture still shows its class; not so for digits.

    Sources: KellerJordan/cifar10-airbench (Muon, alternating flip, whitening), Hoffer et al. 2017 (ghost
    batches). Every number was chosen on held-out training pictures.
    """
    return TrainConfig(
        recipe="fast",
        network="whitened-cnn",
        widths=(64, 256, 256),
        optimizer=MuonSettings(learning_rate=0.2, whitening_share=1 / 18),
        batch_size=1000,  # in four parts of 250, so that two cores or four have equal shares
        statistics_over=250,
        label_smoothing=0.2,
        epochs=9,
        augmentation=Augmentation(
            width_shift_range=3,
            height_shift_range=3,
            fill_mode="mirror",
            horizontal_flip=mirrors,
            alternating_flip=mirrors,
        ),
        validation="held out",
        validation_share=0.02,
        keep="last",
        views=6 if mirrors else 1,
    )


def accurate(*, mirrors: bool = True) -> TrainConfig:
    """The records' method on their larger network: a point or two more than `fast`, for many times its cost.

    The published network reached 96.0% on CIFAR-10 after 45 epochs of SGD; here it learns by Muon. Shifts and
    grey squares are for pictures of about 32 pixels. Not trained to its end here yet.

    Args:
        mirrors: whether a mirrored picture still shows its class; not so for digits.

    Sources: KellerJordan/cifar10-airbench, airbench96 (network, cutout, wider shifts) and airbench94_muon.
    """
    run = fast(mirrors=mirrors)
    assert run.augmentation is not None
    assert isinstance(run.optimizer, MuonSettings)
    return run.changed(
        recipe="accurate",
        widths=(128, 384, 512),
        depth=3,
        optimizer=dataclasses.replace(run.optimizer, whitening_share=1 / 80),
        epochs=40,
        augmentation=dataclasses.replace(
            run.augmentation, width_shift_range=5, height_shift_range=5, cutout=12
        ),
    )


def best(*, mirrors: bool = True) -> TrainConfig:
    """What reached the most in print without other data: a wide residual network and pictures put together.

    WRN-28-10 with RICAP is published at 97.2 to 97.3% on CIFAR-10 after 200 epochs. Made for a GPU: 0.31
    EFLOP in all, so ten minutes would take 0.5 PFLOP/s throughout. Not trained here yet.

    Args:
        mirrors: whether a mirrored picture still shows its class; not so for digits.

    Sources: Zagoruyko & Komodakis 2016 (network, rates); Takahashi et al. 2018 (RICAP);
    hysts/pytorch_image_classification (the two together).
    """
    return TrainConfig(
        recipe="best",
        network="wide-resnet",
        widths=(160, 320, 640),
        depth=4,
        optimizer=OptimizerSettings(
            name="SGD",
            learning_rate=0.1,
            schedule="cosine",
            warmup_fraction=0.02,
            momentum=0.9,
            weight_decay=5e-3,  # decoupled, so ten times the 5e-4 that momentum of 0.9 multiplies
        ),
        batch_size=128,
        epochs=200,
        augmentation=Augmentation(
            width_shift_range=5,
            height_shift_range=5,
            fill_mode="constant",
            cval=128.0,
            horizontal_flip=mirrors,
        ),
        mixing="ricap",
        validation="held out",
        validation_share=0.02,
        keep="last",
        views=2 if mirrors else 1,
    )


_SHORT: dict[str, Any] = {
    "widths": (64, 128, 256),
    "optimizer": MuonSettings(learning_rate=0.17),
    "batch_size": 250,
    "statistics_over": 125,
    "views": 1,
}
FEWEST_FOR_SHORT_WAYS = 20_000
"""Training pictures."""

STEPS_AT_LEAST, FEWEST_AT_ONCE = 20, 32
"""Of an epoch by Muon; and pictures of a step, where both cannot be had."""

SHORT_WAYS: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.65, {**_SHORT, "epochs": 1, "pictures_per_epoch": 10_000}),
    (0.72, {**_SHORT, "epochs": 1, "pictures_per_epoch": 20_000}),
    (0.80, {**_SHORT, "epochs": 2}),
)
"""Of `fast`, on CIFAR-10: validation accuracy, and the shortest schedule known to reach it."""


def for_target(run: TrainConfig, target: float, pictures: int) -> TrainConfig:
    """The run, ending as soon as its validation accuracy is `target`; `fast` also by a shorter schedule.

    The schedules are for tens of thousands of pictures; on fewer the whole run is made.

    A learning rate that falls to zero within a short run gets further than the beginning of a long one.
    Elsewhere than on CIFAR-10 the short schedule may miss; the run says what it reached.

    Args:
        run: complete.
        target: 0 to 1.
        pictures: to learn from.

    Raises:
        ConfigError: `target` is no share, or the run is scored on the test split.
    """
    known = SHORT_WAYS if run.recipe == "fast" and pictures >= FEWEST_FOR_SHORT_WAYS else ()
    shorter = next((way for reached, way in known if target <= reached), {})
    return run.changed(target=target, **shorter)


def adapted_to(run: TrainConfig, pictures: int) -> TrainConfig:
    """A run by Muon with batches small enough that an epoch has some twenty steps; any other as it is.

    The rate falls with the root of the batch: what a step learns from fewer pictures is less certain.
    More pictures are held out, so that their score says something: 100, but at most a fifth.

    Args:
        run: complete.
        pictures: in the training split.
    """
    if not isinstance(run.optimizer, MuonSettings) or pictures >= STEPS_AT_LEAST * run.batch_size:
        return run
    batch_size = max(FEWEST_AT_ONCE, pictures // STEPS_AT_LEAST)
    rate = run.optimizer.learning_rate * (batch_size / run.batch_size) ** 0.5
    return run.changed(
        batch_size=batch_size,
        statistics_over=min(run.statistics_over or batch_size, batch_size),
        optimizer=dataclasses.replace(run.optimizer, learning_rate=rate),
        validation_share=max(run.validation_share, min(0.2, 100 / pictures)),
    )


RECIPES: dict[str, Callable[..., TrainConfig]] = {
    "first-cnn": first_cnn,
    "quick": quick,
    "fast": fast,
    "accurate": accurate,
    "best": best,
}
"""Name on the command line -> recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a recipe reached on a test split, each picture asked about once by each network."""

    data: str
    pictures: int
    """Of the test split."""

    accuracy: float
    """The mean over `trainings`, 0 to 1, with the recipe's test-time views."""

    without_views: float | None = None
    """The same with each picture as it is; None where the recipe has no views."""

    trainings: int
    """With as many seeds."""

    epochs: int


MEASURED = {
    "first-cnn": Measured(data="cifar10", pictures=10_000, accuracy=0.7126, trainings=1, epochs=25),
    "quick": Measured(data="cifar10", pictures=10_000, accuracy=0.8196, trainings=1, epochs=30),
    "fast": Measured(
        data="cifar10", pictures=10_000, accuracy=0.9406, without_views=0.9317, trainings=5, epochs=9
    ),
}
"""Recipe -> what its page in benchmarks/results says; a recipe that is not here was not measured."""


DEMO_EPOCHS = 60
"""Of `quick` on the 1,797 digits: a set this small wants more passes than a large one."""


def find_recipe(name: str) -> Callable[..., TrainConfig]:
    """The recipe of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in RECIPES:
        raise ConfigError(f"There is no recipe {name!r}. There are: {', '.join(RECIPES)}.")
    return RECIPES[name]
