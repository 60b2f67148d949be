"""Dtypes: in which arithmetic a layer computes, and in which numbers a net takes its inputs and gives its answer.

A net follows each layer's own dtype policy, as Keras does, unless it is lowered in one given precision.
Then its operations decide, and nothing is rounded to half precision where it enters or leaves.
"""

from typing import Any

import torch

from tellapart.lowering.graph import Call
from tellapart.lowering.ops import preprocessing as pixels

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

HALF = (torch.bfloat16, torch.float16)


def input_dtype(symbolic: Any, precision: str | None) -> torch.dtype:
    """What an input is cast to.

    Args:
        symbolic: the model's own input.
        precision: that the net is lowered in, or None.
    """
    dtype = getattr(torch, symbolic.dtype)
    return torch.float32 if precision is not None and dtype in HALF else dtype


def output_dtype(symbolic: Any, precision: str | None) -> torch.dtype | None:
    """What an output is cast to; None: it is left as the last operation gave it. Arguments likewise."""
    dtype = getattr(torch, symbolic.dtype)
    return None if precision is not None and dtype in HALF else dtype


def layer_input_dtype(call: Call) -> torch.dtype | None:
    """What a layer's policy wants floating inputs cast to; None where that is theirs already.

    Args:
        call: of a layer that runs lowered. Operators, which have no policy, and whole models take what comes.
    """
    import keras

    layer = call.layer
    if not isinstance(layer, keras.Layer) or isinstance(layer, keras.Model) or not layer.autocast:
        return None
    wanted = "float32" if type(layer).__name__ in pixels.RULES else layer.compute_dtype
    given = {tensor.dtype for tensor in call.node.input_tensors if "float" in tensor.dtype}
    return None if {wanted, *given} == {"float32"} else PRECISIONS[wanted]


def has_float32_weights(layer: Any) -> bool:
    """Whether operations can share a layer's weights: they compute with, and learn, float32 ones."""
    return all(weight.dtype == "float32" for weight in layer.weights if "float" in weight.dtype)
