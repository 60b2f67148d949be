"""Heat maps of a subject: why this class, and why not another one, by every method that its network allows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tellapart.explanations.attribution.attribute import HeatMap, attribute
from tellapart.explanations.attribution.budget import Scope, effort_of, scope_of
from tellapart.explanations.attribution.cam import spatial_layers
from tellapart.explanations.attribution.contrast import Contrast, contrasts_among
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.attribution.task import AttributionTask
from tellapart.explanations.recorder import Recorder, Recording
from tellapart.explanations.subject import Subject
from tellapart.pages.card import Card, Pictures, Readable
from tellapart.text import counted

RANDOMIZED_NETWORKS = 4
"""Networks with shuffled weights that maps are compared with."""

QUICK_METHOD = "rise"
"""The method of the only map where there must be just one: most often faithful (`benchmarks/faithfulness.py`, and
`quick_map.py` beside it for photos)."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatMaps(Readable):
    """All heat maps of one image."""

    scope: Scope
    """Which classes are compared."""

    maps: Mapping[Contrast, tuple[HeatMap, ...]]
    """For each class of the scope and each ordered pair of them, the most faithful map first. Of several labels a
    picture there are no pairs."""

    def _parts(self) -> list[str]:
        first = next(iter(self.maps.values()), ())
        faithful = sum(each.faithfulness.is_faithful for each in first)
        return [
            f"{faithful} of {counted(len(first), 'map')} of the likeliest class faithful",
            counted(len(self.maps), "contrast"),
            f"classes {', '.join(map(str, self.scope.classes))}",
            *(METHODS[each.method].title for each in first),
        ]

    def _card(self) -> Card:
        maps = next(iter(self.maps.values()), ())
        pictures = Pictures(
            [each.thumbnail() for each in maps], "The likeliest class; blue: for it, red: against it"
        )
        return Card("HeatMaps", ", ".join(self._parts()[:2]), [pictures])

    def of(self, this: int, and_not: int | None = None) -> dict[str, HeatMap]:
        """Return method -> map: why this class, or why this one and not that one; the most faithful first.

            cat = classifier.class_names.index("cat")
            best = next(iter(explanation.heat_maps.of(cat).values()))
            best.values  # (H, W)

        Args:
            this: class index, in the order of the classifier's `class_names`.
            and_not: class index.

        Raises:
            KeyError: a class outside the scope.
        """
        return {heat_map.method: heat_map for heat_map in self.maps[Contrast(this, and_not)]}


def heat_maps_of(
    subject: Subject, order: Sequence[int], named: Sequence[int], gaps: list[str], quick: bool = False
) -> HeatMaps:
    """Draw and measure the heat maps of a subject.

    Args:
        subject: network and image.
        order: class indices, the likeliest first.
        named: class indices that the user named.
        gaps: grows by what cannot be shown.
        quick: whether to draw one map of the likeliest class alone.
    """
    if quick:
        scope = Scope(tuple(order[:1]), effort_of(subject.cost), subject.cost)
        randomized = _randomized(subject, 1, gaps)
    else:
        scope = scope_of(order, named, subject.cost)
        randomized = _randomized(subject, RANDOMIZED_NETWORKS, gaps)
        gaps.extend(_missing_methods(subject.recording))
    several = subject.card.multi_label  # labels do not compete, so none is held against another
    contrasts = tuple(map(Contrast, scope.classes)) if several else contrasts_among(scope.classes)
    task = AttributionTask(subject.recorder, subject.pixels, contrasts, scope.effort)
    by_contrast = attribute(task, randomized, [QUICK_METHOD] if quick else [])
    return HeatMaps(
        scope, {contrast: tuple(sorted(maps, key=_order)) for contrast, maps in by_contrast.items()}
    )


def _order(heat_map: HeatMap) -> tuple[bool, float]:
    return not heat_map.faithfulness.is_faithful, -heat_map.faithfulness.score


def _missing_methods(recording: Recording) -> list[str]:
    """Return a note on the methods that the network does not allow, if any."""
    if spatial_layers(recording):
        return []
    titles = " and ".join(method.title for method in METHODS.values() if method.needs_feature_maps)
    reason = "this network has no layer with feature maps"
    if not recording.layers:
        reason = "the model is neither Sequential nor Functional, so its layers cannot be seen"
    return [f"Heat maps by {titles}: {reason}."]


def _randomized(subject: Subject, count: int, gaps: list[str]) -> list[Recorder]:
    try:
        return [subject.recorder.randomized(seed) for seed in range(count)]
    except ValueError:
        gaps.append(
            "The comparison of heat maps with those of an untrained network: this model cannot be cloned, "
            "because only its own code knows how to build it."
        )
        return []
