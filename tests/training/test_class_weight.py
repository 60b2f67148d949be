"""Class weights in the training step: Keras's own `class_weight` is the oracle."""

import numpy as np
import pytest
import torch

import tellapart  # noqa: F401  chooses the backend

import keras  # isort: skip

from tellapart.lowering import lower
from tellapart.training.step import TrainStep

WEIGHTS = [0.5, 3.0, 1.0]


def compiled(smoothing=0.0):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
    return model


def batch(n=12):
    random = np.random.default_rng(0)
    labels = np.arange(n) % 3
    return random.normal(size=(n, 8, 8, 3)).astype("float32"), np.eye(3, dtype="float32")[labels]


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_step_with_class_weights_is_kerass(smoothing):
    images, targets = batch()
    ours, theirs = compiled(smoothing), compiled(smoothing)
    step = TrainStep(lower(ours, "float32"), class_weight=WEIGHTS)
    loss = step(torch.from_numpy(images), torch.from_numpy(targets)).loss
    expected = theirs.train_on_batch(images, targets, class_weight=dict(enumerate(WEIGHTS)))
    assert float(loss) == pytest.approx(float(np.ravel(expected)[0]), rel=1e-5)
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_a_divided_batch_has_the_same_weighted_loss():
    images, targets = (torch.from_numpy(each) for each in batch(16))
    whole = TrainStep(lower(compiled(), "float32"), class_weight=WEIGHTS)(images, targets).loss
    parts = TrainStep(lower(compiled(), "float32"), part_size=4, class_weight=WEIGHTS)(images, targets).loss
    assert float(parts) == pytest.approx(float(whole), rel=1e-5)


def test_mixed_targets_count_the_mean_of_their_classes():
    images, _ = batch(2)
    mixed = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    step = TrainStep(lower(compiled(), "float32"), class_weight=WEIGHTS)
    result = step(torch.from_numpy(images), mixed)
    losses = -(mixed * result.output.detach().log()).sum(1)
    assert float(result.loss) == pytest.approx(float((losses * torch.tensor([1.75, 1.0])).mean()), rel=1e-4)
