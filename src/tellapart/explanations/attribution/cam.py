"""Class activation maps: which places of a layer's feature maps support a class, weighted by gradients.

They are as coarse as the layer is. Negative values, which count against the class, are kept.
"""

import torch
from torch import Tensor

from tellapart.explanations.recorder import LayerRun, Recording

Grid = tuple[int, int]
"""Height and width of feature maps."""


def grad_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return the gradient-weighted class activation map.

    Args:
        maps: (B, h, w, C), a layer's output, from `feature_maps`.
        gradients: (B, h, w, C), of the score with respect to the maps, from `gradient_at`.

    Returns:
        (B, h, w), before the ReLU that the paper ends with.

    Source: Selvaraju et al. 2017, arXiv:1610.02391.
    """
    return (gradients.mean((1, 2), keepdim=True) * maps).sum(-1)


def grad_cam_plus_plus(maps: Tensor, gradients: Tensor) -> Tensor:
    """Return the map with a weight for every place, which marks a class everywhere it appears.

    Args:
        maps: (B, h, w, C), as for `grad_cam`.
        gradients: (B, h, w, C).

    Returns:
        (B, h, w).

    Source: Chattopadhay et al. 2018, arXiv:1710.11063, equation 19 with the exponential of the score.
    """
    squared, cubed = gradients**2, gradients**3
    below = 2 * squared + maps.sum((1, 2), keepdim=True) * cubed
    alpha = torch.where(gradients != 0, squared / torch.where(below != 0, below, 1.0), 0.0)
    weights = (alpha * gradients.relu()).sum((1, 2), keepdim=True)
    return (weights * maps).sum(-1)


def feature_maps(layer: LayerRun, grid: Grid) -> Tensor:
    """Return a layer's output as maps, (B, h, w, C).

    Args:
        layer: from a recording.
        grid: height and width of its maps, from `spatial_layers`.
    """
    return _as_maps(layer.raw_outputs[0].detach(), grid)


def gradient_at(score: Tensor, layer: LayerRun, grid: Grid) -> Tensor:
    """Return the gradient of a score with respect to a layer's output, (B, h, w, C); zero where it has no effect.

    Args:
        score: (B,), computed from the layer's output.
        layer: from the same recording.
        grid: as in `feature_maps`.
    """
    (gradient,) = torch.autograd.grad(score.sum(), layer.raw_outputs[0], retain_graph=True, allow_unused=True)
    return _as_maps(torch.zeros_like(layer.raw_outputs[0]) if gradient is None else gradient, grid)


def spatial_layers(recording: Recording) -> dict[str, Grid]:
    """Return the layers that keep the image's places apart: name -> height and width of their maps.

    A row of tokens counts where it is as long as the last maps have places, or longer by one class token.
    """
    grids: dict[str, Grid] = {}
    last: Grid | None = None
    for run in recording.layers:
        shape = run.output.shape
        if len(shape) == 4 and shape[1] * shape[2] > 1:
            last = int(shape[1]), int(shape[2])
            grids[run.name] = last
        elif len(shape) == 3 and last is not None and shape[1] - last[0] * last[1] in (0, 1):
            grids[run.name] = last
    return grids


def _as_maps(values: Tensor, grid: Grid) -> Tensor:
    if values.ndim == 4:
        return values.permute(0, 2, 3, 1)
    return values[:, -grid[0] * grid[1] :].unflatten(1, grid)  # a class token comes first
