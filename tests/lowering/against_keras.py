"""The contract of every lowered layer and net: what Keras gives, in both modes, and its gradients."""

import numpy as np
import torch

from tellapart.keras_backend import import_keras
from tellapart.lowering import lower

keras = import_keras()


def pictures(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def weighted_sum(output):
    """A loss that no symmetry hides."""
    return (output * torch.linspace(-1, 1, output.numel()).reshape(output.shape)).sum()


def gradients(output, inputs, variables):
    """Of the weighted sum, with respect to the inputs and every weight."""
    wanted = [tensor for tensor in inputs if tensor.requires_grad]
    return torch.autograd.grad(weighted_sum(output), wanted + [variable.value for variable in variables])


def scatter_weights(model, seed=0):
    """Give a model weights that no initializer would, so that none stands in for another."""
    random = np.random.default_rng(seed)
    learned = {id(variable) for variable in model.trainable_variables}
    for variable in model.weights:
        low = -1.0 if id(variable) in learned else 0.5  # a variance is positive
        variable.assign(random.uniform(low, 1.5, variable.shape))


def assert_same_as_keras(model, inputs, *, tolerance=1e-5, runs_as_itself=(), scattered=False):
    """Both modes, gradients of inputs and weights, moving statistics, and which layers had no rule.

    The net is built before the weights are set, so a net that kept weights of its own would fail.

    Args:
        model: on the torch backend, with one output.
        inputs: a tensor, or a list of them.
        tolerance: relative and absolute; ten times that for gradients, which sum over more numbers.
        runs_as_itself: the kinds of the layers expected to have no rule; None: any.
        scattered: whether to give the model random weights first.
    """
    tensors = inputs if isinstance(inputs, list) else [inputs]
    for tensor in tensors:
        tensor.requires_grad_(tensor.is_floating_point())
    net = lower(model)
    if runs_as_itself is not None:
        assert [row.kind for row in net.report() if not row.lowered] == list(runs_as_itself)
    if scattered:
        scatter_weights(model)
    with torch.no_grad():
        found, expected = net(inputs), model(inputs)
    assert found.dtype == expected.dtype
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    before = model.get_weights()
    torch.manual_seed(0)
    expected = model(inputs, training=True)
    expected_gradients = gradients(expected, tensors, model.trainable_variables)
    statistics = [variable.numpy().copy() for variable in model.non_trainable_variables]
    model.set_weights(before)
    torch.manual_seed(0)
    found = net(inputs, training=True)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    found_gradients = gradients(found, tensors, model.trainable_variables)
    for ours, theirs in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=10 * tolerance, atol=10 * tolerance)
    for variable, value in zip(model.non_trainable_variables, statistics, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-4, atol=1e-5)
    if model.trainable_variables:  # a first layer's input needs no gradient, which torch treats apart
        data = [tensor.detach() for tensor in tensors]
        found = net(data if isinstance(inputs, list) else data[0], training=True)
        gradients(found, [], model.trainable_variables)


def assert_as_near_the_truth_as_keras(build, inputs, *, factor=10.0, floor=1e-5):
    """A deep network with batch statistics: outputs, gradients and statistics, compared with float64's.

    There rounding grows until no two float32 computations agree (a ReLU on the other side of zero
    changes a gradient for good), so what is asked is that ours is as near the truth as Keras's own.

    Args:
        build: makes the model, in Keras's current dtype policy.
        inputs: a float tensor.
        factor: how much further away than Keras ours may be, in the norm of all numbers of a kind.
            Three to four times was seen in EfficientNet, where Keras's error is smallest.
        floor: how far away ours may be in any case, relative to that norm; three hundred times that for
            gradients, where a single ReLU on the other side of zero is a step (Xception on a Zen 5: 1.4e-3).
    """
    model = build()
    keras.config.set_dtype_policy("float64")
    try:
        exact = build()
    finally:
        keras.config.set_dtype_policy("float32")
    exact.set_weights(model.get_weights())
    net, before = lower(model), model.get_weights()
    assert [row.kind for row in net.report() if not row.lowered] == []
    truth = _outcomes(exact, inputs.double(), exact)
    theirs = _outcomes(model, inputs, model)
    model.set_weights(before)
    ours = _outcomes(net, inputs, model)
    for kind, value in truth.items():
        least = floor * (300 if "gradient" in kind else 1) * float(value.norm())
        allowed = factor * float((theirs[kind] - value).norm()) + least
        assert float((ours[kind] - value).norm()) <= allowed, kind


def _outcomes(run, inputs, model):
    """What a step of training gives, each kind as one long float64 vector."""
    inputs = inputs.requires_grad_()
    with torch.no_grad():
        inference = run(inputs)
    output = run(inputs, training=True)
    to_inputs, *to_weights = gradients(output, [inputs], model.trainable_variables)
    statistics = [variable.value for variable in model.non_trainable_weights]
    kinds = {"inference": [inference], "training": [output], "gradient of the inputs": [to_inputs]}
    kinds |= {"gradients of the weights": to_weights, "statistics": statistics}
    return {kind: torch.cat([t.detach().double().flatten() for t in ts]) for kind, ts in kinds.items() if ts}


def model_of(layer, *shapes, dtype="float32"):
    """A model that is one layer; called with a list where it has several inputs."""
    inputs = [keras.Input(shape, dtype=dtype) for shape in shapes]
    return keras.Model(inputs, layer(inputs[0] if len(inputs) == 1 else inputs))


def without_chance(model):
    """Let no layer drop or add anything, for masks are drawn from other streams than Keras's."""
    for layer in model._flatten_layers():
        for name in ("rate", "drop_path_rate"):
            if hasattr(layer, name):
                setattr(layer, name, 0.0)
    return model
