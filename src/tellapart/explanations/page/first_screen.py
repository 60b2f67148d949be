"""The first screen: the answer, the photo under its most faithful heat map, and whether that map is reliable.

One probability stands there, the one that `predict` prints; what it is without test-time augmentation or after
calibration stands behind "details". An unfamiliar picture is said before any number.
"""

from collections.abc import Sequence
from typing import Any

from tellapart.classifier.groups import Group, likeliest_groups
from tellapart.data.preprocess import Placement
from tellapart.explanations.attribution.attribute import HeatMap
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.explanations.page.photo import Photo, overlay, photo_of
from tellapart.explanations.page.why import centered, verdict
from tellapart.explanations.subject import Subject

MAX_BARS = 5
"""Classes with a bar of their own; the others are summed up."""

MAX_NAMES = 12
"""Classes of the model up to which all are listed where a picture seems to be none of them."""

WITHOUT_DIRECTION = ("smooth_grad",)
"""Methods whose maps say how much a pixel matters, and not whether for the class or against it."""

STRENGTH = 70
"""Percent of the heat map's full strength at first."""


def part(explanation: Explanation, has_maps: bool) -> Part:
    """Return the first screen.

    Args:
        explanation: of one image.
        has_maps: whether heat maps are part of the page, so that one can be shown.
    """
    answer, subject = explanation.answer, explanation.subject
    names = subject.class_names
    placement = subject.card.preprocessing.placement(*subject.original.shape[:2])
    photo = photo_of(subject.original, placement)
    group = group_of(explanation)
    best = int(answer.tta_probabilities.argmax()) if group is None else names.index(group.class_name)
    values = {
        **_answer(explanation, best, group),
        "photo": photo,
        "caption": _caption(photo, subject, placement),
        "map": None,
    }
    if subject.card.multi_label:
        return _of_labels(explanation, values, placement, has_maps)
    if has_maps:
        contrast, maps = _maps_of(explanation, best)
        drawn = _map_of(maps, names[contrast.of], placement, photo.is_small)
        values["map"] = {**drawn, "kind_of": None if group is None else group.name}
    values["label"] = _label(values["map"])
    return Part(values)


def _of_labels(
    explanation: Explanation, values: dict[str, Any], placement: Placement, has_maps: bool
) -> Part:
    """Return the first screen of several labels a picture: a map for each label that the picture is given."""
    answer, names, photo = explanation.answer, explanation.subject.class_names, values["photo"]
    order = (-answer.tta_probabilities).argsort(kind="stable").tolist()
    shown = list(dict.fromkeys([*answer.given, *order[:MAX_BARS]]))
    values |= {
        "headline": f"Why {_and(answer.given, names)}?" if answer.given else "No label reaches its threshold",
        "rows": [
            {
                "name": names[index],
                "probability": float(answer.tta_probabilities[index]),
                "threshold": answer.thresholds[index],
                "is_given": index in answer.given,
            }
            for index in shown
        ],
        "others": len(names) - len(shown),
        "thresholds_from": explanation.subject.card.thresholds_from,
    }
    maps = []
    if has_maps:
        by_contrast = explanation.heat_maps.maps
        wanted = [index for index in answer.given or answer.order[:1] if Contrast(index) in by_contrast]
        maps = [
            _map_of(by_contrast[Contrast(index)], names[index], placement, photo.is_small) for index in wanted
        ]
    values |= {"map": maps[0] if maps else None, "maps": maps}
    values["label"] = _label(values["map"])
    shown_maps = [{**each, "label": _label(each)} for each in maps]
    return Part(values, {"maps": shown_maps} if len(maps) > 1 else {})


def _and(indices: Sequence[int], names: Sequence[str]) -> str:
    quoted = [f"“{names[index]}”" for index in indices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _map_of(maps: Sequence[HeatMap], name: str, placement: Placement, is_small: bool) -> dict[str, Any]:
    """Return the most faithful of a class's maps as the page draws it, and what is said of it."""
    heat = centered(maps[0]).numpy()
    return {
        "url": overlay(heat, placement.target, is_smooth=not is_small),
        "key": _key(maps[0].method, name, bool((heat < 0).any())),
        **_described(maps, name),
        "kind_of": None,
    }


def _answer(explanation: Explanation, best: int, group: Group | None) -> dict[str, Any]:
    """Return the words and numbers of the prediction; `best` is the class predicted, the likeliest of its group."""
    answer, card, names = explanation.answer, explanation.subject.card, explanation.subject.class_names
    order = (-answer.tta_probabilities).argsort(kind="stable")[:MAX_BARS].tolist()
    others = len(names) - len(order)
    return {
        "headline": _headline(
            names, names[best] if group is None else group.name, answer.is_unfamiliar is True
        ),
        "predicted": names[best],
        "group": group,
        "rows": [
            {"name": names[index], "probability": float(answer.tta_probabilities[index])} for index in order
        ],
        "others": others,
        "others_probability": max(0.0, 1 - float(answer.tta_probabilities[order].sum())),
        "classes": len(names),
        "class_names": list(names) if len(names) <= MAX_NAMES else None,
        "is_unfamiliar": answer.is_unfamiliar,
        "tta_views": card.tta_views,
        "without_tta": names[answer.index],
        "without_tta_probability": float(answer.probabilities[answer.index]),
        "calibrated": None if answer.calibrated is None else float(answer.calibrated[best]),
        "temperature": card.temperature,
        "multi_label": card.multi_label,
        "maps": [],
    }


def group_of(explanation: Explanation) -> Group | None:
    """Return the likeliest everyday thing, such as dog; None where a class that is no kind of one is likelier."""
    card, probabilities = explanation.subject.card, explanation.answer.tta_probabilities
    return likeliest_groups(probabilities[None], explanation.subject.class_names, card.groups)[0]


def _headline(names: Sequence[str], predicted: str, is_unfamiliar: bool) -> str:
    if not is_unfamiliar:
        return f"Why “{predicted}”?"
    if len(names) == 2:
        return f"Probably neither {names[0]} nor {names[1]}"
    return (
        "Probably none of these"
        if len(names) <= MAX_NAMES
        else f"Probably none of the model’s {len(names):,} classes"
    )


def _caption(photo: Photo, subject: Subject, placement: Placement) -> str:
    """Return the picture's size, and in which size the network sees which part of it."""
    (height, width), (seen_height, seen_width) = subject.size, subject.image.shape[:2]
    size = f"{width:,} × {height:,} pixels"
    if (height, width) == (seen_height, seen_width):
        return f"{size}, as the network sees it."
    left, top, right, bottom = map(round, placement.target)
    is_whole = placement.source == (0, 0, *subject.original.shape[1::-1])
    part = "it" if is_whole else "its center crop" if photo.is_seen_whole else "the framed part"
    return f"{size}. The network sees {part} at {right - left} × {bottom - top}."


def _maps_of(explanation: Explanation, best: int) -> tuple[Contrast, Sequence[HeatMap]]:
    """Return the maps of the predicted class, the most faithful first.

    Where test-time augmentation predicts a class without maps, those of the class predicted without it.
    """
    maps = explanation.heat_maps.maps
    contrast = Contrast(best) if Contrast(best) in maps else Contrast(explanation.answer.index)
    return contrast, maps[contrast]


def _described(maps: Sequence[HeatMap], name: str) -> dict[str, Any]:
    """Return what is said of the first of a class's maps, which is the most faithful one."""
    first, title = maps[0], METHODS[maps[0].method].title
    is_faithful = first.faithfulness.is_faithful
    if is_faithful:
        line = f"This heat map ({title}) passes the faithfulness test."
    elif len(maps) == 1:
        fault = verdict(first.faithfulness).removeprefix("Not reliable: ")
        line = f"The heat map ({title}) fails the faithfulness test, so it is hidden at first: {fault}."
    else:
        line = f"None of the {len(maps)} heat maps passes the faithfulness test, so none is shown at first."
    return {
        "of": name,
        "title": title,
        "line": line,
        "is_faithful": is_faithful,
        "strength": STRENGTH if is_faithful else 0,
        "count": len(maps),
    }


def _key(method: str, name: str, has_against: bool) -> list[tuple[str, str]]:
    """Return what the map's colors mean: pairs of a kind and its words."""
    if method in WITHOUT_DIRECTION:
        return [("for", f"“{name}” depends on it, either way")]
    return [("for", f"supports “{name}”"), *([("against", "counts against it")] if has_against else [])]


def _label(heat_map: dict[str, Any] | None) -> str:
    """Return what the photo shows, for readers who cannot see it."""
    if heat_map is None:
        return "The picture"
    return f"The picture under a heat map by {heat_map['title']} of what supports “{heat_map['of']}”"
