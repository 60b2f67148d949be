"""Registry: the rule of every Keras layer that runs lowered.

A rule takes a layer's config and its weights *in Keras's own shapes and order* and returns an `Operation`,
or None where the config asks for something that the operation does not do; the layer then runs as itself.
Keras is the oracle of every rule: outputs in both modes, gradients and batch statistics.

Nothing is written here for a new layer: a new pooling layer, say, is an operation, its rule and its line of
`RULES`, all in `ops/pooling.py`. Only a new file in `ops/` needs a line below.
"""

from tellapart.lowering.ops import (
    activation_layers,
    attention,
    augmentation,
    convolution,
    dense,
    dropout,
    merging,
    normalization,
    pooling,
    preprocessing,
    shaping,
)
from tellapart.lowering.ops.base import Rule

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
    **augmentation.RULES,
}
"""Keras class name -> rule. Only Keras's own classes are looked up; a subclass runs as itself."""

SIGNATURES: dict[str, tuple[str, ...]] = {
    "MultiHeadAttention": ("query", "value", "key"),
    "GroupedQueryAttention": ("query", "value", "key"),
}
"""Layers called with several tensors, in this order or by name; others take a list, `layer([x, y])`."""
