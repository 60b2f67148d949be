"""Heat maps of a subject: why this answer, and why not another one, by every method that its network allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tellapart.explanations.attribution.attribute import HeatMap, noisy_recorder, reasons
from tellapart.explanations.attribution.budget import Scope, cost_of, scope_of
from tellapart.explanations.attribution.cam import spatial_layers
from tellapart.explanations.attribution.contrast import Contrast, questions_among
from tellapart.explanations.attribution.methods import AttributionTask
from tellapart.explanations.recorder import Recorder
from tellapart.explanations.subject import Subject

NOISES = 4
"""Networks that learned nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMaps:
    """Of one picture."""

    scope: Scope
    """Which classes were asked about."""

    maps: Mapping[Contrast, tuple[HeatMap, ...]]
    """Of each class of the scope, and of each ordered pair of them; the truest first."""

    def of(self, this: int, and_not: int | None = None) -> dict[str, HeatMap]:
        """By method: why this class, or why this one and not that one.

        Args:
            this: class index.
            and_not: class index.

        Raises:
            KeyError: a class outside the scope.
        """
        return {one.method: one for one in self.maps[Contrast(this, and_not)]}


def heat_maps_of(subject: Subject, order: Sequence[int], asked: Sequence[int], gaps: list[str]) -> HeatMaps:
    """Draw and measure.

    Args:
        subject: network and picture.
        order: classes, the likeliest first.
        asked: classes that somebody named.
        gaps: is told what could not be had.
    """
    scope = scope_of(order, asked, cost_of(subject.recorder, subject.pixels))
    noises = _noises(subject, gaps)
    if not spatial_layers(subject.recording):
        why = "no layer of this network keeps the places of the picture apart"
        if not subject.recording.layers:
            why = "only the model's own code knows its layers"
        gaps.append(f"There is no Grad-CAM and no Grad-CAM++: {why}. The other heat maps are here.")
    case = AttributionTask(subject.recorder, subject.pixels, questions_among(scope.classes), scope.masks)
    found = reasons(case, noises)
    return HeatMaps(scope, {question: tuple(sorted(maps, key=_order)) for question, maps in found.items()})


def _order(one: HeatMap) -> tuple[bool, float]:
    return not one.faithfulness.is_true, -one.faithfulness.score


def _noises(subject: Subject, gaps: list[str]) -> list[Recorder]:
    try:
        return [noisy_recorder(subject.recorder, seed) for seed in range(NOISES)]
    except ValueError:
        gaps.append(
            "Whether a heat map would be the same for a network that learned nothing could not be tried: "
            "only the model's own code knows how to make another network like it."
        )
        return []
