"""Layout: the order of a tensor's axes in Keras and in the lowered net.

Keras holds images as (B, H, W, C). Lowered operations hold them as logical
(B, C, H, W) in `channels_last` memory: the same bytes, so converting is a view.
Only rank-4 tensors differ; every other rank has the same axes on both sides.
"""

from torch import Tensor

_KERAS_TO_TORCH_AXIS = (0, 2, 3, 1)


def to_keras(tensor: Tensor) -> Tensor:
    """Return a view: (B, C, H, W) as (B, H, W, C); other ranks unchanged."""
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor


def to_torch(tensor: Tensor) -> Tensor:
    """Return a view: (B, H, W, C) as (B, C, H, W); other ranks unchanged."""
    return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


def torch_axis(axis: int, rank: int) -> int:
    """Return the axis in the lowered layout that is Keras's `axis` of a tensor with `rank` dimensions."""
    axis = axis % rank
    return _KERAS_TO_TORCH_AXIS[axis] if rank == 4 else axis


def sequence_to_image(x: Tensor) -> Tensor:
    """Return a view: (B, T, C) as (B, C, 1, T), images one pixel high, so that one rule serves both ranks."""
    return to_torch(x.unsqueeze(1))


def image_to_sequence(x: Tensor) -> Tensor:
    """Return a view: (B, C, 1, T) as (B, T, C)."""
    return to_keras(x).squeeze(1)
