"""The data loader: the tensors of one step, from images in memory or read ahead from a disk.

Everything random in a step (which images, how they are augmented, and which units
dropout zeroes) is seeded by (seed, epoch, step) alone. Where a team shares the batch, each process draws for all
images and loads its own.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.data.augmentation.augmenter import apply_all, draw_all
from tellapart.data.augmentation.mix import Mixing, mixer
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.multi_label import are_several
from tellapart.data.sampler import BatchSampler, epoch_order, step_seed
from tellapart.data.store import ImageStore
from tellapart.data.types import Pixels
from tellapart.runtime.cuda_graph import CudaGraphed
from tellapart.runtime.workers import workers
from tellapart.training.read_ahead import ReadAhead
from tellapart.training.shares import ALONE, BatchShare, Sharing

IMAGES_TO_DIVIDE = 128
"""Batch size from which on each core augments a part. On busy cores, torch's own threads waited for each
other a hundred times longer than they worked (1,000 images: 2,100 ms, and 50 ms in parts)."""


class DataLoader:
    """Loads the training batch of any (epoch, step).

    For a GPU all images are kept there as bytes, and are picked and augmented there, unless they are beyond the
    memory budget; then, on any device, the next batches are read while this one is learned from.
    """

    def __init__(
        self,
        store: ImageStore,
        classes: int,
        batches: BatchSampler,
        augmentation: Augmentation | None,
        device: torch.device | str = "cpu",
        mixing: Mixing = "none",
        mixing_strength: float | None = None,
        sharing: Sharing = ALONE,
    ) -> None:
        """Create a loader.

        Args:
            store: the training images.
            classes: number of classes.
            batches: which images go into which step.
            augmentation: how images are augmented; None: not at all.
            device: where the batches are needed.
            mixing: how images of a batch are combined; a name in `MIXINGS`.
            mixing_strength: how strongly; None: as in the paper.
            sharing: who shares each batch.
        """
        self.store, self.batches, self.augmentation = store, batches, augmentation
        self.mix = mixer(mixing, mixing_strength)
        self.sharing, self.mixes = sharing, mixing != "none"
        self.device = torch.device(device)
        is_kept = self.device.type != "cpu" and store.is_in_memory
        self.on_device = torch.tensor(store.images, device=device) if is_kept else None
        self.ahead = None if store.is_in_memory else self._reading_ahead()
        self.read: Pixels | None = None
        """The images of the step that is being prepared, where they are not in memory."""

        self.drawn_for: tuple[int, slice] = (0, slice(None))
        """For how many images random numbers are drawn in the step that is being prepared, and which are its own."""

        self.labels = torch.tensor(store.labels, device=device)
        self.multi_label = are_several(store.labels)
        self.one_hot = torch.eye(classes, device=device)
        self.generator = torch.Generator(device)
        # A function in Python reads images back from the GPU, which no recording can.
        recorded = is_kept and not (augmentation and augmentation.preprocessing_function)
        self.prepare = CudaGraphed(self._prepare, [self.generator]) if recorded else self._prepare

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of one step, or the share of it, and seed torch's global generator for its dropout.

        Returns:
            Images (B, H, W, C), pixels 0-255, float32 if augmented, else uint8; and their
            targets (B, classes), one-hot unless images are mixed or have several labels. Both on `device`.
        """
        rows, share = self._rows(epoch, step), self.share(step)
        own = slice(None) if share is None else share.rows
        self.drawn_for = self.batches.size(step), slice(None) if self.mixes else own
        on_device = torch.from_numpy(rows).to(self.device, non_blocking=True)
        seed = step_seed(self.batches.seed, epoch, step)
        torch.manual_seed(seed)
        self.generator.manual_seed(seed)
        mirrored = self._alternating(rows, epoch)
        self.read = None if self.ahead is None else self.ahead.images(epoch, step)
        images, targets = self.prepare(on_device) if mirrored is None else self.prepare(on_device, mirrored)
        images, targets = self.mix(images, targets, seed)
        if share is not None and self.device.type != "cpu":  # there, dropout draws for each process by itself
            torch.manual_seed(step_seed(self.batches.seed, epoch, step, 1 + share.first))
        return (images[own], targets[own]) if self.mixes else (images, targets)

    def share(self, step: int) -> BatchShare | None:
        """Return what is learned from here of a step's batch; None: all of it."""
        return self.sharing.share(self.batches.size(step))

    def _rows(self, epoch: int, step: int) -> NDArray[np.int64]:
        """Return the rows to load for a step: all of the batch where its images are mixed."""
        share = self.share(step)
        rows = self.batches.rows(epoch, step)
        return rows if share is None or self.mixes else rows[share.rows]

    def _prepare(self, rows: Tensor, mirrored: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the images of these rows, augmented, and their targets; `mirrored` replaces the random flips."""
        images = self._taken(rows) if self.on_device is None else self.on_device[rows]
        if self.augmentation is not None:
            images = self._augment(images, self.augmentation, mirrored)
        return images, self.labels[rows] if self.multi_label else self.one_hot[self.labels[rows]]

    def _reading_ahead(self) -> ReadAhead[Pixels]:
        def read(epoch: int, step: int) -> Pixels:
            return self.store.rows(self._rows(epoch, step))

        batch_bytes = self.batches.batch_size * math.prod(self.store.images.shape[1:])
        return ReadAhead(read, self.batches.steps_per_epoch, batch_bytes)

    def _taken(self, rows: Tensor) -> Tensor:
        """Return the images of these rows: those that were read ahead, or from memory."""
        images = self.store.images[rows.numpy()] if self.read is None else self.read
        return torch.from_numpy(images).to(self.device, non_blocking=True)

    def _augment(self, images: Tensor, plan: Augmentation, mirrored: Tensor | None) -> Tensor:
        """Augment (B, H, W, C): draw at random for all images at once, then augment a part on each core."""
        n, height, width, channels = images.shape
        all_images, own = self.drawn_for
        drawn = draw_all(plan, all_images, (channels, height, width), self.generator).of(own)
        if mirrored is not None:
            drawn = replace(drawn, moves=replace(drawn.moves, mirrored=mirrored))

        def augment(part: slice) -> Tensor:
            return apply_all(images[part].permute(0, 3, 1, 2), drawn.of(part), plan)

        count = 1 if self.device.type != "cpu" or n < IMAGES_TO_DIVIDE else workers().count
        if count == 1:
            augmented = augment(slice(None))
        else:
            share = -(-n // count)
            augmented = torch.cat(workers().map(augment, [slice(i, i + share) for i in range(0, n, share)]))
        return augmented.permute(0, 2, 3, 1)

    def _alternating(self, rows: NDArray[np.int64], epoch: int) -> Tensor | None:
        """Return which of the rows are mirrored in this epoch, (B,) bool; None where that is random."""
        plan = self.augmentation
        if plan is None or not (plan.alternating_flip and plan.horizontal_flip):
            return None
        mirrored_at_first = epoch_order(self.batches.seed, _BEFORE_ALL_EPOCHS, self.batches.n) % 2 == 1
        return torch.from_numpy(mirrored_at_first[rows] ^ (epoch % 2 == 1)).to(self.device, non_blocking=True)


_BEFORE_ALL_EPOCHS = 2**64 - 1
"""The "epoch" whose order decides which images are mirrored in the first epoch."""
