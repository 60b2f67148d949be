"""Reasons: why a network answers so, as heat maps over the picture, each with the measure of its truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from tellapart.errors import ConfigError
from tellapart.explain.cam import grad_cam, grad_cam_plus_plus, spatial_layers
from tellapart.explain.faithfulness import Faithfulness, faithfulness, rank_correlation
from tellapart.explain.gradients import integrated_gradients, smooth_grad
from tellapart.explain.masking import occlusion, rise
from tellapart.explain.question import Question
from tellapart.explain.record import Recorder


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """One method's answer."""

    method: str
    """One of METHODS."""

    values: NDArray[np.float32]
    """(H, W), of the picture's size; the larger, the more a pixel speaks for what was asked about."""

    layer: str | None
    """Whose feature maps it is made of; None where it is made of pixels."""

    faithfulness: Faithfulness


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A picture, a network and a question."""

    recorder: Recorder
    image: Tensor
    """(H, W, C) float32, 0-255."""

    question: Question

    def logits(self, images: Tensor) -> Tensor:
        """What is asked about, before the softmax: (B,), differentiable."""
        return self.question.of_logits(self.recorder.run(images).logits)

    def shares(self, images: Tensor) -> Tensor:
        """What is asked about, as a share, 0 to 1: (B,)."""
        return self.question.of_probabilities(self.recorder.run(images).logits.softmax(-1))


Drawn = tuple[Tensor, str | None]
"""(H, W) and the layer."""


def reasons(case: Case, noise: Recorder | None, methods: Sequence[str] = ()) -> list[HeatMap]:
    """Draw heat maps and measure them.

    Args:
        case: what is asked.
        noise: the same network with noise for weights; None: no such check.
        methods: of METHODS; none: all that the network allows.

    Raises:
        ConfigError: no such method, or one that needs feature maps where the network shows none.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ConfigError(f"There is no method {unknown[0]!r}. There are: {', '.join(METHODS)}.")
    found = []
    for name in methods or METHODS:
        drawn = METHODS[name](case)
        if drawn is None:
            if methods:
                raise ConfigError(f"{name} needs a layer with feature maps, and this network shows none.")
            continue
        heat, layer = drawn
        measured = faithfulness(case.shares, case.image, heat, _sanity(case, noise, name, heat))
        found.append(HeatMap(name, heat.numpy(), layer, measured))
    return found


def _sanity(case: Case, noise: Recorder | None, name: str, heat: Tensor) -> float | None:
    drawn = None if noise is None else METHODS[name](Case(noise, case.image, case.question))
    return None if drawn is None else rank_correlation(heat, drawn[0])


def _by_cam(draw: Callable[..., Tensor]) -> Callable[[Case], Drawn | None]:
    def drawn(case: Case) -> Drawn | None:
        recording = case.recorder.run(case.image[None].clone().requires_grad_())
        layers = spatial_layers(recording)
        if not layers:
            return None
        name, grid = list(layers.items())[-1]
        heat = draw(case.question.of_logits(recording.logits), recording.layer(name), grid)
        fine = F.interpolate(heat[None].detach(), case.image.shape[:2], mode="bilinear", align_corners=False)
        return fine[0, 0], name

    return drawn


def _integrated_gradients(case: Case) -> Drawn:
    return integrated_gradients(case.logits, case.image, torch.zeros_like(case.image)).sum(-1), None


def _smooth_grad(case: Case) -> Drawn:
    return smooth_grad(case.logits, case.image).abs().sum(-1), None


def _occlusion(case: Case) -> Drawn:
    side = min(case.image.shape[:2])
    window, stride = max(1, side // 4), max(1, side // 16)
    return occlusion(case.logits, case.image, case.image.mean((0, 1)), window=window, stride=stride), None


def _rise(case: Case) -> Drawn:
    return rise(case.shares, case.image, masks=1000), None


METHODS: dict[str, Callable[[Case], Any]] = {
    "grad_cam": _by_cam(grad_cam),
    "grad_cam_plus_plus": _by_cam(grad_cam_plus_plus),
    "integrated_gradients": _integrated_gradients,
    "smooth_grad": _smooth_grad,
    "occlusion": _occlusion,
    "rise": _rise,
}
"""By name, each a function of a case."""


def noisy_recorder(recorder: Recorder, seed: int = 0) -> Recorder:
    """The same network, every weight's numbers in random order: as large as before, and nothing learned.

    Source: Adebayo et al. 2018, arXiv:1810.03292, with a permutation in place of a new initialisation, so that
    the sizes stay.

    Raises:
        ValueError: only the model's own code knows how to make another one.
    """
    import keras

    random = np.random.default_rng(seed)
    model = keras.models.clone_model(recorder.net.model)
    weights = recorder.net.model.get_weights()
    model.set_weights([random.permutation(w.ravel()).reshape(w.shape) for w in weights])
    return Recorder(model, recorder.head)
