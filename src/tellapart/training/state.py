"""Where a run stands."""

from dataclasses import dataclass, field

from torch import Tensor

from tellapart.events import EpochDone


@dataclass(slots=True)
class TrainState:
    """Where a run stands: with the weights and the optimizer's state, all that resuming needs."""

    epoch: int = 0
    step: int = 0
    """Steps finished in this epoch."""

    pictures: int = 0
    """Learned from in this epoch."""

    loss_sum: float | Tensor = 0.0
    right: int | Tensor = 0
    """Both stay tensors between two steps, so that no step waits for a GPU to finish; see `settle`."""

    history: list[EpochDone] = field(default_factory=list)

    def settle(self) -> None:
        """Make plain numbers of the sums."""
        self.loss_sum, self.right = float(self.loss_sum), int(self.right)

    def begin_next_epoch(self) -> None:
        """Count from nothing."""
        self.epoch, self.step, self.pictures, self.loss_sum, self.right = self.epoch + 1, 0, 0, 0.0, 0
