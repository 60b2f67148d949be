"""Random maps are as coarse as the map that is compared with them."""

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from tellapart.explanations.attribution.faithfulness import CurveMeter
from tellapart.explanations.attribution.random_baseline import RANDOM_MAPS, RandomBaseline, smoothness


def predict(images):
    return images.mean((1, 2, 3))[:, None] / 255


def coarse(grid_size, size=(32, 32), seed=5):
    small = torch.rand((1, 1, grid_size, grid_size), generator=torch.Generator().manual_seed(seed))
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


@pytest.mark.parametrize("grid_size", [3, 6, 12, 32])
def test_a_map_is_compared_with_random_ones_of_its_own_grid_size(grid_size):
    baseline = RandomBaseline(CurveMeter(predict, torch.rand(32, 32, 3) * 255))
    assert baseline.grid_size_for(coarse(grid_size)) == grid_size


def test_each_grid_size_is_predicted_once():
    batches = []

    def counted(images):
        batches.append(len(images))
        return predict(images)

    baseline = RandomBaseline(CurveMeter(counted, torch.rand(16, 16, 3) * 255))
    assert len(baseline.curves_for(coarse(3, (16, 16)))) == RANDOM_MAPS
    count = len(batches)
    baseline.curves_for(coarse(3, (16, 16), seed=9))
    assert len(batches) == count
    baseline.curves_for(torch.rand(16, 16))
    assert len(batches) == count + RANDOM_MAPS


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 3), (3, 40, 3), (300, 200, 3)])
def test_pictures_of_any_shape_have_random_maps(shape):
    baseline = RandomBaseline(CurveMeter(predict, torch.rand(shape) * 255))
    for grid_size in baseline.smoothness:
        assert baseline.maps(grid_size).shape == (RANDOM_MAPS, *shape[:2])
