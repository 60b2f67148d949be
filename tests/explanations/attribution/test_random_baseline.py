"""Random maps are as coarse as the map that is held against them."""

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from tellapart.explanations.attribution.random_baseline import ORDERS, Chance, smoothness


def asked(images):
    return images.mean((1, 2, 3))[:, None] / 255


def coarse(grains, size=(32, 32), seed=5):
    small = torch.rand((1, 1, grains, grains), generator=torch.Generator().manual_seed(seed))
    return F.interpolate(small, size, mode="bilinear", align_corners=False)[0, 0]


def test_smoothness_is_the_rank_correlation_of_neighbors():
    heat = coarse(7)
    first = torch.cat([heat[1:].flatten(), heat[:, 1:].flatten()])
    second = torch.cat([heat[:-1].flatten(), heat[:, :-1].flatten()])
    assert smoothness(heat) == pytest.approx(spearmanr(first, second).statistic, abs=0.01)


def test_scattered_maps_are_rough_and_large_patches_smooth():
    assert abs(smoothness(coarse(32))) < 0.1
    assert smoothness(coarse(3)) > 0.95
    assert smoothness(torch.zeros(8, 8)) == 1


@pytest.mark.parametrize("grains", [3, 6, 12, 32])
def test_a_map_meets_random_ones_of_its_own_grain(grains):
    chance = Chance(asked, torch.rand(32, 32, 3) * 255)
    assert chance.grain_of(coarse(grains)) == grains


def test_each_grain_is_asked_about_once():
    pictures = []

    def counted(images):
        pictures.append(len(images))
        return asked(images)

    chance = Chance(counted, torch.rand(16, 16, 3) * 255)
    assert len(chance.like(coarse(3, (16, 16)))) == ORDERS
    count = len(pictures)
    chance.like(coarse(3, (16, 16), seed=9))
    assert len(pictures) == count
    chance.like(torch.rand(16, 16))
    assert len(pictures) == 2 * count


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 3), (3, 40, 3), (300, 200, 3)])
def test_pictures_of_any_shape_have_random_maps(shape):
    chance = Chance(asked, torch.rand(shape) * 255)
    for grain in chance.smoothness:
        assert chance.maps(grain).shape == (ORDERS, *shape[:2])
