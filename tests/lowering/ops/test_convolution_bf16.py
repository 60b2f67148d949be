"""Convolutions in bfloat16 against float64: every way to a gradient, and ReLU within."""

import pytest
import torch
import torch.nn.functional as F

from tellapart.lowering.ops.convolution_bf16 import convolve, gradient_by_shifts, gradient_tap_by_tap

ONE = (1, 1)


def random(*shape, seed=0):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).bfloat16()
    return values.contiguous(memory_format=torch.channels_last) if values.ndim == 4 else values


def assert_close(found, expected, share=2e-2):
    """As close as bfloat16 comes, by the largest number of the expected tensor."""
    assert found.shape == expected.shape
    assert (found.double() - expected).abs().max() <= share * expected.abs().max()


@pytest.mark.parametrize(
    ("channels", "out", "side", "size", "strides", "padding", "dilation", "groups"),
    [
        (3, 8, 9, 3, ONE, ONE, ONE, 1),
        (64, 64, 3, 3, ONE, ONE, ONE, 1),  # by shifts
        (64, 64, 4, 3, ONE, (0, 0), ONE, 1),
        (128, 256, 7, 3, ONE, ONE, ONE, 1),  # by shifts
        (128, 256, 7, 2, ONE, (0, 0), ONE, 1),
        (64, 64, 4, 1, ONE, (0, 0), ONE, 1),  # a product
        (64, 32, 5, 1, (2, 2), (0, 0), ONE, 1),
        (64, 32, 6, 1, (2, 1), (0, 0), ONE, 1),
        (8, 16, 4, 1, ONE, ONE, ONE, 1),
        (64, 64, 5, 3, (2, 2), ONE, ONE, 1),
        (64, 64, 6, 3, ONE, (2, 2), (2, 2), 1),
        (16, 16, 8, 3, ONE, ONE, ONE, 16),  # depthwise
        (16, 16, 8, 3, (2, 2), ONE, ONE, 16),  # its input's gradient in float32
        (16, 16, 9, 3, (2, 2), (0, 0), ONE, 16),
        (16, 16, 2, 3, ONE, ONE, ONE, 16),  # tap by tap
        (16, 16, 3, 3, (2, 2), ONE, ONE, 16),
        (16, 16, 8, 5, ONE, (2, 2), ONE, 16),  # in blocks of 3x3
        (16, 16, 9, 5, (2, 2), (0, 0), ONE, 16),
        (16, 16, 9, 4, (2, 1), ONE, ONE, 16),
        (16, 16, 9, 7, ONE, (3, 3), ONE, 16),
        (16, 32, 3, 3, ONE, ONE, ONE, 16),
        (16, 32, 8, 3, ONE, ONE, ONE, 2),
    ],
)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_convolution_and_its_gradients(
    channels, out, side, size, strides, padding, dilation, groups, relu, bias
):
    x = random(5, channels, side, side).requires_grad_()
    kernel = (random(out, channels // groups, size, size, seed=1) / size).requires_grad_()
    offset = random(out, seed=2).requires_grad_() if bias else None
    found = convolve(x, kernel, offset, strides, padding, dilation, groups, relu=relu)
    doubles = [None if tensor is None else tensor.detach().double() for tensor in (x, kernel, offset)]
    wide = [None if tensor is None else tensor.requires_grad_() for tensor in doubles]
    expected = F.conv2d(*wide, strides, padding, dilation, groups)
    if relu:
        # Cut off where bfloat16 cut off: near zero, rounding decides.
        expected = expected * (found.detach() > 0)
    assert_close(found.detach(), expected.detach())
    upstream = random(*found.shape, seed=3)
    leaves = [(x, wide[0]), (kernel, wide[1]), *([(offset, wide[2])] if bias else [])]
    ours = torch.autograd.grad(found, [leaf for leaf, _ in leaves], upstream)
    exact = torch.autograd.grad(expected, [leaf for _, leaf in leaves], upstream.double())
    for one, other in zip(ours, exact, strict=True):
        assert_close(one, other)


@pytest.mark.parametrize(
    ("side", "size", "padding"),
    [
        (5, 3, ONE),
        (5, 3, (0, 0)),
        (6, 2, (0, 0)),
        (6, 2, ONE),
        (4, 5, (2, 2)),
        (5, 4, (2, 1)),
        (1, 5, (2, 2)),
        (2, 7, (3, 3)),
    ],
)
@pytest.mark.parametrize("pictures", [1, 33, 70])
def test_the_kernels_gradient_by_shifts_is_exact_for_any_shape(side, size, padding, pictures):
    x = random(pictures, 8, side, side).float()
    kernel = torch.zeros(4, 8, size, size, requires_grad=True)
    answers = F.conv2d(x, kernel, padding=padding)
    upstream = random(*answers.shape, seed=1).float()
    (expected,) = torch.autograd.grad(answers, kernel, upstream)
    found = gradient_by_shifts(x, upstream, (size, size), padding, ONE)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("strides", [ONE, (2, 2), (1, 2)])
def test_tap_by_tap_is_exact_too(strides):
    x = random(6, 8, 5, 5).float()
    kernel = torch.zeros(8, 1, 3, 3, requires_grad=True)
    answers = F.conv2d(x, kernel, stride=strides, padding=1, groups=8)
    upstream = random(*answers.shape, seed=1).float()
    (expected,) = torch.autograd.grad(answers, kernel, upstream)
    torch.testing.assert_close(
        gradient_tap_by_tap(x, upstream, (3, 3), ONE, strides), expected, atol=1e-4, rtol=1e-5
    )


def test_in_float32_it_is_torchs_own_to_the_bit():
    x, kernel = random(2, 4, 6, 6).float(), random(4, 4, 3, 3, seed=1).float()
    found = convolve(x, kernel, None, ONE, ONE, ONE, 1, relu=True)
    assert torch.equal(found, F.relu(F.conv2d(x, kernel, padding=1)))


def test_a_frozen_kernel_and_an_input_without_gradient_get_none():
    x, kernel = random(2, 4, 6, 6), random(4, 4, 3, 3, seed=1)
    bias = random(4, seed=2).requires_grad_()
    answers = convolve(x, kernel, bias, ONE, ONE, ONE, 1)
    (found,) = torch.autograd.grad(answers.float().sum(), [bias])
    torch.testing.assert_close(found.float(), torch.full((4,), 72.0))
