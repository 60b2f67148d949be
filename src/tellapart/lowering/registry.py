"""The list of rules: which operation a Keras layer becomes.

A rule takes a layer's config and its weights *in Keras's own shapes and order* and returns an `Operation`,
or None where the config asks for something that the operation does not do; the layer then runs as itself.
The oracle is Keras: forward in both modes, gradients and batch statistics.

Each rule stands beside its operation in `ops/`; a new family of layers is one line here.
"""

from tellapart.lowering.ops import (
    activation_layers,
    attention,
    convolution,
    dense,
    dropout,
    merging,
    normalization,
    pooling,
    preprocessing,
    shaping,
)
from tellapart.lowering.ops.base import Rule, function_rule

RULES: dict[str, Rule] = {
    **convolution.RULES,
    **dense.RULES,
    **attention.RULES,
    **pooling.RULES,
    **normalization.RULES,
    **activation_layers.RULES,
    **dropout.RULES,
    **shaping.RULES,
    **merging.RULES,
    **preprocessing.RULES,
    "Identity": function_rule(lambda x: x),
}
"""Keras class name -> rule. Only Keras's own classes are looked up; a subclass runs as itself."""

ONE_BY_ONE = frozenset({"MultiHeadAttention", "GroupedQueryAttention"})
"""Layers that take tensors as `layer(query, value)` where others take a list, `layer([x, y])`."""
