"""Attribute: draw heat maps of a prediction by every method, and measure how faithful each is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tellapart.errors import ConfigError
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.faithfulness import (
    CurveMeter,
    Faithfulness,
    faithfulness,
    order_of,
    rank_correlation,
)
from tellapart.explanations.attribution.methods import METHODS, Attribution, Method
from tellapart.explanations.attribution.random_baseline import RandomBaseline
from tellapart.explanations.attribution.task import AttributionTask
from tellapart.explanations.recorder import Recorder
from tellapart.pages.card import Card, Facts, Picture, Pictures, Readable
from tellapart.pages.thumbnail import thumbnail


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap(Readable):
    """One method's map for one contrast."""

    method: str
    """Its name: grad_cam, grad_cam_plus_plus, ...; `HeatMaps.of` has them all."""

    values: NDArray[np.float32]
    """(H, W), of the image's size; the larger, the more a pixel supports the class, or the one class rather than the
    other."""

    layer: str | None
    """The layer whose feature maps it is made of; None where it is made of pixels."""

    faithfulness: Faithfulness

    def _parts(self) -> list[str]:
        height, width = self.values.shape
        layer = [] if self.layer is None else [f"layer {self.layer}"]
        return [METHODS[self.method].title, self.faithfulness.in_words, f"{height}×{width}", *layer]

    def _card(self) -> Card:
        area = self.faithfulness
        facts = Facts(
            [
                (
                    "insertion (higher is better)",
                    f"{area.insertion_area:.3f}, random {area.random_insertion_area:.3f}",
                ),
                (
                    "deletion (lower is better)",
                    f"{area.deletion_area:.3f}, random {area.random_deletion_area:.3f}",
                ),
                ("layer", self.layer),
            ]
        )
        return Card("HeatMap", ", ".join(self._parts()[:2]), [Pictures([self.thumbnail()]), facts])

    def thumbnail(self) -> Picture:
        """Return the map for a card: blue for, red against, on gray."""
        return thumbnail(
            colored(self.values), f"{METHODS[self.method].title}: {self.faithfulness.in_words}", 112
        )


FOR, AGAINST, GRAY = (24, 110, 255), (235, 45, 35), (128, 128, 128)


def colored(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a map as a picture: (H, W) -> (H, W, 3)."""
    share = (values / (float(np.quantile(np.abs(values), 0.99)) or 1.0)).clip(-1, 1)[..., None]
    color = np.where(share < 0, AGAINST, FOR)
    return np.round(np.abs(share) * color + (1 - np.abs(share)) * GRAY).astype(np.uint8)


def attribute(
    task: AttributionTask, randomized: Sequence[Recorder] = (), methods: Sequence[str] = ()
) -> dict[Contrast, tuple[HeatMap, ...]]:
    """Draw heat maps and measure their faithfulness.

    Args:
        task: network, image and contrasts.
        randomized: the same network with shuffled weights, several times; none: maps are not compared with those
            of a network that learned nothing. Maps of a layer's few places, which cost little, are compared with
            all of them, the others with the first.
        methods: keys of METHODS. Default: all that the network allows.

    Returns:
        Contrast -> a map by each method, in the methods' order.

    Raises:
        ConfigError: no such method, or one that needs feature maps where the network has none.
    """
    if unknown := [name for name in methods if name not in METHODS]:
        raise ConfigError(
            f"There is no attribution method {unknown[0]!r}. Choose from: {', '.join(METHODS)}."
        )
    heat_maps: dict[Contrast, list[HeatMap]] = {contrast: [] for contrast in task.contrasts}
    baseline = RandomBaseline(CurveMeter(task.probabilities, task.image, task.effort.curve_steps))
    for name in methods or METHODS:
        method = METHODS[name]
        attribution = method.draw(task)
        if attribution is None:
            if methods:
                raise ConfigError(f"{name} needs a layer with feature maps, and this network has none.")
            continue
        others = _of_randomized(method, task, randomized)
        for contrast, heat in attribution.maps.items():
            measured = _measured(contrast, heat, baseline, [other.maps[contrast] for other in others])
            heat_maps[contrast].append(HeatMap(name, heat.numpy(), attribution.layer, measured))
    return {contrast: tuple(maps) for contrast, maps in heat_maps.items()}


def _of_randomized(
    method: Method, task: AttributionTask, randomized: Sequence[Recorder]
) -> list[Attribution]:
    """Draw a method's maps again for networks that learned nothing."""

    def draw(recorder: Recorder) -> Attribution | None:
        return method.draw(replace(task, recorder=recorder))

    drawn = task.each(draw, randomized) if method.needs_feature_maps else list(map(draw, randomized[:1]))
    return [attribution for attribution in drawn if attribution]


def _measured(
    contrast: Contrast, heat: Tensor, baseline: RandomBaseline, others: Sequence[Tensor]
) -> Faithfulness:
    """Measure a map against random maps, and against `others`, those of randomized networks."""
    similarities = [rank_correlation(heat, other) for other in others]
    similarity = sum(similarities) / len(similarities) if similarities else None
    own = baseline.meter.curves(order_of(heat))
    return faithfulness(contrast.of_probabilities, own, baseline.curves_for(heat), similarity)
