"""Dog or cat: what the CIFAR-10 model that comes along says of a photo made smaller, mixed up, moved and mirrored."""

import base64
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tellapart.api.load import load
from tellapart.guide.lessons._photo import CAT, cat

SIDES = (192, 96, 64, 48, 40, 32, 24, 16, 12, 8, 6, 4)
"""Pixels. The first is the photo's own."""

WIDE, FRAME = 40, 32
"""Pixels: the side of the picture through which a frame is moved, and the frame's."""

SHIFTS = tuple(range(-4, 5))
"""Pixels to the right."""


def facts() -> dict[str, Any]:
    """What the lesson shows."""
    small = {str(side): cat(side) for side in SIDES[1:]}
    return {
        "sides": SIDES,
        "class_names": load("cifar10").class_names,
        "photo": base64.b64encode(CAT.read_bytes()).decode(),
        "pixels": {side: base64.b64encode(picture.tobytes()).decode() for side, picture in small.items()},
        "answers": dict(zip(map(str, SIDES), asked([CAT, *small.values()]), strict=True)),
        "mixed": dict(zip(map(str, SIDES), asked([mixed(cat(side)) for side in SIDES]), strict=True)),
        "wide": WIDE,
        "frame": FRAME,
        "shifts": SHIFTS,
        "moved": asked([moved(shift) for shift in SHIFTS]),
        "mirrored": asked([moved(shift)[:, ::-1] for shift in SHIFTS]),
        "plain": {"color": plain()[0, 0].tolist(), "answer": asked([plain()])[0]},
        "distances": distances(),
        "parameters": load("cifar10").model.count_params(),
    }


def asked(pictures: Sequence[Path | NDArray[np.uint8]]) -> list[list[float]]:
    """The model's probabilities for pictures, each given to it as a file.

    Args:
        pictures: files, or (H, W, 3) uint8, which become PNG files.

    Returns:
        Of each picture those of all classes, in the model's order, to five decimals.
    """
    classifier = load("cifar10")
    with TemporaryDirectory() as folder:
        files = [_as_file(picture, Path(folder) / f"{i}.png") for i, picture in enumerate(pictures)]
        predictions, _ = classifier.predict(files)
    told = [dict(zip(one.names, one.probabilities, strict=True)) for one in predictions]
    return [[round(one[name], 5) for name in classifier.class_names] for one in told]


def _as_file(picture: Path | NDArray[np.uint8], path: Path) -> Path:
    if isinstance(picture, Path):
        return picture
    Image.fromarray(np.ascontiguousarray(picture)).save(path)
    return path


def mixed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same pixels in another order, which is the same one everywhere.

    Args:
        picture: (H, W, 3).

    Source: the keys by which they are sorted are Park and Miller's "minimal standard" random numbers,
        Communications of the ACM 31 (1988).
    """
    keys, state = [], 1
    for _ in range(picture.shape[0] * picture.shape[1]):
        state = state * 16807 % 2147483647
        keys.append(state)
    return picture.reshape(-1, 3)[np.argsort(keys)].reshape(picture.shape)


def moved(shift: int) -> NDArray[np.uint8]:
    """The middle of the cat, (FRAME, FRAME, 3), `shift` pixels farther to the right."""
    edge = (WIDE - FRAME) // 2
    return cat(WIDE)[edge : edge + FRAME, edge - shift : edge - shift + FRAME]


def plain() -> NDArray[np.uint8]:
    """A square of one color, the mean of the cat's middle."""
    return np.full((FRAME, FRAME, 3), moved(0).mean((0, 1)).round(), np.uint8)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """By how much the numbers of two pictures differ, on average: 0 to 255."""
    return float(np.abs(one.astype(float) - other).mean())


def distances() -> dict[str, float]:
    """Of the cat's middle, from what the text compares it with."""
    others = {"moved by 2": moved(2), "mirrored": moved(0)[:, ::-1], "plain": plain()}
    return {name: round(distance(moved(0), other), 4) for name, other in others.items()}
