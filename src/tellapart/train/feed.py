"""Feed: the tensors of a step, from the pictures in memory.

Everything random in a step (which pictures, how they move, and which units
dropout zeroes) is seeded by (seed, epoch, step) alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tellapart.data.augment import Augmentation, augment
from tellapart.data.batches import Batches, step_seed
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
            images = augment(images.permute(0, 3, 1, 2), self.augmentation, generator).permute(0, 2, 3, 1)
        truth = functional.one_hot(torch.from_numpy(self.store.labels[rows]), self.classes).float()
        return images.to(self.device), truth.to(self.device)
