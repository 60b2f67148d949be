"""Pictures put together from four: what stands where, and whose truth it is."""

import numpy as np
import pytest
import torch
from scipy import stats

from tellapart.data.augmentation.mix import MIXINGS, cutmix, mixer, mixup, ricap

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


def share_of_each_color(image):
    return np.bincount(image[..., 0].flatten().numpy().astype(int), minlength=N) / (HEIGHT * WIDTH)


@pytest.mark.parametrize("seed", range(8))
def test_cutmixs_truth_is_the_share_of_each_pictures_pixels(seed):
    images, targets = cutmix(*plain_images(), seed)
    for image, shares in zip(images, targets, strict=True):
        np.testing.assert_allclose(shares.numpy(), share_of_each_color(image), atol=1e-6)


def test_cutmix_pastes_one_rectangle_of_another_picture():
    images, _ = cutmix(*plain_images(), seed=3)
    own = torch.arange(N)[:, None, None]
    pasted = images[..., 0] != own
    changed = pasted[pasted.flatten(1).any(1)]
    rows, columns = changed.any(2).sum(1), changed.any(1).sum(1)
    assert torch.equal(changed.sum((1, 2)), rows * columns)
    assert len(set((rows * columns).tolist())) == 1


@pytest.mark.parametrize("seed", range(4))
def test_mixup_blends_pictures_and_truth_by_one_share(seed):
    """A picture's level is its number, so the blended level is the mean of the truth's numbers."""
    images, targets = mixup(*plain_images(), seed, strength=1.0)
    levels = images[:, 0, 0, 0]
    torch.testing.assert_close(levels, targets @ torch.arange(float(N)))
    torch.testing.assert_close(targets.sum(1), torch.ones(N))
    assert (images == levels[:, None, None, None]).all()


def test_the_shares_of_mixup_follow_the_beta_distribution():
    shares = [mixup(*plain_images(), seed, strength=0.2)[1].amax(1).min().item() for seed in range(300)]
    assert np.mean(np.array(shares) > 0.9) == pytest.approx(stats.beta(0.2, 0.2).cdf(0.1) * 2, abs=0.1)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "ricap"])
def test_a_mixer_has_the_papers_strength_unless_another_is_given(name):
    images, targets = plain_images()
    usual, given = mixer(name, None)(images, targets, 5), mixer(name, 3.0)(images, targets, 5)
    assert torch.equal(usual[0], MIXINGS[name](images, targets, 5)[0])
    assert not torch.equal(usual[1], given[1])
    assert torch.equal(images, plain_images()[0])
