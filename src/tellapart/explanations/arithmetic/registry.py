"""Registry: which rule describes which layer, and a sentence where there is none."""

from dataclasses import replace
from math import prod

from tellapart.explanations.arithmetic import (
    activation,
    dropout,
    merge,
    normalization,
    operators,
    pooling,
    reshape,
    transposed,
    weighted_sum,
)
from tellapart.explanations.arithmetic.cells import cells
from tellapart.explanations.arithmetic.layer_arithmetic import LayerArithmetic, Rule
from tellapart.explanations.recorder import LayerRun
from tellapart.keras_internals import is_keras_class, is_keras_operator

RULES: dict[str, Rule] = {
    **weighted_sum.RULES,
    **transposed.RULES,
    **pooling.RULES,
    **activation.RULES,
    **normalization.RULES,
    **reshape.RULES,
    **dropout.RULES,
    **merge.RULES,
}
"""Keras class name -> its rule. Only Keras's own classes are looked up."""

OTHER = "Only the output is shown; the arithmetic of this kind of layer is not."


def arithmetic_of(run: LayerRun) -> LayerArithmetic:
    """Return how a layer computes its output."""
    arithmetic = _by_rule(run) or LayerArithmetic("other", OTHER)
    return replace(arithmetic, description=arithmetic.description + _folding(run))


def _by_rule(run: LayerRun) -> LayerArithmetic | None:
    tensors = (*run.raw_inputs, run.raw_outputs[0])
    if not is_keras_class(type(run.layer)) or any(cells(tensor) is None for tensor in tensors):
        return None
    is_operator = is_keras_operator(type(run.layer))
    rule = (operators.RULES if is_operator else RULES).get(run.kind)
    return (None if rule is None else rule(run)) or dropout.passing(run)


def _folding(run: LayerRun) -> str:
    """Return a sentence on how maps with more than two spatial axes are laid out, if any."""
    *leading, height, width, _ = run.output.shape[1:] if run.output.ndim > 4 else (0, 0, 0)
    if not leading:
        return ""
    folded = " x ".join(map(str, (*leading, height)))
    return (
        f" The output has {len(leading) + 2} spatial axes, shown as {prod(leading) * height} rows ({folded}, one "
        f"slice below the other) and {width} columns."
    )
