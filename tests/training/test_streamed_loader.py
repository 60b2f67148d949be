"""Batches from shards: the pictures of the order, decoded, from any step on, without reading what came before."""

import shutil
from typing import NamedTuple

import numpy as np
import pytest
import torch
from sharded_pictures import SIDE, encoded, folder_of_pictures

import tellapart
from tellapart.data.augmentation.settings import Augmentation
from tellapart.data.fitted import fitted
from tellapart.data.open import open_dataset
from tellapart.data.preprocess import Preprocessing
from tellapart.data.shards import pieces as pieces_of_shards
from tellapart.data.shards.order import StreamOrder
from tellapart.data.shards.pieces import SplitPieces
from tellapart.data.store import load_split
from tellapart.errors import DataError
from tellapart.training.shares import ALONE, Sharing
from tellapart.training.streamed_loader import StreamedLoader, coins

PREPROCESSING = Preprocessing(height=SIDE, width=SIDE, reading="fast")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    root = tmp_path_factory.mktemp("stream")
    pictures = folder_of_pictures(root / "pictures", {"dark": 700, "light": 500})
    return tellapart.shard(pictures, root / "shards", pictures_per_shard=64, test_share=0.05).folder


def loader_of(folder, augmentation=None, batch_size=32, window=256, sharing=ALONE):
    dataset = open_dataset(folder)
    pieces = SplitPieces(dataset.shards, "train")
    order = StreamOrder(counts=pieces.counts, batch_size=batch_size, seed=5, window=window)
    sample = load_split(dataset.splits["train"], PREPROCESSING)
    return StreamedLoader(pieces, sample, PREPROCESSING, 2, order, augmentation, sharing=sharing)


def epoch_of(loader, epoch=0, first=0):
    steps = loader.batches.steps_per_epoch
    return [tuple(part.numpy().copy() for part in loader.batch(epoch, step)) for step in range(first, steps)]


def test_a_batch_holds_the_pictures_of_its_places(shards):
    loader = loader_of(shards)
    every = [picture for number in range(len(loader.pieces.counts)) for picture in loader.pieces.read(number)]
    for step in (0, 7, loader.batches.steps_per_epoch - 1):
        images, targets = loader.batch(0, step)
        for place, row in enumerate(loader.batches.rows(0, step)):
            assert np.array_equal(images[place].numpy(), fitted(every[row].image, PREPROCESSING).pixels)
            assert targets[place].argmax() == every[row].label


def test_a_resumed_epoch_goes_on_as_an_unbroken_one(shards):
    whole = epoch_of(loader_of(shards), epoch=1)
    rest = epoch_of(loader_of(shards), epoch=1, first=11)
    for ours, theirs in zip(whole[11:], rest, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_resuming_reads_nothing_of_what_came_before(shards, monkeypatch):
    read = []
    original = pieces_of_shards.read_range

    def counted(address, start, stop):
        read.append(stop - start)
        return original(address, start, stop)

    total = sum(shard.size for shard in open_dataset(shards).shards.of_split("train"))
    loader = loader_of(shards, window=64)
    steps = loader.batches.steps_per_epoch
    monkeypatch.setattr(pieces_of_shards, "read_range", counted)
    loader._buffer.want(loader.order.wanted(0, steps // 2))
    loader._decoded(loader.order.places(0, steps // 2))
    assert 0 < sum(read) < 0.75 * total


class Mates(NamedTuple):
    """What a loader asks of a team: nothing is sent."""

    size: int
    rank: int


def test_processes_share_the_batch(shards):
    whole = loader_of(shards)
    ranks = [loader_of(shards, sharing=Sharing(Mates(3, rank))) for rank in range(3)]
    for step in (0, 5, whole.batches.steps_per_epoch - 1):
        parts = [rank.batch(2, step) for rank in ranks]
        for place, of_whole in enumerate(whole.batch(2, step)):
            assert torch.equal(torch.cat([part[place] for part in parts]), of_whole)


def test_augmentation_is_seeded_by_the_step(shards):
    plan = Augmentation(horizontal_flip=True, width_shift_range=0.1, height_shift_range=0.1)
    first, again = loader_of(shards, plan), loader_of(shards, plan)
    first.batch(0, 0)
    images, again_images = first.batch(0, 3)[0], again.batch(0, 3)[0]
    assert images.dtype == torch.float32
    assert torch.equal(images, again_images)
    assert not torch.equal(images, first.batch(1, 3)[0])


def test_alternating_flips_show_both_sides_in_two_epochs():
    rows = np.arange(10_000)
    heads = coins(rows, 7)
    assert 0.47 < heads.mean() < 0.53
    assert np.array_equal(coins(rows[::-1], 7)[::-1], heads)
    assert 0.45 < (coins(rows, 8) == heads).mean() < 0.55


def test_a_damaged_picture_gives_its_place_to_another_and_is_named(tmp_path):
    pictures = folder_of_pictures(tmp_path / "pictures", {"dark": 120, "light": 120})
    (pictures / "dark" / "0003.png").write_bytes(encoded(0)[:200])
    shards = tellapart.shard(pictures, tmp_path / "shards", validation_share=0.01, test_share=0.01)
    loader = loader_of(shards.folder)
    batches = epoch_of(loader)
    assert all(len(images) == 32 for images, _ in batches[:-1])
    assert list(loader.unreadable) == ["train-000000.tar/dark/0003"]
    assert "dark/0003" in next(iter(loader.unreadable.values())).reason


def test_the_places_of_a_damaged_shard_are_filled_and_it_is_named(shards, tmp_path):
    copied = shutil.copytree(shards, tmp_path / "shards")
    loader, sound = loader_of(copied), loader_of(shards)
    (copied / "train-000003.tar").write_bytes(b"nothing")
    batches, sound_batches = epoch_of(loader), epoch_of(sound)
    assert [len(images) for images, _ in batches] == [len(images) for images, _ in sound_batches]
    assert {piece.shard for piece in loader.damaged} == {"train-000003.tar"}
    unchanged = [
        np.array_equal(*pair)
        for ours, theirs in zip(batches, sound_batches, strict=True)
        for pair in zip(ours[0], theirs[0], strict=True)
    ]
    assert np.mean(unchanged) >= 1 - 1.2 * 64 / len(unchanged)
    assert not all(unchanged)
    pictures = {image.tobytes() for images, _ in sound_batches for image in images}
    assert {image.tobytes() for images, _ in batches for image in images} < pictures


def test_a_batch_of_which_nothing_can_be_read_ends_the_training(shards, monkeypatch):
    loader = loader_of(shards)
    monkeypatch.setattr("tellapart.training.streamed_loader._taken", lambda *_: None)
    with pytest.raises(DataError, match="None of the pictures of a batch could be read"):
        loader.batch(0, 0)
