"""The streamed loader: batches from shards, of which no more is in memory than the parts that are open.

A step's pictures are known beforehand (`data.shards.order`), so their parts are read and they are decoded while the
steps before are learned from. A picture that cannot be used leaves its place to another one of its batch, so that all
batches have their size; what was left out is kept by name.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tellapart.data.augmentation.mix import Mixing
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.decoded.reading import read_one
from tellapart.data.preprocess import Preprocessing
from tellapart.data.reading_notes import UnreadableImage
from tellapart.data.shards.order import StreamOrder, StreamPlaces
from tellapart.data.shards.pieces import DamagedPiece, Encoded, PieceBuffer, SplitPieces
from tellapart.data.store import ImageStore
from tellapart.data.types import Pixels
from tellapart.errors import DataError
from tellapart.training.loader import DataLoader
from tellapart.training.read_ahead import STEPS_AHEAD, ReadAhead
from tellapart.training.shares import ALONE, Sharing

AT_ONCE = 16
"""Pictures that a thread decodes in a row."""

WINDOWS_AHEAD = 0.25
"""Of a window, in pictures: so long before its parts are needed, reading them begins."""

MOST_NAMED = 1_000
"""Unreadable pictures that are kept by name."""


class StreamedBatch(NamedTuple):
    """Decoded pictures of one step, and their classes."""

    pixels: Pixels
    """(b, H, W, C)."""

    labels: NDArray[np.int64]
    """(b,)."""


class StreamedLoader(DataLoader):
    """Loads the training batch of any (epoch, step) from shards."""

    def __init__(
        self,
        pieces: SplitPieces,
        sample: ImageStore,
        preprocessing: Preprocessing,
        classes: int,
        batches: StreamOrder,
        augmentation: Augmentation | None,
        device: torch.device | str = "cpu",
        mixing: Mixing = "none",
        mixing_strength: float | None = None,
        sharing: Sharing = ALONE,
    ) -> None:
        """Create a loader; nothing is read yet.

        Args:
            pieces: of the training shards.
            sample: some of the training pictures, which stand for all where a network is initialized or looked at.
            preprocessing: the network's.
            classes: number of classes.
            batches: which pictures go into which step.
            augmentation: how images are augmented; None: not at all.
            device: where the batches are needed.
            mixing: how images of a batch are combined; a name in `MIXINGS`.
            mixing_strength: how strongly; None: as in the paper.
            sharing: who shares each batch.
        """
        super().__init__(sample, classes, batches, augmentation, device, mixing, mixing_strength, sharing)  # type: ignore[arg-type]
        self.on_device, self.ahead = None, None
        self.prepare = self._prepare  # type: ignore[assignment]  # where the parent would record one
        self.pieces, self.order, self.preprocessing = pieces, batches, preprocessing
        self.unreadable: dict[str, UnreadableImage] = {}
        """Pictures that could not be decoded, by id; at most MOST_NAMED."""

        self._present: StreamedBatch
        self._buffer = PieceBuffer(pieces)
        self._decoders = ThreadPoolExecutor(os.cpu_count(), "tellapart decoding")
        self._steps_ahead = STEPS_AHEAD + round(WINDOWS_AHEAD * batches.window / batches.batch_size)
        batch_bytes = batches.batch_size * math.prod(preprocessing.shape)
        self._streamed = ReadAhead(self._batch_read, batches.steps_per_epoch, batch_bytes)

    @property
    def damaged(self) -> Sequence[DamagedPiece]:
        """Parts of shards that were left out so far."""
        return list(self.pieces.damaged.values())

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of one step, as `DataLoader.batch` does."""
        self._present = self._streamed.images(epoch, step)
        return super().batch(epoch, step)

    def _prepare(self, _rows: Tensor, mirrored: Tensor | None = None) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(self._present.pixels).to(self.device, non_blocking=True)
        if self.augmentation is not None:
            images = self._augment(images, self.augmentation, mirrored)
        return images, self.one_hot[torch.from_numpy(self._present.labels).to(self.device)]

    def _alternating(self, rows: NDArray[np.int64], epoch: int) -> Tensor | None:
        plan = self.augmentation
        if plan is None or not (plan.alternating_flip and plan.horizontal_flip):
            return None
        mirrored = coins(rows, self.batches.seed) ^ (epoch % 2 == 1)
        return torch.from_numpy(mirrored).to(self.device, non_blocking=True)

    def _batch_read(self, epoch: int, step: int) -> StreamedBatch:
        order, block = self.order, self._block(step)
        wanted = order.wanted(epoch, step, self._steps_ahead, block)
        if step + self._steps_ahead >= order.steps_per_epoch:
            wanted = list(dict.fromkeys([*wanted, *order.wanted(epoch + 1, 0, 0, self._block(0))]))
        self._buffer.want(wanted)
        return self._decoded(order.places(epoch, step, block))

    def _block(self, step: int) -> slice:
        """Return which pictures of a step's batch are read here."""
        share = self.share(step)
        return slice(None) if share is None or self.mixes else share.rows

    def _decoded(self, places: StreamPlaces) -> StreamedBatch:
        encoded = [
            _taken(self._buffer[piece], row)
            for piece, row in zip(places.pieces.tolist(), places.rows.tolist(), strict=True)
        ]
        pixels = np.empty((len(encoded), *self.preprocessing.shape), np.uint8)
        labels = np.full(len(encoded), -1, np.int64)

        def decode(start: int) -> None:
            for place in range(start, min(start + AT_ONCE, len(encoded))):
                image = encoded[place]
                read = None if image is None else read_one(image.image, image.id, self.preprocessing)
                if isinstance(read, UnreadableImage):
                    self._note(read)
                elif read is not None and image is not None:
                    pixels[place], labels[place] = read.pixels, image.label

        list(self._decoders.map(decode, range(0, len(encoded), AT_ONCE)))
        self._fill(pixels, labels)
        return StreamedBatch(pixels, labels)

    def _note(self, image: UnreadableImage) -> None:
        if len(self.unreadable) < MOST_NAMED:
            self.unreadable[image.id] = image

    def _fill(self, pixels: Pixels, labels: NDArray[np.int64]) -> None:
        """Give the places of pictures that are left out to others of the batch.

        Raises:
            DataError: there are no others: the store of the shards is gone, or all of them are damaged.
        """
        gaps, there = np.flatnonzero(labels < 0), np.flatnonzero(labels >= 0)
        if not len(gaps):
            return
        if not len(there):
            raise DataError(
                "None of the pictures of a batch could be read from the shards. Everything up to the last checkpoint "
                "is saved: go on with --resume once they can be read again."
            )
        others = np.resize(there, len(gaps))
        pixels[gaps], labels[gaps] = pixels[others], labels[others]


def _taken(pictures: Sequence[Encoded], row: int) -> Encoded | None:
    """Return a picture of a part; None where the part is left out."""
    return pictures[row] if pictures else None


def coins(rows: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Return a fair coin for each row, always the same: which pictures are mirrored in the first epoch.

    Args:
        rows: (b,) numbers of pictures.
        seed: of the run.

    Source: Steele et al. 2014, "Fast splittable pseudorandom number generators" (SplitMix64's finalizer).
    """
    mixed = rows.astype(np.uint64) + np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed >> np.uint64(31)) & np.uint64(1)) == 1
