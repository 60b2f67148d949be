"""Levels: brightness and channel shifts, which change values and move no pixel.

Knows nothing of chance or settings.
"""

from torch import Tensor


def shift_channels(images: Tensor, levels: Tensor) -> Tensor:
    """Add to every level of an image, and keep the result between its smallest and largest one.

    Args:
        images: (B, C, H, W) float32.
        levels: (B,), added.

    Returns:
        (B, C, H, W) float32, a new tensor.

    Source: keras/src/legacy/preprocessing/image.py, apply_channel_shift.
    """
    least, most = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    return (images + levels.float()[:, None, None, None]).clamp(least, most)


def brighten(images: Tensor, factors: Tensor) -> Tensor:
    """Multiply levels by a factor each image, cut to whole levels before and after, and to 255.

    Args:
        images: (B, C, H, W) float32, 0 to 255.
        factors: (B,), 0 or more.

    Returns:
        (B, C, H, W) float32, a new tensor.

    Source: keras/src/legacy/preprocessing/image.py, apply_brightness_shift; Pillow's ImageEnhance.Brightness.
    """
    return images.floor().mul_(factors.float()[:, None, None, None]).floor_().clamp_(0, 255)
