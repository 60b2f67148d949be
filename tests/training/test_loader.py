"""The data loader: the same batches with any number of threads; images mirrored in every second epoch."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest
import torch

from tellapart.data.augmentation.policies.crops import RandomResizedCrop
from tellapart.data.augmentation.policies.learned import AugMix, AutoAugmentCifar10
from tellapart.data.augmentation.policies.pixels import GaussianBlur, GaussianNoise
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import ImageStore
from tellapart.training.loader import IMAGES_TO_DIVIDE, DataLoader
from tellapart.training.shares import Sharing

N = 2 * IMAGES_TO_DIVIDE + 3


@pytest.fixture
def store():
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (N, 8, 8, 3), np.uint8)
    return ImageStore(images, random.integers(0, 4, N), [str(i) for i in range(N)], [])


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def fed(store, plan, epoch=0, batch_size=N):
    return DataLoader(store, 4, BatchSampler(n=N, batch_size=batch_size, seed=5), plan).batch(epoch, 0)


def test_parts_moved_apart_are_the_batch_moved_whole(store, threads):
    plan = Augmentation(width_shift_range=0.2, height_shift_range=0.2, horizontal_flip=True)
    threads(1)
    whole, _ = fed(store, plan)
    threads(2)
    parts, _ = fed(store, plan)
    assert torch.equal(whole, parts)


def test_every_step_of_every_epoch_has_a_seed_of_its_own(store):
    loader = DataLoader(store, 4, BatchSampler(n=N, batch_size=50, seed=5), None)
    seeds = set()
    for epoch, step in [(0, 0), (0, 1), (1, 0), (1, 1), (1, 0)]:
        loader.batch(epoch, step)
        seeds.add((torch.initial_seed(), loader.generator.initial_seed()))
    assert len(seeds) == 4


def test_an_alternating_flip_shows_each_picture_both_ways_in_two_epochs(store):
    plan = Augmentation(horizontal_flip=True, alternating_flip=True)
    loader = DataLoader(store, 4, BatchSampler(n=N, batch_size=N, seed=5), plan)
    seen = []
    for epoch in (0, 1, 2):
        images, _ = loader.batch(epoch, 0)
        order = np.argsort(loader.batches.rows(epoch, 0))
        seen.append(images.numpy()[order])
    np.testing.assert_array_equal(seen[0], seen[2])
    np.testing.assert_array_equal(seen[0], seen[1][:, :, ::-1])
    mirrored = (seen[0] != store.images).any((1, 2, 3))
    assert 0.35 < mirrored.mean() < 0.65


def test_targets_belong_to_their_images(store):
    images, targets = fed(store, None, batch_size=10)
    for picture, one_hot in zip(images.numpy(), targets, strict=True):
        row = next(i for i in range(N) if np.array_equal(store.images[i], picture))
        assert one_hot.tolist() == [float(k == store.labels[row]) for k in range(4)]


def test_an_epoch_may_be_a_part_of_the_pictures(store):
    batches = BatchSampler(n=N, batch_size=50, seed=5, rows_per_epoch=120)
    rows = np.concatenate([batches.rows(0, step) for step in range(batches.steps_per_epoch)])
    assert len(rows) == len(set(rows)) == 120
    assert batches.steps_per_epoch == 3
    again = np.concatenate([batches.rows(1, step) for step in range(3)])
    assert set(rows) != set(again)


def test_dropping_the_last_batch_counts_in_the_part():
    batches = dataclasses.replace(
        BatchSampler(n=500, batch_size=50, seed=5, drop_last=True), rows_per_epoch=120
    )
    assert batches.steps_per_epoch == 2


def test_mixing_is_chosen_by_name(store):
    """Plain targets are of one class; over an epoch, some of "ricap" are spread over the parts of an image."""
    sampler = BatchSampler(n=N, batch_size=20, seed=5)
    plain, mixed = (
        torch.cat([loader.batch(0, step)[1] for step in range(sampler.steps_per_epoch)])
        for loader in (DataLoader(store, 4, sampler, None, mixing=mixing) for mixing in ("none", "ricap"))
    )
    assert (plain.max(1).values == 1).all()
    assert (mixed.max(1).values < 1).any()
    torch.testing.assert_close(mixed.sum(1), torch.ones(N))


EVERYTHING = Augmentation(
    rotation_range=20, zoom_range=0.2, channel_shift_range=20, brightness_range=(0.7, 1.3), cutout=3,
    policies=(AutoAugmentCifar10(), AugMix(), GaussianNoise(), GaussianBlur(), RandomResizedCrop()),
)  # fmt: skip


def test_policies_give_the_same_bits_with_any_number_of_threads(store, threads):
    threads(1)
    whole, _ = fed(store, EVERYTHING)
    threads(2)
    parts, _ = fed(store, EVERYTHING)
    assert torch.equal(whole, parts)


class Mates(NamedTuple):
    """What a loader asks of a team: nothing is sent."""

    size: int
    rank: int


@pytest.mark.parametrize("mixing", ["none", "mixup", "cutmix", "ricap"])
@pytest.mark.parametrize(("size", "part_size"), [(2, None), (3, None), (2, 10), (4, 25)])
def test_processes_together_load_what_one_would(store, mixing, size, part_size):
    batches = BatchSampler(n=N, batch_size=50, seed=5)
    whole = DataLoader(store, 4, batches, EVERYTHING, mixing=mixing)
    shared = [
        DataLoader(
            store, 4, batches, EVERYTHING, mixing=mixing, sharing=Sharing(Mates(size, rank), part_size)
        )
        for rank in range(size)
    ]
    for step in range(batches.steps_per_epoch):
        images, targets = whole.batch(3, step)
        parts = [loader.batch(3, step) for loader in shared]
        assert torch.equal(torch.cat([part for part, _ in parts]), images)
        assert torch.equal(torch.cat([part for _, part in parts]), targets)
