"""Two pictures of one shot agree in detail, however one of them was changed; two shots do not."""

import numpy as np
import pytest
import torch
from albums import scene
from PIL import Image

from tellapart.checks.alignment import similarity
from tellapart.checks.duplicates import SAME_SHOT
from tellapart.data.preprocess import Preprocessing

THUMBNAIL = Preprocessing(height=32, width=32, channels=1, policy="stretch")
SHOTS = [scene(seed, 96) for seed in range(6)]


def gray(images):
    return torch.from_numpy(np.stack([THUMBNAIL.apply(np.asarray(each))[..., 0] for each in images])) / 255


def resized(image):
    return Image.fromarray(image).resize((60, 70), Image.Resampling.BICUBIC)


def cropped(image):
    return image[3:90, 8:92]


def mirrored(image):
    return image[:, ::-1]


def mirrored_and_cropped(image):
    return image[2:-5, ::-1][:, 4:]


def darker(image):
    return (image * 0.6).astype(np.uint8)


@pytest.mark.parametrize("change", [resized, cropped, mirrored, mirrored_and_cropped, darker])
def test_a_changed_shot_is_the_same(change):
    assert similarity(gray(SHOTS), gray(map(change, SHOTS))).min() >= SAME_SHOT


def test_other_shots_are_not_the_same():
    assert similarity(gray(SHOTS), gray(SHOTS[1:] + SHOTS[:1])).max() < SAME_SHOT - 0.1


def test_the_order_of_two_pictures_does_not_matter():
    first, second = gray(SHOTS), gray(map(cropped, SHOTS))
    torch.testing.assert_close(similarity(first, second), similarity(second, first), atol=0.05, rtol=0)


def test_pictures_without_detail_are_like_nothing():
    flat = torch.full((1, 32, 32), 0.5)
    assert similarity(flat, flat) == 0
    assert similarity(flat, gray(SHOTS[:1])) == 0


def test_no_pairs_give_no_similarities():
    assert similarity(torch.empty(0, 32, 32), torch.empty(0, 32, 32)).shape == (0,)
