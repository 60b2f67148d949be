"""Dog or cat: the built-in ImageNet model's predictions for a photo made smaller, shuffled, moved and mirrored."""

import base64
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.guide.answers import answering_model, answers
from tellapart.guide.lessons._photo import CAT, cat

SIDES = (192, 96, 64, 48, 40, 32, 24, 16, 12, 8, 6, 4)
"""Sides of the photo in pixels. The first is its own."""

SURE = 32
"""Side in pixels down to which the model is sure of a cat."""

WIDE, FRAME = 40, 32
"""Sides in pixels: of the image over which a frame is moved, and of the frame."""

SHIFTS = tuple(range(-4, 5))
"""Pixels to the right."""


def facts() -> dict[str, Any]:
    """Compute what the lesson shows."""
    model, small = answering_model(), {str(side): cat(side) for side in SIDES[1:]}
    by_side = dict(zip(map(str, SIDES), answers([cat(side) for side in SIDES]), strict=True))
    groups = Counter(model.card.groups.values())
    return {
        "sides": SIDES,
        "photo": base64.b64encode(CAT.read_bytes()).decode(),
        "pixels": {side: base64.b64encode(image.tobytes()).decode() for side, image in small.items()},
        "answers": by_side,
        "sure": {
            "side": SURE,
            "least": min(by_side[str(side)]["things"][0][1] for side in SIDES if side >= SURE),
        },
        "shuffled": dict(zip(map(str, SIDES), answers([shuffled(cat(side)) for side in SIDES]), strict=True)),
        "wide": WIDE,
        "frame": FRAME,
        "shifts": SHIFTS,
        "moved": answers([moved(shift) for shift in SHIFTS]),
        "mirrored": answers([moved(shift)[:, ::-1] for shift in SHIFTS]),
        "plain": {"color": plain()[0, 0].tolist(), "answer": answers([plain()])[0]},
        "distances": distances(),
        "model": {
            "classes": len(model.class_names),
            "dogs": groups["dog"],
            "cats": groups["cat"],
            "side": model.card.preprocessing.height,
            "parameters": sum(weight.numpy().size for weight in model.model.trainable_weights),
        },
    }


def shuffled(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the same pixels in another order, which is the same on every machine.

    Args:
        image: (H, W, 3).

    Source: pixels are sorted by Park and Miller's "minimal standard" random numbers,
        Communications of the ACM 31 (1988).
    """
    keys, state = [], 1
    for _ in range(image.shape[0] * image.shape[1]):
        state = state * 16807 % 2147483647
        keys.append(state)
    return image.reshape(-1, 3)[np.argsort(keys)].reshape(image.shape)


def moved(shift: int) -> NDArray[np.uint8]:
    """Return the middle of the cat, moved `shift` pixels to the right: (FRAME, FRAME, 3)."""
    edge = (WIDE - FRAME) // 2
    return cat(WIDE)[edge : edge + FRAME, edge - shift : edge - shift + FRAME]


def plain() -> NDArray[np.uint8]:
    """Return a square in the mean color of the cat's middle."""
    return np.full((FRAME, FRAME, 3), moved(0).mean((0, 1)).round(), np.uint8)


def distance(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the mean absolute difference of two images, 0 to 255."""
    return float(np.abs(first.astype(float) - second).mean())


def distances() -> dict[str, float]:
    """Return the distances of the cat's middle that the text names."""
    others = {"moved by 2": moved(2), "mirrored": moved(0)[:, ::-1], "plain": plain()}
    return {name: round(distance(moved(0), other), 4) for name, other in others.items()}
