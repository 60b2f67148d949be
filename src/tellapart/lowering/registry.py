"""Rules: which torch operation a Keras layer becomes.

A rule takes a layer's config and its weights *in Keras's own shapes and order*
and returns an `Operation`, or None where the config asks for something that the
operation does not do; the layer then runs as itself. The oracle is Keras:
forward in both modes, gradients and batch statistics.

Each rule stands beside its operation; this is their list.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tellapart.lowering.ops import activation_layers, attention, merging, normalization, pooling, shaping
from tellapart.lowering.ops import convolution as convolution_layers
from tellapart.lowering.ops import dense as projections
from tellapart.lowering.ops import dropout as noise
from tellapart.lowering.ops import preprocessing as pixels
from tellapart.lowering.ops.base import Config, Dense, Operation
from tellapart.lowering.ops.rule import Rule, elementwise, known_activation


def _dense(config: Config, weights: Sequence[Tensor], dtype: torch.dtype) -> Operation | None:
    known = known_activation(config) and config.get("quantization_config") is None
    return Dense(config, weights, dtype) if known else None


RULES: dict[str, Rule] = {
    **convolution_layers.RULES,
    **projections.RULES,
    **attention.RULES,
    **pooling.RULES,
    **normalization.RULES,
    **activation_layers.RULES,
    **noise.RULES,
    **shaping.RULES,
    **merging.RULES,
    **pixels.RULES,
    "Dense": _dense,
    "Identity": elementwise(lambda x: x),
}
"""Keras class name -> rule. Only Keras's own classes are looked up; a subclass runs as itself."""

ONE_BY_ONE = frozenset({"MultiHeadAttention", "GroupedQueryAttention"})
"""Layers that take tensors as `layer(query, value)` where others take a list, `layer([x, y])`."""
