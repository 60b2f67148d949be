"""Affine changes: images turned, sheared, zoomed and shifted in one step, with every fill mode.

One idea: whatever moves a pixel is one matrix, from the place of a pixel in the result to its place in the image,
both measured (row, column). Each image is blended once.

ImageDataGenerator takes the changes about the point (width/2, height/2) measured (row, column), which is the center
of square images alone; here it is always the center. And it calls rows what is columns and the other way round (see
`shift_flip`). On square images both are the same once its `tx` and `ty` are those of the columns and rows.

Knows nothing of chance or settings.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def turned(degrees: Tensor) -> Tensor:
    """Return the matrices (B, 2, 2) of rotations (B,); positive ones turn the content as ImageDataGenerator's do."""
    angle = torch.deg2rad(degrees)
    cosine, sine = angle.cos(), angle.sin()
    return _matrix(cosine, sine, -sine, cosine)


def sheared(degrees: Tensor) -> Tensor:
    """Return the matrices (B, 2, 2) of shears (B,), as ImageDataGenerator defines them."""
    angle = torch.deg2rad(degrees)
    return _matrix(angle.cos(), torch.zeros_like(angle), -angle.sin(), torch.ones_like(angle))


def zoomed(rows: Tensor, columns: Tensor) -> Tensor:
    """Return the matrices (B, 2, 2) that show `rows` (B,) times the height and `columns` (B,) times the width."""
    return _matrix(rows, torch.zeros_like(rows), torch.zeros_like(rows), columns)


def about_center(linear: Tensor, shift: Tensor, height: int, width: int) -> Tensor:
    """Return matrices (B, 2, 3) that apply `linear` (B, 2, 2) about the center, then add `shift` (B, 2)."""
    center_row, center_column = (height - 1) / 2, (width - 1) / 2
    moved = linear[:, :, 0] * center_row + linear[:, :, 1] * center_column  # (B, 2)
    rows = shift[:, 0] - moved[:, 0] + center_row
    columns = shift[:, 1] - moved[:, 1] + center_column
    return torch.cat([linear, torch.stack([rows, columns], dim=1)[:, :, None]], dim=2)


def reversed_axes(matrix: Tensor, mirrored: Tensor, flipped: Tensor, height: int, width: int) -> Tensor:
    """Return matrices (B, 2, 3) after which images are also mirrored and turned upside down, (B,) bool each."""
    across = torch.where(mirrored, -1.0, 1.0)[:, None] * matrix[:, :, 1]
    down = torch.where(flipped, -1.0, 1.0)[:, None] * matrix[:, :, 0]
    start = matrix[:, :, 2]
    start = start + torch.where(mirrored, width - 1.0, 0.0)[:, None] * matrix[:, :, 1]
    start = start + torch.where(flipped, height - 1.0, 0.0)[:, None] * matrix[:, :, 0]
    return torch.stack([down, across, start], dim=2)


def warp(
    images: Tensor, matrix: Tensor, fill_mode: str = "nearest", cval: float = 0.0, *, nearest: bool = False
) -> Tensor:
    """Return images whose pixel at (row, column) is the one that stood at `matrix` @ (row, column, 1).

    Args:
        images: (B, C, H, W), pixel values of 0 to 255, any dtype.
        matrix: (B, 2, 3) float64.
        fill_mode: one of `settings.FILL_MODES`, with SciPy's meaning.
        cval: the pixel value that "constant" fills with.
        nearest: whether to take the nearest pixel instead of blending four.

    Returns:
        (B, C, H, W) float32, contiguous. A new tensor.

    Source: scipy.ndimage.affine_transform with order=1 (0 where `nearest`) and its modes.
    """
    height, width = images.shape[2:]
    rows = _places(matrix[:, 0], height, width)  # (B, H, W)
    columns = _places(matrix[:, 1], height, width)
    grid = torch.stack([_normalized(columns, width, fill_mode), _normalized(rows, height, fill_mode)], dim=3)
    warped = F.grid_sample(
        images.float().contiguous(),
        grid,
        mode="nearest" if nearest else "bilinear",
        padding_mode="border",
        align_corners=True,
    )
    if fill_mode == "constant":
        margin = 0.5 if nearest else 0.0
        outside = _outside(rows, height, margin) | _outside(columns, width, margin)
        warped.masked_fill_(outside[:, None], cval)
    return warped


def _matrix(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([torch.stack([a, b], dim=1), torch.stack([c, d], dim=1)], dim=1)


def _places(line: Tensor, height: int, width: int) -> Tensor:
    """Return where each pixel comes from along one axis, (B, H, W) float64; `line` is its row (B, 3) of the matrix."""
    rows = torch.arange(height, dtype=torch.float64, device=line.device)
    columns = torch.arange(width, dtype=torch.float64, device=line.device)
    down = line[:, 0, None] * rows + line[:, 2, None]  # (B, H)
    return down[:, :, None] + (line[:, 1, None] * columns)[:, None, :]


def _normalized(places: Tensor, size: int, fill_mode: str) -> Tensor:
    """Return places along an axis of `size` pixels inside the image, as grid_sample measures them: -1 to 1, float32."""
    if fill_mode == "wrap":
        places = _wrapped(places, size)
    elif fill_mode == "mirror":
        places = _folded(places, 2.0 * (size - 1), size - 1.0)
    elif fill_mode == "reflect":
        places = _folded(places + 0.5, 2.0 * size, float(size)) - 0.5
    return (places.clamp(0, size - 1) * (2 / max(1, size - 1)) - 1).float()


def _folded(places: Tensor, period: float, most: float) -> Tensor:
    """Return places that run to and fro between 0 and `most`."""
    if not most:
        return torch.zeros_like(places)
    places = places.remainder(period)
    return torch.where(places > most, period - places, places)


def _wrapped(places: Tensor, size: int) -> Tensor:
    """Return places as SciPy's "wrap" does: the first pixel of a repetition lies on the last one before it."""
    period = max(1, size - 1)
    below = places + period * ((-places / period).floor() + 1)
    above = places - period * (places / period).floor()
    return torch.where(places < 0, below, torch.where(places > size - 1, above, places))


def _outside(places: Tensor, size: int, margin: float) -> Tensor:
    return (places < -margin) | (places > size - 1 + margin)
