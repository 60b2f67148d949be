"""Layout: how a tensor lies in memory on either side of the border.

Keras holds pictures as (B, H, W, C). Lowered operations hold them as logical
(B, C, H, W) in `channels_last` memory: the same bytes, so crossing is a view.
Only rank-4 tensors differ; every other rank is Keras's own on both sides.
"""

from torch import Tensor

_KERAS_TO_TORCH_AXIS = (0, 2, 3, 1)


def to_keras(tensor: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, H, W, C), a view; other ranks unchanged."""
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor


def to_torch(tensor: Tensor) -> Tensor:
    """(B, H, W, C) -> (B, C, H, W), a view; other ranks unchanged."""
    return tensor.permute(0, 3, 1, 2) if tensor.ndim == 4 else tensor


def torch_axis(axis: int, rank: int) -> int:
    """Where Keras's `axis` of a tensor with `rank` dimensions lies in the lowered layout."""
    axis = axis % rank
    return _KERAS_TO_TORCH_AXIS[axis] if rank == 4 else axis


def sequence_to_image(x: Tensor) -> Tensor:
    """(B, T, C) -> (B, C, 1, T), a view: a picture one pixel high, so that one rule serves both ranks."""
    return to_torch(x.unsqueeze(1))


def image_to_sequence(x: Tensor) -> Tensor:
    """(B, C, 1, T) -> (B, T, C), a view."""
    return to_keras(x).squeeze(1)
