"""The section on why this prediction and not another: heat maps, each with its measured faithfulness."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.explanations.attribution.attribute import HeatMap
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.faithfulness import Faithfulness
from tellapart.explanations.attribution.heat_maps import HeatMaps
from tellapart.explanations.attribution.methods import METHODS
from tellapart.explanations.explanation import Explanation
from tellapart.explanations.page.part import Part
from tellapart.explanations.page.photo import is_small
from tellapart.pages.packing import pack
from tellapart.pages.shrinking import SIDE, shrunk
from tellapart.pages.sprite_sheet import Sheet, sheet

MAX_BYTES = 1_000_000
"""Bytes of all maps together, one for each pixel, before compression."""


RED, BLUE = (179, 38, 30), (31, 95, 168)
"""Against and for, as in `maps.js`."""

MAX_NAMES = 12
"""Classes left out that are listed by name; of more, only the number is given."""

PASSED = "Passes the faithfulness test"


def part(explanation: Explanation) -> Part:
    """Return the section."""
    heat_maps, subject = explanation.heat_maps, explanation.subject
    contrasts = list(heat_maps.maps)
    first = heat_maps.maps[contrasts[0]]
    methods = [heat_map.method for heat_map in first]  # in the first contrast's order
    by_method = [{heat_map.method: heat_map for heat_map in heat_maps.maps[each]} for each in contrasts]
    maps = [[each[name] for name in methods] for each in by_method]
    described = [
        _described(contrast, heat_maps.maps[contrast], methods, row_of_maps, subject.class_names)
        for contrast, row_of_maps in zip(contrasts, maps, strict=True)
    ]
    packed, (shown_height, shown_width) = _packed(maps, subject.pixels)
    titles = [METHODS[name].title for name in methods]
    values = {
        **_scope(heat_maps, subject.class_names),
        "question": described[0]["question"],
        "summary": described[0]["summary"],
        "rows": described[0]["rows"],
        "methods": [
            {
                "title": METHODS[each.method].title,
                "does": METHODS[each.method].description,
                "layer": each.layer,
            }
            for each in first
        ],
        "is_small": is_small(*subject.image.shape[:2]),
        "height": subject.image.shape[0],
        "width": subject.image.shape[1],
        "shown_height": shown_height,
        "shown_width": shown_width,
        "stills": _stills(dict(zip(titles, maps[0], strict=True)), subject.pixels),
    }
    return Part(values, {"contrasts": described, "titles": titles, **packed})


def _described(
    contrast: Contrast,
    ordered: Sequence[HeatMap],
    methods: Sequence[str],
    maps: Sequence[HeatMap],
    names: Sequence[str],
) -> dict[str, Any]:
    """Return what the page says about one contrast.

    Args:
        contrast: which.
        ordered: its maps, the most faithful first.
        methods: their names in the page's order.
        maps: the maps in that order.
        names: of the classes.
    """
    return {
        "of": contrast.of,
        "and_not": contrast.and_not,
        "question": question(contrast, names),
        "summary": summary(ordered),
        "order": [methods.index(heat_map.method) for heat_map in ordered],
        "rows": [row(heat_map) for heat_map in maps],
    }


def verdict(measured: Faithfulness) -> str:
    """Return in words whether a map is reliable."""
    faults = []
    if measured.better_than_random is None:
        faults.append("cannot be measured here, because the probability hardly changes")
    elif not measured.better_than_random:
        faults.append("no better than a random map")
    if measured.depends_on_weights is False:
        faults.append("shows the picture, not what the network learned")
    return f"Not reliable: {'; '.join(faults)}" if faults else PASSED


def question(contrast: Contrast, names: Sequence[str]) -> str:
    """Return a contrast as a question."""
    why = f"Why “{names[contrast.of]}”"
    return f"{why}?" if contrast.and_not is None else f"{why} and not “{names[contrast.and_not]}”?"


def summary(maps: Sequence[HeatMap]) -> str:
    """Return how many maps are reliable, and which, the most faithful first."""
    faithful = [METHODS[each.method].title for each in maps if each.faithfulness.is_faithful]
    if len(maps) == 1:
        result = "passes" if faithful else "fails"
        return f"The heat map by {METHODS[maps[0].method].title} {result} the faithfulness test."
    if not faithful:
        return f"None of the {len(maps)} heat maps passes the faithfulness test: do not rely on them."
    verb = "passes" if len(faithful) == 1 else "pass"
    return f"{len(faithful)} of {len(maps)} heat maps {verb} the faithfulness test: {', '.join(faithful)}."


def row(heat_map: HeatMap) -> dict[str, Any]:
    """Return a map's measures, rounded."""
    measured = heat_map.faithfulness
    similarity = measured.randomized_similarity
    numbers = {
        "deletion": measured.deletion_area,
        "random_deletion": measured.random_deletion_area,
        "insertion": measured.insertion_area,
        "random_insertion": measured.random_insertion_area,
        "score": measured.score,
        "best_random_score": measured.best_random_score,
    }
    return {
        **{name: round(value, 4) for name, value in numbers.items()},
        "randomized_similarity": None if similarity is None else round(similarity, 4),
        "is_faithful": measured.is_faithful,
        "verdict": verdict(measured),
    }


def _scope(heat_maps: HeatMaps, names: Sequence[str]) -> dict[str, Any]:
    scope = heat_maps.scope
    left_out = [name for index, name in enumerate(names) if index not in scope.classes]
    return {
        "has_pairs": any(contrast.and_not is not None for contrast in heat_maps.maps),
        "classes": [{"index": index, "name": names[index]} for index in scope.classes],
        "left_out": len(left_out),
        "left_out_names": left_out if len(left_out) <= MAX_NAMES else [],
        "masks": scope.masks,
        "has_rise": any(each.method == "rise" for maps in heat_maps.maps.values() for each in maps),
    }


def _packed(maps: Sequence[Sequence[HeatMap]], image: torch.Tensor) -> tuple[dict[str, Any], tuple[int, int]]:
    """Return maps, curves and the picture in bytes; and the maps' height and width there.

    Args:
        maps: for each contrast, by each method.
        image: (H, W, C).
    """
    count = len(maps) * len(maps[0])
    side = min(SIDE, int((MAX_BYTES / count) ** 0.5))
    picture = shrunk(image[None], side)[0]
    heats = torch.stack([centered(heat_map) for row_of_maps in maps for heat_map in row_of_maps])[..., None]
    small = _as_bytes(shrunk(heats, side)[..., 0].numpy())
    shape = len(maps), len(maps[0]), *small.shape[1:]
    measured = [[heat_map.faithfulness for heat_map in row_of_maps] for row_of_maps in maps]
    curves = np.array([[(each.deletion, each.insertion) for each in row] for row in measured])
    random = np.array([[(each.random_deletion, each.random_insertion) for each in row] for row in measured])
    packed = {
        "maps": pack(small.reshape(shape)),
        "picture": pack(picture.round().numpy().astype(np.uint8)),
        "curves": pack(np.round(255 * curves).astype(np.uint8)),
        "random_curves": pack(np.round(255 * random).astype(np.uint8)),
    }
    return packed, (int(picture.shape[0]), int(picture.shape[1]))


def _stills(maps: Mapping[str, HeatMap], image: torch.Tensor) -> Sheet | None:
    """Return the picture, and maps over it as `maps.js` draws them, for a page without scripts."""
    small = shrunk(image[None])[0].numpy()
    heats = shrunk(torch.stack([centered(heat_map) for heat_map in maps.values()])[..., None]).numpy()
    drawn = {title: _drawn(heat, small) for title, heat in zip(maps, heats, strict=True)}
    whole = np.repeat(small, 3, -1) if small.shape[2] == 1 else small
    return sheet({"picture": whole.round().astype(np.uint8), **drawn}, side=SIDE, doubled=True)


def _drawn(heat: NDArray[np.float32], picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a map (h, w, 1) over a picture (h, w, C) in gray: blue for the contrast, red against it."""
    share = heat / max(float(np.abs(heat).max()), 1e-12)
    amount = 0.75 * np.abs(share) ** 0.75
    gray = 0.6 * picture.mean(-1, keepdims=True) + 90
    return np.round(gray * (1 - amount) + np.where(share < 0, RED, BLUE) * amount).astype(np.uint8)


def centered(heat_map: HeatMap) -> torch.Tensor:
    """Return a map's values as they are drawn."""
    heat = torch.from_numpy(heat_map.values)
    return heat - heat.mean() if METHODS[heat_map.method].is_centered else heat


def _as_bytes(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return maps (N, h, w) as bytes from 1 to 255, where 128 is zero and each map's largest value 127 away."""
    largest = np.abs(maps).max((1, 2), keepdims=True)
    return np.round(128 + 127 * maps / np.where(largest > 0, largest, 1)).astype(np.uint8)
