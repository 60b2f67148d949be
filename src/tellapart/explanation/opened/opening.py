"""Opening: which working belongs to which layer, and a sentence where there is none."""

from tellapart.explain.record import LayerRun
from tellapart.explanation.opened import activation, dropped, merged, moved, normalised, pooled, weighted
from tellapart.explanation.opened.cells import cells
from tellapart.explanation.opened.working import Opener, Working
from tellapart.lower.graph import is_keras_class

OPENERS: dict[str, Opener] = {
    **weighted.OPENERS,
    **pooled.OPENERS,
    **activation.OPENERS,
    **normalised.OPENERS,
    **moved.OPENERS,
    **dropped.OPENERS,
    **merged.OPENERS,
}
"""Keras class name -> what opens it. Only Keras's own classes are looked up."""

OTHER = (
    "What goes in and what comes out is shown; how this kind of layer computes is not told number by number."
)


def working_of(run: LayerRun) -> Working:
    """How a layer made its numbers."""
    if not is_keras_class(type(run.layer)) or any(cells(one) is None for one in (*run.taken, run.given[0])):
        return Working("other", OTHER)
    opener = OPENERS.get(run.kind)
    working = None if opener is None else opener(run)
    return working or dropped.passing(run) or Working("other", OTHER)
