"""The tutorial's network, trained by Keras and by tellapart on the same batches from the same weights.

Dropout included: both draw the same masks. The rule is 1e-4 of each tensor's largest number. At present every bit is
the same.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from keras_oracle import (
    ONE_HOT,
    PICTURES,
    assert_same_as_keras,
    assert_same_weights,
    compiled,
    keras,
    small_network,
    trained_twice,
)

from tellapart.models.first_cnn import first_cnn
from tellapart.training.optim import native as optim
from tellapart.training.optim.native import NativeOptimizer, optimizer_of

optimizers = keras.optimizers


def tutorials_rate(initial=1e-4, decay=1e-6):
    """The `decay` argument of old Keras: rate / (1 + decay * steps)."""
    return optimizers.schedules.InverseTimeDecay(initial, decay_steps=1, decay_rate=decay)


def adamw_that_spares_biases():
    optimizer = optimizers.AdamW(1e-3, weight_decay=0.05)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


NATIVE = {
    "the tutorial's RMSprop": lambda: optimizers.RMSprop(tutorials_rate()),
    "RMSprop": lambda: optimizers.RMSprop(1e-3, rho=0.8, epsilon=1e-5),
    "RMSprop with momentum": lambda: optimizers.RMSprop(tutorials_rate(), momentum=0.9),
    "RMSprop with weight decay": lambda: optimizers.RMSprop(1e-3, weight_decay=0.01),
    "SGD": lambda: optimizers.SGD(0.01),
    "SGD with a schedule": lambda: optimizers.SGD(tutorials_rate(0.01, 0.1)),
    "SGD with momentum": lambda: optimizers.SGD(0.01, momentum=0.9),
    "SGD with Nesterov momentum": lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "Adam": lambda: optimizers.Adam(1e-3),
    "Adam with a schedule": lambda: optimizers.Adam(optimizers.schedules.CosineDecay(1e-3, 20)),
    "AdamW": lambda: optimizers.AdamW(1e-3, weight_decay=0.05),
    "AdamW that spares biases": adamw_that_spares_biases,
}

KERAS_OWN = {
    "Adam with clipped norms": lambda: optimizers.Adam(1e-3, clipnorm=0.1),
    "SGD with clipped values": lambda: optimizers.SGD(0.01, clipvalue=0.01),
    "Adam with a clipped global norm": lambda: optimizers.Adam(1e-3, global_clipnorm=0.1),
    "centered RMSprop": lambda: optimizers.RMSprop(1e-3, centered=True),
    "AMSGrad": lambda: optimizers.Adam(1e-3, amsgrad=True),
    "Adagrad": lambda: optimizers.Adagrad(0.01),
    "Lion": lambda: optimizers.Lion(1e-4),
    "SGD with gathered gradients": lambda: optimizers.SGD(0.01, gradient_accumulation_steps=3),
    "SGD with averaged weights": lambda: optimizers.SGD(0.01, use_ema=True, ema_momentum=0.9),
    "SGD that takes averaged weights": lambda: optimizers.SGD(
        0.01, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3
    ),
    "SGD with a scaled loss": lambda: optimizers.SGD(0.01, loss_scale_factor=8.0),
}

OPTIMIZERS = NATIVE | KERAS_OWN


def tutorials_network(optimizer):
    return compiled(first_cnn((32, 32, 3), 10), optimizer)


def cifar_pictures(count):
    """The first pictures of CIFAR-10 where TELLAPART_DATA has it, else random ones: (N, 32, 32, 3), (N, 10)."""
    path = Path(os.environ.get("TELLAPART_DATA", "")) / "cifar-10-batches-bin" / "data_batch_1.bin"
    if path.is_file():
        rows = np.fromfile(path, np.uint8, count * 3073).reshape(count, 3073)
        labels, planes = rows[:, 0], rows[:, 1:].reshape(count, 3, 32, 32)  # whole color planes, one by one
    else:
        random = np.random.default_rng(0)
        labels = random.integers(0, 10, count)
        planes = random.integers(0, 256, (count, 3, 32, 32), np.uint8)
    return planes.transpose(0, 2, 3, 1).astype("float32"), np.eye(10, dtype="float32")[labels]


@pytest.mark.parametrize("name", ["the tutorial's RMSprop", "SGD with Nesterov momentum", "Adam", "AdamW"])
def test_fifty_batches_of_the_tutorial_give_keras_s_weights(name):
    x, y = cifar_pictures(50 * 32)
    assert_same_as_keras(
        lambda: tutorials_network(NATIVE[name]()),
        x,
        y,
        batch_size=32,
        epochs=1,
        tolerance=1e-4,
    )


@pytest.mark.parametrize("name", NATIVE)
def test_six_batches_of_the_tutorial_give_keras_s_bits(name):
    x, y = cifar_pictures(6 * 32)
    assert_same_as_keras(
        lambda: tutorials_network(NATIVE[name]()), x, y, batch_size=32, epochs=1, tolerance=0
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_batches_with_any_optimizer_give_keras_s_weights(name):
    model, _ = assert_same_as_keras(
        lambda: compiled(small_network(), OPTIMIZERS[name]()),
        PICTURES,
        ONE_HOT,
        batch_size=6,
        epochs=10,
        tolerance=1e-4,
    )
    assert isinstance(optimizer_of(model), NativeOptimizer) == (name in NATIVE)


@pytest.mark.parametrize("name", NATIVE)
def test_weights_cut_in_pieces_and_weights_put_together_get_keras_s_bits(monkeypatch, name):
    monkeypatch.setattr(optim, "PIECE", 100)
    built = []

    def build():
        built.append(compiled(small_network(), NATIVE[name]()))
        return built[-1]

    assert_same_as_keras(build, PICTURES, ONE_HOT, tolerance=0)
    pieces = NativeOptimizer(built[-1].optimizer, built[-1].trainable_variables).pieces
    sizes = [[len(weight) for weight in piece.weights] for piece in pieces]
    assert max(map(sum, sizes)) == 100
    assert max(map(len, sizes)) > 1
    assert sum(map(sum, sizes)) == built[-1].count_params()


def test_the_comparison_sees_one_epoch_less():
    (theirs, _), _ = trained_twice(lambda: compiled(small_network(), "sgd"), PICTURES, ONE_HOT)
    _, (ours, _) = trained_twice(lambda: compiled(small_network(), "sgd"), PICTURES, ONE_HOT, epochs=1)
    with pytest.raises(AssertionError, match="kernel"):
        assert_same_weights(ours, theirs, tolerance=1e-4)
