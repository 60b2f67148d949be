"""Sums over large maps are as near float64's as Keras's own, or within a rounding or two of it.

The truth is written out in float64: Keras's own normalization computes in float32 whatever its policy.
"""

import pytest
import torch
import torch.nn.functional as F

import tellapart
from tellapart.keras_backend import import_keras
from tellapart.lowering import lower

keras = import_keras()
layers = keras.layers

FLOOR = 5e-7
"""What two roundings of a float32 number come to, relative to the norm of all numbers."""


def noise(*shape, mean=0.0, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).add_(mean)


def error(found, truth):
    return float((found.detach().double() - truth).norm() / truth.norm())


def normalized(x, gamma, beta, dims, epsilon=1e-3):
    centered = x - x.mean(dims, keepdim=True)
    return centered / (centered.square().mean(dims, keepdim=True) + epsilon).sqrt() * gamma + beta


def grouped(x, gamma, beta):
    y = normalized(x.unflatten(-1, (2, -1)), 1.0, 0.0, (*range(1, x.ndim - 1), x.ndim))
    return y.flatten(-2) * gamma + beta


CASES = {
    "BatchNormalization": (
        lambda: layers.BatchNormalization(),
        lambda x, gamma, beta: normalized(x, gamma, beta, tuple(range(x.ndim - 1))),
    ),
    "LayerNormalization": (
        lambda: layers.LayerNormalization(),
        lambda x, gamma, beta: normalized(x, gamma, beta, (-1,)),
    ),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), grouped),
    "global average": (lambda: layers.GlobalAveragePooling2D(), lambda x: x.mean((1, 2))),
    "dense on pixels": (lambda: layers.Dense(4), lambda x, kernel, bias: x @ kernel + bias),
    "depthwise": (
        lambda: layers.DepthwiseConv2D(3),
        lambda x, kernel, bias: F.conv2d(
            x.permute(0, 3, 1, 2), kernel.permute(2, 3, 0, 1), bias, groups=x.shape[-1]
        ).permute(0, 2, 3, 1),
    ),
}


def step_of(run, weights, x):
    """Return the output, the gradient of the input and those of the weights, for a gradient with a mean."""
    x = x.clone().requires_grad_()
    output = run(x)
    upstream = noise(*output.shape, mean=0.3, seed=1).bfloat16().to(output.dtype)
    to_x, *to_weights = torch.autograd.grad(output, [x, *weights], upstream)
    flat = torch.cat([g.flatten() for g in to_weights]) if to_weights else torch.ones(1)
    return {"output": output, "gradient of the input": to_x, "gradients of the weights": flat}


def errors_of(model, formula, x):
    """Return kind -> (our error, Keras's, the norm of a rounding in the output's precision)."""
    before = model.get_weights()
    weights = [variable.value for variable in model.trainable_variables]
    exact = [weight.detach().double().requires_grad_() for weight in weights]
    truth = step_of(lambda x: formula(x, *exact), exact, x.double())
    net = lower(model)
    ours = step_of(lambda x: net(x, training=True), weights, x)
    model.set_weights(before)
    theirs = step_of(lambda x: model(x, training=True), weights, x)
    return {kind: (error(ours[kind], value), error(theirs[kind], value)) for kind, value in truth.items()}


@pytest.mark.parametrize(("batch", "size", "channels"), [(32, 32, 16), (32, 112, 4)])
@pytest.mark.parametrize("name", CASES)
def test_a_sum_over_maps_is_as_precise_as_keras(name, batch, size, channels):
    build, formula = CASES[name]
    model = keras.Sequential([keras.Input((size, size, channels)), build()])
    for kind, (ours, theirs) in errors_of(
        model, formula, noise(batch, size, size, channels, mean=0.5)
    ).items():
        assert ours <= max(2 * theirs, FLOOR), kind


@pytest.mark.parametrize("channels", [8, 32])
@pytest.mark.parametrize("name", ["BatchNormalization", "global average"])
def test_half_precision_sums_are_as_precise_as_keras(name, channels):
    build, formula = CASES[name]
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = keras.Sequential([keras.Input((112, 112, channels)), build()])
    finally:
        keras.config.set_dtype_policy("float32")
    x = noise(64 // channels, 112, 112, channels, mean=0.5).bfloat16().float()
    errors = errors_of(model, formula, x)
    for kind, (ours, theirs) in errors.items():
        assert ours <= max(1.2 * theirs, 1e-5), kind


@pytest.mark.parametrize("shape", [(3, 97, 89, 5), (2, 31, 33, 1), (8, 7, 7, 1100), (300, 3), (2, 997, 6)])
def test_batch_statistics_of_any_shape(shape):
    """Maps whose pixels divide into no even rows, one channel and many, sequences and plain numbers."""
    model = keras.Sequential([keras.Input(shape[1:]), layers.BatchNormalization(momentum=0.0)])
    x = noise(*shape, mean=2.0)
    for kind, (ours, _) in errors_of(model, CASES["BatchNormalization"][1], x).items():
        assert ours < 2e-6, kind
    lower(model)(x, training=True)
    pixels = x.double().reshape(-1, shape[-1])
    statistics = [variable.value for variable in model.non_trainable_variables if variable.ndim]
    assert error(statistics[0], pixels.mean(0)) < FLOOR
    assert error(statistics[1], pixels.var(0, correction=0)) < FLOOR


def test_statistics_of_channels_far_from_zero_and_of_constant_ones():
    x = noise(32, 56, 56, 4) + torch.tensor([100.0, -1000.0, 0.0, 0.0])
    x[..., 2], x[..., 3] = 0.1, -7.3
    model = keras.Sequential([keras.Input(x.shape[1:]), layers.BatchNormalization(momentum=0.0)])
    y = lower(model)(x, training=True)
    mean, variance = (v.value for v in model.non_trainable_variables)
    pixels = x.double().reshape(-1, 4)
    torch.testing.assert_close(mean.double(), pixels.mean(0), rtol=2e-6, atol=1e-4)
    torch.testing.assert_close(variance[:2].double(), pixels.var(0, correction=0)[:2], rtol=5e-6, atol=0)
    assert (variance[2:] < 1e-9).all()
    assert y[..., 2:].abs().max() < 3e-4


@pytest.mark.parametrize("name", ["relu", "relu6", "silu"])
def test_an_activation_in_the_same_pass(name):
    """The gradient of an activation that the normalization applies, against float64."""
    activation = {"relu": F.relu, "relu6": F.relu6, "silu": F.silu}[name]
    model = keras.Sequential([keras.Input((56, 56, 6)), layers.BatchNormalization(), layers.Activation(name)])
    gamma, beta = (v.value for v in model.trainable_variables)
    with torch.no_grad():
        gamma.copy_(torch.tensor([1.0, -2.0, 0.5, 3.0, 5.0, 0.1]))
        beta.copy_(torch.linspace(-1, 3, 6))
    x = noise(4, 56, 56, 6, mean=0.5)

    def formula(x, gamma, beta):
        return activation(normalized(x, gamma, beta, (0, 1, 2)))

    for kind, (ours, theirs) in errors_of(model, formula, x).items():
        assert ours <= max(2 * theirs, FLOOR), kind


def test_a_step_of_sgd_on_photos_moves_the_kernel_where_float64_does():
    x, y = noise(8, 224, 224, 3).sigmoid_(), torch.arange(8) % 4
    model = keras.Sequential(
        [
            keras.Input((224, 224, 3)),
            layers.Conv2D(4, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    before = [torch.from_numpy(weight) for weight in model.get_weights()]
    kernel, gamma, beta, _, _, dense, bias = (weight.double() for weight in before)
    kernel.requires_grad_()
    maps = F.conv2d(x.double().permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1)).permute(0, 2, 3, 1)
    maps = normalized(maps, gamma, beta, (0, 1, 2)).relu()
    loss = F.cross_entropy(maps.mean((1, 2)) @ dense + bias, y)
    truth = -torch.autograd.grad(loss, kernel)[0]
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    errors = []
    for fit in (tellapart.fit, keras.Model.fit):
        model.set_weights([weight.detach() for weight in before])
        fit(model, x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
        errors.append(error(torch.from_numpy(model.get_weights()[0]) - before[0], truth))
    assert errors[0] <= 2 * errors[1] < 0.01
