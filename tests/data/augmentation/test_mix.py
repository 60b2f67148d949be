"""Pictures put together from four: what stands where, and whose truth it is."""

import numpy as np
import pytest
import torch

from tellapart.data.augmentation.mix import ricap

N, HEIGHT, WIDTH = 50, 12, 20


def plain_images():
    """Each of one color, its own number; and their truth."""
    colors = torch.arange(N, dtype=torch.uint8)
    return colors[:, None, None, None].expand(N, HEIGHT, WIDTH, 3).contiguous(), torch.eye(N)


@pytest.mark.parametrize("seed", range(8))
def test_the_truth_is_the_share_of_each_pictures_pixels(seed):
    images, targets = ricap(*plain_images(), seed)
    for image, shares in zip(images, targets, strict=True):
        counted = np.bincount(image[..., 0].flatten().numpy(), minlength=N) / (HEIGHT * WIDTH)
        np.testing.assert_allclose(shares.numpy(), counted, atol=1e-6)


def test_four_pictures_meet_in_one_point_of_the_whole_batch():
    meeting = set()
    for seed in range(30):
        images, _ = ricap(*plain_images(), seed)
        across = (images[:, :, 1:] != images[:, :, :-1]).any(3).any(1).any(0)
        assert across.sum() <= 1
        meeting.add(int(across.int().argmax()) if across.any() else None)
    assert len(meeting) > 5


def test_parts_are_crops_of_the_pictures_in_their_own_order():
    ramp = torch.arange(WIDTH).expand(N, HEIGHT, WIDTH)[..., None].float().contiguous()
    images, _ = ricap(ramp, torch.eye(N), seed=4)
    steps = images[:, :, 1:, 0] - images[:, :, :-1, 0]
    assert ((steps == 1).sum((1, 2)) >= HEIGHT * (WIDTH - 2)).all()


def test_chance_comes_from_the_seed_alone_and_what_went_in_stays():
    images, targets = plain_images()
    first, again, other = ricap(images, targets, 1), ricap(images, targets, 1), ricap(images, targets, 2)
    assert all(map(torch.equal, first, again))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(targets, torch.eye(N))
