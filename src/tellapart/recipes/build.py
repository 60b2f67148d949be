"""Build the Keras objects that a TrainConfig describes: the network, its optimizer, its loss."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.lowering import LoweredNet
from tellapart.models.networks import NETWORKS, for_several_labels
from tellapart.recipes.compiled import CompiledSettings
from tellapart.recipes.config import TrainConfig
from tellapart.recipes.optimizer_settings import MuonSettings, OptimizerSettings
from tellapart.recipes.standardized import standardized
from tellapart.runtime.team import Team
from tellapart.training.optim.muon import MuonOptimizer, Rates
from tellapart.training.step import TrainStep

INITIALIZED_FROM, FEWEST_FROM = 2000, 200
"""Most training images that initial weights are computed from, and of very large ones the fewest."""

LARGEST_WHOLE = 64 * 64
"""Pixels of an image, above which fewer are taken: each has more patches."""


def build_model(
    config: TrainConfig,
    image_shape: tuple[int, int, int],
    classes: int,
    steps_per_epoch: int,
    images: NDArray[np.uint8] | None = None,
) -> Any:
    """Return the compiled Keras model to train, its weights drawn from the configured seed.

    Args:
        config: complete.
        image_shape: (H, W, C) of the input.
        classes: number of classes.
        steps_per_epoch: sets the length of learning-rate schedules.
        images: (N, H, W, C) uint8, training images from which a first layer may be initialized; None if
            the model is only inspected.
    """
    keras = import_keras()
    keras.utils.set_random_seed(config.seed % 2**32)
    model = build_network(config, image_shape, classes, images)
    initialize = NETWORKS[config.network].initialize
    if initialize is not None and images is not None:
        count = min(
            INITIALIZED_FROM,
            max(FEWEST_FROM, INITIALIZED_FROM * LARGEST_WHOLE // (image_shape[0] * image_shape[1])),
        )
        rows = np.random.default_rng(config.seed).permutation(len(images))[:count]
        initialize(model, images[np.sort(rows)], config.seed)
    optimizer = build_optimizer(config.optimizer, config.epochs * steps_per_epoch)
    loss = build_loss(config.label_smoothing, multi_label=config.multi_label)
    metric = "binary_accuracy" if config.multi_label else "accuracy"
    model.compile(optimizer=optimizer, loss=loss, metrics=[metric])
    return model


def build_loss(label_smoothing: float, *, multi_label: bool = False) -> Any:
    """Return the cross-entropy for one-hot targets, or for several labels an image, as Keras's `compile` takes it."""
    if not label_smoothing:
        return "binary_crossentropy" if multi_label else "categorical_crossentropy"
    losses = import_keras().losses
    kind = losses.BinaryCrossentropy if multi_label else losses.CategoricalCrossentropy
    return kind(label_smoothing=label_smoothing)


def build_network(
    config: TrainConfig,
    image_shape: tuple[int, int, int],
    classes: int,
    images: NDArray[np.uint8] | None = None,
) -> Any:
    """Return the configured network, uncompiled; with the layers that standardize images, learned from `images`."""
    model = NETWORKS[config.network].build(image_shape, classes, config)
    if config.multi_label:
        model = for_several_labels(model)
    augmentation = config.augmentation
    if augmentation is None or not augmentation.standardizes:
        return model
    return standardized(model, augmentation, images)


def finish_model(config: TrainConfig, model: Any) -> None:
    """Turn a trained model into one that any Keras loads unchanged."""
    if (finish := NETWORKS[config.network].finish) is not None:
        finish(model)


def build_optimizer(settings: OptimizerSettings | MuonSettings | CompiledSettings, steps: int) -> Any:
    """Return the Keras optimizer of a training of `steps` steps in total.

    For Muon this is SGD, which holds its state; see `training.optim.muon`.
    """
    keras = import_keras()
    if isinstance(settings, CompiledSettings):
        raise ConfigError(
            f"The optimizer {settings.optimizer} came with a compiled model, and is not built anew."
        )
    if isinstance(settings, MuonSettings):
        rate = build_schedule(settings, steps)
        return keras.optimizers.SGD(rate, momentum=settings.other_momentum, nesterov=True)
    rate = build_schedule(settings, steps)
    decay = settings.weight_decay or None
    if settings.name == "SGD":
        return keras.optimizers.SGD(rate, momentum=settings.momentum, nesterov=True, weight_decay=decay)
    kind = getattr(keras.optimizers, settings.name)
    return kind(learning_rate=rate, epsilon=settings.epsilon, weight_decay=decay)


def build_schedule(settings: OptimizerSettings | MuonSettings, steps: int) -> Any:
    """Return the Keras learning-rate schedule of a training of `steps` steps in total."""
    schedules = import_keras().optimizers.schedules
    if isinstance(settings, MuonSettings):
        return schedules.PolynomialDecay(settings.learning_rate, max(1, steps), end_learning_rate=0.0)
    if settings.schedule == "inverse time":
        return schedules.InverseTimeDecay(settings.learning_rate, decay_steps=1, decay_rate=settings.decay)
    warmup = max(1, round(settings.warmup_fraction * steps))
    return schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, steps - warmup),
        warmup_target=settings.learning_rate,
        warmup_steps=warmup,
    )


def build_step(
    config: TrainConfig,
    net: LoweredNet,
    steps: int,
    class_names: Sequence[str] = (),
    team: Team | None = None,
) -> TrainStep:
    """Return the training step that the configuration describes.

    Args:
        config: complete.
        net: lowered from the model of `build_model`.
        steps: of the whole training.
        class_names: for class weights; otherwise not needed.
        team: that shares each batch; None: this process trains alone.
    """
    settings, model = config.optimizer, net.model
    weights = None if config.class_weight is None else config.class_weight.of(class_names).tolist()
    if not isinstance(settings, MuonSettings):
        return TrainStep(net, part_size=config.statistics_over, class_weight=weights, team=team)
    rates = Rates(
        filters=settings.learning_rate,
        momentum=settings.momentum,
        biases=settings.bias_rate,
        head=settings.head_rate,
        weight_decay=settings.weight_decay * config.batch_size,
        steps=steps,
        whitening_steps=round(settings.whitening_share * steps),
    )
    # Its rates are for a loss that is summed over the images; Keras's binary cross-entropy is a mean over labels too.
    summed = config.batch_size * (model.output_shape[-1] if config.multi_label else 1)
    optimizer = MuonOptimizer(model.optimizer, model.trainable_variables, rates, summed, team)
    return TrainStep(net, optimizer, part_size=config.statistics_over, class_weight=weights, team=team)
