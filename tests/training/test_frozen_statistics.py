"""A step of a partly frozen EfficientNet-Lite0, with Keras's own step as the oracle: ReLU6, statistics, stages."""

import numpy as np
import torch

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.models.backbones import open_backbone, with_head
from tellapart.models.stages import train_stages
from tellapart.training.step import TrainStep

keras = import_keras()
SIDE, CLASSES, RATE = 32, 3, 0.01


def compiled():
    model = with_head(open_backbone("lite0", SIDE), CLASSES)
    random = np.random.default_rng(0)
    kernel, bias = model.get_layer("head").get_weights()
    model.get_layer("head").set_weights([random.normal(0, 0.05, kernel.shape), bias])
    train_stages(model, 3)
    model.compile(keras.optimizers.SGD(RATE), "categorical_crossentropy")
    return model


def test_a_step_is_kerass_and_leaves_what_is_frozen():
    random = np.random.default_rng(1)
    images = random.integers(0, 256, (8, SIDE, SIDE, 3)).astype("float32")
    targets = np.eye(CLASSES, dtype="float32")[random.integers(0, CLASSES, 8)]
    ours, theirs = compiled(), compiled()
    before = ours.get_weights()
    TrainStep(lower(ours))(torch.from_numpy(images), torch.from_numpy(targets))
    theirs.train_on_batch(images, targets)
    trained = {id(variable) for variable in ours.trainable_variables}
    moved = 0
    for variable, old, new, expected in zip(
        ours.weights, before, ours.get_weights(), theirs.get_weights(), strict=True
    ):
        if id(variable) in trained:
            np.testing.assert_allclose(
                (new - old) / RATE, (expected - old) / RATE, rtol=1e-3, atol=2e-5, err_msg=variable.path
            )
            moved += not np.array_equal(new, old)
        else:
            np.testing.assert_array_equal(new, old, err_msg=variable.path)
    assert moved == len(trained)
