"""Reading ahead: the images of every step as the store has them, asked for in order, repeated or resumed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.copies import copies_among
from tellapart.data.decoded.streamed import StreamedPixels
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.sampler import BatchSampler
from tellapart.data.store import load_split
from tellapart.inference.predictor import probabilities
from tellapart.training.loader import DataLoader
from tellapart.training.read_ahead import ReadAhead

PATH = Preprocessing(height=8, width=8)
IMAGES = np.random.default_rng(0).integers(0, 256, (23, 9, 9, 3), np.uint8)


@pytest.fixture
def stores(tmp_path):
    """The same images in memory and in a file."""
    split = open_dataset((IMAGES, np.arange(23) % 2)).splits["train"]
    return load_split(split, PATH), load_split(split, PATH, memory_budget_bytes=1, folder=tmp_path)


def test_steps_in_any_order_get_their_own_images(stores):
    in_memory, on_disk = stores
    batches = BatchSampler(n=23, batch_size=5, seed=3)
    ahead = ReadAhead(
        lambda *place: on_disk.rows(batches.rows(*place)), batches.steps_per_epoch, 5 * 8 * 8 * 3
    )
    for place in [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 0), (7, 2), (7, 3), (0, 0)]:
        np.testing.assert_array_equal(ahead.images(*place), in_memory.images[batches.rows(*place)])
    assert ahead.waited_seconds > 0


def streamed(stores):
    """Return the same images, decoded whenever they are needed."""
    split = open_dataset((IMAGES, np.arange(23) % 2)).splits["train"]
    return replace(stores[0], images=StreamedPixels(split, PATH))


def test_a_training_from_a_file_or_a_stream_gets_the_same_batches_as_from_memory(stores):
    batches = BatchSampler(n=23, batch_size=6, seed=1)
    plan = Augmentation(horizontal_flip=True, width_shift_range=0.1, height_shift_range=0.1)
    loaders = [DataLoader(store, 2, batches, plan) for store in (*stores, streamed(stores))]
    for epoch in range(2):
        for step in range(batches.steps_per_epoch):
            (images, targets), *others = (loader.batch(epoch, step) for loader in loaders)
            for other_images, other_targets in others:
                assert torch.equal(images, other_images)
                assert torch.equal(targets, other_targets)


class Means:
    """A "network" whose two probabilities are of an image's mean level."""

    divides = True

    def ready(self, _):
        return self

    def __call__(self, images):
        share = images.float().mean((1, 2, 3)) / 255
        return torch.stack([share, 1 - share], 1)


def test_predictions_and_copies_are_the_same_wherever_the_images_lie(stores):
    in_memory, on_disk = stores
    expected = probabilities(Means(), in_memory.images)
    for images in (on_disk.images, streamed(stores).images):
        np.testing.assert_array_equal(probabilities(Means(), images), expected)
        np.testing.assert_array_equal(probabilities(Means(), images[:, :, ::-1]), expected)
        assert copies_among(images, in_memory.images) == {row: row for row in range(23)}
