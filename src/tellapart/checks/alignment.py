"""Alignment: whether two pictures show the same shot, when one was resized, cropped, mirrored or saved again.

Two pictures are compared as gray thumbnails of SIDE x SIDE pixels: each as a whole and in windows of several sizes and
places, enlarged to the whole. The best fit of any two counts. The measure is the correlation of detail, what is left
when the blurred picture is subtracted: blue skies and white backgrounds are alike in their large shapes, and differ in
detail.

Enlarging and blurring are products with small matrices, so thousands of pairs take seconds. Knows nothing of files,
labels and splits.
"""

from functools import lru_cache

import torch
from torch import Tensor

SIDE = 32
"""Pixels of a thumbnail."""

SCALES = (0.95, 0.9, 0.85, 0.8)
"""Sides of the windows that are compared, as shares of the picture's; each in nine places."""

BLUR = 5
"""Pixels of the box that tells large shapes from detail."""

SMALLEST_CONTRAST = 2e-3
"""Standard deviation of detail, in shares of the range from black to white, below which there is none to compare."""

EDGE = 2
"""Pixels at each edge that do not count: many pictures have a frame."""

PROMISING = 0.45
"""Similarity in windows of one scale from which all scales are tried."""

PAIRS_AT_ONCE = 256


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Return how well the detail of two pictures agrees in the best alignment.

    Args:
        first: (P, SIDE, SIDE) float32, gray, 0 to 1.
        second: the same, of the pictures that they are compared with.

    Returns:
        (P,) correlations, -1 to 1; 0 where a picture has no detail.
    """
    best = _in_parts(first, second, _windows()[1:2])
    rows = torch.nonzero(best > PROMISING)[:, 0]
    best[rows] = torch.maximum(best[rows], _in_parts(first[rows], second[rows], _windows()))
    return best


def _in_parts(first: Tensor, second: Tensor, windows: "Windows") -> Tensor:
    parts = zip(first.split(PAIRS_AT_ONCE), second.split(PAIRS_AT_ONCE), strict=True)
    best = [_best(a, b, windows) for a, b in parts]
    return torch.cat(best) if best else first.new_empty(0)


def _best(first: Tensor, second: Tensor, windows: "Windows") -> Tensor:
    """Return the best correlation between a window of one picture and a window of the other, of any one scale."""
    whole = [_detail(images, ONE, ONE) for images in (first, second)]
    fits = []
    for places in windows:
        views = []
        for images, entire in zip((first, second), whole, strict=True):
            inside = [_detail(images, down, across) for down in places for across in places]
            views.append(torch.stack([entire, *inside], dim=1))  # (P, 10, h, w)
        ours, theirs = views
        for other in (theirs, theirs.flip(-1)):
            fits.append((ours.flatten(2) @ other.flatten(2).transpose(1, 2)).amax((1, 2)))
    return torch.stack(fits).amax(0)


def _detail(images: Tensor, down: "Reading", across: "Reading") -> Tensor:
    """Return the detail of one window of each picture, of length 1; 0 where there is hardly any.

    Args:
        images: (P, SIDE, SIDE).
        down: reads the window's rows.
        across: reads its columns.

    Returns:
        (P, SIDE - 2 EDGE, SIDE - 2 EDGE).
    """
    detail = down[0] @ images @ across[0].T - down[1] @ images @ across[1].T
    detail = detail[:, EDGE:-EDGE, EDGE:-EDGE]
    detail = detail - detail.mean((1, 2), keepdim=True)
    length = detail.flatten(1).norm(dim=1)[:, None, None]
    least = SMALLEST_CONTRAST * detail.shape[1]
    return torch.where(length > least, detail / length.clamp_min(least), 0.0)


Reading = tuple[Tensor, Tensor]
"""Matrices (SIDE, SIDE) that enlarge a stretch of a row of pixels to the whole: as it is, and blurred."""

Windows = tuple[tuple[Reading, ...], ...]
"""For each scale the readings of a stretch at the start, in the middle and at the end."""


@lru_cache(maxsize=1)
def _windows() -> Windows:
    return tuple(tuple(_reading(place * (1 - scale), scale) for place in (0.0, 0.5, 1.0)) for scale in SCALES)


def _reading(start: float, scale: float) -> Reading:
    places = ((torch.arange(SIDE) + 0.5) * scale + start * SIDE - 0.5).clamp(0, SIDE - 1)
    left = places.floor().long().clamp_max(SIDE - 2)
    share = (places - left)[:, None]
    matrix = torch.zeros(SIDE, SIDE).scatter_(1, left[:, None], 1 - share)
    matrix.scatter_add_(1, left[:, None] + 1, share)
    near = (torch.arange(SIDE)[:, None] - torch.arange(SIDE)).abs() <= BLUR // 2
    blur = near / near.sum(1, keepdim=True)
    return matrix, blur @ matrix


ONE = _reading(0.0, 1.0)
"""The whole picture."""
