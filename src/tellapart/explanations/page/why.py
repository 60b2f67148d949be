"""Why this answer and not another: heat maps, each with what was measured of its truth."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tellapart.explanations.attribution.attribute import HeatMap
from tellapart.explanations.attribution.contrast import Contrast
from tellapart.explanations.attribution.faithfulness import Faithfulness
from tellapart.explanations.attribution.heat_maps import HeatMaps
from tellapart.explanations.page.part import Part
from tellapart.pages.packing import pack
from tellapart.pages.shrinking import SIDE, shrunk
from tellapart.pages.sprite_sheet import Sheet, sheet

if TYPE_CHECKING:
    from tellapart.explanations.explanation import Explanation

MOST_BYTES = 1_000_000
"""Of all maps together, one byte a pixel, before they are packed."""

RED, BLUE = (179, 38, 30), (31, 95, 168)
"""Against and for; as in `maps.js`."""

NAMED = 12
"""Classes left out that are told by name; of more, the number alone."""

METHODS = {
    "grad_cam": (
        "Grad-CAM",
        "The layer's feature maps, each weighted by how much the answer rises with it; as coarse as that layer.",
    ),
    "grad_cam_plus_plus": (
        "Grad-CAM++",
        "The same with a weight for every place, so that what is seen at several places is marked at all of them.",
    ),
    "integrated_gradients": (
        "Integrated gradients",
        "How much each pixel adds to the answer while the picture is faded in from black.",
    ),
    "smooth_grad": (
        "SmoothGrad",
        "How strongly the answer depends on each pixel, for or against, in the mean over noisy copies.",
    ),
    "occlusion": (
        "Occlusion",
        "How much the answer falls when a square of the picture's mean color hides the place.",
    ),
    "rise": (
        "RISE",
        "What random masks let through when the answer is high: more than on average in blue, less in red.",
    ),
}
"""Title, and what it does."""


def part(explanation: "Explanation") -> Part:
    """See the module."""
    found, subject = explanation.heat_maps, explanation.subject
    names = subject.class_names
    questions = list(found.maps)
    methods = [one.method for one in found.maps[questions[0]]]  # in the first question's order
    layers = {one.method: one.layer for one in found.maps[questions[0]]}
    by_method = [{one.method: one for one in maps} for maps in found.maps.values()]
    maps = [[one[name] for name in methods] for one in by_method]
    told = [
        {
            "of": question.of,
            "and_not": question.and_not,
            "asks": asks(question, names),
            "says": says(found.maps[question]),
            "order": [methods.index(one.method) for one in found.maps[question]],
            "rows": [row(one) for one in rows],
        }
        for question, rows in zip(questions, maps, strict=True)
    ]
    values = {
        **_scope(found, names),
        "asks": told[0]["asks"],
        "says": told[0]["says"],
        "rows": told[0]["rows"],
        "methods": [
            {"title": METHODS[name][0], "does": METHODS[name][1], "layer": layers[name]} for name in methods
        ],
        "height": subject.image.shape[0],
        "width": subject.image.shape[1],
    }
    packed, shown = _packed(maps, subject.pixels)
    titles = [METHODS[name][0] for name in methods]
    data = {"questions": told, "titles": titles, **packed}
    stills = _stills(dict(zip(titles, maps[0], strict=True)), subject.pixels)
    return Part({**values, "shown_height": shown[0], "shown_width": shown[1], "stills": stills}, data)


def verdict(measured: Faithfulness) -> str:
    """In words: whether a map may be believed."""
    faults = []
    if measured.better_than_random is None:
        faults.append("cannot be measured here: the answer hardly moves")
    elif not measured.better_than_random:
        faults.append("no truer than chance here")
    if measured.depends_on_weights is False:
        faults.append("shows the picture, not what was learned")
    return "; ".join(faults) or "true here"


def asks(question: Contrast, names: Sequence[str]) -> str:
    """The question in words."""
    why = f"Why “{names[question.of]}”"
    return f"{why}?" if question.and_not is None else f"{why} and not “{names[question.and_not]}”?"


def says(maps: Sequence[HeatMap]) -> str:
    """How many of the maps may be believed, the truest first."""
    true = [METHODS[one.method][0] for one in maps if one.faithfulness.is_true]
    if not true:
        return f"None of the {len(maps)} maps is true here: believe none of them."
    return (
        f"{len(true)} of {len(maps)} maps {'is' if len(true) == 1 else 'are'} true here: {', '.join(true)}."
    )


def row(one: HeatMap) -> dict[str, Any]:
    """What was measured of a map, rounded."""
    measured = one.faithfulness
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
        "sanity": None if measured.sanity is None else round(measured.sanity, 4),
        "is_true": measured.is_true,
        "verdict": verdict(measured),
    }


def _scope(found: HeatMaps, names: Sequence[str]) -> dict[str, Any]:
    left_out = [name for index, name in enumerate(names) if index not in found.scope.classes]
    return {
        "classes": [{"index": index, "name": names[index]} for index in found.scope.classes],
        "left_out": len(left_out),
        "left_out_names": left_out if len(left_out) <= NAMED else [],
        "masks": found.scope.masks,
    }


def _packed(maps: Sequence[Sequence[HeatMap]], image: torch.Tensor) -> tuple[dict[str, Any], tuple[int, int]]:
    """Maps, curves and the picture in bytes; and the height and width that the maps have there.

    Args:
        maps: of each question, by each method.
        image: (H, W, C).
    """
    count = len(maps) * len(maps[0])
    side = min(SIDE, int((MOST_BYTES / count) ** 0.5))
    picture = shrunk(image[None], side)[0]
    heats = torch.stack([_centered(one) for rows in maps for one in rows])[..., None]
    small = _as_bytes(shrunk(heats, side)[..., 0].numpy())
    shape = len(maps), len(maps[0]), *small.shape[1:]
    measured = [[one.faithfulness for one in rows] for rows in maps]
    curves = np.array([[(one.deletion, one.insertion) for one in rows] for rows in measured])
    chance = np.array([[(one.random_deletion, one.random_insertion) for one in rows] for rows in measured])
    packed = {
        "maps": pack(small.reshape(shape)),
        "picture": pack(picture.round().numpy().astype(np.uint8)),
        "curves": pack(np.round(255 * curves).astype(np.uint8)),
        "chance": pack(np.round(255 * chance).astype(np.uint8)),
    }
    return packed, (int(picture.shape[0]), int(picture.shape[1]))


def _stills(maps: Mapping[str, HeatMap], image: torch.Tensor) -> Sheet | None:
    """The picture, and maps over it as `maps.js` draws them: for a page without scripts."""
    small = shrunk(image[None])[0].numpy()
    heats = shrunk(torch.stack([_centered(one) for one in maps.values()])[..., None]).numpy()
    drawn = {title: _drawn(heat, small) for title, heat in zip(maps, heats, strict=True)}
    whole = np.repeat(small, 3, -1) if small.shape[2] == 1 else small
    return sheet({"picture": whole.round().astype(np.uint8), **drawn}, side=SIDE, doubled=True)


def _drawn(heat: NDArray[np.float32], picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A map (h, w, 1) over a picture (h, w, C) in gray: blue where it speaks for, red where against."""
    share = heat / max(float(np.abs(heat).max()), 1e-12)
    amount = 0.75 * np.abs(share) ** 0.75
    gray = 0.6 * picture.mean(-1, keepdims=True) + 90
    return np.round(gray * (1 - amount) + np.where(share < 0, RED, BLUE) * amount).astype(np.uint8)


def _centered(one: HeatMap) -> torch.Tensor:
    """A map as it is drawn; RISE's, which is a mean answer everywhere, less its own mean."""
    heat = torch.from_numpy(one.values)
    return heat - heat.mean() if one.method == "rise" else heat


def _as_bytes(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(N, h, w) -> the same from 1 to 255, where 128 is zero and each map's largest value is 127 away from it."""
    most = np.abs(maps).max((1, 2), keepdims=True)
    return np.round(128 + 127 * maps / np.where(most > 0, most, 1)).astype(np.uint8)
