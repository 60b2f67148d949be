"""Dtypes: which arithmetic each layer computes in, and the dtypes of a net's inputs and outputs.

A net follows each layer's own dtype policy, as Keras does, unless it is lowered in one given precision.
Then its operations decide, and nothing is rounded to half precision on the way in or out.
"""

from typing import Any

import torch

from tellapart.lowering.graph import Call
from tellapart.lowering.ops import augmentation, preprocessing

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

IN_FLOAT32 = {*preprocessing.RULES, *augmentation.RULES}
"""Layers of pixels, which bfloat16 would round to whole ones."""

HALF = (torch.bfloat16, torch.float16)


def input_dtype(symbolic: Any, precision: str | None) -> torch.dtype:
    """Return the dtype that an input of a net is cast to.

    Args:
        symbolic: the model's symbolic input.
        precision: the precision that the net is lowered in; None: each layer's own.
    """
    dtype = getattr(torch, symbolic.dtype)
    return torch.float32 if precision is not None and dtype in HALF else dtype


def output_dtype(symbolic: Any, precision: str | None) -> torch.dtype | None:
    """Return the dtype that an output of a net is cast to; None: it keeps that of the last operation.

    Args:
        symbolic: the model's symbolic output.
        precision: the precision that the net is lowered in; None: each layer's own.
    """
    dtype = getattr(torch, symbolic.dtype)
    return None if precision is not None and dtype in HALF else dtype


def layer_input_dtype(call: Call) -> torch.dtype | None:
    """Return the dtype that a layer's policy casts floating-point inputs to; None: they already have it.

    Operators have no policy, and nested models cast their own inputs: both return None.

    Args:
        call: a call of a layer that runs lowered.
    """
    import keras

    layer = call.layer
    if not isinstance(layer, keras.Layer) or isinstance(layer, keras.Model) or not layer.autocast:
        return None
    wanted = "float32" if type(layer).__name__ in IN_FLOAT32 else layer.compute_dtype
    given = {tensor.dtype for tensor in call.node.input_tensors if "float" in tensor.dtype}
    return None if {wanted, *given} == {"float32"} else PRECISIONS[wanted]


def has_float32_weights(layer: Any) -> bool:
    """Return whether all floating-point weights of a layer are float32, the only ones that operations share."""
    return all(weight.dtype == "float32" for weight in layer.weights if "float" in weight.dtype)
