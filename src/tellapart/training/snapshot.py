"""Snapshot: what a step was built from, so that a change in the middle of an epoch is noticed.

Keras on torch asks its layers and its optimizer anew at every batch, so a callback may freeze a layer,
replace its activation or set the optimizer's clipping between any two. A lowered step has asked once.

Compared is identity, attribute by attribute: a number set anew counts as another, and costs no more than
building the step again.
"""

from operator import is_

from tellapart.lowering import LoweredNet


class Snapshot:
    """The settings of all lowered layers and of the optimizer, and which weights learn."""

    def __init__(self, net: LoweredNet) -> None:
        self.model = net.model
        self.optimizer = net.model.optimizer
        watched = [vars(one) for one in (*net.lowered_layers(), self.optimizer) if one is not None]
        self.settings = [(now, dict(now)) for now in watched]
        self.weights = [variable.value for variable in net.model.weights]
        self.learning = [weight.requires_grad for weight in self.weights]

    def holds(self) -> bool:
        """Whether all is as it was."""
        return (
            self.model.optimizer is self.optimizer
            and [weight.requires_grad for weight in self.weights] == self.learning
            and all(
                len(now) == len(then) and all(map(is_, now.values(), then.values()))
                for now, then in self.settings
            )
        )
