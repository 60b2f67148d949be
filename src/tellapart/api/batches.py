"""The batches of a training from scratch, by whatever loop: which images, and how they are augmented."""

import torch

from tellapart.data.sampler import BatchSampler, RowLabels
from tellapart.data.store import ImageStore
from tellapart.recipes.config import TrainConfig
from tellapart.runtime.team import Team
from tellapart.training.loader import DataLoader
from tellapart.training.shares import Sharing


def batches_of(train: ImageStore, config: TrainConfig) -> BatchSampler:
    """Return which training images each step gets."""
    return BatchSampler(
        n=len(train),
        batch_size=config.batch_size,
        seed=config.seed,
        rows_per_epoch=config.pictures_per_epoch,
        labels=RowLabels(train.labels) if config.sampling == "balanced" else None,
    )


def loader_of(
    train: ImageStore,
    classes: int,
    batches: BatchSampler,
    config: TrainConfig,
    device: torch.device,
    team: Team | None = None,
) -> DataLoader:
    """Return what loads and augments them, or this process's share of them."""
    sharing = Sharing(team, config.statistics_over)
    return DataLoader(
        train, classes, batches, config.augmentation, device, config.mixing, config.mixing_strength, sharing
    )
