"""The state of a training between two steps."""

from dataclasses import dataclass, field

from torch import Tensor

from tellapart.events import EpochDone


@dataclass(slots=True)
class TrainState:
    """Progress of a training; with the weights and the optimizer's state, all that resuming needs."""

    epoch: int = 0
    step: int = 0
    """Steps finished in this epoch."""

    pictures: int = 0
    """Number of images trained on in this epoch."""

    loss_sum: float | Tensor = 0.0
    right: int | Tensor = 0
    """Images classified correctly while training. This and the loss stay tensors between two steps, so that no
    step waits for a GPU; see `settle`."""

    history: list[EpochDone] = field(default_factory=list)
    divergences: int = 0
    """How often the training went back because its loss or weights were not finite."""

    def settle(self) -> None:
        """Turn the sums into plain numbers."""
        self.loss_sum, self.right = float(self.loss_sum), int(self.right)

    def begin_next_epoch(self) -> None:
        """Move on to the next epoch and reset the sums."""
        self.epoch, self.step, self.pictures, self.loss_sum, self.right = self.epoch + 1, 0, 0, 0.0, 0
