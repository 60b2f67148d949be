"""Activations: five curves and their slopes, small networks of one input, and how far a gradient reaches."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

REACH = 6
"""The curves go from -REACH to REACH."""

LAYERS = 20
"""Dense layers that the gradient passes through."""

WIDTH = 32
"""Units of each layer."""

NETWORKS = 6
"""Two-layer networks of one input to choose from."""

UNITS = 3
"""Units in the first layer of each network."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    x = np.round(np.arange(-10 * REACH, 10 * REACH + 1) / 10, 1)
    return {
        "x": x.tolist(),
        "curves": {
            name: {part: np.round(values, 6).tolist() for part, values in curve(function, x).items()}
            for name, function in functions().items()
        },
        "networks": [network_of_one_input(seed) for seed in range(NETWORKS)],
        "reaches": {
            name: [float(f"{share:.4g}") for share in gradient_reaches(name)] for name in ("relu", "sigmoid")
        },
    }


def functions() -> dict[str, Callable[[Any], Any]]:
    """Return the four elementwise functions: the engine's, and the Gaussian, which Keras does not name."""
    from tellapart.lowering.ops.activations import ACTIVATIONS

    named = {name: ACTIVATIONS[name] for name in ("relu", "sigmoid", "softplus")}
    return {**named, "gaussian": lambda x: (-x.square()).exp()}


def curve(function: Callable[[Any], Any], x: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return a function's values and, by autograd, its slopes.

    Args:
        function: elementwise, of a tensor.
        x: (N,).

    Returns:
        value: (N,), slope: (N,).
    """
    import torch

    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    value = function(at)
    value.sum().backward()
    assert at.grad is not None
    return {"value": value.detach().numpy(), "slope": at.grad.numpy()}


def network_of_one_input(seed: int) -> dict[str, Any]:
    """Draw the weights of Dense(UNITS) and Dense(1) as Keras does, and random biases."""
    from tellapart.keras_backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(units, bias_initializer=keras.initializers.RandomUniform(-1.5, 1.5))
        for units in (UNITS, 1)
    ]
    keras.Sequential([keras.Input((1,)), *layers])
    (first, first_biases), (second, second_biases) = (
        [np.round(part.astype(np.float64), 3).flatten().tolist() for part in layer.get_weights()]
        for layer in layers
    )
    return {"first": first, "first_biases": first_biases, "second": second, "second_bias": second_biases[0]}


def gradient_reaches(activation: str) -> list[float]:
    """Measure what is left of a gradient that passes back through dense layers with Keras's initialization.

    Args:
        activation: Keras's name of each layer's.

    Returns:
        LAYERS shares: the gradient's norm after 1, 2, ... layers over its norm at the start, as the geometric mean
        of five networks.
    """
    return np.exp(np.mean([np.log(_one_way_back(activation, seed)) for seed in range(5)], axis=0)).tolist()


def _one_way_back(activation: str, seed: int) -> list[float]:
    import torch

    from tellapart.keras_backend import import_keras

    keras = import_keras()
    keras.utils.set_random_seed(seed)
    numbers = [torch.randn(64, WIDTH, requires_grad=True)]
    for _ in range(LAYERS):
        numbers.append(keras.layers.Dense(WIDTH, activation)(numbers[-1]))
    start = torch.randn(64, WIDTH)
    gradients = torch.autograd.grad(numbers[-1], numbers[:-1], start)
    return [float(gradient.norm() / start.norm()) for gradient in reversed(gradients)]
