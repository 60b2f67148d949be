"""Methods: ways to draw a heat map of a network's reason, for many questions about one picture at once.

What is linear in the logits is computed for each class and combined for each question:
gradients, and so Grad-CAM, integrated gradients and SmoothGrad. Hiding parts of the picture
asks the network once for all questions.
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
from tellapart.explanations.recorder import Recorder

MASKS = 1000
"""Of RISE, where the network is small."""

FEWEST_PLACES = 16
"""Of feature maps that show where something is; the paper's last layer where none has as many."""

PIXELS_AT_ONCE = 2**20
"""Of a batch; bounds the memory that a network's run takes."""


@dataclass(frozen=True, slots=True, eq=False)
class AttributionTask:
    """A picture, a network, and what is asked about them."""

    recorder: Recorder
    image: Tensor
    """(H, W, C) float32, 0-255."""

    questions: tuple[Contrast, ...]
    masks: int = MASKS
    """How many RISE is given."""

    @property
    def classes(self) -> tuple[int, ...]:
        """Those that some question names."""
        return tuple(sorted({one for question in self.questions for one in question.classes}))

    @property
    def at_once(self) -> int:
        """Pictures in one batch."""
        return max(4, min(64, PIXELS_AT_ONCE // (self.image.shape[0] * self.image.shape[1])))

    def class_logits(self, images: Tensor) -> Tensor:
        """Of `classes`: (B, classes), differentiable."""
        return self.recorder.logits(images)[:, self.classes]

    def logits(self, images: Tensor) -> Tensor:
        """What each question is about, before the softmax: (B, questions)."""
        logits = self._in_parts(images)
        return torch.stack([one.of_logits(logits) for one in self.questions], dim=1)

    def shares(self, images: Tensor) -> Tensor:
        """What each question is about, as a share, 0 to 1: (B, questions)."""
        probabilities = self.probabilities(images)
        return torch.stack([one.of_probabilities(probabilities) for one in self.questions], dim=1)

    def probabilities(self, images: Tensor) -> Tensor:
        """Of every class: (B, classes)."""
        return self._in_parts(images).softmax(-1)

    def _in_parts(self, images: Tensor) -> Tensor:
        return torch.cat([self.recorder.logits(part) for part in images.split(self.at_once)])


class Drawn(NamedTuple):
    """What a method finds."""

    maps: dict[Contrast, Tensor]
    """(H, W) of each question."""

    layer: str | None
    """Whose feature maps they are made of; None where they are made of pixels."""


def _by_cam(draw: Callable[[Tensor, Tensor], Tensor], case: AttributionTask) -> Drawn | None:
    """By the last layer with feature maps of some places; None where there are no feature maps."""
    recording = case.recorder.run(case.image[None].clone().requires_grad_())
    layers = spatial_layers(recording)
    if not layers:
        return None
    enough = {name: grid for name, grid in layers.items() if grid[0] * grid[1] >= FEWEST_PLACES}
    name, grid = list((enough or layers).items())[-1]
    layer = recording.layer(name)
    gradients = {one: gradient_at(recording.logits[:, one], layer, grid) for one in case.classes}
    maps, size = feature_maps(layer, grid), list(case.image.shape[:2])
    found = {}
    for question in case.questions:
        heat = draw(maps, question.combined(gradients))
        found[question] = F.interpolate(heat[None], size, mode="bilinear", align_corners=False)[0, 0]
    return Drawn(found, name)


def _integrated_gradients(case: AttributionTask) -> Drawn:
    black = torch.zeros_like(case.image)
    found = integrated_gradients(case.class_logits, case.image, black, at_once=max(1, case.at_once // 4))
    by_class = dict(zip(case.classes, found.sum(-1), strict=True))
    return Drawn({one: one.combined(by_class) for one in case.questions}, None)


def _smooth_grad(case: AttributionTask) -> Drawn:
    found = smooth_grad(case.class_logits, case.image, at_once=max(1, case.at_once // 4))
    by_class = dict(zip(case.classes, found, strict=True))
    return Drawn({one: one.combined(by_class).abs().sum(-1) for one in case.questions}, None)


def _occlusion(case: AttributionTask) -> Drawn:
    side = min(case.image.shape[:2])
    window, stride = max(1, side // 4), max(1, side // 16)
    fill = case.image.mean((0, 1))
    return _of_questions(case, occlusion(case.logits, case.image, fill, window=window, stride=stride))


def _rise(case: AttributionTask) -> Drawn:
    return _of_questions(case, rise(case.shares, case.image, masks=case.masks))


def _of_questions(case: AttributionTask, maps: Iterable[Tensor]) -> Drawn:
    return Drawn(dict(zip(case.questions, maps, strict=True)), None)


METHODS: dict[str, Callable[[AttributionTask], Drawn | None]] = {
    "grad_cam": partial(_by_cam, grad_cam),
    "grad_cam_plus_plus": partial(_by_cam, grad_cam_plus_plus),
    "integrated_gradients": _integrated_gradients,
    "smooth_grad": _smooth_grad,
    "occlusion": _occlusion,
    "rise": _rise,
}
"""By name, each a function of a case."""
