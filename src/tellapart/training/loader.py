"""Feed: the tensors of a step, from the pictures in memory.

Everything random in a step (which pictures, how they move, and which units
dropout zeroes) is seeded by (seed, epoch, step) alone.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.data.augmentation.mix import MIXINGS, Mixing
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.augmentation.shift_flip import apply, draw
from tellapart.data.sampler import BatchSampler, epoch_order, step_seed
from tellapart.data.store import ImageStore
from tellapart.runtime.cuda_graph import CudaGraphed
from tellapart.runtime.workers import workers

PICTURES_TO_DIVIDE = 128
"""From as many on, each core moves a part. On cores that others use as well, torch's own threads waited
for each other a hundred times longer than they worked (1,000 pictures: 2,100 ms, and in parts 50)."""


class DataLoader:
    """Training pictures, ready to be asked for by epoch and step.

    On a GPU all pictures lie there, as bytes, and are picked and moved there.
    """

    def __init__(
        self,
        store: ImageStore,
        classes: int,
        batches: BatchSampler,
        augmentation: Augmentation | None,
        device: torch.device | str = "cpu",
        mixing: Mixing = "none",
    ) -> None:
        """A feed.

        Args:
            store: the pictures.
            classes: how many there are.
            batches: which pictures go into which step.
            augmentation: how they are moved; None: not at all.
            device: where the batches are wanted.
            mixing: how images of a batch are put together; a name in `MIXINGS`.
        """
        self.store, self.batches, self.augmentation = store, batches, augmentation
        self.mix = MIXINGS[mixing]
        self.device = torch.device(device)
        self.on_device = None if self.device.type == "cpu" else torch.tensor(store.images, device=device)
        self.labels = torch.tensor(store.labels, device=device)
        self.one_hot = torch.eye(classes, device=device)
        self.generator = torch.Generator(device)
        on_gpu = self.device.type == "cuda"
        self.prepare = CudaGraphed(self._prepared, [self.generator]) if on_gpu else self._prepared

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """The batch of one step, and torch's global generator seeded for its dropout.

        Returns:
            Pictures (B, H, W, C), pixels 0-255, float32 where they were moved, else uint8; and their
            truth (B, classes), one-hot where pictures are not mixed. Both on `device`.
        """
        rows = self.batches.rows(epoch, step)
        there = torch.from_numpy(rows).to(self.device, non_blocking=True)
        seed = step_seed(self.batches.seed, epoch, step)
        torch.manual_seed(seed)
        self.generator.manual_seed(seed)
        mirrored = self._alternating(rows, epoch)
        images, truth = self.prepare(there) if mirrored is None else self.prepare(there, mirrored)
        return self.mix(images, truth, seed)

    def _prepared(self, rows: Tensor, mirrored: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Pictures of these rows, moved, and their truth; `mirrored` where chance does not decide it."""
        images = (
            torch.from_numpy(self.store.images[rows.numpy()])
            if self.on_device is None
            else self.on_device[rows]
        )
        if self.augmentation is not None:
            images = self._moved(images, self.augmentation, mirrored)
        return images, self.one_hot[self.labels[rows]]

    def _moved(self, images: Tensor, plan: Augmentation, mirrored: Tensor | None) -> Tensor:
        """Augment (B, H, W, C): chance for all pictures at once, the moving of a part on each core."""
        n, height, width, _ = images.shape
        moves = draw(plan, n, height, width, self.generator)
        if mirrored is not None:
            moves = replace(moves, mirrored=mirrored)

        def move(part: slice) -> Tensor:
            pictures = images[part].permute(0, 3, 1, 2)
            return apply(pictures, moves.of(part), plan.fill_mode, plan.cval, plan.cutout)

        count = 1 if self.on_device is not None or n < PICTURES_TO_DIVIDE else workers().count
        if count == 1:
            moved = move(slice(None))
        else:
            share = -(-n // count)
            moved = torch.cat(workers().map(move, [slice(i, i + share) for i in range(0, n, share)]))
        return moved.permute(0, 2, 3, 1)

    def _alternating(self, rows: NDArray[np.int64], epoch: int) -> Tensor | None:
        """Which of the rows are mirrored in this epoch, (B,) bool; None where chance decides."""
        plan = self.augmentation
        if plan is None or not (plan.alternating_flip and plan.horizontal_flip):
            return None
        at_first = epoch_order(self.batches.seed, _BEFORE_ALL_EPOCHS, self.batches.n) % 2 == 1
        return torch.from_numpy(at_first[rows] ^ (epoch % 2 == 1)).to(self.device, non_blocking=True)


_BEFORE_ALL_EPOCHS = 2**64 - 1
"""The "epoch" whose order decides who is mirrored in the first one."""
