"""Pooling: a map and what is left of it, what a shift changes, and how much of the picture a number sees."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.lessons._photo import cat
from tellapart.guide.lessons.convolution import KERNELS, convolved

SIDE = 24
"""Of the picture, in pixels."""

SHIFTS = 4
"""Pixels that the picture can be moved to the right, at most."""

KERNEL = "upright edges"

NOISY = (9, 4)
"""Row and column of the pixel whose lightness can be changed."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    maps = [map_of(shifted(shift)) for shift in range(SHIFTS + 1)]
    return {
        "side": SIDE,
        "pictures": [shifted(shift).flatten().tolist() for shift in range(SHIFTS + 1)],
        "map_side": len(maps[0]),
        "maps": [made.astype(int).flatten().tolist() for made in maps],
        "noisy": NOISY,
        "differences": {
            name: [
                round(difference(pooled_often(maps[0], times), pooled_often(one, times)), 4) for one in maps
            ]
            for name, times in (("none", 0), ("once", 1), ("twice", 2))
        },
        "color": cat(32).flatten().tolist(),
        "views": {"with": views(2), "without": views(1)},
        "parameters": {"with": dense_parameters(2), "without": dense_parameters(1)},
    }


def shifted(shift: int) -> NDArray[np.uint8]:
    """The cat in gray, moved to the right by so many pixels; what comes in at the left is the photo's own.

    Returns:
        (SIDE, SIDE).
    """
    whole = cat(SIDE + SHIFTS, 1)[..., 0]
    return whole[SHIFTS // 2 : SHIFTS // 2 + SIDE, SHIFTS - shift : SHIFTS - shift + SIDE]


def map_of(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The map of the kernel behind a ReLU, as the tutorial pools it.

    Returns:
        (H - 2, W - 2), whole numbers, none below zero.
    """
    return np.maximum(convolved(picture, np.array(KERNELS[KERNEL], np.float32)), 0)


def pooled(
    made: NDArray[np.float32], size: int = 2, step: int | None = None, kind: str = "max"
) -> NDArray[Any]:
    """A map's pooling in the engine.

    Args:
        made: (H, W).
        size: rows and columns of the window.
        step: places from window to window; None: the window's size.
        kind: "max" or "average".

    Returns:
        (H', W').
    """
    import torch

    from tellapart.keras_backend import import_keras
    from tellapart.lowering import lower

    keras = import_keras()
    layers = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}
    model = keras.Sequential([keras.Input((*made.shape, 1)), layers[kind](size, step)])
    with torch.no_grad():
        found = lower(model, "float32")(torch.from_numpy(made[None, ..., None].astype(np.float32)))
    return found.numpy()[0, ..., 0]


def pooled_often(made: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """A map, pooled so many times by windows of 2 x 2."""
    for _ in range(times):
        made = pooled(made)
    return made


def difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """How much two maps differ: 0 where they are alike, 1 where they have nothing in common.

    Source: Bray and Curtis 1957, doi:10.2307/1942268: the sum of differences over the sum of both.
    """
    return float(np.abs(one - other).sum() / (one + other).sum())


def views(pool: int) -> list[dict[str, Any]]:
    """What each layer of the tutorial's network makes, and which pixels the number in its middle depends on.

    Args:
        pool: rows and columns of the pooling's window; 1 takes both poolings away.
    """
    told = []
    layers = tutorial_layers(pool)
    for at, layer in enumerate(layers):
        if layer.name.startswith(("conv", "max_pooling")):
            rows = rows_seen(layers[: at + 1])
            shape = list(layer.output.shape[1:])
            kind = "convolution" if layer.name.startswith("conv") else "pooling"
            told.append(
                {
                    "kind": kind,
                    "shape": shape,
                    "numbers": int(np.prod(shape)),
                    "first": rows[0],
                    "size": len(rows),
                }
            )
    return told


def tutorial_layers(pool: int) -> list[Any]:
    """The tutorial's network up to its first dense layer, built, with another window in its poolings."""
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
    """The picture's rows on which the number in the middle of the last layer depends.

    Asked by lighting one row after the other in a black picture; with weights above zero no light is canceled.
    The columns are the same, for kernels and windows are square.
    """
    import torch

    numbers = torch.zeros(32, 32, 32, 3)
    numbers[range(32), range(32)] = 255.0
    with torch.no_grad():
        for layer in layers:
            if layer.weights:
                layer.set_weights(
                    [np.ones(one.shape) / one.shape[-1] * (i == 0) for i, one in enumerate(layer.weights)]
                )
            numbers = layer(numbers)
    middle = numbers.shape[1] // 2
    return torch.nonzero(numbers[:, middle, middle, 0]).flatten().tolist()


def dense_parameters(pool: int) -> int:
    """Of the tutorial's first dense layer."""
    return tutorial_layers(pool)[-1].count_params()
