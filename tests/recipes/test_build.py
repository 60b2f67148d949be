"""A recipe's numbers as Keras objects: every recipe learns."""

import dataclasses

import numpy as np
import pytest

from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.errors import ConfigError
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.recipes.build import build_model, build_optimizer, build_step
from tellapart.recipes.config import OptimizerSettings
from tellapart.recipes.recipes import RECIPES, best
from tellapart.training.loader import DataLoader

keras = import_keras()
N, SIDE, CLASSES = 96, 16, 3


def pictures_by_color():
    """Noise in red, green or blue, a class each."""
    labels = np.arange(N) % CLASSES
    strength = np.eye(3)[labels][:, None, None]
    noise = np.random.default_rng(0).uniform(0, 255, (N, SIDE, SIDE, 3))
    images = (noise * (0.2 + 0.8 * strength)).astype(np.uint8)
    return ImageStore(images, labels, tuple(map(str, range(N))))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_learns_what_is_easy(name):
    run = RECIPES[name]().changed(batch_size=32, epochs=20, precision="float32")
    if run.network != "first-cnn":
        run = run.changed(widths=(8, 12, 16))
    if run.optimizer.name == "RMSprop":  # the tutorial's rate is for many thousands of steps
        run = run.changed(optimizer=dataclasses.replace(run.optimizer, learning_rate=1e-3))
    store, batches = pictures_by_color(), BatchSampler(n=N, batch_size=32, seed=0)
    model = build_model(run, (SIDE, SIDE, 3), CLASSES, batches.steps_per_epoch, store.images)
    net = lower(model, "float32")
    feed = DataLoader(store, CLASSES, batches, run.augmentation, mixing=run.mixing)
    step = build_step(run, net, run.epochs * batches.steps_per_epoch)
    for epoch in range(run.epochs):
        for number in range(batches.steps_per_epoch):
            step(*feed.batch(epoch, number))
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


def test_a_network_of_three_groups_wants_three_widths():
    with pytest.raises(ConfigError, match="three widths"):
        dataclasses.replace(best(), widths=None)
