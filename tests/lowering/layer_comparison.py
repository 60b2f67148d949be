"""One configuration of a layer, lowered, against Keras: both modes, statistics, and gradients of inputs and weights."""

from dataclasses import dataclass, field

import torch
from layer_cases import NotHereError, keras, make_model

from tellapart.lowering import lower

TOLERANCES = {"float32": 1e-6, "mixed_bfloat16": 2**-7}
"""Of the largest number of a tensor, or of 1 where all are smaller. In float32, sums in another order differ by a few
units of 2^-24; in bfloat16, two results that round differently are 2^-8 to 2^-7 apart."""

GRADIENT_FACTOR = 5
"""Gradients of weights sum over all places, which adds up more roundings than an output does."""

KERAS_ERROR_FACTOR = 2
"""Where ours is further from Keras than that, both are compared with the truth, which is what Keras gives in float64:
ours may be this much further from it than Keras."""

LOOSER = {"BatchNormalization": 5}
"""Layer -> how many times the tolerance is allowed: a batch of two has deviations near zero, which are divided by."""


@dataclass
class Comparison:
    """What came of one case."""

    lowered: bool
    differences: list[str] = field(default_factory=list)


def compare(case, policy, *, with_training=True, only_lowered=False):
    """Compare one case with Keras.

    Args:
        case: the layer's configuration and call.
        policy: its dtype policy.
        with_training: whether to compare training, too.
        only_lowered: whether to leave it at that where the layer runs as itself.

    Raises:
        NotHereError: Keras itself cannot build or run it.
    """
    model, data = make_model(case, policy)
    net = lower(model)
    tolerance = TOLERANCES[policy] * LOOSER.get(case.layer, 1)
    state = [variable.value.detach().clone() for variable in model.variables]
    result = Comparison(all(row.lowered for row in net.report()))
    if only_lowered and not result.lowered:
        return result
    for mode in ("inference", "training")[: 1 + with_training]:
        training = mode == "training"
        theirs = by_keras(case, model, data, state, training)
        ours = outcomes(net, model, data, state, training)
        found = differences(ours, theirs, theirs, tolerance)
        if found:
            exact, _ = make_model(case, "float64")
            truth = by_keras(case, exact, [as_float64(tensor) for tensor in data], state, training)
            found = differences(ours, theirs, truth, tolerance)
        result.differences += [f"{mode}, {difference}" for difference in found]
    return result


def differences(ours, theirs, truth, tolerance):
    """Return a line for each tensor that is off by more than the tolerance, or more than Keras's own error allows."""
    found = []
    for what in theirs:
        factor = GRADIENT_FACTOR if what == "gradient" else 1
        for one, other, true in zip(ours[what], theirs[what], truth[what], strict=True):
            if (one.dtype, one.shape) != (other.dtype, other.shape):
                found.append(f"{what}: {one.dtype} {one.shape}, Keras {other.dtype} {other.shape}")
                continue
            one, other, true = (tensor.detach().double() for tensor in (one, other, true))
            sizes = true[true.isfinite()].abs()
            own_error = float((other - true).abs().nan_to_num(0.0).max()) if true.numel() else 0.0
            allowed = factor * tolerance * max(1.0, float(sizes.max()) if sizes.numel() else 1.0)
            allowed += KERAS_ERROR_FACTOR * own_error
            if not torch.allclose(one, true, rtol=0, atol=allowed, equal_nan=True):
                found.append(f"{what}: off by {float((one - true).abs().max()):.2g}, allowed {allowed:.2g}")
    return found


def as_float64(tensor):
    return tensor.double() if tensor.is_floating_point() else tensor


def by_keras(case, model, data, state, training):
    try:
        return outcomes(model, model, data, state, training)
    except Exception as problem:
        raise NotHereError(f"{case}: {problem}") from problem


def outcomes(run, model, data, state, training):
    """Return the outputs of a model, its variables after the call, and all gradients."""
    for variable, value in zip(model.variables, state, strict=True):
        variable.assign(value)
    keras.utils.set_random_seed(0)
    tensors = [tensor.clone().requires_grad_(tensor.is_floating_point()) for tensor in data]
    given = [
        tensor + 0 if tensor.requires_grad else tensor for tensor in tensors
    ]  # some layers write over them
    outputs = keras.tree.flatten(run(given, training=training))
    found = {"output": outputs, "variable": [variable.value.detach().clone() for variable in model.variables]}
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    wanted += [variable.value for variable in model.trainable_variables]
    return found | {"gradient": gradients([output for output in outputs if output.requires_grad], wanted)}


def gradients(outputs, wanted):
    """Return the gradients of a loss that no symmetry hides."""
    if not outputs or not wanted:
        return []
    weights = [torch.linspace(-1, 1, output.numel(), dtype=torch.float64) for output in outputs]
    loss = sum(
        (output.double().flatten() * weight).sum() for output, weight in zip(outputs, weights, strict=True)
    )
    found = torch.autograd.grad(loss, wanted, allow_unused=True)
    return [torch.zeros(1) if part is None else part for part in found]
