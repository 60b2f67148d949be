"""Cheap masks: the right share, no pattern, and what dropout does."""

import pytest
import torch

from tellapart.lowering.microbatch import MicroBatch, enter_micro_batch
from tellapart.lowering.ops.dropout import drop, random_keep

N = 400_000


@pytest.mark.parametrize("rate", [0.25, 0.5, 0.1, 0.37, 0.999, 0.999_999, 1 / 256])
def test_the_share_that_is_dropped_is_the_rate(rate):
    torch.manual_seed(0)
    dropped = 1 - random_keep(torch.empty(N), rate).float().mean().item()
    assert abs(dropped - rate) < 5 * (rate * (1 - rate) / N) ** 0.5 + 2**-16


@pytest.mark.parametrize("rate", [0.5, 0.3])
def test_no_place_within_a_word_is_dropped_more_often_and_neighbors_are_independent(rate):
    torch.manual_seed(0)
    keep = random_keep(torch.empty(N), rate).float().view(-1, 8)
    assert (keep.mean(0) - (1 - rate)).abs().max() < 5 * (rate * (1 - rate) / len(keep)) ** 0.5
    correlations = torch.corrcoef(keep.T) - torch.eye(8)
    assert correlations.abs().max() < 5 / len(keep) ** 0.5


def test_what_is_kept_is_scaled_and_the_gradient_takes_the_same_mask():
    x = (torch.rand(4, 3, 5, 5) + 1).contiguous(memory_format=torch.channels_last).requires_grad_()
    y = drop(x, 0.25)
    kept = y.detach() != 0
    torch.testing.assert_close(y.detach()[kept], x.detach()[kept] / 0.75)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, kept.float() / 0.75)
    assert y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("layout", ["rows", "channels_last", "transposed", "with gaps"])
def test_any_layout_gets_a_mask_of_its_shape(layout):
    x = {
        "rows": torch.ones(6, 50),
        "channels_last": torch.ones(2, 3, 5, 7).contiguous(memory_format=torch.channels_last),
        "transposed": torch.ones(50, 6).t(),
        "with gaps": torch.ones(6, 100)[:, ::2],
    }[layout]
    y = drop(x, 0.5)
    assert y.shape == x.shape
    assert set(y.flatten().tolist()) == {0.0, 2.0}


def test_a_parts_generator_decides_within_the_part():
    x = torch.ones(1000)

    def within(seed):
        with enter_micro_batch(MicroBatch(0.5, torch.Generator().manual_seed(seed))):
            return drop(x, 0.5)

    state = torch.random.get_rng_state()
    assert torch.equal(within(1), within(1))
    assert not torch.equal(within(1), within(2))
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(("rate", "left"), [(0.0, 1.0), (1.0, 0.0)])
def test_nothing_and_everything(rate, left):
    assert (drop(torch.ones(10), rate) == left).all()
    assert drop(torch.ones(0, 3), 0.5).shape == (0, 3)
