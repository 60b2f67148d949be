"""Learning rates of a weight's own, against Keras's optimizer with that rate."""

import numpy as np
import pytest
import torch

from tellapart.keras_backend import import_keras
from tellapart.training.optim.native import NativeOptimizer

keras = import_keras()
FACTORS = (1.0, 0.5, 0.5, 0.125)
SHAPES = ((7, 3), (5,), (600, 500), (4, 4))
"""The third is larger than one piece of the native update."""

MAKERS = {
    "adam": lambda rate: keras.optimizers.Adam(rate),
    "adamw": lambda rate: keras.optimizers.AdamW(rate, weight_decay=0.1),
    "rmsprop": lambda rate: keras.optimizers.RMSprop(rate),
    "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=0.1),
}


def variables():
    random = np.random.default_rng(0)
    return [keras.Variable(random.normal(size=shape).astype("float32")) for shape in SHAPES]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_each_weight_moves_as_kerass_optimizer_with_its_own_rate_moves_it(name):
    ours, theirs, rate = variables(), variables(), 0.01
    optimizer = MAKERS[name](rate)
    optimizer.build(ours)
    native = NativeOptimizer(optimizer, ours, FACTORS)
    alone = [MAKERS[name](rate * factor) for factor in FACTORS]
    random = torch.Generator().manual_seed(1)
    for _ in range(3):
        gradients = [torch.randn(shape, generator=random) for shape in SHAPES]
        native.apply([[gradient] for gradient in gradients])
        for single, variable, gradient in zip(alone, theirs, gradients, strict=True):
            single.apply([gradient.clone()], [variable])
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=2e-6, atol=2e-7)
