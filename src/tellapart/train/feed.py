"""Feed: the tensors of a step, from the pictures in memory.

Everything random in a step (which pictures, how they move, and which units
dropout zeroes) is seeded by (seed, epoch, step) alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tellapart.data.augment import Augmentation, augment
from tellapart.data.batches import Batches, epoch_order, step_seed
from tellapart.data.store import Store


@dataclass(frozen=True, slots=True)
class Feed:
    """Training pictures, ready to be asked for by epoch and step."""

    store: Store
    classes: int
    """How many there are."""

    batches: Batches
    augmentation: Augmentation | None
    device: torch.device | str = "cpu"
    """Where the batches are wanted."""

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """The batch of one step, and torch's global generator seeded for its dropout.

        Returns:
            Pictures (B, H, W, C), pixels 0-255, float32 where they were moved, else uint8;
            and their one-hot truth (B, classes). Both on `device`.
        """
        rows = self.batches.rows(epoch, step)
        images = torch.from_numpy(self.store.images[rows])  # (B, H, W, C)
        seed = step_seed(self.batches.seed, epoch, step)
        torch.manual_seed(seed)
        if self.augmentation is not None:
            generator = torch.Generator().manual_seed(seed)
            mirrored = self._alternating(rows, epoch) if self.augmentation.alternating_flip else None
            images = augment(images.permute(0, 3, 1, 2), self.augmentation, generator, mirrored)
            images = images.permute(0, 2, 3, 1)
        truth = functional.one_hot(torch.from_numpy(self.store.labels[rows]), self.classes).float()
        return images.to(self.device), truth.to(self.device)

    def _alternating(self, rows: NDArray[np.int64], epoch: int) -> Tensor | None:
        """Which of the rows are mirrored in this epoch, (B,) bool."""
        if self.augmentation is None or not self.augmentation.horizontal_flip:
            return None
        at_first = epoch_order(self.batches.seed, _BEFORE_ALL_EPOCHS, self.batches.n) % 2 == 1
        return torch.from_numpy(at_first[rows] ^ (epoch % 2 == 1))


_BEFORE_ALL_EPOCHS = 2**64 - 1
"""The "epoch" whose order decides who is mirrored in the first one."""
