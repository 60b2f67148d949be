"""Alignment: whether two pictures show the same shot, when one was resized, cropped, mirrored or saved again.

Two pictures are compared as gray thumbnails of SIDE x SIDE pixels: each as a whole and in windows of several sizes and
places, enlarged to the whole. The best fit of any two counts. The measure is the correlation of detail, what is left
when the blurred picture is subtracted: blue skies and white backgrounds are alike in their large shapes, and differ in
detail. Pairs that nearly fit are fitted once more, a window's four edges each for itself.

Enlarging and blurring are products with small matrices, so thousands of pairs take seconds. Knows nothing of files,
labels and splits.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from tellapart.runtime.workers import workers

SIDE = 32
"""Pixels of a thumbnail."""

SCALES = (0.95, 0.9, 0.85, 0.8)
"""Sides of the windows that are compared, as shares of the picture's; each in nine places."""

ROUGH_SCALE = 0.9
"""The one that is tried on every pair, at half the size."""

CUTS = (0.0, 0.07)
"""Shares of a side that are cut off at either end, where each edge is fitted for itself."""

STEPS = (0.035, 0.015, 0.0075)
"""By which edges are then moved."""

SMALLEST_CONTRAST = 2e-3
"""Standard deviation of detail, in shares of the range from black to white, below which there is none to compare."""

EDGE = 1 / 16
"""Share of a side, at each edge, that does not count: many pictures have a frame."""

PROMISING = 0.42
"""Similarity from which more windows are tried."""

ROUGHLY = 0.5
"""The same, at half the size, where chance agrees more."""

SURE = 0.85
"""Similarity from which no better fit is looked for."""

PAIRS_AT_ONCE = 128


def similarity(first: Tensor, second: Tensor) -> Tensor:
    """Return how well the detail of two pictures agrees in the best alignment.

    Args:
        first: (P, SIDE, SIDE) float32, gray, 0 to 1.
        second: the same, of the pictures that they are compared with.

    Returns:
        (P,) correlations, -1 to 1; 0 where a picture has no detail.
    """
    rough = _in_parts(_halved(first), _halved(second), _of_rough_scale)
    best = torch.zeros_like(rough)
    rows = torch.nonzero(rough > ROUGHLY)[:, 0]
    best[rows] = _in_parts(first[rows], second[rows], _of_any_scale)
    rows = torch.nonzero((best > PROMISING) & (best < SURE))[:, 0]
    best[rows] = torch.maximum(best[rows], _in_parts(first[rows], second[rows], _edge_by_edge))
    return best


def _halved(images: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(images[:, None], 2)[:, 0]


def _in_parts(first: Tensor, second: Tensor, attempt: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    if not len(first):
        return first.new_empty(0)
    parts = zip(first.split(PAIRS_AT_ONCE), second.split(PAIRS_AT_ONCE), strict=True)
    with torch.inference_mode():
        return torch.cat(workers().map(lambda pair: attempt(*pair), parts))


def _of_rough_scale(first: Tensor, second: Tensor) -> Tensor:
    return _best(first, second, (ROUGH_SCALE,))


def _of_any_scale(first: Tensor, second: Tensor) -> Tensor:
    return _best(first, second, SCALES)


def _best(first: Tensor, second: Tensor, scales: tuple[float, ...]) -> Tensor:
    """Return the best correlation between a window of one picture and a window of the other, of any one scale."""
    side = first.shape[-1]
    one = _stretch(0.0, 0.0, side)
    whole = [_detail(images, one, one) for images in (first, second)]
    fits = []
    for scale in scales:
        cut = 1 - scale
        places = [_stretch(cut * place, cut * (1 - place), side) for place in (0.0, 0.5, 1.0)]
        views = []
        for images, entire in zip((first, second), whole, strict=True):
            inside = [_detail(images, down, across) for down in places for across in places]
            views.append(torch.stack([entire, *inside], dim=1))  # (P, 10, h, w)
        ours, theirs = views
        for other in (theirs, theirs.flip(-1)):
            fits.append((ours.flatten(2) @ other.flatten(2).transpose(1, 2)).amax((1, 2)))
    return torch.stack(fits).amax(0)


def _edge_by_edge(first: Tensor, second: Tensor) -> Tensor:
    """Return the best correlation between a window of one picture, of any proportions, and the other as a whole."""
    sources = torch.stack([first, second, first.flip(-1), second.flip(-1)], dim=1)  # (P, 4, SIDE, SIDE)
    targets = torch.stack([second, first, second, first], dim=1)
    one = _stretch(0.0, 0.0, SIDE)
    wholes = _detail(targets.flatten(0, 1), one, one)
    cuts = torch.tensor([(start, end) for start in CUTS for end in CUTS])  # (4, 2)
    fits = torch.stack(
        [
            _product(_detail(sources.flatten(0, 1), _stretch(*down, SIDE), _stretch(*across, SIDE)), wholes)
            for down in cuts.tolist()
            for across in cuts.tolist()
        ],
        dim=1,
    )
    best, index = fits.view(len(first), 4, -1).flatten(1).max(1)  # (P,), over 4 x 16
    rows, count = torch.arange(len(first)), len(cuts)
    way, window = index // count**2, index % count**2
    source = sources[rows, way]
    whole = wholes.view(len(first), 4, *wholes.shape[1:])[rows, way]
    edges = torch.stack(
        [cuts[window // count], cuts[window % count]], dim=1
    )  # (P, 2, 2): axis, start and end
    for step in STEPS:
        for axis in (0, 1):
            best, edges = _moved(source, whole, best, edges, axis, step)
    return best


def _moved(
    source: Tensor, whole: Tensor, best: Tensor, edges: Tensor, axis: int, step: float
) -> tuple[Tensor, Tensor]:
    """Return the best correlation and its edges after both edges of an axis were moved by a step, or not."""
    start = edges.clone()
    for before in (-step, 0.0, step):
        for after in (-step, 0.0, step):
            tried = start.clone()
            tried[:, axis] = (tried[:, axis] + torch.tensor([before, after])).clamp_min(0)
            down, across = (_enlarging(tried[:, which, 0], tried[:, which, 1], SIDE) for which in (0, 1))
            fit = _product(_detail(source, down, across), whole)
            better = fit > best
            best = torch.where(better, fit, best)
            edges = torch.where(better[:, None, None], tried, edges)
    return best, edges


def _product(first: Tensor, second: Tensor) -> Tensor:
    return (first * second).sum((1, 2))


Reading = tuple[Tensor, Tensor]
"""Matrices (side, side), or one for each picture, that enlarge a stretch of a row of pixels to the whole: as it is, and
blurred."""


def _detail(images: Tensor, down: Reading, across: Reading) -> Tensor:
    """Return the detail of one window of each picture, of length 1; 0 where there is hardly any.

    Args:
        images: (P, side, side).
        down: reads the window's rows.
        across: reads its columns.

    Returns:
        (P, h, w), without the edges.
    """
    detail = down[0] @ images @ across[0].mT - down[1] @ images @ across[1].mT
    edge = round(EDGE * images.shape[-1])
    detail = detail[:, edge:-edge, edge:-edge]
    detail = detail - detail.mean((1, 2), keepdim=True)
    length = detail.flatten(1).norm(dim=1)[:, None, None]
    least = SMALLEST_CONTRAST * detail.shape[1]
    return torch.where(length > least, detail / length.clamp_min(least), 0.0)


@lru_cache(maxsize=128)
def _stretch(start: float, end: float, side: int) -> Reading:
    """Return the reading of what is left when shares of a side are cut off at its start and its end."""
    down, blurred = _enlarging(torch.tensor([start]), torch.tensor([end]), side)
    return down[0], blurred[0]


def _enlarging(start: Tensor, end: Tensor, side: int) -> Reading:
    """Return readings by linear interpolation: shares that are cut off, (P,) each -> matrices (P, side, side).

    The blur is a box of 5 pixels for 32, of 3 for 16.
    """
    pixels = torch.arange(side) + 0.5
    scale = 1 - start - end
    places = (pixels * scale[:, None] + (side * start - 0.5)[:, None]).clamp(0, side - 1)  # (P, side)
    matrix = (1 - (places[..., None] - torch.arange(side)).abs()).clamp_min(0)
    near = (pixels[:, None] - pixels).abs() <= side // 16
    return matrix, (near / near.sum(1, keepdim=True)) @ matrix
