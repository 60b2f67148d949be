"""Flips: the smallest change of a picture that makes the network change its mind.

Of each kind of change, amounts from none to the most are tried in small steps; the
first that gives another answer is narrowed down by halving. What is found is the
smallest on this path, not the smallest there is: an answer may flip and flip back between two steps.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from tellapart.explanations.attribution.faithfulness import blurred

Predict = Callable[[Tensor], Tensor]
"""(B, H, W, C) float32 pixels 0-255 -> (B, classes) probabilities."""

STEPS = 32
"""From no change to the most."""

HALVINGS = 8

AT_ONCE = 8
"""Pictures in one batch."""


@dataclass(frozen=True, slots=True)
class Change:
    """A kind of change, by amounts from 0 to 1."""

    name: str
    of: Callable[[Tensor, float], Tensor]
    """(H, W, C) and an amount -> (H, W, C)."""

    says: Callable[[float, int], str]
    """The amount in words; of a picture with this shorter side."""

    whole_pixels: bool = False
    """Whether amounts between two whole pixels mean nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Flip:
    """What one kind of change does."""

    name: str
    amount: float | None
    """The smallest found that flips the answer, 0 to 1; None: not even the largest does."""

    says: str
    """The amount in words; of the largest, where nothing flips."""

    answer: int
    """After the change."""

    probabilities: tuple[float, ...]
    image: Tensor
    """(H, W, C), changed so far."""


def flips(answers: Predict, image: Tensor) -> list[Flip]:
    """Try every kind of change.

    Args:
        answers: of the network.
        image: (H, W, C) float32, 0-255.
    """
    with torch.inference_mode():
        before = int(answers(image[None])[0].argmax())
        return [_flip(answers, image, before, change) for change in CHANGES]


def _flip(answers: Predict, image: Tensor, before: int, change: Change) -> Flip:
    side = min(image.shape[:2])
    most = max(1, side // 2)
    amounts = [step / STEPS for step in range(1, STEPS + 1)]
    if change.whole_pixels:
        amounts = [pixels / most for pixels in range(1, most + 1)]
    first, answer = _first_flip(answers, image, before, change, amounts)
    if first is None:
        return _told(change, None, answer, change.of(image, 1.0), side)
    low, high = amounts[first - 1] if first else 0.0, amounts[first]
    for _ in range(0 if change.whole_pixels else HALVINGS):
        middle = (low + high) / 2
        tried = answers(change.of(image, middle)[None])[0]
        if int(tried.argmax()) == before:
            low = middle
        else:
            high, answer = middle, tried
    return _told(change, high, answer, change.of(image, high), side)


def _first_flip(
    answers: Predict, image: Tensor, before: int, change: Change, amounts: Sequence[float]
) -> tuple[int | None, Tensor]:
    """The place of the first amount that flips, with the answer there; None and the last answer where none does."""
    found = torch.empty(0)
    for start in range(0, len(amounts), AT_ONCE):
        part = amounts[start : start + AT_ONCE]
        found = answers(torch.stack([change.of(image, amount) for amount in part]))
        flipped = (found.argmax(1) != before).nonzero()
        if len(flipped):
            place = int(flipped[0])
            return start + place, found[place]
    return None, found[-1]


def _told(change: Change, amount: float | None, answer: Tensor, image: Tensor, side: int) -> Flip:
    says = change.says(1.0 if amount is None else amount, side)
    return Flip(change.name, amount, says, int(answer.argmax()), tuple(answer.tolist()), image)


def shifted(image: Tensor, right: int, down: int) -> Tensor:
    """Moved by whole pixels, filled with the picture mirrored at its edge."""
    height, width, _ = image.shape
    return image[_mirrored(height, down)][:, _mirrored(width, right)]


def turned_and_cropped(image: Tensor, degrees: float, share: float) -> Tensor:
    """Turned about its middle, and its middle share of each side enlarged to the whole; bilinear, mirrored edges.

    Args:
        image: (H, W, C).
        degrees: counterclockwise.
        share: of each side that is kept, above 0 to 1.
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
    """Every number times the factor, cut off at 255."""
    return (image * factor).clamp(0, 255)


def _mirrored(length: int, shift: int) -> Tensor:
    """Rows that a shift by so many pixels shows, mirrored at the edge."""
    period = max(1, 2 * length - 2)
    places = (torch.arange(length) - shift) % period
    return torch.where(places < length, places, period - places)


def _shift(right: int, down: int) -> Callable[[Tensor, float], Tensor]:
    def of(image: Tensor, amount: float) -> Tensor:
        pixels = round(amount * (min(image.shape[:2]) // 2))
        return shifted(image, right * pixels, down * pixels)

    return of


def _pixels(where: str) -> Callable[[float, int], str]:
    def says(amount: float, side: int) -> str:
        pixels = round(amount * (side // 2))
        return f"{pixels} pixel{'s' * (pixels != 1)} {where}"

    return says


CHANGES: Sequence[Change] = (
    Change("shift right", _shift(1, 0), _pixels("to the right"), whole_pixels=True),
    Change("shift left", _shift(-1, 0), _pixels("to the left"), whole_pixels=True),
    Change("shift down", _shift(0, 1), _pixels("down"), whole_pixels=True),
    Change("shift up", _shift(0, -1), _pixels("up"), whole_pixels=True),
    Change(
        "crop",
        lambda image, amount: turned_and_cropped(image, 0.0, 1 - 0.75 * amount),
        lambda amount, _: f"only the middle {100 * (1 - 0.75 * amount):.0f}% of each side",
    ),
    Change(
        "turn left",
        lambda image, amount: turned_and_cropped(image, 180 * amount, 1.0),
        lambda amount, _: f"{180 * amount:.1f}° counterclockwise",
    ),
    Change(
        "turn right",
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
        lambda amount, side: f"a blur of {0.2 * amount * side:.1f} pixels (standard deviation)",
    ),
)
"""Each from no change to one that leaves little of the picture."""
