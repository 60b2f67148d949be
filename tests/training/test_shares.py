"""Shares of a batch: every image is with one process, in parts that one process would have."""

import pytest
import torch

from tellapart.training.shares import Shares

CASES = [
    (512, None, 2),
    (511, None, 4),
    (500, 250, 2),
    (500, 250, 4),
    (1000, 250, 3),
    (64, 16, 2),
    (9, None, 4),
]


@pytest.mark.parametrize(("images", "part_size", "size"), CASES)
def test_processes_have_every_image_once_and_in_order(images, part_size, size):
    shares = [Shares(size, part_size).of(images, rank) for rank in range(size)]
    owned = [row for share in shares for row in range(images)[share.rows]]
    assert owned == list(range(images))
    assert {share.counts for share in shares} == {tuple(share.count for share in shares)}


@pytest.mark.parametrize(("images", "part_size", "size"), CASES)
def test_parts_are_those_of_one_process(images, part_size, size):
    shares = Shares(size, part_size)
    count = shares.parts_of(images)
    alone = [len(part) for part in torch.arange(images).tensor_split(count)]
    of_part = dict.fromkeys(range(count), 0)
    for rank in range(size):
        for part in shares.of(images, rank).parts:
            assert part.images == alone[part.index]
            assert rank in part.ranks
            of_part[part.index] += part.count
    assert list(of_part.values()) == alone


def test_a_part_that_processes_share_begins_with_one_of_them():
    begun = Shares(4, 250).of(500, 0).begun
    assert begun == (1, 0, 1, 0)
    assert [len(Shares(4, 250).of(500, rank).parts[0].ranks) for rank in range(4)] == [2] * 4


def test_parts_that_cannot_be_shared_evenly_become_one_for_each_process():
    assert Shares(3, 250).parts_of(500) == 3


@pytest.mark.parametrize("images", [1, 3, 7])
def test_a_batch_too_small_to_share_counts_once(images):
    shares = [Shares(4).of(images, rank) for rank in range(4)]
    assert all(share.count == images for share in shares)
    assert [share.factor for share in shares] == [1, 0, 0, 0]
