"""Counterfactuals: the smallest change of an image, of each kind, that changes the prediction.

For each kind of change, amounts from none to the largest are tried in small steps; the first that changes the
prediction is narrowed down by bisection. The result is the smallest on this path, not the smallest there is: a
prediction may change and change back between two steps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.explanations.attribution.faithfulness import Predict, blurred
from tellapart.pages.card import Readable

STEPS, FEWER_STEPS = 32, 12
"""Amounts tried, from no change to the largest; and for a network that costs more than MANY_FLOPS."""

MANY_FLOPS = 6e9
"""FLOPs of one image from which fewer amounts are tried."""

BISECTIONS = 8

BATCH_SIZE = 8


@dataclass(frozen=True, slots=True)
class Change(Readable):
    """A kind of change, by amounts from 0 to 1."""

    name: str
    apply: Callable[[Tensor, float], Tensor]
    """(H, W, C) and an amount -> (H, W, C)."""

    describe: Callable[[float, int], str]
    """An amount, and the shorter side of the image -> the amount in words."""

    in_whole_pixels: bool = False
    """Whether only amounts of whole pixels differ."""


@dataclass(frozen=True, slots=True, eq=False)
class Counterfactual(Readable):
    """The effect of one kind of change."""

    name: str
    amount: float | None
    """The smallest amount that changes the prediction, 0 to 1; None: not even the largest does."""

    description: str
    """The amount in words; the largest one where nothing changes the prediction."""

    predicted: int
    """Class index predicted after the change."""

    probabilities: tuple[float, ...]
    image: Tensor
    """(H, W, C), after the change."""

    def _parts(self) -> list[str]:
        changes = (
            "does not change the prediction"
            if self.amount is None
            else f"changes it to class {self.predicted}"
        )
        return [f"{self.name}: {self.description} {changes}"]


def counterfactuals(predict: Predict, image: Tensor, steps: int = STEPS) -> list[Counterfactual]:
    """Try every kind of change.

    Args:
        predict: the network.
        image: (H, W, C) float32, 0-255.
        steps: amounts tried of each, from no change to the largest.
    """
    with torch.inference_mode():
        before = int(predict(image[None])[0].argmax())
        return [_counterfactual(predict, image, before, change, steps) for change in CHANGES]


def steps_for(cost: int) -> int:
    """Return how many amounts are tried for a network of this many FLOPs an image."""
    return FEWER_STEPS if cost > MANY_FLOPS else STEPS


def _counterfactual(
    predict: Predict, image: Tensor, before: int, change: Change, steps: int
) -> Counterfactual:
    pixels = max(1, min(image.shape[:2]) // 2) if change.in_whole_pixels else None
    amounts = _amounts(steps, pixels)
    place, probabilities = _first_change(predict, image, before, change, amounts)
    if place is None:
        return _of(change, None, probabilities, image)
    low, high = amounts[place - 1] if place else 0.0, amounts[place]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if pixels is not None:
            middle = round(middle * pixels) / pixels
            if middle in (low, high):
                break  # neighboring pixels
        at_middle = predict(change.apply(image, middle)[None])[0]
        if int(at_middle.argmax()) == before:
            low = middle
        else:
            high, probabilities = middle, at_middle
    return _of(change, high, probabilities, image)


def _amounts(steps: int, pixels: int | None) -> list[float]:
    """Return the amounts to try, ascending: shares of so many whole pixels, where only these differ."""
    if pixels is None:
        return [step / steps for step in range(1, steps + 1)]
    count = min(steps, pixels)
    return [round(step * pixels / count) / pixels for step in range(1, count + 1)]


def _first_change(
    predict: Predict, image: Tensor, before: int, change: Change, amounts: Sequence[float]
) -> tuple[int | None, Tensor]:
    """Return the place of the first amount that changes the prediction, and the probabilities there.

    None and the last probabilities, where no amount does.
    """
    probabilities = torch.empty(0)
    for start in range(0, len(amounts), BATCH_SIZE):
        batch = amounts[start : start + BATCH_SIZE]
        probabilities = predict(torch.stack([change.apply(image, amount) for amount in batch]))
        changed = (probabilities.argmax(1) != before).nonzero()
        if len(changed):
            place = int(changed[0])
            return start + place, probabilities[place]
    return None, probabilities[-1]


def _of(change: Change, amount: float | None, probabilities: Tensor, image: Tensor) -> Counterfactual:
    """Return the counterfactual of an amount; None: of the largest one."""
    used = 1.0 if amount is None else amount
    return Counterfactual(
        name=change.name,
        amount=amount,
        description=change.describe(used, min(image.shape[:2])),
        predicted=int(probabilities.argmax()),
        probabilities=tuple(probabilities.tolist()),
        image=change.apply(image, used),
    )


def shifted(image: Tensor, right: int, down: int) -> Tensor:
    """Return an image (H, W, C) moved by whole pixels, filled by mirroring it at its edge."""
    height, width, _ = image.shape
    return image[_mirrored(height, down)][:, _mirrored(width, right)]


def turned_and_cropped(image: Tensor, degrees: float, share: float) -> Tensor:
    """Return an image rotated about its center, with its middle enlarged to the whole; bilinear, mirrored edges.

    Args:
        image: (H, W, C).
        degrees: counterclockwise.
        share: share of each side that is kept, above 0 to 1.
    """
    height, width, _ = image.shape
    sine, cosine = math.sin(math.radians(degrees)) * share, math.cos(math.radians(degrees)) * share
    ratio = width / height
    turn = torch.tensor([[cosine, -sine / ratio, 0.0], [sine * ratio, cosine, 0.0]])
    planes = image.permute(2, 0, 1)[None]
    grid = F.affine_grid(turn[None], list(planes.shape), align_corners=False)
    turned = F.grid_sample(planes, grid, padding_mode="reflection", align_corners=False)
    return turned[0].permute(1, 2, 0)


def brightened(image: Tensor, factor: float) -> Tensor:
    """Return an image with every number multiplied by the factor and clipped at 255."""
    return (image * factor).clamp(0, 255)


def _mirrored(length: int, shift: int) -> Tensor:
    """Return the rows that show after a shift by so many pixels, mirrored at the edge."""
    period = max(1, 2 * length - 2)
    places = (torch.arange(length) - shift) % period
    return torch.where(places < length, places, period - places)


def _shift(right: int, down: int) -> Callable[[Tensor, float], Tensor]:
    def apply(image: Tensor, amount: float) -> Tensor:
        pixels = round(amount * (min(image.shape[:2]) // 2))
        return shifted(image, right * pixels, down * pixels)

    return apply


def _pixels(where: str) -> Callable[[float, int], str]:
    def describe(amount: float, side: int) -> str:
        pixels = round(amount * (side // 2))
        return f"{pixels} pixel{'s' * (pixels != 1)} {where}"

    return describe


CHANGES: Sequence[Change] = (
    Change("shift right", _shift(1, 0), _pixels("to the right"), in_whole_pixels=True),
    Change("shift left", _shift(-1, 0), _pixels("to the left"), in_whole_pixels=True),
    Change("shift down", _shift(0, 1), _pixels("down"), in_whole_pixels=True),
    Change("shift up", _shift(0, -1), _pixels("up"), in_whole_pixels=True),
    Change(
        "crop",
        lambda image, amount: turned_and_cropped(image, 0.0, 1 - 0.75 * amount),
        lambda amount, _: f"center crop to {100 * (1 - 0.75 * amount):.0f}% of the width and height",
    ),
    Change(
        "rotate left",
        lambda image, amount: turned_and_cropped(image, 180 * amount, 1.0),
        lambda amount, _: f"{180 * amount:.1f}° counterclockwise",
    ),
    Change(
        "rotate right",
        lambda image, amount: turned_and_cropped(image, -180 * amount, 1.0),
        lambda amount, _: f"{180 * amount:.1f}° clockwise",
    ),
    Change(
        "darken",
        lambda image, amount: brightened(image, 1 - amount),
        lambda amount, _: f"{100 * amount:.0f}% darker",
    ),
    Change(
        "brighten",
        lambda image, amount: brightened(image, 1 + 3 * amount),
        lambda amount, _: f"{100 * 3 * amount:.0f}% brighter",
    ),
    Change(
        "blur",
        lambda image, amount: blurred(image, 0.2 * amount),
        lambda amount, side: f"Gaussian blur, σ = {0.2 * amount * side:.1f} pixels",
    ),
)
"""Each from no change to one that leaves little of the image."""
