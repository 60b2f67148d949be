"""Opening: which working belongs to which layer, and a sentence where there is none."""

from dataclasses import replace
from math import prod

from tellapart.explanations.arithmetic import activation, operators, transposed
from tellapart.explanations.arithmetic import dropout as dropped
from tellapart.explanations.arithmetic import merge as merged
from tellapart.explanations.arithmetic import normalization as normalized
from tellapart.explanations.arithmetic import pooling as pooled
from tellapart.explanations.arithmetic import reshape as moved
from tellapart.explanations.arithmetic import weighted_sum as weighted
from tellapart.explanations.arithmetic.cells import cells
from tellapart.explanations.arithmetic.working import LayerArithmetic, Opener
from tellapart.explanations.recorder import LayerRun
from tellapart.keras_internals import is_keras_class, is_keras_operator

OPENERS: dict[str, Opener] = {
    **weighted.OPENERS,
    **transposed.OPENERS,
    **pooled.OPENERS,
    **activation.OPENERS,
    **normalized.OPENERS,
    **moved.OPENERS,
    **dropped.OPENERS,
    **merged.OPENERS,
}
"""Keras class name -> what opens it. Only Keras's own classes are looked up."""

OTHER = "What comes out is shown; how this kind of layer computes is not told number by number."


def working_of(run: LayerRun) -> LayerArithmetic:
    """How a layer made its numbers."""
    working = _opened(run) or LayerArithmetic("other", OTHER)
    return replace(working, says=working.says + _folding(run))


def _opened(run: LayerRun) -> LayerArithmetic | None:
    if not is_keras_class(type(run.layer)) or any(cells(one) is None for one in (*run.taken, run.given[0])):
        return None
    is_operator = is_keras_operator(type(run.layer))
    opener = (operators.OPENERS if is_operator else OPENERS).get(run.kind)
    return (None if opener is None else opener(run)) or dropped.passing(run)


def _folding(run: LayerRun) -> str:
    """How maps with more than two axes of places are laid out, in words."""
    *leading, height, width, _ = run.output.shape[1:] if run.output.ndim > 4 else (0, 0, 0)
    if not leading:
        return ""
    folded = " x ".join(map(str, (*leading, height)))
    return (
        f" What it gives has {len(leading) + 2} axes of places: here they are shown as {prod(leading) * height} rows "
        f"({folded}, one slice below the other) and {width} columns."
    )
