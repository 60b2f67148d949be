"""The Keras objects of each recipe: every recipe learns."""

import dataclasses

import numpy as np
import pytest
import torch

from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.recipes.build import build_model, build_optimizer, build_step
from tellapart.recipes.optimizer_settings import OptimizerSettings
from tellapart.recipes.recipes import FROM_SCRATCH, RECIPES, best
from tellapart.training.loader import DataLoader
from tellapart.training.step import EvaluateStep

keras = import_keras()
N, SIDE, CLASSES = 96, 16, 3


def images_by_color():
    """Noise in red, green or blue, a class each."""
    labels = np.arange(N) % CLASSES
    strength = np.eye(3)[labels][:, None, None]
    noise = np.random.default_rng(0).uniform(0, 255, (N, SIDE, SIDE, 3))
    images = (noise * (0.2 + 0.8 * strength)).astype(np.uint8)
    return ImageStore(images, labels, tuple(map(str, range(N))))


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_every_recipe_learns_an_easy_task(name):
    config = RECIPES[name]().changed(batch_size=32, epochs=20, precision="float32")
    if config.network != "first-cnn":
        config = config.changed(widths=(8, 12, 16))
    if config.optimizer.name == "RMSprop":  # the tutorial's rate is for many thousands of steps
        config = config.changed(optimizer=dataclasses.replace(config.optimizer, learning_rate=1e-3))
    store, batches = images_by_color(), BatchSampler(n=N, batch_size=32, seed=0)
    model = build_model(config, (SIDE, SIDE, 3), CLASSES, batches.steps_per_epoch, store.images)
    net = lower(model, "float32")
    loader = DataLoader(store, CLASSES, batches, config.augmentation, mixing=config.mixing)
    step = build_step(config, net, config.epochs * batches.steps_per_epoch)
    for epoch in range(config.epochs):
        for number in range(batches.steps_per_epoch):
            step(*loader.batch(epoch, number))
    right = (model.predict(store.images, verbose=0).argmax(1) == store.labels).mean()
    assert right > 0.9


def test_sgd_has_the_momentum_and_the_decay_of_its_settings():
    optimizer = build_optimizer(best().optimizer, steps=1000)
    assert (optimizer.momentum, optimizer.nesterov, optimizer.weight_decay) == (0.9, True, 5e-3)
    assert float(optimizer._learning_rate(20)) == pytest.approx(0.1)
    assert float(optimizer._learning_rate(1000)) == pytest.approx(0)


def test_an_optimizer_without_decay_decays_nothing():
    settings = OptimizerSettings(name="Adam", learning_rate=1e-3, schedule="cosine")
    assert build_optimizer(settings, steps=10).weight_decay is None


@pytest.mark.parametrize("name", FROM_SCRATCH)
def test_a_step_returns_keras_loss_with_the_label_smoothing_of_the_recipe(name):
    config = RECIPES[name]().changed(batch_size=32, precision="float32", label_smoothing=0.3)
    if config.network != "first-cnn":
        config = config.changed(widths=(8, 12, 16))
    store = images_by_color()
    model = build_model(config, (SIDE, SIDE, 3), CLASSES, 3, store.images)
    images, targets = store.images[:32].astype("float32"), np.eye(CLASSES, dtype="float32")[store.labels[:32]]
    oracle = keras.losses.CategoricalCrossentropy(label_smoothing=0.3)
    expected = float(oracle(targets, model(images, training=False).detach()))
    tested = EvaluateStep(lower(model, "float32"))(torch.from_numpy(images), torch.from_numpy(targets))
    assert float(tested.loss) == pytest.approx(expected, rel=1e-5)


def test_a_network_of_three_groups_needs_three_widths():
    with pytest.raises(ConfigError, match="three widths"):
        dataclasses.replace(best(), widths=None)
