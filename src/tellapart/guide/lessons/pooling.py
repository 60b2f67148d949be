"""Pooling: a feature map pooled, what a shift changes, and receptive fields."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._photo import cat
from tellapart.guide.lessons.convolution import KERNELS, convolved

SIDE = 24
"""The image's side in pixels."""

SHIFTS = 4
"""Largest shift to the right, in pixels."""

KERNEL = "vertical edges"

NOISY = (9, 4)
"""Row and column of the pixel whose brightness can be changed."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    maps = [map_of(shifted(shift)) for shift in range(SHIFTS + 1)]
    return {
        "side": SIDE,
        "pictures": [shifted(shift).flatten().tolist() for shift in range(SHIFTS + 1)],
        "map_side": len(maps[0]),
        "maps": [each.astype(int).flatten().tolist() for each in maps],
        "noisy": NOISY,
        "differences": {
            name: [
                round(difference(pooled_often(maps[0], times), pooled_often(each, times)), 4) for each in maps
            ]
            for name, times in (("none", 0), ("once", 1), ("twice", 2))
        },
        "color": cat(32).flatten().tolist(),
        "views": {"with": views(2), "without": views(1)},
        "parameters": {"with": dense_parameters(2), "without": dense_parameters(1)},
    }


def shifted(shift: int) -> NDArray[np.uint8]:
    """Return the gray cat, moved `shift` pixels to the right; the photo continues on the left.

    Returns:
        (SIDE, SIDE).
    """
    whole = cat(SIDE + SHIFTS, 1)[..., 0]
    return whole[SHIFTS // 2 : SHIFTS // 2 + SIDE, SHIFTS - shift : SHIFTS - shift + SIDE]


def map_of(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convolve an image and apply ReLU, as before the tutorial's poolings.

    Returns:
        (H - 2, W - 2), whole numbers, none below zero.
    """
    return np.maximum(convolved(image, np.array(KERNELS[KERNEL], np.float32)), 0)


def pooled(
    feature_map: NDArray[np.float32], size: int = 2, step: int | None = None, kind: str = "max"
) -> NDArray[Any]:
    """Pool a feature map with the engine.

    Args:
        feature_map: (H, W).
        size: rows and columns of the window.
        step: the stride; None for the window's size.
        kind: "max" or "average".

    Returns:
        (H', W').
    """
    import torch

    from tellapart.keras_backend import import_keras
    from tellapart.lowering import lower

    keras = import_keras()
    layers = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    model = keras.Sequential([keras.Input((*feature_map.shape, 1)), layers[kind](size, step)])
    with torch.no_grad():
        output = lower(model, "float32")(torch.from_numpy(feature_map[None, ..., None].astype(np.float32)))
    return output.numpy()[0, ..., 0]


def pooled_often(feature_map: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Max-pool a feature map `times` times with 2 x 2 windows."""
    for _ in range(times):
        feature_map = pooled(feature_map)
    return feature_map


def difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Return how much two maps differ: 0 if they are equal, 1 if they have nothing in common.

    Source: Bray and Curtis 1957, doi:10.2307/1942268: the sum of differences over the sum of both.
    """
    return float(np.abs(first - second).sum() / (first + second).sum())


def views(pool: int) -> list[dict[str, Any]]:
    """Return each layer's output shape in the tutorial's network, and the receptive field of its middle number.

    Args:
        pool: side of the pooling window; 1 disables both poolings.
    """
    fields = []
    layers = tutorial_layers(pool)
    for at, layer in enumerate(layers):
        if layer.name.startswith(("conv", "max_pooling")):
            rows = rows_seen(layers[: at + 1])
            shape = list(layer.output.shape[1:])
            kind = "convolution" if layer.name.startswith("conv") else "pooling"
            fields.append(
                {
                    "kind": kind,
                    "shape": shape,
                    "numbers": int(np.prod(shape)),
                    "first": rows[0],
                    "size": len(rows),
                }
            )
    return fields


def tutorial_layers(pool: int) -> list[Any]:
    """Build the tutorial's network up to its first dense layer, with another pooling window."""
    from tellapart.keras_backend import import_keras
    from tellapart.models.first_cnn import first_cnn

    keras = import_keras()
    model = first_cnn((32, 32, 3), 10)
    end = next(at for at, layer in enumerate(model.layers) if isinstance(layer, keras.layers.Dense))
    configs = [(type(layer), layer.get_config()) for layer in model.layers[: end + 1]]
    changed = {"pool_size": (pool, pool), "strides": (pool, pool)}
    layers = [
        kind.from_config(config | changed if kind is keras.layers.MaxPooling2D else config)
        for kind, config in configs
    ]
    return list(keras.Sequential([keras.Input((32, 32, 3)), *layers]).layers)


def rows_seen(layers: list[Any]) -> list[int]:
    """Return the image's rows on which the number in the middle of the last layer depends.

    Lights one row after another of a black image, with positive weights, so that nothing cancels. The columns are the
    same, because kernels and windows are square.
    """
    import torch

    numbers = torch.zeros(32, 32, 32, 3)
    numbers[range(32), range(32)] = 255.0
    with torch.no_grad():
        for layer in layers:
            if layer.weights:
                layer.set_weights(
                    [
                        np.ones(weight.shape) / weight.shape[-1] * (i == 0)
                        for i, weight in enumerate(layer.weights)
                    ]
                )
            numbers = layer(numbers)
    middle = numbers.shape[1] // 2
    return torch.nonzero(numbers[:, middle, middle, 0]).flatten().tolist()


def dense_parameters(pool: int) -> int:
    """Count the parameters of the tutorial's first dense layer."""
    return tutorial_layers(pool)[-1].count_params()
