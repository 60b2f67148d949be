"""Snapshot: the settings that a step was built from, so that a change in the middle of an epoch is noticed.

Keras on torch reads the settings of its layers and optimizer at every batch, so a callback may freeze a
layer, replace its activation or set the optimizer's clipping between two batches. A lowered step reads them
once, when it is built.

Attributes are compared by identity: a number that is set again counts as changed, which costs no more than
building the step again.
"""

from operator import is_

from tellapart.lowering import LoweredNet


class Snapshot:
    """Settings of all lowered layers and of the optimizer, and which weights are trainable."""

    def __init__(self, net: LoweredNet) -> None:
        self.model = net.model
        self.optimizer = net.model.optimizer
        owners = (*net.lowered_layers(), self.optimizer)
        self.settings = [(vars(owner), dict(vars(owner))) for owner in owners if owner is not None]
        self.weights = [variable.value for variable in net.model.weights]
        self.trainable = [weight.requires_grad for weight in self.weights]

    def holds(self) -> bool:
        """Return whether nothing has changed since."""
        return (
            self.model.optimizer is self.optimizer
            and [weight.requires_grad for weight in self.weights] == self.trainable
            and all(
                len(now) == len(then) and all(map(is_, now.values(), then.values()))
                for now, then in self.settings
            )
        )
