"""The batches of a training from scratch, by whatever loop: which images, and how they are augmented."""

import torch

from tellapart.data.sampler import BatchSampler, RowLabels
from tellapart.data.shards.index import ShardIndex
from tellapart.data.shards.order import StreamOrder
from tellapart.data.shards.pieces import SplitPieces
from tellapart.data.store import ImageStore
from tellapart.recipes.config import TrainConfig
from tellapart.runs.setup import TrainingSetup
from tellapart.training.loader import DataLoader
from tellapart.training.shares import Sharing
from tellapart.training.streamed_loader import StreamedLoader

WINDOW_PICTURES, WINDOW_BYTES = 8_192, 256 << 20
"""Among which a batch from shards is drawn: so many pictures, of large ones fewer."""


def batches_of(setup: TrainingSetup, config: TrainConfig) -> BatchSampler | StreamOrder:
    """Return which training images each step gets."""
    if setup.dataset.shards is not None:
        return _streamed(setup.dataset.shards, config)
    return sampler_of(setup.stores["train"], config)


def sampler_of(train: ImageStore, config: TrainConfig) -> BatchSampler:
    """Return which of the images at hand each step gets."""
    return BatchSampler(
        n=len(train),
        batch_size=config.batch_size,
        seed=config.seed,
        rows_per_epoch=config.pictures_per_epoch,
        labels=RowLabels(train.labels) if config.sampling == "balanced" else None,
    )


def _streamed(shards: ShardIndex, config: TrainConfig) -> StreamOrder:
    train = shards.of_split("train")
    of_one = max(1, sum(piece.size for shard in train for piece in shard.pieces) // shards.pictures("train"))
    return StreamOrder(
        counts=SplitPieces(shards, "train").counts,
        batch_size=config.batch_size,
        seed=config.seed,
        rows_per_epoch=config.pictures_per_epoch,
        window=max(1, min(WINDOW_PICTURES, WINDOW_BYTES // of_one)),
    )


def loader_of(
    setup: TrainingSetup,
    batches: BatchSampler | StreamOrder,
    config: TrainConfig,
    device: torch.device,
) -> DataLoader:
    """Return what loads and augments them, or this process's share of them."""
    train, classes = setup.stores["train"], len(setup.dataset.class_names)
    sharing = Sharing(setup.team, config.statistics_over)
    how = (config.augmentation, device, config.mixing, config.mixing_strength, sharing)
    if isinstance(batches, BatchSampler):
        return DataLoader(train, classes, batches, *how)
    assert setup.dataset.shards is not None
    pieces = SplitPieces(setup.dataset.shards, "train")
    return StreamedLoader(pieces, train, setup.preprocessing, classes, batches, *how)
