"""Opening: which working belongs to which layer, and a sentence where there is none."""

from tellapart.explain.record import LayerRun
from tellapart.explanation.opened import activation, merged, moved, normalised, pooled, weighted
from tellapart.explanation.opened.cells import cells
from tellapart.explanation.opened.working import Opener, Working
from tellapart.lower.graph import is_keras_class

OPENERS: dict[str, Opener] = {
    **weighted.OPENERS,
    **pooled.OPENERS,
    **activation.OPENERS,
    **normalised.OPENERS,
    **moved.OPENERS,
    **merged.OPENERS,
}
"""Keras class name -> what opens it. Only Keras's own classes are looked up."""

OTHER = (
    "What goes in and what comes out is shown; how this kind of layer computes is not told number by number."
)


def working_of(run: LayerRun) -> Working:
    """How a layer made its numbers."""
    opener = OPENERS.get(run.kind) if is_keras_class(type(run.layer)) else None
    if opener is not None and all(cells(one) is not None for one in (*run.taken, run.given[0])):
        working = opener(run)
        if working is not None:
            return working
    return Working("other", OTHER)
