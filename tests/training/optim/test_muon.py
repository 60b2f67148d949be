"""Muon against the definition of its parts: singular values, and the published update written plainly."""

import numpy as np
import pytest
import torch

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower
from tellapart.training.optim.muon import MuonOptimizer, Rates, orthogonal
from tellapart.training.step import TrainStep

keras = import_keras()
RATES = Rates(filters=0.2, momentum=0.6, biases=0.05, head=0.6, weight_decay=4e-3, steps=5, whitening_steps=2)


@pytest.mark.parametrize("shape", [(8, 40), (40, 8), (16, 16)])
def test_the_singular_values_come_near_one_and_the_directions_stay(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    product = left.T @ orthogonal(matrix) @ right.T
    assert (product.diag()[values > 0.2 * values[0]] > 0.4).all()
    assert (product.diag() < 1.4).all()
    assert (product - product.diag().diag()).abs().max() < 0.05


def published_update(weights, momenta, gradients, step, steps, batch):
    """KellerJordan/cifar10-airbench, airbench94_muon, for one step; gradients of the mean loss."""
    left = 1 - step / steps
    for name, weight in weights.items():
        gradient, momentum = gradients[name] * batch, momenta[name]
        if weight.ndim == 4:
            momentum.mul_(RATES.momentum).add_(gradient)
            wanted = gradient.add(momentum, alpha=RATES.momentum)
            matrix = wanted.permute(3, 2, 0, 1).reshape(weight.shape[3], -1)
            kernel = weight.permute(3, 2, 0, 1)
            kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
            kernel.add_(orthogonal(matrix).view(kernel.shape), alpha=-RATES.filters * left)
            continue
        rate, falling = (RATES.head, left) if weight.ndim == 2 else (RATES.biases, left)
        if "whitening/" in name:
            falling = max(0.0, 1 - step / RATES.whitening_steps)
        gradient = gradient + RATES.weight_decay / rate * weight
        if falling:
            momentum.mul_(0.85).add_(gradient)
            weight.sub_(rate * falling * (gradient + 0.85 * momentum))


def small_whitened_model():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 2, name="whitening"),
            keras.layers.Conv2D(6, 3, use_bias=False, name="filters"),
            keras.layers.BatchNormalization(scale=False, name="norm"),
            keras.layers.GlobalMaxPooling2D(),
            keras.layers.Dense(3, use_bias=False, name="head", activation="softmax"),
        ]
    )
    model.get_layer("whitening").kernel.trainable = False
    return model


def test_a_few_steps_are_the_published_ones():
    model = small_whitened_model()
    steps, batch = 5, 10
    rate = keras.optimizers.schedules.PolynomialDecay(RATES.filters, steps, end_learning_rate=0.0)
    variables = model.trainable_variables
    optimizer = MuonOptimizer(
        keras.optimizers.SGD(rate, momentum=0.85, nesterov=True), variables, RATES, batch
    )
    weights = {v.path: v.value.detach().clone() for v in variables}
    momenta = {path: torch.zeros_like(weight) for path, weight in weights.items()}
    random = torch.Generator().manual_seed(1)
    for step in range(4):
        gradients = {path: torch.randn(w.shape, generator=random) / batch for path, w in weights.items()}
        parts = [[gradients[v.path] * batch * 0.25, gradients[v.path] * batch * 0.75] for v in variables]
        optimizer.apply(parts)
        published_update(weights, momenta, gradients, step, steps, batch)
    for variable in variables:
        np.testing.assert_allclose(
            variable.value.detach().numpy(), weights[variable.path].numpy(), atol=2e-2, err_msg=variable.path
        )
    assert int(optimizer.optimizer.iterations) == 4


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_whitening_bias_learns_at_first_and_rests_then(precision):
    model = small_whitened_model()
    rate = keras.optimizers.schedules.PolynomialDecay(RATES.filters, RATES.steps, end_learning_rate=0.0)
    model.compile(keras.optimizers.SGD(rate, momentum=0.85, nesterov=True), "categorical_crossentropy")
    optimizer = MuonOptimizer(model.optimizer, model.trainable_variables, RATES, 12)
    step = TrainStep(lower(model, precision), optimizer)
    random = torch.Generator().manual_seed(2)
    images, targets = torch.rand((12, 8, 8, 3), generator=random), torch.eye(3).repeat(4, 1)
    asked, snapshots = [], []
    optimizer.apply = watched(optimizer.apply, lambda gradients: asked.append(list(map(len, gradients))))
    bias, filters = model.get_layer("whitening").bias.value, model.get_layer("filters").kernel.value
    for _ in range(4):
        snapshots.append((bias.detach().clone(), filters.detach().clone()))
        step(images, targets)
    assert [counts[0] for counts in asked] == [1, 1, 0, 0]
    assert all(all(counts[1:]) for counts in asked)
    assert not torch.equal(snapshots[1][0], snapshots[2][0])
    assert torch.equal(snapshots[2][0], bias)
    assert not torch.equal(snapshots[3][1], filters)
    assert bias.requires_grad


def watched(function, look):
    def call(argument):
        look(argument)
        return function(argument)

    return call
