"""Class activation maps: which places of a layer's feature maps speak for a class, weighted by gradients.

They are as coarse as the layer is. Negative values, which speak against the class, are kept.
"""

import torch
from torch import Tensor

from tellapart.explanations.recorder import LayerRun, Recording

Grid = tuple[int, int]


def grad_cam(maps: Tensor, gradients: Tensor) -> Tensor:
    """Gradient-weighted class activation map.

    Args:
        maps: (B, h, w, C), a layer's output, as `feature_maps` gives it.
        gradients: (B, h, w, C), of what is asked about with regard to them, as `gradient_at` gives it.

    Returns:
        (B, h, w), before the ReLU that the paper ends with.

    Source: Selvaraju et al. 2017, arXiv:1610.02391.
    """
    return (gradients.mean((1, 2), keepdim=True) * maps).sum(-1)


def grad_cam_plus_plus(maps: Tensor, gradients: Tensor) -> Tensor:
    """The same with a weight for every place, so that a class seen at several places is marked at all of them.

    Args:
        maps: (B, h, w, C).
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
    """What a layer gave, (B, h, w, C).

    Args:
        layer: of a recording.
        grid: height and width of its maps, as `spatial_layers` gives them.
    """
    return _as_maps(layer.given[0].detach(), grid)


def gradient_at(asked: Tensor, layer: LayerRun, grid: Grid) -> Tensor:
    """The gradient with regard to a layer's output, (B, h, w, C); zero where nothing depends on it.

    Args:
        asked: (B,) what is asked about, computed from the layer's output.
        layer: of the same recording.
        grid: see `feature_maps`.
    """
    (found,) = torch.autograd.grad(asked.sum(), layer.given[0], retain_graph=True, allow_unused=True)
    return _as_maps(torch.zeros_like(layer.given[0]) if found is None else found, grid)


def spatial_layers(recording: Recording) -> dict[str, Grid]:
    """Layers that keep the places of a picture apart: name -> height and width of their maps.

    A row of tokens counts where it is as long as the maps before it have places, or by one longer, as with a
    class token in front.
    """
    found: dict[str, Grid] = {}
    last: Grid | None = None
    for run in recording.layers:
        shape = run.output.shape
        if len(shape) == 4 and shape[1] * shape[2] > 1:
            last = int(shape[1]), int(shape[2])
            found[run.name] = last
        elif len(shape) == 3 and last is not None and shape[1] - last[0] * last[1] in (0, 1):
            found[run.name] = last
    return found


def _as_maps(values: Tensor, grid: Grid) -> Tensor:
    if values.ndim == 4:
        return values.permute(0, 2, 3, 1)
    return values[:, -grid[0] * grid[1] :].unflatten(1, grid)  # a class token stands in front
