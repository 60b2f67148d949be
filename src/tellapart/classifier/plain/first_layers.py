"""First layers: what a network does to pixels before its first convolution or dense layer.

Most networks that scale pixels do so with a Rescaling or Normalization layer, or with operators as in
`preprocess_input`. All of these are a factor and an offset, and so can be composed and asked: from where to where?
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.keras_internals import nodes_by_depth
from tellapart.lowering.graph import functional_of

UNCHANGED = frozenset(
    {
        "InputLayer", "Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout",
        "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
        "RandomCrop", "RandomShear", "RandomColorJitter", "RandomErasing", "RandAugment", "AugMix", "CutMix", "MixUp",
        "Resizing", "CenterCrop", "ZeroPadding2D", "Identity", "Reshape", "Pipeline",
    }
)  # fmt: skip
"""Keras layers that leave the range of pixels as it is when they predict."""

Row = NDArray[np.float64]
"""A number for each channel, or one for all of them."""


class Affine(NamedTuple):
    """y = factor * x + offset, and the mean and deviation that its layers found in the training data, if any."""

    factor: Row
    offset: Row
    layer: str = ""
    """The name of the first layer that does something; empty: there is none."""
    mean: float | None = None
    """Of the pixels in training, as the data had them; None: no layer kept it."""
    deviation: float | None = None

    def at(self, pixel: float) -> Row:
        """Return what a pixel value becomes."""
        return self.factor * pixel + self.offset


def scaling_at_entry(model: Any) -> Affine:
    """Return what stands before a model's first layer that mixes pixels."""
    total = Affine(np.ones(1), np.zeros(1))
    for layer, arguments in _first_calls(model):
        kind = type(layer).__name__
        if kind in UNCHANGED:
            continue
        step = RULES[kind](layer, arguments) if kind in RULES else None
        if step is None:
            break
        is_identity = step.mean is None and bool((step.factor == 1).all() and (step.offset == 0).all())
        total = total if is_identity else _then(total, step)
    return total


def _then(first: Affine, second: Affine) -> Affine:
    mean, deviation = first.mean, first.deviation
    if mean is None and second.mean is not None and second.deviation is not None:
        factor = float(np.mean(np.abs(first.factor)))
        mean = float(np.mean((second.mean - first.offset) / first.factor))
        deviation = second.deviation / factor
    return Affine(
        second.factor * first.factor,
        second.factor * first.offset + second.offset,
        first.layer or second.layer,
        mean,
        deviation,
    )


def _first_calls(model: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Yield the layers and operators that read the image one after the other, and their arguments."""
    functional = functional_of(model)
    if functional is None:
        return
    nodes = [node for nodes in nodes_by_depth(functional).values() for node in nodes if not node.is_input]
    tensor = functional.inputs[0]
    while True:
        readers = [node for node in nodes if any(read is tensor for read in node.input_tensors)]
        if len(readers) != 1 or len(readers[0].input_tensors) != 1 or len(readers[0].outputs) != 1:
            return
        layer = readers[0].operation
        if functional_of(layer) is not None and hasattr(layer, "layers"):
            yield from _first_calls(layer)
            if not _only_scales(layer):
                return
        else:
            yield layer, readers[0].arguments.args
        tensor = readers[0].outputs[0]


def _only_scales(model: Any) -> bool:
    """Return whether a model within the model, such as one of augmentations, does nothing but scale."""
    kinds = {type(layer).__name__ for layer in model.layers}
    return kinds <= UNCHANGED | set(RULES)


Rule = Callable[[Any, tuple[Any, ...]], Affine | None]


def _rescaling(layer: Any, _: Any) -> Affine:
    return Affine(np.asarray(layer.scale, float), np.asarray(layer.offset, float), layer.name)


def _normalization(layer: Any, _: Any) -> Affine | None:
    if layer.mean is None or layer.invert:
        return None
    mean, variance = (_numbers(value) for value in (layer.mean, layer.variance))
    return _standardizing(layer, mean, variance)


def _batch_normalization(layer: Any, _: Any) -> Affine | None:
    mean, variance = (_numbers(value) for value in (layer.moving_mean, layer.moving_variance))
    scaled = _standardizing(layer, mean, variance + layer.epsilon)
    gamma = _numbers(layer.gamma) if layer.scale else np.ones(1)
    beta = _numbers(layer.beta) if layer.center else np.zeros(1)
    return scaled._replace(factor=scaled.factor * gamma, offset=scaled.offset * gamma + beta)


def _standardizing(layer: Any, mean: Row, variance: Row) -> Affine:
    deviation = np.maximum(np.sqrt(variance), 1e-7)
    seen: tuple[float | None, float | None] = (float(mean.mean()), float(deviation.mean()))
    if np.allclose(mean, 0) and np.allclose(variance, 1, atol=0.01):
        seen = (None, None)  # as it was made: it has seen no data
    return Affine(1 / deviation, -mean / deviation, layer.name, *seen)


def _numbers(value: Any) -> Row:
    value = getattr(value, "value", value)
    value = value.detach().cpu().numpy() if hasattr(value, "detach") else value
    return np.asarray(value, float).reshape(-1)


def _operator(apply: Callable[[float], tuple[float, float] | None], reversed_: bool = False) -> Rule:
    def rule(operation: Any, arguments: tuple[Any, ...]) -> Affine | None:
        numbers = [value for value in arguments if isinstance(value, int | float)]
        is_second = len(arguments) == 2 and isinstance(arguments[1], int | float)
        if len(numbers) != 1 or not (is_second or reversed_):
            return None
        step = apply(float(numbers[0]))
        return None if step is None else Affine(np.array([step[0]]), np.array([step[1]]), operation.name)

    return rule


_DIVIDE = _operator(lambda number: (1 / number, 0.0) if number else None)
RULES: Mapping[str, Rule] = {
    "Rescaling": _rescaling,
    "Normalization": _normalization,
    "BatchNormalization": _batch_normalization,
    "TrueDivide": _DIVIDE,
    "Divide": _DIVIDE,
    "Multiply": _operator(lambda number: (number, 0.0), reversed_=True),
    "Add": _operator(lambda number: (1.0, number), reversed_=True),
    "Subtract": _operator(lambda number: (1.0, -number)),
}
"""Keras's name of a layer or operator -> its factor and offset; None: it is more than that."""
