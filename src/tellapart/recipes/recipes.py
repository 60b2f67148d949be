"""Recipes: functions that return one complete, frozen TrainConfig.

A flag on the command line changes a field of it, nothing else.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from tellapart.data.augmentation.policies.crops import RandomResizedCrop
from tellapart.data.augmentation.settings import Augmentation
from tellapart.errors import ConfigError
from tellapart.models.backbones import DEFAULT_BACKBONE
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
from tellapart.recipes.transfer_settings import STAGES, FineTuning, HeadSettings
from tellapart.text import described


def first_cnn(*, mirrors: bool = True) -> TrainConfig:
    """Return the configuration of the original Keras CIFAR-10 CNN tutorial.

    RMSprop at 1e-4 with the old `decay` of 1e-6, batches of 32, 200 epochs, shifted and mirrored images, and
    each epoch scored on the *test* images. Therefore no epoch is chosen by its score: the weights of the last
    epoch are the model, as in the tutorial.

    Keras then divided by sqrt(mean square) + 1e-7; today it divides by sqrt(mean square + epsilon), where
    the same 1e-7 acts like 3e-4 and slows training down. Epsilon is therefore 1e-14 here.

    Args:
        mirrors: whether a mirrored image still shows its class, as the tutorial's images do.

    Source: the Keras team's examples/cifar10_cnn.py (2015-2019).
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
    """Return the tutorial's network with a modern training: Adam, a one-cycle learning rate, 30 epochs.

    Epochs are scored on images held out of the training split; the best is kept; the test split is used once.

    Args:
        mirrors: whether a mirrored image still shows its class; not so for digits.

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
    """Return the method of the speed records on a network for CPUs: high accuracy in minutes.

    2% of the training images are held out to score each epoch; the last epoch is kept.

    Args:
        mirrors: whether a mirrored image still shows its class; not so for digits.

    Sources: KellerJordan/cifar10-airbench (Muon, alternating flip, whitening), Hoffer et al. 2017 (ghost
    batches). Every number was chosen on held-out training images.
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
        tta_views=6 if mirrors else 1,
    )


def accurate(*, mirrors: bool = True) -> TrainConfig:
    """Return the method of the speed records on a larger network: a point or two above `fast`, at many times the cost.

    The published network reached 96.0% on CIFAR-10 after 45 epochs of SGD; here it is trained with Muon. Shifts
    and gray squares suit images of about 32 pixels. Not yet trained to its end here.

    Args:
        mirrors: whether a mirrored image still shows its class; not so for digits.

    Sources: KellerJordan/cifar10-airbench, airbench96 (network, cutout, wider shifts) and airbench94_muon.
    """
    config = fast(mirrors=mirrors)
    assert config.augmentation is not None
    assert isinstance(config.optimizer, MuonSettings)
    return config.changed(
        recipe="accurate",
        widths=(128, 384, 512),
        depth=3,
        optimizer=dataclasses.replace(config.optimizer, whitening_share=1 / 80),
        epochs=40,
        augmentation=dataclasses.replace(
            config.augmentation, width_shift_range=5, height_shift_range=5, cutout=12
        ),
    )


def best(*, mirrors: bool = True) -> TrainConfig:
    """Return the most accurate published method without extra data: a wide residual network with RICAP.

    WRN-28-10 with RICAP is published at 97.2 to 97.3% on CIFAR-10 after 200 epochs. It needs a GPU: 0.31
    EFLOP in total, so ten minutes would take 0.5 PFLOP/s throughout. Not yet trained here.

    Args:
        mirrors: whether a mirrored image still shows its class; not so for digits.

    Sources: Zagoruyko & Komodakis 2016 (network, rates); Takahashi et al. 2018 (RICAP);
    hysts/pytorch_image_classification (both combined).
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
            weight_decay=5e-3,  # decoupled: ten times 5e-4, which a momentum of 0.9 would multiply
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
        tta_views=2 if mirrors else 1,
    )


def photos_from_scratch(*, mirrors: bool = True) -> TrainConfig:
    """Return the training of a small residual network on photos of 128 pixels, for those that no backbone may help.

    Random resized crops show a network a new part of a photo in every epoch, so that it can see few photos often. Sizes
    from 64 to 224 pixels suit it. With few photos `transfer` is far more accurate. Not yet trained to its end here.

    Args:
        mirrors: whether a mirrored image still shows its class.

    Sources: those of `fast`; He et al. 2015, arXiv:1512.03385 (residual networks); Szegedy et al. 2015,
    arXiv:1409.4842 (random resized crops).
    """
    config = fast(mirrors=mirrors)
    return config.changed(
        recipe="photos-from-scratch",
        network="photo-resnet",
        widths=(32, 64, 128),
        depth=3,
        epochs=60,
        augmentation=Augmentation(
            horizontal_flip=mirrors,
            alternating_flip=mirrors,
            policies=(RandomResizedCrop(scale=(0.3, 1.0)),),
        ),
        size=(128, 128),
        tta_views=2 if mirrors else 1,
    )


def transfer(*, mirrors: bool = True) -> TrainConfig:
    """Return a linear head on the features of a network that was trained on a million photos.

    The backbone, EfficientNet-Lite0, stays as it is at first. Each photo and its mirror image pass through it once; the
    head's penalty is chosen by cross-validation, or on held-out images where there are many. Then the backbone is
    fine-tuned where held-out images can tell a gain and the work is limited; the better network on them is kept. The
    learning rate was chosen on training images (`benchmarks/fine_tuning.py`, `benchmarks/NOTES.md`).

    Args:
        mirrors: whether a mirrored image still shows its class.

    Sources: Donahue et al. 2014, arXiv:1310.1531 (features of a pretrained network); Kornblith et al. 2019,
    arXiv:1805.08974 (a linear head as the measure of them); Howard & Ruder 2018, arXiv:1801.06146 (lower rates below).
    """
    return TrainConfig(
        recipe="transfer",
        network="backbone",
        backbone=DEFAULT_BACKBONE,
        head=HeadSettings(mirror=mirrors),
        fine_tune="auto",
        fine_tuning=FineTuning(
            stages=STAGES,
            stage_factor=0.7,
            epochs=5,
            batch_size=32,
            optimizer=OptimizerSettings(
                name="Adam", learning_rate=5e-4, schedule="cosine", warmup_fraction=0.1
            ),
            augmentation=Augmentation(width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=mirrors),
        ),
        optimizer=OptimizerSettings(name="SGD", learning_rate=0.01, schedule="cosine", momentum=0.9),
        epochs=1,
        augmentation=None,
        validation="cross-validation",
        keep="last",
        tta_views=2 if mirrors else 1,
    )


RECIPES: dict[str, Callable[..., TrainConfig]] = {
    "first-cnn": first_cnn,
    "quick": quick,
    "fast": fast,
    "accurate": accurate,
    "best": best,
    "photos-from-scratch": photos_from_scratch,
    "transfer": transfer,
}
"""Recipe name -> function that returns its configuration."""

FROM_SCRATCH = tuple(name for name, recipe in RECIPES.items() if recipe().head is None)
"""The recipes that train a whole network, in epochs."""


DEMO_EPOCHS = 60
"""Epochs of `quick` on the 1,797 digits: a small data set needs more passes than a large one."""

DEMO_CHANGES: Final[dict[str, Any]] = {
    "augmentation": Augmentation(
        rotation_range=10, zoom_range=0.1, shear_range=10, width_shift_range=0.1, height_shift_range=0.1
    ),
    "keep": "last",
}
"""What else the demo changes in `quick`: people slant their digits, and 144 held-out ones tell no epochs apart."""


def find_recipe(name: str) -> Callable[..., TrainConfig]:
    """Return the recipe of that name.

    Raises:
        ConfigError: there is no such recipe.
    """
    if not isinstance(name, str) or name not in RECIPES:
        met = described(name, with_kind=False)
        raise ConfigError(f"Unknown recipe {met}. Available recipes: {', '.join(RECIPES)}.")
    return RECIPES[name]
