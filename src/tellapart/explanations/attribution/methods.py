"""Methods: every way to draw a heat map, in one table. A new method is a function and an entry in `METHODS`.

A method draws the maps of all contrasts at once. What is linear in the logits (gradients, and so Grad-CAM,
integrated gradients and SmoothGrad) is computed once for each class and combined for each contrast; methods that
hide parts of the image run the network once for all contrasts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.explanations.attribution.cam import (
    feature_maps,
    grad_cam,
    grad_cam_plus_plus,
    gradient_at,
    spatial_layers,
)
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.gradients import integrated_gradients, smooth_grad
from tellapart.explanations.attribution.perturbation import occlusion, rise
from tellapart.explanations.attribution.task import AttributionTask, Effort

MIN_PLACES = 16
"""Places of a layer's feature maps that show where something is; without such a layer the last one is taken."""

WINDOW = 4
"""Squares of occlusion that make up the image's shorter side."""


class Attribution(NamedTuple):
    """The maps that one method draws."""

    maps: dict[Contrast, Tensor]
    """(H, W) for each contrast; the larger, the more a pixel supports it."""

    layer: str | None = None
    """The layer whose feature maps they are made of; None: they are made of pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to draw heat maps."""

    title: str
    description: str
    """What it shows, in a sentence for the page."""

    source: str
    draw: Callable[[AttributionTask], Attribution | None]
    """None where the network lacks what the method needs."""

    gradients: Callable[[Effort], int] = lambda _: 0
    """Images that it takes gradients of, with one pass forward and one backward for each class."""

    images: Callable[[Effort], int] = lambda _: 0
    """Images that it runs forward alone; a single one is not worth counting."""

    needs_feature_maps: bool = False
    """Whether it needs a layer that keeps the image's places apart."""

    is_centered: bool = False
    """Whether the page shows a map minus its own mean, because it is a mean score everywhere."""

    def runs(self, classes: int, effort: Effort) -> int:
        """Return how often the network runs for one image; a backward pass counts as one run."""
        return self.gradients(effort) * (1 + classes) + self.images(effort)


def _by_cam(draw: Callable[[Tensor, Tensor], Tensor], task: AttributionTask) -> Attribution | None:
    """Draw from the last layer whose feature maps have enough places; None where no layer has any."""
    recording = task.recorder.run(task.image[None].clone().requires_grad_())
    layers = spatial_layers(recording)
    if not layers:
        return None
    large_enough = {name: grid for name, grid in layers.items() if grid[0] * grid[1] >= MIN_PLACES}
    name, grid = list((large_enough or layers).items())[-1]
    layer = recording.layer(name)
    gradients = {index: gradient_at(recording.logits[:, index], layer, grid) for index in task.classes}
    maps, size = feature_maps(layer, grid), list(task.image.shape[:2])
    heat_maps = {}
    for contrast in task.contrasts:
        coarse = draw(maps, contrast.combined(gradients))
        heat_maps[contrast] = F.interpolate(coarse[None], size, mode="bilinear", align_corners=False)[0, 0]
    return Attribution(heat_maps, name)


def _integrated_gradients(task: AttributionTask) -> Attribution:
    """Integrate from a black image, which says nothing."""
    batch_size = max(1, task.batch_size // 4)
    black = torch.zeros_like(task.image)
    gradients = integrated_gradients(
        task.class_logits,
        task.image,
        black,
        steps=task.effort.quadrature,
        batch_size=batch_size,
        each=task.each,
    )
    by_class = dict(zip(task.classes, gradients.sum(-1), strict=True))
    return Attribution({contrast: contrast.combined(by_class) for contrast in task.contrasts})


def _smooth_grad(task: AttributionTask) -> Attribution:
    gradients = smooth_grad(
        task.class_logits,
        task.image,
        samples=task.effort.noisy_copies,
        batch_size=max(1, task.batch_size // 4),
        each=task.each,
    )
    by_class = dict(zip(task.classes, gradients, strict=True))
    return Attribution({contrast: contrast.combined(by_class).abs().sum(-1) for contrast in task.contrasts})


def _occlusion(task: AttributionTask) -> Attribution:
    side = min(task.image.shape[:2])
    window, stride = max(1, side // WINDOW), max(1, side // task.effort.strides)
    fill = task.image.mean((0, 1))
    return _by_contrast(task, occlusion(task.logits, task.image, fill, window=window, stride=stride))


def _rise(task: AttributionTask) -> Attribution:
    return _by_contrast(task, rise(task.shares, task.image, masks=task.effort.masks))


def _by_contrast(task: AttributionTask, maps: Iterable[Tensor]) -> Attribution:
    return Attribution(dict(zip(task.contrasts, maps, strict=True)))


METHODS: dict[str, Method] = {
    "grad_cam": Method(
        title="Grad-CAM",
        description="The feature maps of a layer, each weighted by its effect on the class score. "
        "The resolution is that of the layer.",
        source="Selvaraju et al. 2017, arXiv:1610.02391",
        draw=partial(_by_cam, grad_cam),
        needs_feature_maps=True,
    ),
    "grad_cam_plus_plus": Method(
        title="Grad-CAM++",
        description="Like Grad-CAM, but weights each position separately, so that every instance of a repeated "
        "object is marked.",
        source="Chattopadhay et al. 2018, arXiv:1710.11063",
        draw=partial(_by_cam, grad_cam_plus_plus),
        needs_feature_maps=True,
    ),
    "integrated_gradients": Method(
        title="Integrated gradients",
        description="How much each pixel adds to the class score while the picture fades in from black.",
        source="Sundararajan et al. 2017, arXiv:1703.01365",
        draw=_integrated_gradients,
        gradients=lambda effort: effort.quadrature,
    ),
    "smooth_grad": Method(
        title="SmoothGrad",
        description="How strongly the class score depends on each pixel, in either direction, averaged over noisy "
        "copies of the picture.",
        source="Smilkov et al. 2017, arXiv:1706.03825",
        draw=_smooth_grad,
        gradients=lambda effort: effort.noisy_copies,
    ),
    "occlusion": Method(
        title="Occlusion",
        description="How much the class score drops when a square of the picture's mean color covers each area.",
        source="Zeiler and Fergus 2014, arXiv:1311.2901",
        draw=_occlusion,
        images=lambda effort: (effort.strides - effort.strides // WINDOW + 1) ** 2,
    ),
    "rise": Method(
        title="RISE",
        description="Averages random masks, weighted by the class probability they leave. Blue: keeping this area "
        "raises the probability; red: keeping it lowers the probability.",
        source="Petsiuk et al. 2018, arXiv:1806.07421",
        draw=_rise,
        images=lambda effort: effort.masks,
        is_centered=True,
    ),
}
"""Name -> method. The page's titles, the cost estimate and the note on what a network lacks are read from it."""
