"""Layer cases: configurations of every layer of Keras, each as a model that calls the layer twice.

Most are Keras's own (`keras_layer_cases.json`, written by `scripts/keras_layer_cases.py`); `MORE` are ours, for
settings, ranks and ways to call a layer that Keras's tests leave out.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tellapart.keras_backend import import_keras

keras = import_keras()

TABLE = Path(__file__).parent / "keras_layer_cases.json"

NEEDS_ARGUMENTS = {"threshold"}

IMAGE, VOLUME, SEQUENCE, ROW = [2, 6, 5, 4], [2, 4, 5, 4, 3], [2, 7, 4], [3, 6]
ACTIVATION_NAMES = sorted(
    {name for name in dir(keras.activations) if not name.startswith("_")}
    - {"get", "serialize", "deserialize"}
    - NEEDS_ARGUMENTS
)
PAIR = [IMAGE, IMAGE]


@dataclass(frozen=True)
class Case:
    """One configuration of a layer, and how it is called."""

    layer: str
    init: dict[str, Any]
    shape: Any
    """A shape; or a list of them, for a layer called with a list; or a dict, for one called by keyword."""
    dtype: Any = "float32"
    call: dict[str, Any] | None = None
    """Further arguments of the call."""
    separate: bool = False
    """Whether several inputs are passed as arguments of their own."""

    def __str__(self) -> str:
        call = f", called with {self.call}" if self.call else ""
        return f"{self.layer}({self.init}) on {self.shape}{call}"


class NotHereError(Exception):
    """Keras itself cannot build or run a case on this machine."""


def cases() -> dict[str, list[Case]]:
    """Return all cases by layer class, in `keras.layers`'s names."""
    found = [Case(**case) for case in json.loads(TABLE.read_text())["cases"]] + MORE
    by_layer: dict[str, list[Case]] = {}
    for case in found:
        by_layer.setdefault(case.layer, []).append(case)
    for own in by_layer.values():
        variants = (with_channels_first(case) for case in tuple(own))
        own += islice((variant for variant in variants if variant), 2)
    return by_layer


def with_channels_first(case: Case) -> Case | None:
    """Return the case with channels first; None where the layer has no such setting."""
    takes = "data_format" in json.dumps(saved_config(case))
    plain = "data_format" not in case.init and isinstance(case.shape, list) and not has_several(case)
    if not takes or not plain or len(case.shape) < 3:
        return None
    batch, *sides, channels = case.shape
    init = case.init | {"data_format": "channels_first"}
    return Case(case.layer, init, [batch, channels, *sides], case.dtype, case.call)


def saved_config(case: Case) -> dict[str, Any]:
    try:
        return make_layer(case, "float32").get_config()
    except Exception:
        return {}


def make_layer(case: Case, policy: str) -> Any:
    return getattr(keras.layers, case.layer)(**{"dtype": policy, **revived(case.init)})


def revived(value: Any) -> Any:
    """Return what `jsoned` in the script made of a value."""
    if isinstance(value, list):
        return [revived(part) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"saved"}:
        return keras.saving.deserialize_keras_object(value["saved"])
    if set(value) == {"function"} and isinstance(value["function"], str):
        home, name = value["function"].split(".")
        return getattr(getattr(keras, home), name)
    if set(value) == {"tensor", "dtype"}:
        return np.random.default_rng(0).uniform(0.5, 1.5, value["tensor"]).astype(value["dtype"])
    return {name: revived(part) for name, part in value.items()}


def make_model(case: Case, policy: str) -> tuple[Any, list[torch.Tensor]]:
    """Return a model that calls the layer twice, each time on inputs of its own, and values for all its inputs.

    Raises:
        NotHereError: Keras cannot make it.
    """
    try:
        layer = make_layer(case, policy)
        inputs, outputs = [], []
        for _ in range(2):
            tensors = {
                place: keras.Input(batch_shape=shape, dtype=dtype) for place, shape, dtype in places(case)
            }
            inputs += tensors.values()
            outputs += keras.tree.flatten(called(layer, case, tensors))
        model = keras.Model(inputs, outputs)
    except Exception as problem:
        raise NotHereError(f"{case}: {problem}") from problem
    random = np.random.default_rng(zlib.crc32(str(case).encode()))
    return model, [values(random, tensor.shape, tensor.dtype) for tensor in inputs]


def places(case: Case) -> Iterator[tuple[Any, list[int], str]]:
    """Yield each tensor that the layer is called with: its number or name, shape and dtype."""
    shapes = (
        case.shape
        if isinstance(case.shape, dict)
        else dict(enumerate(case.shape if has_several(case) else [case.shape]))
    )
    for place, shape in shapes.items():
        dtype = case.dtype if isinstance(case.dtype, str) else case.dtype[place]
        yield place, shape, dtype
    for name, value in (case.call or {}).items():
        if isinstance(value, dict) and "tensor" in value:
            yield name, value["tensor"], value["dtype"]


def has_several(case: Case) -> bool:
    """Return whether a layer is called with several tensors by position."""
    return isinstance(case.shape, list) and bool(case.shape) and isinstance(case.shape[0], list)


def called(layer: Any, case: Case, tensors: dict[Any, Any]) -> Any:
    """Call a layer as its case says."""
    positional = [tensor for place, tensor in tensors.items() if isinstance(place, int)]
    named = {
        place.removesuffix("_shape"): tensor for place, tensor in tensors.items() if isinstance(place, str)
    }
    settings = {name: value for name, value in (case.call or {}).items() if name not in named}
    together = has_several(case) and not case.separate
    return layer(*([positional] if together else positional), **named, **settings)


def values(random: np.random.Generator, shape: Any, dtype: str) -> torch.Tensor:
    """Return numbers for an input: normal ones, small integers, or truth values."""
    if "float" in dtype:
        return torch.from_numpy(random.normal(size=shape).astype("float32")).to(getattr(torch, dtype))
    return torch.from_numpy(random.integers(0, 2 if dtype == "bool" else 4, shape)).to(getattr(torch, dtype))


MORE = [
    *(Case(f"Adaptive{kind}Pooling1D", {"output_size": 3}, SEQUENCE) for kind in ("Average", "Max")),
    *(Case(f"Adaptive{kind}Pooling2D", {"output_size": [3, 2]}, IMAGE) for kind in ("Average", "Max")),
    *(Case(f"Adaptive{kind}Pooling3D", {"output_size": 2}, VOLUME) for kind in ("Average", "Max")),
    Case("ZeroPadding1D", {"padding": [1, 2]}, SEQUENCE),
    Case("ZeroPadding2D", {"padding": [[1, 0], [2, 3]]}, IMAGE),
    Case("ZeroPadding3D", {"padding": [[1, 0], [2, 3], [0, 1]]}, VOLUME),
    Case("CategoryEncoding", {"num_tokens": 5, "output_mode": "one_hot"}, [4, 1], "int32"),
    Case("CategoryEncoding", {"num_tokens": 5, "output_mode": "multi_hot"}, [4, 3], "int32"),
    *(
        Case("Activation", {"activation": name}, shape)
        for name in ACTIVATION_NAMES
        for shape in ([2, 6], IMAGE)
    ),
    *(
        Case("BatchNormalization", {"axis": axis}, shape)
        for axis, shape in [(-1, IMAGE), (1, IMAGE), (2, SEQUENCE), (-1, VOLUME), (1, VOLUME), (-1, ROW)]
    ),
    *(
        Case(kind, {}, shape)
        for kind in (
            "LayerNormalization",
            "UnitNormalization",
            "RMSNormalization",
            "PReLU",
            "Softmax",
            "Flatten",
        )
        for shape in (IMAGE, VOLUME, SEQUENCE, ROW)
    ),
    *(Case("GroupNormalization", {"groups": 2}, shape) for shape in (IMAGE, SEQUENCE, [2, 4, 5, 4, 6], ROW)),
    *(
        Case("Dense", {"units": 5, "activation": name}, shape)
        for name in ("gelu", "softmax", {"function": "ops.gelu"}, {"function": "activations.silu"})
        for shape in (IMAGE, VOLUME, SEQUENCE, ROW)
    ),
    *(
        Case("Conv2D", {"filters": 5, "kernel_size": 3, **init}, IMAGE)
        for init in (
            {"padding": "same", "activation": {"function": "ops.relu"}},
            {"dilation_rate": 2, "padding": "same"},
            {"strides": 2, "padding": "same", "use_bias": False},
        )
    ),
    *(
        Case(kind, {}, [shape] * 3)
        for kind in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
        for shape in (IMAGE, VOLUME, SEQUENCE, ROW)
        if kind != "Subtract"
    ),
    *(Case(kind, {}, [IMAGE, [2, 1, 1, 4]]) for kind in ("Add", "Subtract", "Multiply", "Maximum")),
    *(
        Case(kind, {}, shapes)
        for kind in ("Add", "Multiply", "Subtract", "Maximum")
        for shapes in ([SEQUENCE, [2, 4]], [IMAGE, [2, 4]], [[2, 5, 4], IMAGE])
    ),
    Case("Concatenate", {"axis": 1}, PAIR),
    Case("Concatenate", {"axis": -2}, PAIR),
    Case("Dot", {"axes": [2, 1]}, [SEQUENCE, [2, 4, 3]]),
    *(
        Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, shape, call=call, separate=True)
        for shape in ([SEQUENCE, SEQUENCE], [IMAGE, IMAGE], [SEQUENCE, [2, 5, 4], [2, 5, 6]])
        for call in (None, {"training": False})
    ),
    *(
        Case("MultiHeadAttention", {"num_heads": 2, "key_dim": 3, **init}, shape, call=call)
        for init in ({}, {"output_shape": 5}, {"value_dim": 5, "use_bias": False})
        for shape in (
            {"query": SEQUENCE, "value": SEQUENCE},
            {"query": SEQUENCE, "key": [2, 5, 4], "value": [2, 5, 6]},
        )
        for call in (
            None,
            {"use_causal_mask": True},
            {"attention_mask": {"tensor": [2, 7, shape["value"][1]], "dtype": "bool"}},
        )
    ),
    Case(
        "MultiHeadAttention",
        {"num_heads": 2, "key_dim": 3},
        {"query": SEQUENCE, "value": SEQUENCE},
        call={"return_attention_scores": True},
    ),
    *(
        Case(
            "MultiHeadAttention",
            {"num_heads": 2, "key_dim": 3, "attention_axes": axes},
            {"query": IMAGE, "value": IMAGE},
        )
        for axes in ([1], [2], [1, 2])
    ),
    *(
        Case("Resizing", {"height": 4, "width": 9, "interpolation": mode, **init}, [2, 7, 6, 3])
        for mode in ("bilinear", "nearest", "bicubic")
        for init in ({}, {"antialias": True}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True})
    ),
]
"""What Keras's own tests leave out: other ranks, activations given as functions, and the ways to call attention."""
